"""Where results go: object storage or XCom, and the manifest that tells the next task of them."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import secrets
import stat
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from fsspec.asyn import sync

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrDestinationError,
    AsposeOcrSourceError,
    AsposeOcrStorageError,
)
from airflow_provider_asposeocr.api.task import OcrResult, SpooledResult
from airflow_provider_asposeocr.api.text import one_line
from airflow_provider_asposeocr.files import lineage
from airflow_provider_asposeocr.files.paths import (
    display_uri,
    names_no_file,
    reason_of,
    safe_name,
    shortened,
    stem_of,
    uri_of,
)
from airflow_provider_asposeocr.files.source import source_path
from airflow_provider_asposeocr.files.storage import LOCAL, StoragePath, is_denied, is_too_long

NAME_DIGITS = 12
"""Digits of a fingerprint that are part of a default name."""

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
_WRONG_PATH = (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError)
"""What storage raises where no retry can help."""

_CONTENT_TYPES = {
    "txt": "text/plain; charset=utf-8",
    "pdf": "application/pdf",
    "hocr": "text/html; charset=utf-8",
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "png": "image/png",
    "wav": "audio/wav",
}

_EXTENSIONS = {
    "text": "txt",
    "pdf": "pdf",
    "hocr": "hocr",
    "json": "json",
    "csv": "csv",
    "excel": "xlsx",
    "imagepng": "png",
    "wav": "wav",
    "wavfile": "wav",
    "other": "json",
}


class StoredResult(TypedDict, total=False):
    """One result in the manifest: ``path`` for a local file, ``bucket`` and ``key`` for a stored object."""

    type: str
    uri: str | None
    path: str
    bucket: str
    key: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Names:
    """What a destination's placeholders stand for.

    :param source: the URI of the source, or None where only the task is known.
    :param operation: the operation's name.
    :param ocr_task_id: the service's id of the task.
    :param map_index: Airflow's map index, -1 for a task that is not mapped.
    :param fingerprint: of the submission; its beginning is the same for all contents of the source.
    """

    source: str | None
    operation: str
    ocr_task_id: str
    map_index: int = -1
    fingerprint: str | None = None

    @property
    def stem(self) -> str:
        """The source's base name without its extension."""
        if self.source is None:
            return safe_name(self.ocr_task_id)
        return safe_name(stem_of(self.source.rsplit("/", 1)[-1]))

    @property
    def default(self) -> str:
        """The name below a directory: no two submissions have the same, a retry has that of the first try."""
        if self.source is None:
            return self.stem
        unique = self.fingerprint or hashlib.sha256(f"{self.operation}\0{self.source}".encode()).hexdigest()
        return f"{self.stem}-{unique[:NAME_DIGITS]}"

    def fill(self, template: str, extension: str) -> str:
        """Put the values in place of the placeholders; any other brace stays as it is."""
        values = {
            "stem": self.stem,
            "ext": extension,
            "operation": safe_name(self.operation),
            "map_index": str(self.map_index),
            "ocr_task_id": safe_name(self.ocr_task_id),
        }
        return re.sub(r"\{(\w+)\}", lambda m: values.get(m[1], m[0]), template)


def store(
    results: Sequence[OcrResult | SpooledResult],
    destination: Any,
    names: Names,
    *,
    conn_id: str | None = None,
    overwrite: bool = True,
) -> list[StoredResult]:
    """Write results to storage, each whole or not at all.

    :param results: what to write.
    :param destination: a file or a directory as path or URI; a directory ends in a slash, which an
        ObjectStoragePath loses, or is a local one that exists. May hold
        ``{stem} {ext} {operation} {map_index} {ocr_task_id}``.
    :param names: what the placeholders stand for.
    :param conn_id: the Airflow connection for the storage.
    :param overwrite: whether to replace what is there; a retry needs it.
    :raises AsposeOcrDestinationError: if it may not be written.
    :raises AsposeOcrStorageError: if the storage cannot be reached or fails.
    """
    stored: list[StoredResult] = []
    twins: Counter[str] = Counter()
    for result in results:
        # Results of one extension, such as one for each region, are told apart by their number.
        twin = twins[_extension(result.type)]
        twins[_extension(result.type)] += 1
        path = _target(destination, names, result.type, twin, several=len(results) > 1, conn_id=conn_id)
        try:
            digest = _write(
                path,
                result.chunks(),
                overwrite=overwrite,
                content_type=_CONTENT_TYPES.get(_extension(result.type)),
            )
        except AsposeOcrDestinationError:
            raise
        except Exception as error:
            # Without the cause, whose message may hold anything.
            shown = display_uri(path)
            if isinstance(error, _WRONG_PATH) or is_denied(error) or names_no_file(error):
                # What object stores raise has a message in place of the number of an error.
                reason = one_line(str(getattr(error, "strerror", None) or error))
                raise AsposeOcrDestinationError(f"{shown} cannot be written: {reason}") from None
            raise AsposeOcrStorageError(f"{shown} cannot be written: {reason_of(error)}") from None
        stored.append(_entry(path, result, digest))
        lineage.add_output(path)
    return stored


