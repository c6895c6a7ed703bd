"""Sources: anything that a user may call a file, as a stream that can be opened again.

A file on a web server is read in one stream, within a time, and from the host that was asked for.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, cast
from urllib.parse import quote

import aiohttp
import fsspec
import yarl

from airflow_provider_asposeocr.api.coerce import decoded, is_data, is_unset
from airflow_provider_asposeocr.api.exceptions import AsposeOcrSourceError, AsposeOcrStorageError
from airflow_provider_asposeocr.api.operations import AUTO, Operation, taken_for
from airflow_provider_asposeocr.files.formats import HEAD_BYTES, look, refusal
from airflow_provider_asposeocr.files.paths import (
    check_uri,
    display_uri,
    identity_of,
    is_web,
    names_no_file,
    prefixed,
    reason_of,
    uri_of,
)
from airflow_provider_asposeocr.files.storage import StoragePath, is_denied, is_too_long, report, storage_path
from airflow_provider_asposeocr.files.tags import content_tag_of, strong_tag_of
from airflow_provider_asposeocr.files.tiff import TiffLook

log = logging.getLogger(__name__)

READ_BLOCK = 2 * 1024 * 1024
"""Bytes that a remote read fetches at a time. The default of 50 MiB of some stores costs three times that."""

MAX_WEB_BYTES = 4 * 1024**3
"""Bytes of a file on a web server at most, unless the user has set a bound: it may announce any number."""

MIN_BYTES_PER_SECOND = 16 * 1024
"""Bytes that must arrive in a second on the average, once the time for an empty file has passed."""

MAX_LOOK_SECONDS = 60.0
"""Seconds that a look at a file may take, and that a server may be silent."""

_MAX_CONNECT_SECONDS = 10.0
_URI_TOO_LONG = 414
_ADDRESS = re.compile(r"(https?:)//([^/?#\\]+)(.*)", re.IGNORECASE | re.DOTALL)
_ILLEGAL = re.compile(r"%(?![0-9a-f]{2})|[^!-~]|[\"<>\\^`{|}]", re.IGNORECASE)
"""Characters that must be encoded in the path and query of a request."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file to send.

    :param uri: where it is; without a password, and without the query of a web address.
    :param name: its base name.
    :param size: bytes.
    :param content_tag: changes when the content does: from the ETag, or size and modification time.
    :param format: the format that its first bytes show, such as ``png``, or None.
    :param open: opens it from the beginning.
    :param tiff: what a look at a TIFF has shown, unless it may have several pages.
    :param is_current: tells whether it still is what it was when it was looked at, where that can be told.
    :param identity: what tells it from all others, if that is not the URI; may hold secrets.
    :param sha256: of its content, where that is known.
    :param strong_tag: place and content in one, by the word of an object store that tags every content, so
        that what has been read once need not be read again.
    :param conversion: the parameters of its conversion, such as ``png-1``; None if it is sent as it is. Name
        and format are then those of what is sent, all else is of the original.
    :param notice: what whoever reads the results should know of the conversion.
    :param convert: converts it, if it has the SHA-256 that is given, and returns what is to be sent.
    """

    uri: str
    name: str
    size: int
    content_tag: str
    format: str | None
    open: Callable[[], AbstractContextManager[IO[bytes]]] = field(repr=False)
    tiff: TiffLook | None = None
    is_current: Callable[[], bool] = field(default=lambda: True, repr=False, compare=False)
    identity: str | None = field(default=None, repr=False)
    sha256: str | None = None
    strong_tag: str | None = field(default=None, repr=False)
    conversion: str | None = None
    notice: str | None = None
    convert: Callable[[str | None], Source] | None = field(default=None, repr=False, compare=False)

    @property
    def identity_or_uri(self) -> str:
        """The part of a fingerprint that tells it from all other sources; may hold secrets."""
        return self.identity or self.uri

    @property
    def display_uri(self) -> str:
        """The part of the URI that may be shown."""
        return display_uri(self.uri)

    def operation_for(self, operation: Operation) -> Operation:
        """Return the operation that reads this source.

        :param operation: the operation that was chosen, or :data:`.AUTO`.
        :raises AsposeOcrSourceError: if none of those that :data:`.AUTO` stands for reads it.
        """
        if operation is AUTO and (reason := refusal(self.format, AUTO)):
            raise AsposeOcrSourceError(f"{self.display_uri} {reason}")
        return taken_for(operation, is_pdf=self.format == "pdf")

    def check_format(self, operation: Operation) -> None:
        """Refuse what the operation cannot read, before the call is paid for.

        :param operation: the operation that it is for.
        :raises AsposeOcrSourceError: if it is of another format, or a TIFF of several pages.
        """
        if reason := refusal(self.format, operation):
            raise AsposeOcrSourceError(f"{self.display_uri} {reason}")
        if self.tiff is None or "tiff" not in operation.input_formats:
            return
        if self.tiff.several:
            raise AsposeOcrSourceError(
                f"{self.display_uri} is TIFF of several pages: {operation.name} documents a single page, and "
                "may lose the others. Split it into files of one page, send it as PDF to RecognizePdf, as "
                'convert=True with operation="auto" does, or set allow_multipage=True to send it as it is'
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
    convert_for: Operation | None = None,
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
    :param convert_for: the operation that it is to be converted for, if that does not read it.
    :raises AsposeOcrSourceError: if it is missing, empty, too large or a directory, or may not be read.
    :raises AsposeOcrStorageError: if its storage cannot be reached.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        opened = _from_bytes(bytes(source))
    elif hasattr(source, "read") and not isinstance(source, os.PathLike):
        opened = _from_file(source)
    else:
        path = source_path(prefixed(source, prefix), conn_id, allow_redirects=allow_redirects)
        opened = _from_path(path, max_bytes)
    _check_size(opened.display_uri, opened.size, max_bytes)
    opened = replace(opened, tiff=None) if allow_multipage else opened
    if convert_for is None:
        return opened
    # Loaded where it is wanted; it reads sources itself.
    from airflow_provider_asposeocr.files.conversion import with_conversion

    return with_conversion(opened, convert_for)


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


def source_path(
    source: Any, conn_id: str | None = None, *, allow_redirects: bool = False
) -> StoragePath | WebPath:
    """Find the path of a source that is not in memory.

    :param source: as for :func:`open_source`.
    :param conn_id: the Airflow connection for the storage, where the source names none.
    :param allow_redirects: whether a web server may redirect to another host.
    :raises AsposeOcrSourceError: if it names no file, or its scheme has no package installed.
    """
    uri = uri_of(source)
    if uri is None or is_unset(uri) or is_data(uri):
        source = decoded(source)
        if isinstance(source, Mapping) and "uri" in source:
            raise AsposeOcrSourceError(
                "the manifest names no stored result: give the task that made it a destination"
            )
        kind = "nothing" if is_unset(source) else f"a {type(source).__name__}"
        raise AsposeOcrSourceError(
            f"source is {kind}: give a path, a URI, an Asset, bucket and key, or the output of a task"
        )
    check_uri(uri)
    if is_web(uri):
        return WebPath(uri, allow_redirects=allow_redirects)
    return storage_path(uri, conn_id)


def _from_bytes(data: bytes) -> Source:
    digest = hashlib.sha256(data).hexdigest()
    name = f"bytes-{digest[:12]}"
    kind, tiff = look(io.BytesIO(data), len(data), name)
    return Source(name, name, len(data), digest, kind, lambda: io.BytesIO(data), tiff, sha256=digest)


def _from_file(stream: IO[bytes]) -> Source:
    name = Path(str(getattr(stream, "name", "stream"))).name
    try:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        if not isinstance(stream.read(0), bytes):
            raise AsposeOcrSourceError(f"{name} is open as text: open it in binary mode")
        kind, tiff = look(stream, size, name)
        stream.seek(0)
        digest = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
    except (OSError, ValueError) as error:
        raise AsposeOcrSourceError(f"{name} is not a binary file that can seek") from error

    def rewound() -> AbstractContextManager[IO[bytes]]:
        stream.seek(0)
        return nullcontext(stream)

    # Many streams have one name, or none.
    return Source(name, name, size, digest, kind, rewound, tiff, identity=f"{name}:{digest}", sha256=digest)


def _from_path(path: StoragePath | WebPath, max_bytes: int | None) -> Source:
    uri, shown = str(path), display_uri(path)
    name = uri.rpartition("/")[2]
    size = 0

    def opened() -> AbstractContextManager[IO[bytes]]:
        stream = _open(path, size, READ_BLOCK)
        report(path, "input")
        return stream

    def in_parts() -> AbstractContextManager[IO[bytes]]:
        options = _web_options(HEAD_BYTES) | {"block_size": HEAD_BYTES, "size": size}
        return cast("AbstractContextManager[IO[bytes]]", path.fs.open(path.path, "rb", **options))

    def is_current() -> bool:
        # What a web server sends comes in one answer.
        return is_on_web or content_tag_of(path.fs.info(path.path)) == content_tag

    is_on_web = isinstance(path, WebPath)
    try:
        info = path.fs.info(path.path, **({"timeout": MAX_LOOK_SECONDS} if is_on_web else {}))
        if info.get("type") == "directory":
            raise AsposeOcrSourceError(f"{shown} is a directory")
        if info.get("size") is None:
            raise AsposeOcrSourceError(
                f"{shown}: the server does not say how large it is; copy the file to a storage first"
            )
        size, content_tag = info["size"], content_tag_of(info)
        _check_size(shown, size, max_bytes)
        with _open(path, size, HEAD_BYTES) as stream:
            kind, tiff = look(stream, size, name, in_parts if is_on_web else None)
    except AsposeOcrSourceError:
        raise
    except Exception as error:
        # Without the cause: its message may hold the query of a signed URL.
        raise _unreadable(path, shown, error) from None
    identity = identity_of(path.uri) if isinstance(path, WebPath) else None
    strong = None if isinstance(path, WebPath) else strong_tag_of(path, info)
    seen = Source(uri, name, size, content_tag, kind, opened, tiff, identity=identity, strong_tag=strong)
    return replace(seen, is_current=is_current)


def _open(path: StoragePath | WebPath, size: int, block: int) -> AbstractContextManager[IO[bytes]]:
    if isinstance(path, WebPath):
        options = _web_options(size)
    else:
        # Local files are buffered by the system.
        options = {} if path.is_local else {"block_size": block}
    return cast("AbstractContextManager[IO[bytes]]", path.fs.open(path.path, "rb", **options))


def _unreadable(
    path: StoragePath | WebPath, shown: str, error: Exception
) -> AsposeOcrSourceError | AsposeOcrStorageError:
    # fsspec says that a file is missing whatever a web server answers; the answer is the cause.
    if isinstance(error.__cause__, AsposeOcrSourceError):
        return error.__cause__
    status = getattr(error.__cause__, "status", None)
    cause = error.__cause__ if isinstance(path, WebPath) and status not in (404, 410) else None
    if is_denied(error) or status in (401, 403):
        return AsposeOcrSourceError(f"{shown} may not be read: permission denied")
    if isinstance(error, FileNotFoundError | NotADirectoryError) and cause is None:
        return AsposeOcrSourceError(f"{shown} does not exist")
    if names_no_file(error):
        return AsposeOcrSourceError(f"{shown} cannot be a file: {reason_of(error)}")
    if status == _URI_TOO_LONG or (isinstance(path, StoragePath) and is_too_long(path)):
        return AsposeOcrSourceError(f"{shown} cannot be a file: the name is too long")
    answer = f" (HTTP {status})" if status else ""
    return AsposeOcrStorageError(f"{shown} cannot be reached: {reason_of(cause or error)}{answer}")


class WebPath:
    """A file on a web server, with the few members of :class:`.StoragePath` that a source needs.

    :param uri: the address.
    :param allow_redirects: whether it may lead to another host.
    """

    def __init__(self, uri: str, *, allow_redirects: bool) -> None:
        client = _free_client if allow_redirects else _bound_client
        self.uri = uri
        self.path = request_url(uri)
        self.fs = fsspec.filesystem("http", get_client=client, encoded=True)

    def __str__(self) -> str:
        return display_uri(self.uri)


def request_url(uri: str) -> str:
    """Return an address as it is asked for: what may stand in a request stays as it is.

    A signature covers the exact bytes of path and query, so that ``%7E`` must not become ``~``.

    :param uri: as the user gave it.
    :raises AsposeOcrSourceError: if it is no address.
    """
    found = _ADDRESS.fullmatch(uri)
    if found is None:
        raise AsposeOcrSourceError(f"{display_uri(uri)} is no address of a web server")
    scheme, authority, rest = found.groups()
    try:
        # Names of hosts have an encoding of their own.
        host = authority if authority.isascii() else yarl.URL(f"{scheme}//{authority}").raw_authority
        yarl.URL(f"{scheme}//{host}", encoded=True).port  # noqa: B018 - raises where it is none
    except ValueError:
        raise AsposeOcrSourceError(f"{display_uri(uri)} is no address of a web server") from None
    return f"{scheme}//{host}{_ILLEGAL.sub(lambda character: quote(character[0]), rest)}"


def _web_options(size: int) -> dict[str, Any]:
    limit = aiohttp.ClientTimeout(
        total=MAX_LOOK_SECONDS + size / MIN_BYTES_PER_SECOND,
        sock_connect=_MAX_CONNECT_SECONDS,
        sock_read=MAX_LOOK_SECONDS,
    )
    # A web server need not serve ranges. A size that is known saves a request.
    return {"timeout": limit, "block_size": 0, "size": size}


async def _free_client(**arguments: Any) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(**arguments, requote_redirect_url=False)


async def _bound_client(**arguments: Any) -> aiohttp.ClientSession:
    watch = aiohttp.TraceConfig()
    watch.on_request_redirect.append(_stay_on_host)
    return aiohttp.ClientSession(**arguments, requote_redirect_url=False, trace_configs=[watch])


async def _stay_on_host(
    session: aiohttp.ClientSession, context: SimpleNamespace, redirect: aiohttp.TraceRequestRedirectParams
) -> None:
    headers = redirect.response.headers
    target = redirect.url.join(yarl.URL(headers.get("Location") or headers.get("URI") or ""))
    # Without the port where it is that of the scheme: the way from http to https stays with the host.
    if target.host_port_subcomponent != redirect.url.host_port_subcomponent:
        raise AsposeOcrSourceError(
            f"{display_uri(redirect.url)} redirects to another host, {display_uri(target.origin())}: set "
            "allow_redirects=True if its files may come from anywhere"
        )
