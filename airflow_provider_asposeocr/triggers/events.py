"""The event with which the trigger resumes the worker: JSON values, checked when they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_asposeocr.api import exceptions
from airflow_provider_asposeocr.api.exceptions import AsposeOcrError, AsposeOcrEventError
from airflow_provider_asposeocr.api.retry import MAX_RETRY_AFTER
from airflow_provider_asposeocr.api.submission import UNKNOWN_EVENT, Submission
from airflow_provider_asposeocr.api.task import OcrTask, parse_task


@dataclass(frozen=True, slots=True)
class WaitEvent:
    """Tell how a wait in the triggerer ended.

    :param submission: what was waited for, with the billed calls made until then.
    :param task: the OCR task with its final status, if it came to one.
    :param completed_at: when that was seen, seconds since the epoch.
    :param error: what ended the wait otherwise; :class:`AsposeOcrTimeoutError` at the deadline.
    """

    submission: Submission
    task: OcrTask | None = None
    completed_at: float = 0.0
    error: AsposeOcrError | None = None

    def unwrap(self) -> OcrTask:
        """Return the OCR task with its final status.

        :raises AsposeOcrError: what ended the wait otherwise.
        """
        if self.task is None:
            raise self.error or AsposeOcrError("the wait ended without a task")
        return self.task

    def to_event(self) -> dict[str, Any]:
        """Make the event's payload."""
        event: dict[str, Any] = {"status": "error", "submission": self.submission.to_dict()}
        if self.task is not None:
            event |= {
                "status": self.task.status.value,
                "task": self.task.to_dict(),
                "ocr_task_id": self.task.id,
                "unread": self.task.unread,
                "seen_types": list(self.task.seen_types),
                "completed_at": self.completed_at,
            }
        elif self.error is not None:
            event |= {
                "kind": type(self.error).__name__,
                "message": str(self.error),
                "http_status": self.error.status,
                "ocr_task_id": self.error.ocr_task_id,
                "retry_after": self.error.retry_after,
            }
        return event

    @classmethod
    def of_event(cls, event: Any) -> WaitEvent:
        """Read an event's payload.

        :param event: what Airflow hands to the method that a task resumes with.
        :raises AsposeOcrEventError: if it is not an event of this version; it never passes for success.
        """
        if not isinstance(event, Mapping) or "status" not in event:
            raise AsposeOcrEventError(UNKNOWN_EVENT)
        submission = Submission.from_dict(event.get("submission"))
        try:
            return cls._of_known_event(event, submission)
        except (TypeError, ValueError, OverflowError):
            raise AsposeOcrEventError(f"{UNKNOWN_EVENT}: it holds values of the wrong kind") from None

    @classmethod
    def _of_known_event(cls, event: Mapping[str, Any], submission: Submission) -> WaitEvent:
        if isinstance(event.get("task"), Mapping):
            task = replace(
                parse_task(event["task"], str(event.get("ocr_task_id"))),
                unread=bool(event.get("unread")),
                seen_types=tuple(map(str, event.get("seen_types") or ())),
            )
            return cls(submission, task, float(event.get("completed_at") or 0))
        kind = getattr(exceptions, str(event.get("kind")), None)
        if not (isinstance(kind, type) and issubclass(kind, AsposeOcrError)):
            raise AsposeOcrEventError(UNKNOWN_EVENT)
        asked = event.get("retry_after")
        error = kind(
            str(event.get("message")),
            status=event.get("http_status"),
            ocr_task_id=event.get("ocr_task_id"),
            retry_after=None if asked is None else min(float(asked), MAX_RETRY_AFTER),
        )
        return cls(submission, error=error)