def write_bytes(path: Any, data: bytes) -> None:
    """Write a small file, whole or not at all.

    :param path: from :func:`.source_path`.
    :param data: its content.
    """
    _write(path, (data,), overwrite=True)


def check_destination(destination: Any, conn_id: str | None = None) -> None:
    """Find out that a destination's storage can be named, before anything is paid for.

    :param destination: as for :func:`store`.
    :param conn_id: the Airflow connection for the storage.
    :raises AsposeOcrDestinationError: if its scheme is not one that can be written, or its name is too long.
    """
    path = _path(destination, conn_id)
    if is_too_long(path):
        raise AsposeOcrDestinationError(f"{display_uri(path)} cannot be written: the name is too long")
    _is_local_directory(path)


def _path(destination: Any, conn_id: str | None) -> StoragePath:
    try:
        path = source_path(destination, conn_id)
    except AsposeOcrSourceError as error:
        raise AsposeOcrDestinationError(f"destination: {error}") from error
    if not isinstance(path, StoragePath):
        raise AsposeOcrDestinationError(f"results cannot be stored at {display_uri(path)}")
    return path


def _target(
    destination: Any, names: Names, result_type: str, twin: int, *, several: bool, conn_id: str | None
) -> StoragePath:
    extension = _extension(result_type)
    number = f"-{twin + 1}" if twin else ""
    template = uri_of(destination) or ""
    text = names.fill(template, extension)
    path = _path(text, conn_id)
    if text.endswith("/") or _is_local_directory(path) or _is_bucket(path):
        return path / f"{names.default}{number}.{extension}"
    stem = stem_of(path.name)
    if several and "{ext}" not in template:
        return path.with_name(f"{stem}{number}.{extension}")
    return path.with_name(f"{stem}{number}{path.name.removeprefix(stem)}")


def _is_local(path: StoragePath) -> bool:
    return path.protocol in LOCAL


def _is_bucket(path: StoragePath) -> bool:
    return not _is_local(path) and not path.key


def _is_local_directory(path: StoragePath) -> bool:
    try:
        return _is_local(path) and stat.S_ISDIR(Path(path.path).stat().st_mode)
    except OSError as error:
        if names_no_file(error):
            raise AsposeOcrDestinationError(
                f"{display_uri(path)} cannot be written: {reason_of(error)}"
            ) from None
        return False


def _write(
    path: StoragePath, chunks: Iterable[bytes], *, overwrite: bool, content_type: str | None = None
) -> str:
    """Write a file, whole or not at all, and return its SHA-256."""
    if not overwrite and path.fs.exists(path.path):
        raise AsposeOcrDestinationError(f"{display_uri(path)} exists, and overwrite is False")
    if _is_local(path):
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


def _entry(path: StoragePath, result: OcrResult | SpooledResult, digest: str) -> StoredResult:
    where: StoredResult = (
        {"path": str(path.path)} if _is_local(path) else {"bucket": path.bucket, "key": path.key}
    )
    return {
        "type": result.type,
        "uri": str(path),
        **where,
        "bytes": result.size,
        "sha256": digest,
    }


def _extension(result_type: str) -> str:
    return _EXTENSIONS.get(result_type.casefold(), "bin")
