"""Reports of batches for the result page: counted whole, shown in pieces, failures first."""

from __future__ import annotations

import json
import tempfile
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from airflow_provider_asposeocr.api.exceptions import AsposeOcrResultError
from airflow_provider_asposeocr.plugin.contents import MAX_FILE_BYTES, read_up_to
from airflow_provider_asposeocr.plugin.described import Described, read_line
from airflow_provider_asposeocr.plugin.roots import Root, open_within

MAX_LINES = 200_000
"""Lines of a report at most."""

ROWS = 100
"""Rows of one page."""

_MAX_LINE_BYTES = 64 * 1024
_BLOCK = 1024 * 1024
_ORDER = ("failed", "submitted", "pending", "succeeded")
"""The statuses of items, in the order of the table."""


@dataclass(frozen=True, slots=True)
class Row:
    """One item in the table.

    :param line: of the report, counted from 1.
    :param item: what the line says.
    """

    line: int
    item: Described


@dataclass(frozen=True, slots=True)
class ReportPage:
    """A part of a report.

    :param counts: items by their status; only statuses that there are.
    :param status: the one that the rows are limited to; empty for all.
    :param rows: at most :data:`ROWS`.
    :param start: of the first row among all that are chosen, from 0.
    :param total: of the rows that are chosen.
    """

    counts: Mapping[str, int]
    status: str
    rows: tuple[Row, ...]
    start: int
    total: int

    @property
    def following(self) -> int | None:
        """The start of the next part."""
        end = self.start + ROWS
        return end if end < self.total else None

    @property
    def preceding(self) -> int | None:
        """The start of the part before."""
        return max(self.start - ROWS, 0) if self.start else None


def report_page(uri: str, roots: Iterable[Root], *, status: str = "", start: int = 0) -> ReportPage:
    """Read a part of a report. Blocks.

    :param uri: of the report, whoever has written it.
    :param roots: the folders that may be read.
    :param status: the only one that is chosen; empty for all.
    :param start: of the first row.
    :raises AsposeOcrResultError: if it is no report, or too large.
    :raises AsposeOcrError: as :func:`.open_within`.
    """
    with _local_copy(uri, roots) as file:
        # Nothing is kept of a line but where it begins.
        lines: dict[str, array[int]] = {name: array("q") for name in _ORDER}
        begins = array("q")
        for number, line in enumerate(_lines(file)):
            if number == MAX_LINES:
                raise AsposeOcrResultError(f"the report has more than {MAX_LINES:,} lines")
            begins.append(line[0])
            status_of_line = str(_read(line[1]).get("status"))
            lines.get(status_of_line, lines["pending"]).append(number)
        counts = Counter({name: len(numbers) for name, numbers in lines.items() if numbers})
        chosen = [number for name in _ORDER if status in ("", name) for number in lines[name]]
        first = min(max(start, 0), max(len(chosen) - 1, 0)) // ROWS * ROWS
        rows = []
        for number in chosen[first : first + ROWS]:
            file.seek(begins[number])
            rows.append(Row(number + 1, read_line(_read(file.readline(_MAX_LINE_BYTES)))))
        return ReportPage(counts, status, tuple(rows), first, len(chosen))


def report_item(uri: str, roots: Iterable[Root], line: int) -> Described | None:
    """Read one line of a report. Blocks.

    :param uri: of the report, whoever has written it.
    :param roots: the folders that may be read.
    :param line: counted from 1.
    :return: None if there is no such line.
    :raises AsposeOcrError: as :func:`report_page`.
    """
    with _local_copy(uri, roots) as file:
        for number, (_, text) in enumerate(_lines(file), 1):
            if number == line:
                return read_line(_read(text))
    return None


@contextmanager
def _local_copy(uri: str, roots: Iterable[Root]) -> Iterator[IO[bytes]]:
    with open_within(uri, roots) as readable, tempfile.TemporaryFile(prefix="asposeocr-") as file:
        _copy(readable.stream, file)
        yield file


def _copy(stream: IO[bytes], file: IO[bytes]) -> None:
    left = MAX_FILE_BYTES
    while block := read_up_to(stream, _BLOCK):
        left -= len(block)
        if left < 0:
            raise AsposeOcrResultError(f"the report is longer than {MAX_FILE_BYTES:,} bytes")
        file.write(block)
    file.seek(0)


def _lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield where each line begins, and the line."""
    begin = file.tell()
    while line := file.readline(_MAX_LINE_BYTES):
        if not line.endswith(b"\n") and len(line) == _MAX_LINE_BYTES:
            raise AsposeOcrResultError(f"a line of the report is longer than {_MAX_LINE_BYTES:,} bytes")
        if line.strip():
            yield begin, line
        begin += len(line)


def _read(line: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise AsposeOcrResultError("it is no report of a batch: a line of it is no JSON object")
    return value
