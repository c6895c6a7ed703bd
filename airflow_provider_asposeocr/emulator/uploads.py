"""Request bodies, read as a stream: the file inside goes to a sink, chunk by chunk."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import re
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message, Receive

from airflow_provider_asposeocr.emulator.records import private_file
from airflow_provider_asposeocr.emulator.strict_json import MAX_DEPTH, read_json

MAX_ENVELOPE_BYTES = 1 << 18
"""Maximum size of a JSON body without its image: room for all the regions that settings may have."""

MAX_FORM_BYTES = 1 << 16
"""Maximum size of a sign-in; an id and a secret have a few dozen characters."""

MAX_TEXT_BODY_BYTES = 1 << 21
"""Maximum size of a JSON body with a text to speak, which is held in memory."""

MAX_PARTS = 16
"""Maximum number of fields of a form, and of files of a multipart one, each of which takes a descriptor."""

_COPY_CHUNK = 1 << 18
_IMAGE_PIECE = 1 << 16
_OTHER_PIECE = 1 << 13
"""Bytes scanned in one go; outside the image fewer, because a hostile client can make them slow to scan."""

_STRUCTURE = re.compile(rb'["{}\[\]]')
_STRING_END = re.compile(rb'["\\]')
_ESCAPE = re.compile(rb"\\(?:u00([2-7][0-9a-fA-F])|/)")
_ESCAPE_BYTES = 6


class UploadError(ValueError):
    """Raised for a body that is refused.

    :param detail: the reason, for the client.
    :param member: the member of the body that is invalid.
    """

    def __init__(self, detail: str, member: str = "$") -> None:
        super().__init__(detail)
        self.detail = detail
        self.member = member


class BodyTooLargeError(Exception):
    """Raised for a body that is larger than the limit."""


class CountingReceive:
    """ASGI ``receive`` that counts the bytes of the body and stops at a limit.

    :param receive: the ``receive`` of the server.
    :param limit: in bytes; None for no limit.
    """

    def __init__(self, receive: Receive, limit: int | None) -> None:
        self._receive = receive
        self._limit = limit
        self._complete = False
        self.total = 0

    async def __call__(self) -> Message:
        """Pass the next message on."""
        message = await self._receive()
        self._complete = not message.get("more_body", False)
        self.total += len(message.get("body", b""))
        if self._limit is not None and self.total > self._limit:
            raise BodyTooLargeError
        return message

    def limit_to(self, limit: int) -> None:
        """Lower the limit to this many bytes, unless it is lower already."""
        self._limit = limit if self._limit is None else min(limit, self._limit)

    async def drain(self) -> None:
        """Read and discard the rest of the body, so that a client that is still sending sees the response."""
        while not self._complete:
            await self()


class FileSink:
    """Write the bytes of a file into a digest and, if a path is given, into a file.

    :param path: the file to write; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.size = 0
        self._digest = hashlib.sha256()
        self._file: IO[bytes] | None = private_file(path) if path else None

    @property
    def sha256(self) -> str:
        """Digest of the bytes written so far, in hexadecimal."""
        return self._digest.hexdigest()

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self.size += len(data)
        self._digest.update(data)
        if self._file:
            self._file.write(data)

    def __enter__(self) -> FileSink:
        """Return the sink, which is open already."""
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        """Close the file; delete it if the upload failed."""
        try:
            if self._file:
                self._file.close()
        except OSError:
            self.discard()
            raise
        if kind:
            self.discard()

    def discard(self) -> None:
        """Delete the file."""
        if self.path:
            self.path.unlink(missing_ok=True)


class Base64Decoder:
    """Decode Base64 that arrives in pieces: standard alphabet, padded, without line breaks.

    :param sink: receives the decoded bytes.
    """

    def __init__(self, sink: FileSink) -> None:
        self._sink = sink
        self._rest = b""
        self._padded = False

    def feed(self, text: bytes) -> None:
        """Decode the next piece."""
        text = self._rest + text
        whole = len(text) - len(text) % 4
        self._rest = text[whole:]
        if whole:
            self._decode(text[:whole])

    def close(self) -> None:
        """Check that the text is complete."""
        if self._rest:
            raise UploadError("The value is not valid Base64: its length is not a multiple of four.", "image")

    def _decode(self, text: bytes) -> None:
        if self._padded:
            raise UploadError("The value is not valid Base64: text after the padding.", "image")
        try:
            self._sink.write(base64.b64decode(text, validate=True))
        except binascii.Error as error:
            raise UploadError("The value is not valid Base64.", "image") from error
        self._padded = text.endswith(b"=")


