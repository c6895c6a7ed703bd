"""The manifest: what operator and sensor return, and the next task reads from XCom."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypedDict

from airflow_provider_asposeocr.api.exceptions import AsposeOcrDestinationError, AsposeOcrTaskError
from airflow_provider_asposeocr.api.operations import Operation
from airflow_provider_asposeocr.api.settings import is_text, selected_result_types
from airflow_provider_asposeocr.api.task import OcrTask
from airflow_provider_asposeocr.files.destination import Names, StoredResult, check_destination, store

MAX_INLINE_BYTES = 32 * 1024
"""Bytes of decoded text that travel in XCom at most, by default."""


class Manifest(TypedDict):
    """What is known of a completed task.

    ``ocr_task_id``, ``operation``, ``status``: of the task. ``source``: the URI of the input, None where
    only the task is known. ``uri``: of the first stored result. ``text``: the recognized text, where it
    travels inline. ``results``: one entry for each result. ``warnings``: what the service says of a
    completed task. ``api_calls``: billed calls made for it by this Airflow task. ``submitted_at``,
    ``completed_at``: ISO 8601, UTC; ``completed_at`` is when completion was seen.
    """

    ocr_task_id: str
    operation: str
    status: str
    source: str | None
    uri: str | None
    text: str | None
    results: list[StoredResult]
    warnings: list[str]
    api_calls: int
    submitted_at: str | None
    completed_at: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where the user wants the results.

    :param destination: a file or a directory, or None to take text into XCom.
    :param conn_id: the Airflow connection for the destination's storage.
    :param overwrite: whether to replace what is there.
    :param inline_text: whether text goes into XCom although there is a destination.
    :param max_inline_bytes: the most bytes of decoded text that go into XCom.
    :param delete_remote: whether to delete the results at the service once they are delivered.
    """

    destination: Any = None
    conn_id: str | None = None
    overwrite: bool = True
    inline_text: bool = False
    max_inline_bytes: int = MAX_INLINE_BYTES
    delete_remote: bool = False

    def check(self, operation: Operation, wire: Mapping[str, Any] | None) -> None:
        """Refuse what cannot be delivered, before anything is paid for.

        :param operation: the operation.
        :param wire: its settings in the spelling of the wire.
        :raises AsposeOcrDestinationError: if results need a destination and have none, or a wrong one.
        """
        if self.destination:
            check_destination(self.destination, self.conn_id)
            return
        types = selected_result_types(operation, wire)
        if len(types) > 1 or not is_text(types[0]):
            raise AsposeOcrDestinationError(
                f"{operation.name} answers with {' and '.join(types)}, which does not go into XCom: "
                "set destination"
            )

    @property
    def limit(self) -> int:
        """The most bytes of a reply worth reading while polling for what goes into XCom."""
        # Base64 takes four characters for three bytes; some of them may come escaped.
        return self.max_inline_bytes * 5 // 3 + 16 * 1024

    def fits_inline(self, task: OcrTask) -> bool:
        """Whether the task's results are small enough for the metadata database."""
        return not task.trimmed(self.max_inline_bytes).unread


@dataclass(frozen=True, slots=True)
class Job:
    """What is known of a task besides the service's reply.

    :param operation: the operation it was submitted to.
    :param source: the URI of the input, where it is known.
    :param map_index: Airflow's map index.
    :param api_calls: billed calls made for it.
    :param submitted_at: seconds since the epoch, where it is known.
    :param fingerprint: of the submission, where it is known.
    """

    operation: Operation
    source: str | None = None
    map_index: int = -1
    api_calls: int = 0
    submitted_at: float | None = None
    fingerprint: str | None = None

    def with_calls(self, more: int) -> Job:
        """The same job with more calls made for it."""
        return replace(self, api_calls=self.api_calls + more)


def deliver(
    task: OcrTask, job: Job, delivery: Delivery, *, completed_at: float, leave_binary: bool = False
) -> Manifest:
    """Store a completed task's results, or take its text along, and describe them.

    :param task: completed, with its results unless they are unread.
    :param job: what else is known of it.
    :param delivery: where the results go.
    :param completed_at: seconds since the epoch.
    :param leave_binary: whether results that do not go into XCom stay at the service when there is no
        destination.
    :raises AsposeOcrDestinationError: if a result cannot be delivered; it stays at the service for 24 h.
    :raises AsposeOcrTaskError: if the task completed without any result.
    """
    text: str | None = None
    if delivery.destination:
        _require_results(task)
        stored = store(
            task.results,
            delivery.destination,
            Names(job.source, job.operation.name, _public_id(task, job), job.map_index, job.fingerprint),
            conn_id=delivery.conn_id,
            overwrite=delivery.overwrite,
        )
        if delivery.inline_text and delivery.fits_inline(task):
            text = task.text
    else:
        stored = _left_at_service(task, job, delivery, leave_binary=leave_binary)
        text = task.text
    return {
        "ocr_task_id": task.id,
        "operation": job.operation.name,
        "status": task.status.value,
        "source": job.source,
        "uri": next((entry["uri"] for entry in stored if entry.get("uri")), None),
        "text": text,
        "results": stored,
        "warnings": list(task.notices),
        "api_calls": job.api_calls,
        "submitted_at": _iso(job.submitted_at),
        "completed_at": _iso(completed_at) or "",
    }


def _left_at_service(
    task: OcrTask, job: Job, delivery: Delivery, *, leave_binary: bool
) -> list[StoredResult]:
    if not task.unread:
        _require_results(task)
    seen = task.seen_types or (job.operation.result_type or "Other",)
    types = seen if task.unread else tuple(result.type for result in task.results)
    binary = not all(is_text(kind) for kind in types)
    if not delivery.fits_inline(task) and not (binary and leave_binary):
        raise AsposeOcrDestinationError(
            f"the result is longer than max_inline_bytes ({delivery.max_inline_bytes}) and did not go into "
            "XCom. It stays at the service for 24 hours: set a destination and fetch it with "
            f"AsposeOcrFetchResultOperator(operation={job.operation.name!r}, ocr_task_id=...)",
            ocr_task_id=task.id,
        )
    if task.unread:
        return [{"type": kind, "uri": None} for kind in types]
    return [{"type": result.type, "uri": None, "bytes": result.size} for result in task.results]


def _require_results(task: OcrTask) -> None:
    if not task.results:
        code = task.response_status_code or "no code"
        raise AsposeOcrTaskError(f"the task completed without any result ({code})", ocr_task_id=task.id)


def _public_id(task: OcrTask, job: Job) -> str:
    if job.operation.authenticated:
        return task.id
    # Whoever holds the id of a trial task can read it, so it does not become part of a name.
    return hashlib.sha256(task.id.encode()).hexdigest()[:16]


def _iso(moment: float | None) -> str | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
