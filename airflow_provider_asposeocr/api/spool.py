"""Read replies that are not held in memory: from a file, or as far as their beginning tells.

A result of 200 MB is one JSON string of 267 MB. The first pass notes where long strings lie and checks
that the reply is whole; what is decoded later is read from those places, a chunk at a time.
"""

from __future__ import annotations

import binascii
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from airflow_provider_asposeocr.api.exceptions import AsposeOcrTooLargeError

MAX_KEPT_BYTES = 512
"""Bytes up to which a string stays in memory with the rest of the reply."""

MAX_SKELETON_BYTES = 4 * 1024 * 1024
"""Bytes that a reply without its long strings has at most."""

MAX_STRUCTURE = 256 * 1024
"""Bytes of a reply outside of strings at most: three of them are a list, which takes twenty times as much."""

_CHUNK = 64 * 1024
_HIGH, _LOW = rb"u[dD][89abAB][0-9a-fA-F]{2}", rb"u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = re.compile(rb"\\(?:(" + _HIGH + rb"\\" + _LOW + rb')|u([0-9a-fA-F]{4})|(["\\/bfnrt]))')
_TAIL = re.compile(rb"\\(?:" + _HIGH + rb"(?:\\(?:u[0-9a-fA-F]{0,3})?)?|u[0-9a-fA-F]{0,3})?\Z")
_MAX_ESCAPE = 12
_CONTENT = re.compile(rb'(?:[^"\\]++|\\.){0,4096}+', re.DOTALL)
"""The inside of a string, or a part of it: the expression takes memory for each repetition."""

_QUOTE = ord('"')
_CONTROLS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


@dataclass(frozen=True, slots=True)
class Span:
    """Mark a long string in a file, without its quotes.

    :param file: the file.
    :param start: offset of its first byte.
    :param end: offset behind its last byte.
    """

    file: IO[bytes] = field(repr=False)
    start: int
    end: int

    def raw(self) -> Iterator[bytes]:
        """Yield the bytes of the string, with JSON's escapes undone, in chunks."""
        position, rest = self.start, b""
        while position < self.end or rest:
            # Every reader seeks for itself, so that several may read one file in turn.
            self.file.seek(position)
            chunk = self.file.read(min(_CHUNK, self.end - position))
            position += len(chunk)
            data = rest + chunk
            rest = b""
            if position < self.end and (cut := _open_escape(data)):
                data, rest = data[:-cut], data[-cut:]
            yield _ESCAPE.sub(_unescaped, data) if b"\\" in data else data
            if not chunk:
                return

    def head(self, size: int) -> str:
        """Return the beginning of the string.

        :param size: bytes to read; what they break off in its middle is replaced.
        """
        data = next(Span(self.file, self.start, min(self.end, self.start + size)).raw(), b"")
        return data.decode("utf-8", "replace")

    def decoded(self) -> Iterator[bytes]:
        """Yield what the string holds as Base64, in chunks.

        :raises ValueError: if it is not strict Base64.
        """
        rest = b""
        for chunk in self.raw():
            data = rest + chunk
            # Padding ends Base64, so only the last four characters may hold it.
            whole = (len(data) - 1) // 4 * 4 if data else 0
            rest = data[whole:]
            part = data[:whole]
            if b"=" in part:
                raise ValueError("padding inside Base64")
            if part:
                yield _decode(part)
        if rest:
            yield _decode(rest)


@dataclass(frozen=True, slots=True)
class VerbatimSpan(Span):
    """Mark bytes in a file that are taken as they lie there."""

    def raw(self) -> Iterator[bytes]:
        """Yield the bytes in chunks."""
        position = self.start
        while position < self.end:
            self.file.seek(position)
            chunk = self.file.read(min(_CHUNK, self.end - position))
            if not chunk:
                return
            position += len(chunk)
            yield chunk


