"""What became of one item of a batch: a line of the report, and the part of it that a journal keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from airflow_provider_asposeocr.api.exceptions import AsposeOcrError
from airflow_provider_asposeocr.durable import is_moment
from airflow_provider_asposeocr.files.manifest import Manifest

_MAX_NOTICES = 10
_MAX_NOTICE_CHARACTERS = 300


class ItemStatus(StrEnum):
    """Where an item stands when a try ends."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUBMITTED = "submitted"
    """The try ended before the job at the service did."""
    PENDING = "pending"
    """The try ended before the item was submitted."""


@dataclass(frozen=True, slots=True)
class Stored:
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
class Outcome:
    """What became of an item.

    :param status: where it stands.
    :param ocr_task_id: the service's id of the task; None for a trial task, whose id is a secret.
    :param submitted_at: seconds since the epoch.
    :param completed_at: when completion was seen, seconds since the epoch.
    :param api_calls: billed calls made for it by the try that ended it.
    :param results: what was stored.
    :param warnings: what the service says of it.
    :param error: the class of the error.
    :param message: what went wrong.
    :param retryable: whether a retry may help.
    """

    status: ItemStatus
    ocr_task_id: str | None = None
    submitted_at: float | None = None
    completed_at: float | None = None
    api_calls: int = 0
    results: tuple[Stored, ...] = ()
    warnings: tuple[str, ...] = ()
    error: str | None = None
    message: str | None = None
    retryable: bool = False

    def with_manifest(self, manifest: Manifest, completed_at: float, api_calls: int) -> Outcome:
        """The same item, delivered.

        :param manifest: of its task.
        :param completed_at: seconds since the epoch.
        :param api_calls: billed calls made for it.
        """
        return replace(
            self,
            status=ItemStatus.SUCCEEDED,
            completed_at=round(completed_at, 3),
            api_calls=api_calls,
            results=tuple(
                Stored(result["type"], result["uri"], result["bytes"], result["sha256"])
                for result in manifest["results"]
            ),
            warnings=tuple(notice[:_MAX_NOTICE_CHARACTERS] for notice in manifest["warnings"][:_MAX_NOTICES]),
        )

    def with_error(self, error: AsposeOcrError, api_calls: int, *, retryable: bool) -> Outcome:
        """The same item, failed.

        :param error: what went wrong.
        :param api_calls: billed calls made for it.
        :param retryable: whether a retry may help.
        """
        return replace(
            self,
            status=ItemStatus.FAILED,
            api_calls=api_calls,
            error=type(error).__name__,
            message=str(error)[: 2 * _MAX_NOTICE_CHARACTERS],
            retryable=retryable,
        )

    def shortened(self) -> tuple[Outcome, Outcome, Outcome]:
        """The same with less and less to tell, for a journal with little room."""
        brief = replace(self, warnings=(), message=None)
        # Two of them still tell that there were several, which is part of their names.
        return brief, replace(brief, results=brief.results[:2]), replace(brief, results=())

    def line(self, source: str) -> dict[str, Any]:
        """Its line in the report.

        :param source: the URI of the source.
        """
        first = self.results[0] if self.results else None
        return {
            "source": source,
            "status": self.status.value,
            "ocr_task_id": self.ocr_task_id,
            "uri": first.uri if first else None,
            "bytes": first.bytes if first else None,
            "sha256": first.sha256 if first else None,
            "further_results": [
                {"type": more.type, "uri": more.uri, "bytes": more.bytes, "sha256": more.sha256}
                for more in self.results[1:]
            ],
            "warnings": list(self.warnings),
            "error": self.error,
            "message": self.message,
            "retryable": self.retryable if self.error else None,
            "api_calls": self.api_calls,
            "submitted_at": _iso(self.submitted_at),
            "completed_at": _iso(self.completed_at),
        }

    def to_record(self) -> list[Any]:
        """What a journal keeps of it besides id and moment of submission, as JSON values."""
        return [
            self.status.value,
            self.completed_at,
            self.api_calls,
            [[stored.type, stored.uri, stored.bytes, stored.sha256] for stored in self.results],
            list(self.warnings),
            self.error,
            self.message,
        ]

    @classmethod
    def of_record(cls, record: Sequence[Any], ocr_task_id: str | None, submitted_at: float | None) -> Outcome:
        """Read what :meth:`to_record` has made; only what no retry can mend is kept as an error.

        :param record: one that :func:`is_outcome`.
        :param ocr_task_id: the service's id of the task.
        :param submitted_at: seconds since the epoch.
        """
        status, completed_at, api_calls, results, warnings, error, message = record
        return cls(
            ItemStatus(status),
            ocr_task_id,
            submitted_at,
            completed_at,
            api_calls,
            tuple(Stored(*stored) for stored in results),
            tuple(warnings),
            error,
            message,
        )


def is_outcome(record: list[Any]) -> bool:
    """Tell whether :meth:`Outcome.to_record` can have made a record of an item that has ended.

    :param record: JSON values.
    """
    match record:
        case [
            ItemStatus.SUCCEEDED | ItemStatus.FAILED,
            completed_at,
            int(),
            list(results),
            list(warnings),
            str() | None,
            str() | None,
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


def _iso(moment: float | None) -> str | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
