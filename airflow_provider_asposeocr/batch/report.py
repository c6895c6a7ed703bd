"""The report of a batch: one entry for each item, as a line of JSON in the order of the listing."""

from __future__ import annotations

import json
import tempfile
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from enum import StrEnum
from typing import IO, Any

from airflow_provider_asposeocr.api.exceptions import AsposeOcrError
from airflow_provider_asposeocr.api.spool import VerbatimSpan
from airflow_provider_asposeocr.api.submission import Submission
from airflow_provider_asposeocr.api.task import SpooledResult
from airflow_provider_asposeocr.batch.containment import name_of
from airflow_provider_asposeocr.durable import is_moment
from airflow_provider_asposeocr.files.destination import Names, store
from airflow_provider_asposeocr.files.manifest import Manifest, iso_moment

NAME = "report.jsonl"

_MAX_NOTICES = 10
_MAX_NOTICE_CHARACTERS = 300
_LINE_BREAKS = {ord(character): f"\\u{ord(character):04x}" for character in "\x85\u2028\u2029"}
"""Ends of lines to many readers, which JSON allows inside of a string. It escapes the others itself."""


class ItemStatus(StrEnum):
    """Say where an item stands when a try ends."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUBMITTED = "submitted"
    """The try ended before the OCR task did."""
    PENDING = "pending"
    """The try ended before the item was submitted."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One stored result.

    :param type: such as ``Text``.
    :param uri: where it lies.
    :param bytes: how long it is.
    :param sha256: of its content.
    """

    type: str
    uri: str | None
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One item in the report and in the batch record.

    :param status: where it stands.
    :param ocr_task_id: the service's id of the OCR task; None for that of a trial, which is a secret.
    :param submitted_at: seconds since the epoch.
    :param completed_at: when completion was seen, seconds since the epoch.
    :param api_calls: billed calls made for it by the try that ended it.
    :param results: what was stored.
    :param warnings: what the service says of it.
    :param error: the class of the error.
    :param message: what went wrong.
    :param reused: whether results that were paid for before were delivered, without a call.
    :param retryable: whether a retry may help.
    """

    status: ItemStatus
    ocr_task_id: str | None = None
    submitted_at: float | None = None
    completed_at: float | None = None
    api_calls: int = 0
    results: tuple[StoredFile, ...] = ()
    warnings: tuple[str, ...] = ()
    error: str | None = None
    message: str | None = None
    reused: bool = False
    retryable: bool = False

    def succeeded(self, manifest: Manifest, completed_at: float) -> Entry:
        """Return the entry of the same item, delivered.

        :param manifest: of its OCR task.
        :param completed_at: seconds since the epoch.
        """
        return replace(
            self,
            status=ItemStatus.SUCCEEDED,
            completed_at=round(completed_at, 3),
            results=tuple(
                StoredFile(result["type"], result["uri"], result["bytes"], result["sha256"])
                for result in manifest["results"]
            ),
            warnings=tuple(notice[:_MAX_NOTICE_CHARACTERS] for notice in manifest["warnings"][:_MAX_NOTICES]),
            reused=manifest["reused"],
        )

    def failed(self, error: AsposeOcrError, *, retryable: bool) -> Entry:
        """Return the entry of the same item, failed.

        :param error: what went wrong.
        :param retryable: whether a retry may help.
        """
        return replace(
            self,
            status=ItemStatus.FAILED,
            error=type(error).__name__,
            message=str(error)[: 2 * _MAX_NOTICE_CHARACTERS],
            retryable=retryable,
        )

    def shortened(self) -> tuple[Entry, Entry, Entry]:
        """Return the same with less and less to tell, for a record with little room."""
        brief = replace(self, warnings=(), message=None)
        # Two of them still tell that there were several, which is part of their names.
        return brief, replace(brief, results=brief.results[:2]), replace(brief, results=())

    def line(self, source: str, operation: str | None) -> dict[str, Any]:
        """Return its line in the report.

        :param source: the URI of the source.
        :param operation: the operation that it was opened for.
        """
        first = self.results[0] if self.results else None
        return {
            "source": source,
            "operation": operation,
            "status": self.status.value,
            "ocr_task_id": self.ocr_task_id,
            "uri": first.uri if first else None,
            "bytes": first.bytes if first else None,
            "sha256": first.sha256 if first else None,
            "further_results": [asdict(more) for more in self.results[1:]],
            "warnings": list(self.warnings),
            "error": self.error,
            "message": self.message,
            "retryable": self.retryable if self.error else None,
            "reused": self.reused,
            "api_calls": self.api_calls,
            "submitted_at": iso_moment(self.submitted_at),
            "completed_at": iso_moment(self.completed_at),
        }

    def to_row(self) -> list[Any]:
        """Return what a batch record keeps of it besides id and moment of submission, as JSON values."""
        _, _, _, *kept, _ = astuple(self)
        return list(json.loads(json.dumps([self.status.value, *kept])))

    @classmethod
    def of_row(cls, row: Sequence[Any], ocr_task_id: str | None, submitted_at: float | None) -> Entry:
        """Read what :meth:`to_row` has made; only what no retry can mend is kept as an error.

        :param row: one that :func:`is_entry`.
        :param ocr_task_id: the service's id of the OCR task.
        :param submitted_at: seconds since the epoch.
        """
        status, completed_at, api_calls, results, warnings, error, message, reused = row
        return cls(
            ItemStatus(status),
            ocr_task_id,
            submitted_at,
            completed_at,
            api_calls,
            results=tuple(StoredFile(*result) for result in results),
            warnings=tuple(warnings),
            error=error,
            message=message,
            reused=reused,
        )


