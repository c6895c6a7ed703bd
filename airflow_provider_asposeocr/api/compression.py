"""Bodies decompressed in bounded pieces, by one rule for both HTTP clients.

A mebibyte of gzip can hold a gibibyte. What the clients decompress by themselves is not bounded in all of
their versions, so they hand the body on as it came.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

MAX_PIECE = 64 * 1024
"""Bytes that a piece of a decompressed body has at most."""

MAX_MEMBERS = 100
"""Compressed parts that follow each other in a body at most: each costs time, and may hold nothing."""

ACCEPTED = "gzip, deflate"
"""The value of the Accept-Encoding header."""

_NAMES = {"": "", "identity": "", "gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_BARE_WINDOW = -zlib.MAX_WBITS


class CompressionError(ValueError):
    """A body is not compressed the way its header says, or ends too early."""


class Decompressor:
    """Undo the Content-Encoding of one body.

    :param encoding: the value of the header; empty for none.
    :raises CompressionError: if it names another way than those that were accepted, or several at once.
    """

    def __init__(self, encoding: str) -> None:
        name = _NAMES.get(encoding.strip().casefold())
        if name is None:
            raise CompressionError("the answer is compressed in a way that was not asked for")
        self._name = name
        self._stream: zlib._Decompress | None = None
        self._held = b""
        self._members = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decompress the next bytes of the body, a piece at a time.

        :param data: as it came.
        :raises CompressionError: if it cannot be decompressed.
        """
        if not self._name:
            yield data
            return
        data, self._held = self._held + data, b""
        while data:
            if self._stream is None or self._stream.eof:
                # Behind the end of one member another one may begin; zeros are padding.
                data = data if self._stream is None else data.lstrip(b"\0")
                if len(data) < 2:
                    self._held = data
                    return
                self._members += 1
                if self._members > MAX_MEMBERS:
                    raise CompressionError("the answer is compressed in too many parts")
                self._stream = zlib.decompressobj(self._window(data))
            yield from self._pieces(self._stream, data)
            data = self._stream.unused_data

    def finish(self) -> None:
        """Check that the body was whole.

        :raises CompressionError: if it ended in the middle of its compressed data.
        """
        if self._held or (self._stream is not None and not self._stream.eof):
            raise CompressionError("the answer ended in the middle of its compressed data")

    def _pieces(self, stream: zlib._Decompress, data: bytes) -> Iterator[bytes]:
        piece = b""
        # A full piece may have left more to come, although all of the input was taken.
        while data or len(piece) == MAX_PIECE:
            try:
                piece = stream.decompress(data, MAX_PIECE)
            except zlib.error:
                raise CompressionError("the answer cannot be decompressed") from None
            if piece:
                yield piece
            if stream.eof:
                return
            data = stream.unconsumed_tail

    def _window(self, data: bytes) -> int:
        if self._name == "gzip":
            return _GZIP_WINDOW
        # By its standard the name means zlib's format, but some servers send the bare data.
        has_header = data[0] & 0x0F == zlib.DEFLATED and int.from_bytes(data[:2]) % 31 == 0
        return zlib.MAX_WBITS if has_header else _BARE_WINDOW
