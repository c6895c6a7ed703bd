"""Writing files in any storage, each whole or not at all."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import secrets
import stat
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from fsspec.asyn import sync

from airflow_provider_asposeocr.api.exceptions import AsposeOcrDestinationError
from airflow_provider_asposeocr.files.paths import display_uri, shortened
from airflow_provider_asposeocr.files.storage import LOCAL, StoragePath

WRITE_BLOCK = 5 * 1024 * 1024
"""Bytes that a remote write sends at a time; the smallest part that S3 takes."""

_PART_NAME = re.compile(r"\..+\.[0-9a-f]{8}\.asposeocr-part", re.DOTALL)
_STALE_SECONDS = 24 * 3600.0

# There is no way to ask for it without setting it, which is done while there is one thread yet.
_UMASK = os.umask(0o077)
os.umask(_UMASK)

_RENAMING = frozenset({"sftp", "ssh"})
"""Schemes under which a file is written in place, and can be renamed."""

_S3 = frozenset({"s3", "s3a", "s3n"})


def write_bytes(path: Any, data: bytes) -> None:
    """Write a small file, whole or not at all.

    :param path: from :func:`.source_path`.
    :param data: its content.
    """
    write(path, (data,), overwrite=True)


def write(
    path: StoragePath, chunks: Iterable[bytes], *, overwrite: bool, content_type: str | None = None
) -> str:
    """Write a file, whole or not at all, and return its SHA-256.

    :param path: of the file.
    :param chunks: its content.
    :param overwrite: whether to replace what is there.
    :param content_type: what an object store is told of it.
    :raises AsposeOcrDestinationError: if it may not be written.
    """
    if not overwrite and path.fs.exists(path.path):
        raise AsposeOcrDestinationError(f"{display_uri(path)} exists, and overwrite is False")
    if path.protocol in LOCAL:
        # A link stays one: what it leads to is written.
        digest = _write_local(Path(os.path.realpath(path.path)), chunks)
    elif path.protocol in _RENAMING:
        digest = _write_beside(path, chunks)
    else:
        more = {"ContentType": content_type} if content_type and path.protocol in _S3 else {}
        digest = _write_object(path.fs, path.path, chunks, more)
    return digest


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
    oldest = time.time() - _STALE_SECONDS
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
