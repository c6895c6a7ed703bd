"""One exchange with the service: how long it may take, and where the body of its answer goes.

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
"""How fast a body must move on the average, either way, once the time for an empty one has passed."""

MAX_ERROR_BYTES = 64 * 1024
"""Bytes that are read of an answer which is an error."""

MIN_FREE_BYTES = 64 * 1024 * 1024
"""Bytes that stay free on the disk of the temporary folder."""

_LOOK_AFTER = 8 * 1024 * 1024


class TimeLimit:
    """How long an exchange may take: some seconds, more for each byte that moves, but never past its end.

    :param seconds: for an exchange without a body, and for the answer once the request is out.
    :param until: the end, in seconds since the epoch.
    """

    def __init__(self, seconds: float, until: float) -> None:
        self.seconds = seconds
        now = time.monotonic()
        self._until = now + (until - time.time())
        self._at = now + seconds

    @property
    def left(self) -> float:
        """The seconds left; negative when the time is over."""
        return min(self._at, self._until) - time.monotonic()

    def moved(self, size: int) -> None:
        """Note that bytes of a body have moved, which earns time.

        :param size: how many, decompressed: headers, and compressed data that holds nothing, may come
            without end.
        """
        self._at += size / MIN_BYTES_PER_SECOND

    def request_sent(self) -> None:
        """Note that the request is out: the answer has the time to itself."""
        self._at = time.monotonic() + self.seconds


class AnswerBody:
    """The body of an answer: decompressed, and put into memory or the request's spool, within its limits.

    :param request: what is answered.
    :param status: the HTTP status.
    :param headers: found by names in lower case.
    :param time_limit: of the exchange, which each byte of the body extends.
    :raises CompressionError: if it is compressed in a way that was not asked for.
    """

    def __init__(
        self, request: HttpRequest, status: int, headers: Mapping[str, str], time_limit: TimeLimit
    ) -> None:
        self._time_limit = time_limit
        self._status = status
        self._headers = headers
        self._spool = request.spool if status == 200 else None
        if self._spool is not None:
            self._limit = request.spool_limit
            _rewind(self._spool)
        else:
            succeeded = 200 <= status < 300
            self._limit = request.limit if succeeded else min(request.limit, MAX_ERROR_BYTES)
        self._decompressor = Decompressor(headers.get("content-encoding", ""))
        self._memory = bytearray()
        self._size = 0
        self._look_at = 0

    @property
    def is_spooled(self) -> bool:
        """Whether it goes to a file, which may take a while."""
        return self._spool is not None

    def take(self, chunk: bytes) -> bool:
        """Take the next bytes, as they came; tell whether more are wanted.

        :param chunk: the bytes.
        :raises AsposeOcrStorageError: if the spool cannot take them.
        :raises CompressionError: if they cannot be decompressed.
        """
        for piece in self._decompressor.feed(chunk):
            self._size += len(piece)
            self._time_limit.moved(len(piece))
            if self._spool is None:
                self._memory += piece
            elif self._size <= self._limit:
                self._write(self._spool, piece)
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


def _rewind(spool: IO[bytes]) -> None:
    # An earlier attempt may have left a part of its answer.
    spool.seek(0)
    spool.truncate()