class EnvelopeScanner:
    """Split a JSON object into the Base64 text of its top-level ``image`` and the rest, in any order.

    :param decoder: receives the text of ``image`` with its JSON escapes resolved.
    """

    def __init__(self, decoder: Base64Decoder) -> None:
        self._decoder = decoder
        self._rest = bytearray()
        self._carry = b""
        self._state = self._scan_structure
        self._depth = 0
        self._in_key = True
        self._string_start = 0
        self._key = b""
        self.has_image = False

    @property
    def is_in_image(self) -> bool:
        """True if the next byte belongs to the image."""
        return self._state == self._scan_image

    def feed(self, chunk: bytes) -> None:
        """Scan the next piece of the body."""
        data = self._carry + chunk
        self._carry = b""
        position = 0
        while position < len(data):
            position = self._state(data, position)

    def close(self) -> dict[str, Any]:
        """Return the object without its image."""
        try:
            body = read_json(bytes(self._rest))
        except ValueError as error:
            raise UploadError(f"The body is not valid JSON: {error}.") from error
        if not isinstance(body, dict):
            raise UploadError("The body is not a JSON object.")
        self._decoder.close()
        return {key: value for key, value in body.items() if key.lower() != "image"}

    def _keep(self, data: bytes) -> None:
        self._rest += data
        if len(self._rest) > MAX_ENVELOPE_BYTES:
            raise UploadError("The body is too large beside its image.")

    def _scan_structure(self, data: bytes, position: int) -> int:
        found = _STRUCTURE.search(data, position)
        start, end = found.span() if found else (len(data), len(data))
        if self._depth == 1:
            self._note_separators(data[position:start])
        self._keep(data[position:end])
        if found:
            self._note(found.group())
        return end

    def _note_separators(self, between: bytes) -> None:
        comma, colon = between.rfind(b","), between.rfind(b":")
        if comma != colon:
            self._in_key = comma > colon

    def _note(self, mark: bytes) -> None:
        if mark == b'"':
            self._open_string()
        elif mark in b"{[":
            self._depth += 1
            if self._depth > MAX_DEPTH:
                raise UploadError("The body is nested too deeply.")
        else:
            self._depth -= 1

    def _open_string(self) -> None:
        if self._depth == 1 and not self._in_key and self._key == b"image":
            self.has_image = True
            self._state = self._scan_image
        else:
            self._string_start = len(self._rest)
            self._state = self._scan_string

    def _scan_string(self, data: bytes, position: int) -> int:
        found = _STRING_END.search(data, position)
        if not found:
            self._keep(data[position:])
            return len(data)
        if found.group() == b"\\":
            return self._keep_escape(data, position, found.start())
        self._keep(data[position : found.end()])
        if self._depth == 1 and self._in_key:
            self._key = bytes(self._rest[self._string_start : -1]).lower()
            if self._key == b"image" and self.has_image:
                raise UploadError("The image field is given twice.", "image")
        self._state = self._scan_structure
        return found.end()

    def _keep_escape(self, data: bytes, position: int, backslash: int) -> int:
        # Two bytes are enough here: only an escaped quote or backslash could be misread.
        self._keep(data[position:backslash])
        if backslash + 2 > len(data):
            self._carry = data[backslash:]
            return len(data)
        self._keep(data[backslash : backslash + 2])
        return backslash + 2

    def _scan_image(self, data: bytes, position: int) -> int:
        quote = data.find(b'"', position)
        text = data[position : quote if quote >= 0 else len(data)]
        if b"\\" in text:
            if quote < 0:
                text = self._without_half_escape(text)
            # Other escapes are left as they are: neither they nor their characters are valid Base64.
            text = _ESCAPE.sub(_unescaped, text)
        self._decoder.feed(text)
        if quote < 0:
            return len(data)
        self._keep(b'"')
        self._state = self._scan_structure
        return quote + 1

    def _without_half_escape(self, text: bytes) -> bytes:
        start = text.rfind(b"\\", max(0, len(text) - _ESCAPE_BYTES + 1))
        if start < 0 or _ESCAPE.match(text, start):
            return text
        self._carry = text[start:]
        return text[:start]


