"""One exchange with the service: the limit of its time, and the place for the body of its answer.

Both drivers hold to these rules: neither the service nor anything between can keep them waiting, or fill
memory and disk.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping
from typing import IO

from airflow_provider_asposeocr.api.compression import Decompressor
from airflow_provider_asposeocr.api.exceptions import AsposeOcrStorageError
from airflow_provider_asposeocr.api.http import HttpRequest, HttpResponse

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
