"""Where the input comes from: anything that a user may call a file, as a re-openable stream."""

from __future__ import annotations

import hashlib
import io
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, cast

from airflow_provider_asposeocr.api.coerce import decoded, is_data, is_unset
from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrError,
    AsposeOcrSourceError,
    AsposeOcrStorageError,
)
from airflow_provider_asposeocr.api.operations import Operation
from airflow_provider_asposeocr.files import lineage
from airflow_provider_asposeocr.files.formats import HEAD_BYTES, look, refusal
from airflow_provider_asposeocr.files.paths import (
    check_uri,
    display_uri,
    identity_of,
    is_web,
    names_no_file,
    reason_of,
    uri_of,
)
from airflow_provider_asposeocr.files.storage import (
    LOCAL,
    StoragePath,
    is_denied,
    is_too_long,
    storage_path,
)
from airflow_provider_asposeocr.files.tiff import TiffLook
from airflow_provider_asposeocr.files.web import LOOK_SECONDS, WebPath, open_options

log = logging.getLogger(__name__)

READ_BLOCK = 2 * 1024 * 1024
"""Bytes that a remote read fetches at a time. The default of 50 MiB of some stores costs three times that."""

MAX_WEB_BYTES = 4 * 1024**3
"""Bytes of a file on a web server at most, unless the user has set a bound: it may announce any number."""

_URI_TOO_LONG = 414


@dataclass(frozen=True, slots=True)
class Source:
    """A file to send.

    :param uri: where it is; without a password, and without the query of a web address.
    :param name: its base name.
    :param size: bytes.
    :param fingerprint: changes when the content does: from the ETag, or size and modification time.
    :param format: the format that its first bytes show, such as ``png``, or None.
    :param opener: opens it from the beginning.
    :param tiff: what a look at a TIFF has shown.
    :param allow_multipage: whether a TIFF of several pages may be sent.
    :param is_current: tells whether it still is what it was when it was looked at, where that can be told.
    :param identity: what tells it from all others, if that is not the URI; may hold secrets.
    """

    uri: str
    name: str
    size: int
    fingerprint: str
    format: str | None
    opener: Callable[[], AbstractContextManager[IO[bytes]]] = field(repr=False)
    tiff: TiffLook | None = None
    allow_multipage: bool = False
    is_current: Callable[[], bool] = field(default=lambda: True, repr=False, compare=False)
    identity: str | None = field(default=None, repr=False)

    @property
    def display_uri(self) -> str:
        """What may be shown of the URI."""
        return display_uri(self.uri)

    def open(self) -> AbstractContextManager[IO[bytes]]:
        """Open it from the beginning."""
        return self.opener()

    def check_format(self, operation: Operation) -> None:
        """Refuse what the operation cannot read, before the call is paid for.

        :param operation: the operation that it is for.
        :raises AsposeOcrSourceError: if it is of another format, or a TIFF of several pages.
        """
        if reason := refusal(self.format, operation):
            raise AsposeOcrSourceError(f"{self.display_uri} {reason}")
        if self.tiff is None or self.allow_multipage or "tiff" not in operation.input_formats:
            return
        if self.tiff.several:
            raise AsposeOcrSourceError(
                f"{self.display_uri} is TIFF of several pages: {operation.name} documents a single page, and "
                "may lose the others. Split it into files of one page, save it as PDF and use RecognizePdf, "
                "or set allow_multipage=True to send it as it is"
            )
        if self.tiff.unclear:
            log.warning(
                "%s: the pages of this TIFF could not be counted, since %s; if there are several, the "
                "service may read the first one alone",
                self.display_uri,
                self.tiff.unclear,
            )


