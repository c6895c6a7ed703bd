"""Files in the storages that Airflow has registered: named, written whole or not at all, and reported.

A name is never taken for more than a name.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import re
import secrets
import stat
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, Literal

import fsspec
from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector
from airflow.providers.common.compat.sdk import AirflowNotFoundException, ObjectStoragePath
from fsspec.asyn import sync

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrDestinationError,
    AsposeOcrSourceError,
    AsposeOcrStorageError,
)
from airflow_provider_asposeocr.files.paths import display_uri, is_web, reason_of, shortened

log = logging.getLogger(__name__)

PACKAGES = {
    "s3": "apache-airflow-providers-amazon[s3fs]",
    "s3a": "apache-airflow-providers-amazon[s3fs]",
    "gs": "apache-airflow-providers-google",
    "gcs": "apache-airflow-providers-google",
    "abfs": "apache-airflow-providers-microsoft-azure",
    "abfss": "apache-airflow-providers-microsoft-azure",
    "adl": "apache-airflow-providers-microsoft-azure",
    "sftp": "apache-airflow-providers-sftp[sshfs]",
    "ssh": "apache-airflow-providers-sftp[sshfs]",
}
"""The package that registers each well-known scheme with Airflow."""

LOCAL = ("", "file", "local")
"""Protocols of paths on this machine."""

WRITE_BLOCK = 5 * 1024 * 1024
"""Bytes that a remote write sends at a time; the smallest part that S3 takes."""

_REMOTE_FILES = ("sftp", "ssh")
"""Protocols of servers on which a file is written in place, and can be renamed."""

_S3 = ("s3", "s3a", "s3n")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_MAX_KEY_BYTES = 1024
"""Bytes of the longest name of an object: the limit of S3, Google and Azure alike."""

_MAX_NAME_BYTES = 255
"""Bytes of the longest name between two slashes that file systems have."""

_PART_NAME = re.compile(r"\..+\.[0-9a-f]{8}\.asposeocr-part", re.DOTALL)
_MAX_PART_SECONDS = 24 * 3600.0

# There is no way to ask for it without setting it, which is done while there is one thread yet.
_UMASK = os.umask(0o077)
os.umask(_UMASK)


@dataclass(frozen=True, slots=True)
class StoragePath:
    """A file or folder in a storage.

    Airflow's ObjectStoragePath is not used for it: it takes ``::`` in a name for a chain of URLs, and cuts
    keys at ``?`` and ``#``.

    :param protocol: the scheme of its URI.
    :param location: what follows ``://``, without the id of a connection.
    :param conn_id: the Airflow connection for the storage.
    :param fs: the file system.
    """

    protocol: str
    location: str
    conn_id: str | None
    fs: Any = field(repr=False, compare=False)

    @property
    def is_local(self) -> bool:
        """Tell whether it is on this machine."""
        return self.protocol in LOCAL

    @property
    def path(self) -> str:
        """The name that its file system has for it."""
        if self.is_local:
            return self.location
        if self.protocol in _REMOTE_FILES:
            return f"/{self.key}"
        return str(self.fs._strip_protocol(f"{self.protocol}://{self.location}"))

    @property
    def key(self) -> str:
        """The location without its first part."""
        return self.location.partition("/")[2]

    @property
    def name(self) -> str:
        """The last part of the location."""
        return self.location.rpartition("/")[2]

    def __str__(self) -> str:
        login = f"{self.conn_id}@" if self.conn_id else ""
        return f"{self.protocol}://{login}{self.location}"

    def __truediv__(self, name: str) -> StoragePath:
        return replace(self, location=f"{self.location.rstrip('/')}/{name}")

    def with_name(self, name: str) -> StoragePath:
        """Return the path beside it.

        :param name: of another file in the same folder.
        """
        return replace(self, location=f"{self.location.rpartition('/')[0]}/{name}")


def storage_path(uri: str, conn_id: str | None = None) -> StoragePath:
    """Find the storage of a path or URI.

    :param uri: a path, or a URI that is no web address.
    :param conn_id: the Airflow connection, where the URI names none.
    :raises AsposeOcrSourceError: if its scheme has no package installed, or the login is refused.
    :raises AsposeOcrStorageError: if the storage cannot be reached.
    """
    scheme, _, rest = canonical(uri).partition("://")
    if scheme in LOCAL:
        # To look it up in Airflow's registry would load the clients of all storages that are installed: half
        # a second of a worker.
        return StoragePath(scheme, rest.rstrip("/") or "/", None, fsspec.filesystem("file"))
    authority, _, key = rest.partition("/")
    login, _, place = authority.rpartition("@")
    fs = _filesystem(scheme, login or conn_id, display_uri(uri))
    return StoragePath(scheme, f"{place}/{key.rstrip('/')}", login or conn_id, fs)


def canonical(uri: str) -> str:
    """Return the one spelling of a path or URI: absolute, without slashes and dots that mean nothing.

    :param uri: a path or URI.
    """
    if is_web(uri):
        return uri
    found = _SCHEME.match(uri)
    scheme, rest = (found[1].lower(), uri[found.end() :]) if found else ("file", uri)
    slash = "/" if rest.endswith("/") else ""
    if scheme in LOCAL:
        return f"file://{_plain(Path(rest).absolute())}{slash}"
    if scheme in _REMOTE_FILES:
        host, _, below = rest.partition("/")
        return f"{scheme}://{host}{_plain(PurePosixPath('/', below))}{slash}"
    # A key of an object store is any text at all.
    return f"{scheme}://{rest}"


def _plain(path: PurePath) -> str:
    # Two slashes at the beginning of a path are kept by pathlib.
    return re.sub("^/+", "/", str(path))


def _filesystem(scheme: str, conn_id: str | None, shown: str) -> Any:
    # Airflow before version 3 takes a None for the connection, and overlooks the one in the URI.
    options = {"conn_id": conn_id} if conn_id else {}
    try:
        return ObjectStoragePath(f"{scheme}:///", **options).fs
    except (ValueError, ImportError) as error:
        if isinstance(error, TypeError):
            # Of both kinds is what universal-pathlib 0.3.9 and later raise for every scheme on Airflow 3.0.
            raise AsposeOcrSourceError(
                f"{scheme}:// cannot be opened: ObjectStoragePath of this Airflow does not work with the "
                "universal-pathlib that is installed; on Airflow 3.0 install universal-pathlib<0.3.9"
            ) from None
        package = PACKAGES.get(scheme, "the provider that registers it")
        raise AsposeOcrSourceError(f"no storage is registered for {scheme}:// ; install {package}") from None
    except AirflowNotFoundException as error:
        raise AsposeOcrSourceError(f"{shown}: {error}") from None
    except Exception as error:
        # Some storages, such as SFTP, sign in here. Causes are left out: their messages hold addresses.
        if is_denied(error):
            raise AsposeOcrSourceError(f"{shown}: the login was refused") from None
        raise AsposeOcrStorageError(f"{shown} cannot be reached: {reason_of(error)}") from None


def is_denied(error: BaseException) -> bool:
    """Tell whether a storage says by this error that something is not allowed.

    :param error: what it raised.
    """
    # sshfs hands on what asyncssh raises, which may not be installed.
    return isinstance(error, PermissionError) or type(error).__name__ == "SFTPPermissionDenied"


def is_too_long(path: StoragePath) -> bool:
    """Tell whether the name of a file is longer than its storage allows, where that is known.

    :param path: of the file.
    """
    # Storages have no common error for it; most say no more than that the request was bad.
    if path.is_local or path.protocol in _REMOTE_FILES:
        return any(len(part.encode()) > _MAX_NAME_BYTES for part in path.path.split("/"))
    return len(path.key.encode()) > _MAX_KEY_BYTES


def write(
    path: StoragePath, chunks: Iterable[bytes], *, overwrite: bool = True, media_type: str | None = None
) -> str:
    """Write a file, whole or not at all, and return its SHA-256.

    :param path: of the file.
    :param chunks: its content.
    :param overwrite: whether to replace what is there.
    :param media_type: what an object store is told of it.
    :raises AsposeOcrDestinationError: if it may not be written.
    """
    if not overwrite and path.fs.exists(path.path):
        raise AsposeOcrDestinationError(f"{display_uri(path)} exists, and overwrite is False")
    if path.is_local:
        # A link stays one: what it leads to is written.
        return _write_local(Path(os.path.realpath(path.path)), chunks)
    if path.protocol in _REMOTE_FILES:
        return _write_beside(path, chunks)
    more = {"ContentType": media_type} if media_type and path.protocol in _S3 else {}
    return _write_object(path.fs, path.path, chunks, more)


def _write_object(fs: Any, key: str, chunks: Iterable[bytes], more: Mapping[str, str]) -> str:
    stream = fs.open(key, "wb", block_size=WRITE_BLOCK, **more)
    try:
        digest = _copy(chunks, stream)
    except BaseException:
        # Closing would commit what has been written so far as if it were the whole, and where discard()
        # does nothing, the collection of the object would close it.
        with suppress(Exception):
            stream.discard()
        stream.closed = True
        raise
    stream.close()
    return digest


def _write_beside(path: StoragePath, chunks: Iterable[bytes]) -> str:
    """Write to a server of files, where a reader would see an unfinished one."""
    fs, target = path.fs, _followed(path)
    parent, _, name = target.rpartition("/")
    if parent:
        fs.makedirs(parent, exist_ok=True)
    part = f"{parent}/{_part_name(name)}"
    try:
        # Without a block size, since it would be the size of a request: a server ends the connection at one
        # that is larger than it allows, 256 KiB with OpenSSH.
        with fs.open(part, "wb") as stream:
            digest = _copy(chunks, stream)
        fs.mv(part, target)
    except BaseException:
        with suppress(Exception):
            fs.rm_file(part)
        raise
    return digest


def _followed(path: StoragePath) -> str:
    """Return what a link on a server of files leads to; any other path as it is."""
    # sshfs has no other way to ask.
    if (pool := getattr(path.fs, "_pool", None)) is None:
        return path.path

    async def ask() -> str:
        async with pool.get() as channel:
            return str(await channel.realpath(path.path))

    with suppress(Exception):
        return str(sync(path.fs.loop, ask))
    return path.path


def _write_local(path: Path, chunks: Iterable[bytes]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = _mode_of(path)
    _remove_stale_parts(path.parent)
    part = path.with_name(_part_name(path.name))
    try:
        # Nobody else reads it before it is whole.
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as stream:
            digest = _copy(chunks, stream)
            os.fchmod(stream.fileno(), mode)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return digest


def _mode_of(path: Path) -> int:
    """Return the permissions for a file: those of the one that it replaces, or those of any new one.

    :raises AsposeOcrDestinationError: if something else than a file is there, such as a device.
    """
    try:
        there = path.stat()
    except FileNotFoundError:
        return 0o666 & ~_UMASK
    if not stat.S_ISREG(there.st_mode):
        raise AsposeOcrDestinationError(f"{display_uri(path)} is no regular file: nothing is written there")
    return stat.S_IMODE(there.st_mode)


@functools.cache
def _remove_stale_parts(folder: Path) -> None:
    """Remove what a process that was killed more than a day ago has left; once in each process and folder."""
    oldest = time.time() - _MAX_PART_SECONDS
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not _PART_NAME.fullmatch(entry.name):
                continue
            with suppress(OSError):
                found = entry.stat(follow_symlinks=False)
                ours = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()
                if ours and found.st_mtime < oldest:
                    Path(entry.path).unlink()


def _part_name(name: str) -> str:
    return f".{shortened(name, 200)}.{secrets.token_hex(4)}.asposeocr-part"


def _copy(chunks: Iterable[bytes], stream: Any) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        stream.write(chunk)
        digest.update(chunk)
    return digest.hexdigest()


def report(path: Any, use: Literal["input", "output"]) -> None:
    """Report a file to whoever follows data through Airflow, such as OpenLineage. Raises nothing.

    :param path: from :func:`.source_path`.
    :param use: what was made of it.
    """
    if not _is_lineage_read():
        return
    try:
        collector = get_hook_lineage_collector()  # type: ignore[no-untyped-call]
        getattr(collector, f"add_{use}_asset")(context=path, uri=str(path))
    except Exception as error:
        # Airflow refuses some addresses, such as those with letters that are not ASCII.
        log.warning("A file is not reported for lineage: %s", type(error).__name__)


def _is_lineage_read() -> bool:
    # Airflow's collector loads the clients of all storages that are installed, even the one that collects
    # nothing: a fifth of a second of each worker.
    try:
        from airflow.sdk.plugins_manager import get_hook_lineage_readers_plugins
    except ImportError:
        return True  # Airflow before 3.2, which is to decide by itself
    return bool(get_hook_lineage_readers_plugins())
