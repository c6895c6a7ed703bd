"""Request bodies, read as a stream: the file inside goes to a sink, a chunk of it at a time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message, Receive

_ENVELOPE_LIMIT = 1 << 20
_COPY_CHUNK = 1 << 18
_STRUCTURE = re.compile(rb'["{}\[\]:,]')
_STRING_END = re.compile(rb'["\\]')
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|([^u]))")
_LONGEST_ESCAPE = 6


class UploadError(ValueError):
    """The body cannot be taken.

    :param detail: what is wrong, for the client.
    :param member: the member of the body that is wrong.
    """

    def __init__(self, detail: str, member: str = "$") -> None:
        super().__init__(detail)
        self.detail = detail
        self.member = member


class BodyTooLargeError(Exception):
    """The body is larger than the emulator is told to take."""


class CountingReceive:
    """An ASGI ``receive`` that counts the bytes of the body and stops at a limit.

    :param receive: the server's own.
    :param limit: in bytes; None for no limit.
    """

    def __init__(self, receive: Receive, limit: int | None) -> None:
        self._receive = receive
        self._limit = limit
        self._complete = False
        self.total = 0

    async def __call__(self) -> Message:
        """Hand the next message on."""
        message = await self._receive()
        self._complete = not message.get("more_body", False)
        self.total += len(message.get("body", b""))
        if self._limit is not None and self.total > self._limit:
            raise BodyTooLargeError
        return message

    async def drain(self) -> None:
        """Read the rest of the body and forget it, so that a client still sending gets to see the answer."""
        while not self._complete:
            await self()


class FileSink:
    """Where the bytes of a file go: into a digest, and into a file when there is one.

    :param path: the file to write; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.size = 0
        self._digest = hashlib.sha256()
        self._file: IO[bytes] | None = path.open("wb") if path else None

    @property
    def sha256(self) -> str:
        """The digest of what has been written, in hexadecimal."""
        return self._digest.hexdigest()

    def write(self, data: bytes) -> None:
        """Take the next bytes."""
        self.size += len(data)
        self._digest.update(data)
        if self._file:
            self._file.write(data)

    def __enter__(self) -> FileSink:
        """Begin writing."""
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        """Finish the file; remove it again when its upload failed."""
        if self._file:
            self._file.close()
        if kind and self.path:
            self.path.unlink(missing_ok=True)


class Base64Decoder:
    """Decode Base64 that arrives in pieces; only the standard alphabet, padded and without line breaks.

    :param sink: takes the decoded bytes.
    """

    def __init__(self, sink: FileSink) -> None:
        self._sink = sink
        self._rest = b""
        self._padded = False

    def feed(self, text: bytes) -> None:
        """Take the next piece."""
        text = self._rest + text
        whole = len(text) - len(text) % 4
        self._rest = text[whole:]
        if whole:
            self._decode(text[:whole])

    def close(self) -> None:
        """Check that the text was complete."""
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
    """Split a JSON object into the Base64 text of its top-level ``image`` and all the rest, in any order.

    :param decoder: takes the text of ``image``, its JSON escapes resolved.
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

    def feed(self, chunk: bytes) -> None:
        """Take the next piece of the body."""
        data = self._carry + chunk
        self._carry = b""
        position = 0
        while position < len(data):
            position = self._state(data, position)

    def close(self) -> dict[str, Any]:
        """Return the object without its image."""
        try:
            body = json.loads(bytes(self._rest))
        except ValueError as error:
            raise UploadError("The body is not valid JSON.") from error
        if not isinstance(body, dict):
            raise UploadError("The body is not a JSON object.")
        self._decoder.close()
        return {key: value for key, value in body.items() if key.lower() != "image"}

    def _keep(self, data: bytes) -> None:
        self._rest += data
        if len(self._rest) > _ENVELOPE_LIMIT:
            raise UploadError("The body is too large beside its image.")

    def _scan_structure(self, data: bytes, position: int) -> int:
        found = _STRUCTURE.search(data, position)
        if not found:
            self._keep(data[position:])
            return len(data)
        self._keep(data[position : found.end()])
        self._note(found.group())
        return found.end()

    def _note(self, mark: bytes) -> None:
        if mark == b'"':
            self._open_string()
        elif mark in b"{[":
            self._depth += 1
        elif mark in b"}]":
            self._depth -= 1
        elif self._depth == 1:
            self._in_key = mark == b","

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
        self._state = self._scan_structure
        return found.end()

    def _keep_escape(self, data: bytes, position: int, backslash: int) -> int:
        # Two bytes are enough here: only an escaped quote or backslash could be mistaken for something else.
        self._keep(data[position:backslash])
        if backslash + 2 > len(data):
            self._carry = data[backslash:]
            return len(data)
        self._keep(data[backslash : backslash + 2])
        return backslash + 2

    def _scan_image(self, data: bytes, position: int) -> int:
        # Not by the expression: it looks at each byte, which takes longer than to decode them.
        quote = data.find(b'"', position)
        end = quote if quote >= 0 else len(data)
        backslash = data.find(b"\\", position, end)
        if backslash >= 0:
            end = backslash
        self._decoder.feed(data[position:end])
        if backslash >= 0:
            return self._decode_escape(data, end)
        if quote < 0:
            return len(data)
        self._keep(b'"')
        self._state = self._scan_structure
        return end + 1

    def _decode_escape(self, data: bytes, backslash: int) -> int:
        escape = _ESCAPE.match(data, backslash)
        if escape:
            code, character = escape.groups()
            self._decoder.feed(chr(int(code, 16)).encode() if code else character)
            return escape.end()
        if len(data) - backslash >= _LONGEST_ESCAPE:
            raise UploadError("The body is not valid JSON.")
        self._carry = data[backslash:]
        return len(data)


async def read_json_upload(request: Request, sink: FileSink) -> dict[str, Any]:
    """Read a JSON body; its ``image`` goes to the sink, the other members are returned.

    :param request: the request, its body not yet read.
    :param sink: takes the decoded file.
    """
    scanner = EnvelopeScanner(Base64Decoder(sink))
    async for chunk in request.stream():
        scanner.feed(chunk)
    body = scanner.close()
    if not scanner.has_image or not sink.size:
        raise UploadError("The image field is required.", "image")
    return body


async def read_multipart_upload(request: Request, sink: FileSink) -> dict[str, Any]:
    """Read a multipart body; its part ``file`` goes to the sink, the other fields are returned.

    :param request: the request, its body not yet read.
    :param sink: takes the file.
    """
    try:
        async with request.form() as form:
            part = form.get("file")
            if not isinstance(part, UploadFile):
                raise UploadError("The file field is required.", "file")
            while chunk := await part.read(_COPY_CHUNK):
                sink.write(chunk)
            fields = {name: value for name, value in form.items() if isinstance(value, str)}
    except MultiPartException as error:
        raise UploadError("The body is not valid multipart/form-data.") from error
    if not sink.size:
        raise UploadError("The file field is required.", "file")
    return fields


def member(body: Mapping[str, Any], name: str) -> Any:
    """Return a member of a JSON object, its name compared without case."""
    return next((value for key, value in body.items() if key.lower() == name.lower()), None)
