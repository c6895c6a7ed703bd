"""A submission: the one record of a submitted OCR task, from the POST to the manifest.

The event with which the trigger resumes the worker carries it; its values are checked when they are read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from math import inf
from typing import Any, get_type_hints

from airflow_provider_asposeocr.api import exceptions
from airflow_provider_asposeocr.api.coerce import is_usable_id
from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrError,
    AsposeOcrEventError,
    AsposeOcrUnusableIdError,
)
from airflow_provider_asposeocr.api.http import HttpResponse
from airflow_provider_asposeocr.api.operations import Operation, get_operation
from airflow_provider_asposeocr.api.retry import MAX_RETRY_AFTER
from airflow_provider_asposeocr.api.task import OcrTask, parse_task

RETENTION = 24 * 3600.0
"""Seconds, counted from the submission, for which the service keeps an OCR task."""

UNKNOWN_EVENT = "the trigger sent an event that this version does not know"


@dataclass(frozen=True, slots=True)
class Submission:
    """An OCR task that this try or an earlier one has submitted.

    It travels whole: record store, trigger, event, resumed method. Airflow hands the resumed method nothing
    but the event where it runs a trigger without a triggerer. The exact URI of the source is not part of it,
    as that may hold secrets: the fingerprint covers it.

    :param operation: the name of the operation.
    :param ocr_task_id: the service's id of the OCR task.
    :param source: the display URI of the source; None where it is not known.
    :param source_bytes: the size of the source; None where it is not known.
    :param fingerprint: from :func:`fingerprint`; None where it is not known.
    :param submitted_at: seconds since the epoch; None where it is not known.
    :param api_calls: billed calls made for it so far.
    :param reattached: whether an earlier try has submitted it.
    :param reuse_key: the key that its results are kept under for later runs; None where they are not.
    :param notice: what whoever reads its results should know of the source.
    """

    operation: str
    ocr_task_id: str
    source: str | None = None
    source_bytes: int | None = None
    fingerprint: str | None = None
    submitted_at: float | int | None = None
    api_calls: int = 0
    reattached: bool = False
    reuse_key: str | None = None
    notice: str | None = None

    def __str__(self) -> str:
        """Name the OCR task for a log or an error: whoever holds the id of a trial OCR task can read it."""
        if self.of_operation.authenticated:
            return f"OCR task {self.ocr_task_id}"
        return "a trial OCR task, whose id is a secret"

    def line(self, api_calls: int, now: float) -> str:
        """Return what a log says of it in every phase: which OCR task of which source, its cost and its age.

        :param api_calls: billed calls made for it so far.
        :param now: seconds since the epoch.
        """
        source = f" of {self.source}" if self.source else ""
        age = f", {max(0.0, now - self.submitted_at):.1f} s after its submission" if self.submitted_at else ""
        return f"{self}{source}, billed calls so far: {api_calls}{age}"

    @property
    def of_operation(self) -> Operation:
        """The row of the operation in the table."""
        return get_operation(self.operation)

    def deadline(self, timeout: float, now: float) -> float:
        """Return when to stop waiting, no later than the service forgets the OCR task.

        :param timeout: seconds to wait, counted from the submission, or from now if an earlier try made it.
        :param now: seconds since the epoch.
        """
        at = now if self.submitted_at is None else self.submitted_at
        return min((now if self.reattached else at) + timeout, at + RETENTION)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Any) -> Submission:
        """Read what :meth:`to_dict` made.

        :param value: JSON values.
        :raises AsposeOcrEventError: if they are not those of a submission.
        """
        kinds = get_type_hints(cls)
        if not isinstance(value, Mapping) or value.keys() != kinds.keys():
            raise AsposeOcrEventError(f"{UNKNOWN_EVENT}: it holds no submission")
        at = value["submitted_at"]
        if not all(isinstance(value[name], kind) for name, kind in kinds.items()) or (
            at is not None and not -inf < at < inf
        ):
            raise AsposeOcrEventError(f"{UNKNOWN_EVENT}: its submission holds values of the wrong kind")
        return cls(**value)


def fingerprint(operation: Operation, wire: Mapping[str, Any] | None, identity: str, content_tag: str) -> str:
    """Tell two submissions apart: by operation, settings, identity and content of the source.

    Its first half leaves the content out, so that names of results can begin with it.

    :param operation: the operation.
    :param wire: its settings in the spelling of the wire.
    :param identity: of the source.
    :param content_tag: of the source; changes when its content does.
    """
    same = (operation.name, json.dumps(wire, sort_keys=True, default=str), identity)
    return _digest(*same)[:16] + _digest(*same, content_tag)[:16]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()


def read_task_id(response: HttpResponse) -> str:
    """Read the id of a new OCR task.

    :raises ValueError: if the answer is none of the service's, such as a web page.
    :raises AsposeOcrUnusableIdError: if it is one, but its id would be of no use.
    """
    # Bytes that are not UTF-8 become surrogates, which no id may hold.
    text = response.body.decode("utf-8-sig", errors="surrogateescape").strip()
    quoted = text.startswith('"')
    if quoted:
        text = json.loads(text, strict=False).strip()
    elif not text or text[0] in "<{[" or (" " in text and text.isprintable()):
        # A text in quotes is an answer of the service, whatever it says; a sentence is another server's.
        raise ValueError("no task id")
    if not response.complete or not is_usable_id(text) or " " in text:
        raise AsposeOcrUnusableIdError(
            f"the service accepted the submission (HTTP {response.status}), but its answer holds no id that "
            "can be used. To submit again would pay twice, so that is left to whoever clears the task",
            status=response.status,
        )
    return text


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
            raise self.error or AsposeOcrError("the wait ended without an OCR task")
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
