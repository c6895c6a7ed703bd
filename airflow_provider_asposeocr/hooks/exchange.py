"""One exchange with the service: the limit of its time, and the place for the body of its answer.

Both drivers hold to these rules: neither the service nor anything between can keep them waiting, or fill
memory and disk. Bodies are decompressed here, in bounded pieces: a mebibyte of gzip can hold a gibibyte, and
the clients bound that in some of their versions only.
"""

from __future__ import annotations

import shutil
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping
from typing import IO

from airflow_provider_asposeocr.api.exceptions import AsposeOcrStorageError
from airflow_provider_asposeocr.api.http import HttpRequest, HttpResponse

ACCEPTED = "gzip, deflate"
"""The value of the Accept-Encoding header."""

_NAMES = {"": "", "identity": "", "gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_BARE_WINDOW = -zlib.MAX_WBITS

CHUNK = 64 * 1024
"""Bytes of an answer that are read at a time."""

MIN_BYTES_PER_SECOND = 16 * 1024
"""Average speed of a body, either way, at least, once the time for an empty one has passed."""

MAX_ERROR_BYTES = 64 * 1024
"""Bytes that are read of an answer which is an error."""

MAX_FRAMING_BYTES = 192 * 1024
"""Bytes of an answer that are not of its body: headers, and what has been read ahead."""

MAX_FRAMING_SHARE = 8
"""More of them are possible by this share of the body: a chunk of one byte has five others around it."""

MIN_FREE_BYTES = 64 * 1024 * 1024
"""Bytes that stay free on the disk of the temporary folder."""

_LOOK_AFTER = 8 * 1024 * 1024


class ExchangeLimit:
    """Bound the time of an exchange, and the bytes of its answer that are not of the body.

    It may take some seconds, more for each byte that moves, but never goes on past its end.

    :param seconds: for an exchange without a body, and for the answer once the request is out.
    :param until: the end, in seconds since the epoch.
    """

    def __init__(self, seconds: float, until: float) -> None:
        self.seconds = seconds
        self._until = time.monotonic() + (until - time.time())
        self.begin_anew()
        self._read = self._body = 0

    @property
    def left(self) -> float:
        """Return the seconds left; negative when the time is over."""
        return min(self._at, self._until) - time.monotonic()

    def moved(self, size: int) -> None:
        """Note that bytes of a body have moved, which earns time.

        :param size: how many, decompressed: headers, and compressed data that holds nothing, may come
            without end.
        """
        self._at += size / MIN_BYTES_PER_SECOND

    def begin_anew(self) -> None:
        """Give what follows all of the seconds to itself."""
        self._at = time.monotonic() + self.seconds

    def read(self, size: int) -> None:
        """Note that bytes were read from the socket: headers, chunk sizes and trailers among them.

        ``requests`` holds their lines in memory, and bounds neither all of them nor, in some versions, one.

        :raises ConnectionAbortedError: if too many of them were none of the body.
        """
        self._read += size
        if self._read - self._body > MAX_FRAMING_BYTES + MAX_FRAMING_SHARE * self._body:
            raise ConnectionAbortedError("the answer has too much around its body")

    def came(self, size: int) -> None:
        """Note that bytes of the body have come, as they are on the wire."""
        self._body += size


class AnswerBody:
    """The body of an answer: decompressed, and put into memory or the request's spool, within its limits.

    :param request: what is answered.
    :param status: the HTTP status.
    :param headers: found by names in lower case.
    :param exchange: the limit, which each byte of the body extends.
    :raises CompressionError: if it is compressed in a way that was not asked for.

    ``spool`` is the file that takes it, or None: to write may take a while.
    """

    def __init__(
        self, request: HttpRequest, status: int, headers: Mapping[str, str], exchange: ExchangeLimit
    ) -> None:
        self._exchange = exchange
        self._status = status
        self._headers = headers
        self.spool = request.spool if status == 200 else None
        if self.spool is not None:
            self._limit = request.spool_limit
            # An earlier attempt may have left a part of its answer.
            self.spool.seek(0)
            self.spool.truncate()
        else:
            succeeded = 200 <= status < 300
            self._limit = request.limit if succeeded else min(request.limit, MAX_ERROR_BYTES)
        self._decompressor = Decompressor(headers.get("content-encoding", ""))
        self._memory = bytearray()
        self._size = 0
        self._look_at = 0

    def take(self, chunk: bytes) -> bool:
        """Take the next bytes, as they came; tell whether more are wanted.

        :param chunk: the bytes.
        :raises AsposeOcrStorageError: if the spool cannot take them.
        :raises CompressionError: if they cannot be decompressed.
        """
        self._exchange.came(len(chunk))
        for piece in self._decompressor.feed(chunk):
            self._size += len(piece)
            self._exchange.moved(len(piece))
            if self.spool is None:
                self._memory += piece
            elif self._size <= self._limit:
                self._write(self.spool, piece)
            if self._size > self._limit:
                return False
        return True

    def response(self) -> HttpResponse:
        """Make the answer of what was taken.

        :raises CompressionError: if its compressed data is not whole.
        """
        complete = self._size <= self._limit
        if complete:
            self._decompressor.finish()
        return HttpResponse(self._status, self._headers, bytes(self._memory[: self._limit]), complete)

    def _write(self, spool: IO[bytes], piece: bytes) -> None:
        if self._size >= self._look_at:
            self._look_at = self._size + _LOOK_AFTER
            if shutil.disk_usage(tempfile.gettempdir()).free < MIN_FREE_BYTES + _LOOK_AFTER:
                raise AsposeOcrStorageError(
                    "the temporary folder has no room for the reply: its disk is full"
                )
        try:
            spool.write(piece)
        except OSError as error:
            # Not to be taken for a broken connection: to ask again would be billed, and help nothing.
            raise AsposeOcrStorageError(f"the reply cannot be kept in a file: {error.strerror}") from error


MAX_PIECE = 64 * 1024
"""Bytes that a piece of a decompressed body has at most."""

MAX_MEMBERS = 100
"""Compressed parts that follow each other in a body at most: each costs time, and may hold nothing."""


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