def _unescaped(escape: re.Match[bytes]) -> bytes:
    return bytes([int(escape[1], 16)]) if escape[1] else b"/"


async def read_json_upload(request: Request, sink: FileSink) -> dict[str, Any]:
    """Read a JSON body: write its ``image`` to the sink and return the other members.

    :param request: the request, whose body has not been read.
    :param sink: receives the decoded file.
    :raises UploadError: if the body is invalid.
    """
    scanner = EnvelopeScanner(Base64Decoder(sink))
    async for chunk in request.stream():
        await _scan(chunk, scanner)
    body = scanner.close()
    if not scanner.has_image or not sink.size:
        raise UploadError("The image field is required.", "image")
    return body


async def _scan(chunk: bytes, scanner: EnvelopeScanner) -> None:
    position = 0
    while True:
        size = _IMAGE_PIECE if scanner.is_in_image else _OTHER_PIECE
        scanner.feed(chunk[position : position + size])
        position += size
        if position >= len(chunk):
            return
        # Lets other requests be served before the next piece.
        await asyncio.sleep(0)


async def read_text_upload(request: Request, sink: FileSink) -> dict[str, Any]:
    """Read a JSON body: write its ``text`` to the sink, in UTF-8, and return the other members.

    :param request: the request, whose body has not been read.
    :param sink: receives the text.
    :raises UploadError: if the body is invalid.
    """
    try:
        body = read_json(await request.body())
    except ValueError as error:
        raise UploadError(f"The body is not valid JSON: {error}.") from error
    if not isinstance(body, dict):
        raise UploadError("The body is not a JSON object.")
    text = member(body, "text")
    if not isinstance(text, str) or not text:
        raise UploadError("The text field is required.", "text")
    try:
        sink.write(text.encode())
    except UnicodeEncodeError as error:
        raise UploadError("The value is not valid text.", "text") from error
    return {name: value for name, value in body.items() if name.lower() != "text"}


async def read_multipart_upload(request: Request, sink: FileSink) -> dict[str, Any]:
    """Read a multipart body: write its part ``file`` to the sink and return the other fields.

    :param request: the request, whose body has not been read.
    :param sink: receives the file.
    :raises UploadError: if the body is invalid.
    """
    try:
        async with request.form(max_files=MAX_PARTS, max_fields=MAX_PARTS) as form:
            part = member(form, "file")
            if not isinstance(part, UploadFile):
                raise UploadError("The file field is required.", "file")
            while chunk := await part.read(_COPY_CHUNK):
                sink.write(chunk)
            fields = {name: value for name, value in form.items() if isinstance(value, str)}
    except UploadError:
        raise
    except (MultiPartException, ValueError) as error:
        # A client can name any Python codec as its charset, and some raise errors of their own.
        raise UploadError("The body is not valid multipart/form-data.") from error
    if not sink.size:
        raise UploadError("The file field is required.", "file")
    return fields


async def read_form(request: Request, receive: CountingReceive) -> dict[str, str]:
    """Read a form as OAuth 2.0 sends it; a body of another media type has no fields.

    :param request: the request, whose body has not been read.
    :param receive: the source of its body.
    :raises UploadError: if it has too many fields.
    """
    receive.limit_to(MAX_FORM_BYTES)
    body = (await request.body()).decode("utf-8", "replace")
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        return {}
    try:
        return dict(urllib.parse.parse_qsl(body, keep_blank_values=True, max_num_fields=MAX_PARTS))
    except ValueError as error:
        raise UploadError("The form has too many fields.") from error


def member(body: Mapping[str, Any], name: str) -> Any:
    """Return a member of a JSON object; names are compared without case."""
    return next((value for key, value in body.items() if key.lower() == name.lower()), None)