def is_entry(row: list[Any]) -> bool:
    """Tell whether :meth:`Entry.to_row` can have made a row, of an item that has ended.

    :param row: JSON values.
    """
    match row:
        case [
            ItemStatus.SUCCEEDED | ItemStatus.FAILED,
            completed_at,
            int(),
            list(results),
            list(warnings),
            str() | None,
            str() | None,
            bool(),
        ]:
            return (
                (completed_at is None or is_moment(completed_at))
                and all(map(_is_stored, results))
                and all(isinstance(warning, str) for warning in warnings)
            )
    return False


def _is_stored(record: Any) -> bool:
    match record:
        case [str(), str() | None, int(), str()]:
            return True
    return False


class Report:
    """Collect lines in a temporary file, as items come to an end in any order.

    :param items: the items, from :class:`.Listing`.
    :param operation: that of all items, or None where each has its own.
    """

    def __init__(self, items: Sequence[Any], operation: str | None = None) -> None:
        self._items = items
        self._operation = operation
        self._file = tempfile.TemporaryFile(prefix="asposeocr-")  # noqa: SIM115 - lives as long as this
        self._starts = array("q", (-1 for _ in items))

    def add(self, index: int, entry: Entry, submission: Submission) -> None:
        """Set the line of an item; a later one counts.

        :param index: the item's place in the listing.
        :param entry: of the item.
        :param submission: of the item; empty where it was not opened.
        """
        self._starts[index] = self._file.tell()
        source = submission.source or name_of(self._items[index])
        self._file.write(_encoded(entry, source, submission.operation or self._operation))

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
            return store_report(whole, destination, names, conn_id)

    def close(self) -> None:
        """Drop the temporary file."""
        self._file.close()

    def _lines(self) -> Iterator[bytes]:
        for index, start in enumerate(self._starts):
            if start < 0:
                yield _encoded(Entry(ItemStatus.PENDING), name_of(self._items[index]), self._operation)
            else:
                self._file.seek(start)
                yield self._file.readline()


def store_report(whole: IO[bytes], destination: str, names: Names, conn_id: str | None) -> str:
    """Store a report, whole or not at all, and return its URI.

    :param whole: a file that has just been written to its end.
    :param destination: a file in any storage.
    :param names: what its placeholders stand for.
    :param conn_id: the Airflow connection for the storage.
    :raises AsposeOcrDestinationError: if it may not be written.
    :raises AsposeOcrStorageError: if the storage cannot be reached or fails.
    """
    lines = SpooledResult("Report", VerbatimSpan(whole, 0, whole.tell()), whole.tell(), False)
    (stored,) = store([lines], destination, names, conn_id=conn_id)
    return str(stored["uri"])


def _encoded(entry: Entry, source: str, operation: str | None) -> bytes:
    text = json.dumps(entry.line(source, operation), ensure_ascii=False).translate(_LINE_BREAKS)
    return text.encode(errors="backslashreplace") + b"\n"
