"""The report of a batch: one line of JSON for each item, in the order of the listing."""

from __future__ import annotations

import json
import tempfile
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from airflow_provider_asposeocr.api.spool import Span
from airflow_provider_asposeocr.api.task import SpooledResult
from airflow_provider_asposeocr.batch.containment import name_of
from airflow_provider_asposeocr.batch.outcome import ItemStatus, Outcome
from airflow_provider_asposeocr.files.destination import Names, store

NAME = "report.jsonl"

_PENDING = Outcome(ItemStatus.PENDING)

_LINE_BREAKS = {ord(character): f"\\u{ord(character):04x}" for character in "\x85\u2028\u2029"}
"""Ends of lines to many readers, which JSON allows inside of a string. It escapes the others itself."""


class Report:
    """Collects lines in a temporary file, as items come to an end in any order.

    :param items: the items, from :class:`.Listing`.
    """

    def __init__(self, items: Sequence[Any]) -> None:
        self._items = items
        self._file = tempfile.TemporaryFile(prefix="asposeocr-")  # noqa: SIM115 - lives as long as this
        self._starts = array("q", (-1 for _ in items))
        self._end = 0

    def add(self, index: int, outcome: Outcome, source: str | None) -> None:
        """Set the line of an item; a later one counts.

        :param index: the item's place in the listing.
        :param outcome: what became of it.
        :param source: its URI, where it was opened.
        """
        self._starts[index] = self._end
        self._end += self._file.write(_encoded(outcome, source or name_of(self._items[index])))

    def write(self, destination: str, names: Names, conn_id: str | None) -> str:
        """Store the report, whole or not at all, and return its URI.

        :param destination: a file in any storage.
        :param names: what its placeholders stand for.
        :param conn_id: the Airflow connection for the storage.
        :raises AsposeOcrDestinationError: if it may not be written.
        :raises AsposeOcrStorageError: if the storage cannot be reached or fails.
        """
        with tempfile.TemporaryFile(prefix="asposeocr-") as whole:
            whole.writelines(self._lines())
            lines = SpooledResult("Report", _Verbatim(whole, 0, whole.tell()), whole.tell(), False)
            (stored,) = store([lines], destination, names, conn_id=conn_id)
        return str(stored["uri"])

    def close(self) -> None:
        """Drop the temporary file."""
        self._file.close()

    def _lines(self) -> Iterator[bytes]:
        for index, start in enumerate(self._starts):
            if start < 0:
                yield _encoded(_PENDING, name_of(self._items[index]))
            else:
                self._file.seek(start)
                yield self._file.readline()


@dataclass(frozen=True, slots=True)
class _Verbatim(Span):
    """A whole file as it is."""

    file: IO[bytes]

    def raw(self) -> Iterator[bytes]:
        self.file.seek(self.start)
        while chunk := self.file.read(64 * 1024):
            yield chunk


def _encoded(outcome: Outcome, source: str) -> bytes:
    text = json.dumps(outcome.line(source), ensure_ascii=False).translate(_LINE_BREAKS)
    return text.encode(errors="backslashreplace") + b"\n"