def open_source(
    source: Any,
    conn_id: str | None = None,
    *,
    prefix: str | None = None,
    max_bytes: int | None = None,
    allow_redirects: bool = False,
    allow_multipage: bool = False,
) -> Source:
    """Look at a source without reading all of it.

    :param source: a path, a URI, an ObjectStoragePath, an Asset, ``{"bucket": ..., "key": ...}``, a
        manifest of this provider (its ``uri`` is taken), bytes, or a binary file that can seek.
    :param conn_id: the Airflow connection for the storage.
    :param prefix: a URI that stands before a bare key, as operators that list a bucket return them.
    :param max_bytes: the most bytes that it may have; None for no bound but :data:`MAX_WEB_BYTES` on what a
        web server sends.
    :param allow_redirects: whether a web server may redirect to another host.
    :param allow_multipage: whether a TIFF of several pages may be sent.
    :raises AsposeOcrSourceError: if it is missing, empty, too large or a directory, or may not be read.
    :raises AsposeOcrStorageError: if its storage cannot be reached.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        opened = _from_bytes(bytes(source))
    elif hasattr(source, "read") and not isinstance(source, os.PathLike):
        opened = _from_file(source)
    else:
        path = source_path(_prefixed(source, prefix), conn_id, allow_redirects=allow_redirects)
        opened = _from_path(path, max_bytes)
    _check_size(opened.display_uri, opened.size, max_bytes)
    return replace(opened, allow_multipage=allow_multipage)


def _check_size(shown: str, size: int, max_bytes: int | None) -> None:
    if not size:
        raise AsposeOcrSourceError(f"{shown} is empty")
    if max_bytes is not None and size > max_bytes:
        raise AsposeOcrSourceError(f"{shown} has {size} bytes, more than max_source_bytes ({max_bytes})")
    if max_bytes is None and is_web(shown) and size > MAX_WEB_BYTES:
        raise AsposeOcrSourceError(
            f"{shown} has {size} bytes, as its server says, more than {MAX_WEB_BYTES}: set "
            "max_source_bytes if it may"
        )


def _prefixed(source: Any, prefix: str | None) -> Any:
    key = source.strip() if isinstance(source, str) else ""
    bare = key and "://" not in key and not key.startswith("/") and not is_data(key)
    return f"{prefix.strip().rstrip('/')}/{key}" if prefix and bare else source


def source_path(
    source: Any, conn_id: str | None = None, *, allow_redirects: bool = False
) -> StoragePath | WebPath:
    """Find the path of a source that is not in memory.

    :param source: as for :func:`open_source`.
    :param conn_id: the Airflow connection for the storage, where the source names none.
    :param allow_redirects: whether a web server may redirect to another host.
    :raises AsposeOcrSourceError: if it names no file, or its scheme has no package installed.
    """
    uri = _uri(source)
    check_uri(uri)
    if is_web(uri):
        return WebPath(uri, allow_redirects=allow_redirects)
    return storage_path(uri, conn_id)


def _uri(source: Any) -> str:
    uri = uri_of(source)
    if uri and not is_unset(uri) and not is_data(uri):
        return uri
    source = decoded(source)
    if isinstance(source, Mapping) and "uri" in source:
        raise AsposeOcrSourceError(
            "the manifest names no stored result: give the task that made it a destination"
        )
    kind = "nothing" if is_unset(source) else f"a {type(source).__name__}"
    raise AsposeOcrSourceError(
        f"source is {kind}: give a path, a URI, an Asset, bucket and key, or the output of a task"
    )


def _from_bytes(data: bytes) -> Source:
    digest = hashlib.sha256(data).hexdigest()
    name = f"bytes-{digest[:12]}"
    _, kind, tiff = look(io.BytesIO(data), len(data), name)
    return Source(name, name, len(data), digest, kind, lambda: io.BytesIO(data), tiff)


def _from_file(stream: IO[bytes]) -> Source:
    name = Path(str(getattr(stream, "name", "stream"))).name
    try:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        if not isinstance(stream.read(0), bytes):
            raise AsposeOcrSourceError(f"{name} is open as text: open it in binary mode")
        _, kind, tiff = look(stream, size, name)
        stream.seek(0)
        digest = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
    except (OSError, ValueError) as error:
        raise AsposeOcrSourceError(f"{name} is not a binary file that can seek") from error

    def rewound() -> AbstractContextManager[IO[bytes]]:
        stream.seek(0)
        return nullcontext(stream)

    # Many streams have one name, or none.
    return Source(name, name, size, digest, kind, rewound, tiff, identity=f"{name}:{digest}")


def _from_path(path: StoragePath | WebPath, max_bytes: int | None) -> Source:
    uri, shown = str(path), display_uri(path)
    name = uri.rsplit("/", 1)[-1]
    size = 0

    def opener() -> AbstractContextManager[IO[bytes]]:
        stream = path.fs.open(path.path, "rb", **_read_options(path, size, READ_BLOCK))
        lineage.add_input(path)
        return cast("AbstractContextManager[IO[bytes]]", stream)

    def ranged() -> AbstractContextManager[IO[bytes]]:
        options = open_options(HEAD_BYTES) | {"block_size": HEAD_BYTES, "size": size}
        return cast("AbstractContextManager[IO[bytes]]", path.fs.open(path.path, "rb", **options))

    def is_current() -> bool:
        # What a web server sends comes in one answer.
        if isinstance(path, WebPath):
            return True
        return _fingerprint(path.fs.info(path.path)) == fingerprint

    try:
        limit = {"timeout": LOOK_SECONDS} if isinstance(path, WebPath) else {}
        info = path.fs.info(path.path, **limit)
        if info.get("type") == "directory":
            raise AsposeOcrSourceError(f"{shown} is a directory")
        if info.get("size") is None:
            raise AsposeOcrSourceError(f"{shown}: the server does not say how large it is")
        size, fingerprint = info["size"], _fingerprint(info)
        _check_size(shown, size, max_bytes)
        with path.fs.open(path.path, "rb", **_read_options(path, size, HEAD_BYTES)) as stream:
            in_parts = ranged if isinstance(path, WebPath) else None
            _, kind, tiff = look(stream, size, name, in_parts)
    except AsposeOcrSourceError:
        raise
    except Exception as error:
        # Without the cause: its message may hold the query of a signed URL.
        raise _unreadable(path, uri, shown, error) from None
    identity = identity_of(path.uri) if isinstance(path, WebPath) else None
    return Source(uri, name, size, fingerprint, kind, opener, tiff, is_current=is_current, identity=identity)


def _read_options(path: StoragePath | WebPath, size: int, block: int) -> dict[str, Any]:
    if isinstance(path, WebPath):
        return open_options(size)
    # Local files are buffered by the system.
    return {} if path.protocol in LOCAL else {"block_size": block}


def _unreadable(path: StoragePath | WebPath, uri: str, shown: str, error: Exception) -> AsposeOcrError:
    # fsspec says that a file is missing whatever a web server answers; the answer is the cause.
    if isinstance(error.__cause__, AsposeOcrSourceError):
        return error.__cause__
    status = getattr(error.__cause__, "status", None)
    unreachable = is_web(uri) and error.__cause__ is not None and status not in (404, 410)
    if is_denied(error) or status in (401, 403):
        return AsposeOcrSourceError(f"{shown} may not be read: permission denied")
    if isinstance(error, FileNotFoundError | NotADirectoryError) and not unreachable:
        return AsposeOcrSourceError(f"{shown} does not exist")
    if names_no_file(error):
        return AsposeOcrSourceError(f"{shown} cannot be a file: {reason_of(error)}")
    if status == _URI_TOO_LONG or (isinstance(path, StoragePath) and is_too_long(path)):
        return AsposeOcrSourceError(f"{shown} cannot be a file: the name is too long")
    cause = error.__cause__ if unreachable and error.__cause__ else error
    answer = f" (HTTP {status})" if status else ""
    return AsposeOcrStorageError(f"{shown} cannot be reached: {reason_of(cause)}{answer}")


def _fingerprint(info: Mapping[str, Any]) -> str:
    tags = ("ETag", "etag", "md5Hash", "content_md5", "Content-MD5")
    tag = next((info[key] for key in tags if info.get(key)), None)
    changed = next(
        (
            info[key]
            for key in ("mtime", "LastModified", "Last-Modified", "last_modified", "updated")
            if key in info
        ),
        "",
    )
    return f"{tag or changed}:{info.get('size')}"