def read_reply(file: IO[bytes]) -> tuple[Any, Mapping[str, Span]]:
    """Read a reply from a file.

    :param file: the reply as JSON, from its beginning.
    :return: the decoded value, in which a key of the mapping stands for each long string.
    :raises ValueError: if it is not whole and valid JSON.
    :raises AsposeOcrTooLargeError: if there is too much beside the long strings.
    """
    file.seek(0)
    reader = _Reader(file)
    position = 0
    while chunk := file.read(_CHUNK):
        reader.feed(chunk, position)
        position += len(chunk)
    return json.loads(reader.skeleton.decode("utf-8-sig")), reader.spans


class _Reader:
    """Copies a JSON text, but puts a key in place of every long string."""

    def __init__(self, file: IO[bytes]) -> None:
        self.skeleton = bytearray()
        self.spans: dict[str, Span] = {}
        self._file = file
        self._nonce = secrets.token_hex(8)
        self._structure = 0
        self._string = bytearray()
        self._within = False
        self._start = 0
        self._length = 0
        self._escaped = False

    def feed(self, chunk: bytes, offset: int) -> None:
        at = 0
        while at < len(chunk):
            at = self._inside(chunk, at, offset) if self._within else self._outside(chunk, at, offset)
        if len(self.skeleton) > MAX_SKELETON_BYTES or self._structure > MAX_STRUCTURE:
            raise AsposeOcrTooLargeError("the reply holds too much beside its results, or too many of them")

    def _outside(self, chunk: bytes, at: int, offset: int) -> int:
        quote = chunk.find(b'"', at)
        self._structure += (quote if quote >= 0 else len(chunk)) - at + 1
        if quote < 0:
            self.skeleton += chunk[at:]
            return len(chunk)
        self.skeleton += chunk[at : quote + 1]
        self._within, self._string, self._length = True, bytearray(), 0
        self._start = offset + quote + 1
        return quote + 1

    def _inside(self, chunk: bytes, at: int, offset: int) -> int:
        if self._escaped:
            self._escaped = False
            return self._keep(chunk, at, at + 1)
        content = _CONTENT.match(chunk, at)
        end = self._keep(chunk, at, content.end() if content else at)
        if end < len(chunk) and chunk[end] == _QUOTE:
            self._close(offset + end)
            return end + 1
        if end == len(chunk) - 1:
            # A backslash, whose second half is still to come.
            self._escaped = True
            return self._keep(chunk, end, end + 1)
        return end

    def _keep(self, chunk: bytes, start: int, end: int) -> int:
        self._length += end - start
        if self._length <= MAX_KEPT_BYTES:
            self._string += chunk[start:end]
        return end

    def _close(self, end: int) -> None:
        if self._length > MAX_KEPT_BYTES:
            key = f"{self._nonce}:{len(self.spans)}"
            self.spans[key] = Span(self._file, self._start, end)
            self.skeleton += key.encode()
        else:
            self.skeleton += self._string
        self.skeleton += b'"'
        self._within = False


def _open_escape(data: bytes) -> int:
    """Count the bytes at the end that belong to escapes which may go on in the next chunk."""
    at = data.find(b"\\", max(0, len(data) - _MAX_ESCAPE))
    while at >= 0:
        # The backslash may itself be escaped: only after an even number of others it opens an escape.
        before = at - len(data[:at].rstrip(b"\\"))
        if before % 2 == 0 and _TAIL.match(data, at):
            return len(data) - at
        at = data.find(b"\\", at + 1)
    return 0


def _unescaped(match: re.Match[bytes]) -> bytes:
    pair, unit, plain = match.groups()
    if pair:
        return bytes.fromhex((pair[1:5] + pair[7:11]).decode()).decode("utf-16-be").encode()
    if unit:
        return chr(int(unit, 16)).encode("utf-8", "surrogatepass")
    return _CONTROLS.get(plain, plain)


def _decode(data: bytes) -> bytes:
    return binascii.a2b_base64(data, strict_mode=True)
