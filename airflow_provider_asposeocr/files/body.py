"""Request bodies that stream: a chunk of the source is in memory, never all of it.

Each knows its length beforehand and starts anew on every iteration, so that a request can be repeated.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import IO, Any

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrSourceChangedError,
    AsposeOcrSourceError,
    AsposeOcrStorageError,
)
from airflow_provider_asposeocr.api.http import BytesBody, RequestBody
from airflow_provider_asposeocr.api.operations import Body, Operation, SettingsKind
from airflow_provider_asposeocr.files.paths import names_no_file, reason_of
from airflow_provider_asposeocr.files.source import Source

CHUNK = 192 * 1024
"""Bytes read at a time; a multiple of three, so that each chunk is whole Base64."""

MAX_TEXT_BYTES = 1024 * 1024
"""Bytes of text that a speech operation takes at most; it is held in memory."""


def make_body(operation: Operation, source: Source, settings: Mapping[str, Any] | None) -> RequestBody:
    """Make the body of a submission.

    :param operation: the operation.
    :param source: what to send; converted now, if it is to be.
    :param settings: in the spelling of the wire, or None where the operation takes none.
    :raises AsposeOcrSourceError: if the source cannot be what the operation reads.
    :raises AsposeOcrError: as :func:`read_exactly`, if it is to be converted.
    """
    source = source.convert(source.sha256) if source.convert else source
    if operation.body is Body.MULTIPART:
        return MultipartBody(source, operation.payload or "file")
    if operation.body is Body.JSON_TEXT:
        return text_body(source, settings or {}, flat=operation.settings is SettingsKind.SPEECH_FLAT)
    return Base64Body(source, operation.payload or "image", settings)


class Base64Body:
    """A JSON object that holds the source as one line of standard Base64, the settings after it.

    :param source: what to send.
    :param payload: the name of the property that holds it.
    :param settings: the value of the property ``settings``; None leaves it out.
    """

    content_type = "application/json"

    def __init__(self, source: Source, payload: str, settings: Mapping[str, Any] | None) -> None:
        self._source = source
        self._head = f'{{"{payload}":"'.encode()
        tail = "" if settings is None else f',"settings":{json.dumps(dict(settings))}'
        self._tail = f'"{tail}}}'.encode()

    def __len__(self) -> int:
        return len(self._head) + 4 * -(-self._source.size // 3) + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        rest = b""
        for chunk in read_exactly(self._source):
            data = rest + chunk if rest else chunk
            whole = len(data) - len(data) % 3
            rest = data[whole:]
            if whole:
                yield base64.b64encode(memoryview(data)[:whole])
        yield base64.b64encode(rest) + self._tail


class MultipartBody:
    """A ``multipart/form-data`` body (RFC 7578) with one file part.

    :param source: what to send.
    :param payload: the name of the part.
    """

    def __init__(self, source: Source, payload: str) -> None:
        self._source = source
        boundary = secrets.token_hex(16)
        name = "".join(c if c.isalnum() or c in "._-" else "_" for c in source.name)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._head = (
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="{payload}"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()

    def __len__(self) -> int:
        return len(self._head) + self._source.size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        yield from read_exactly(self._source)
        yield self._tail


def text_body(source: Source, settings: Mapping[str, Any], *, flat: bool) -> BytesBody:
    """Make a JSON object that holds the source's text.

    :param source: UTF-8 text.
    :param settings: language and result type.
    :param flat: whether the settings sit beside the text, as the deprecated operation has them.
    :raises AsposeOcrSourceError: if it is not UTF-8, empty or too long.
    """
    if source.size > MAX_TEXT_BYTES:
        raise AsposeOcrSourceError(
            f"{source.display_uri}: text to speak is limited to {MAX_TEXT_BYTES} bytes"
        )
    try:
        text = b"".join(read_exactly(source)).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise AsposeOcrSourceError(f"{source.display_uri} is not UTF-8 text") from None
    if not text.strip():
        raise AsposeOcrSourceError(f"{source.display_uri} holds no text")
    rest = dict(settings) if flat else {"settings": dict(settings)}
    return BytesBody(json.dumps({"text": text, **rest}).encode("ascii"), "application/json")


class TemporaryCopy:
    """Keep a file without a name as long as something may read it, which a source does."""

    def __init__(self) -> None:
        self.file: IO[bytes] = tempfile.TemporaryFile(prefix="asposeocr-")  # noqa: SIM115

    def __del__(self) -> None:
        """Close it."""
        self.file.close()

    def opened(self) -> AbstractContextManager[IO[bytes]]:
        """Open it from the beginning."""
        self.file.seek(0)
        return nullcontext(self.file)


def read_exactly(source: Source) -> Iterator[bytes]:
    """Read a source in chunks, and insist on the size that was announced.

    :param source: what to read.
    :raises AsposeOcrSourceChangedError: if it turns out shorter, longer, newer or, where its SHA-256 is
        known, other: the peer would wait for bytes that never come, or take a part for the whole. The last
        bytes are then not yielded.
    :raises AsposeOcrSourceError: if its name can be that of no file.
    :raises AsposeOcrStorageError: if it cannot be read.
    """
    left, digest, last = source.size, hashlib.sha256(), b""
    try:
        with source.open() as stream:
            while left and (chunk := stream.read(min(CHUNK, left))):
                left -= len(chunk)
                if not source.sha256:
                    yield chunk
                    continue
                digest.update(chunk)
                if last:
                    yield last
                last = chunk
            grown = not left and stream.read(1)
        other = bool(source.sha256) and digest.hexdigest() != source.sha256
        replaced = not (left or grown) and (other or not source.is_current())
        if last and not (left or grown or replaced):
            yield last
    except AsposeOcrSourceError:
        raise
    except Exception as error:
        # Storage clients raise what they like; a wrapped one would be taken for a broken connection. Without
        # the cause, whose message may hold the query of a signed URL.
        kind = AsposeOcrSourceError if names_no_file(error) else AsposeOcrStorageError
        raise kind(f"{source.display_uri} cannot be read: {reason_of(error)}") from None
    if left or grown or replaced:
        change = f"ended {left} bytes early" if left else "grew" if grown else "changed"
        raise AsposeOcrSourceChangedError(
            f"{source.display_uri} {change} while it was read; nothing was recognized; a later try may"
        )
