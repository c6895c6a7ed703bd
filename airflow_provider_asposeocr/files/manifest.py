"""The manifest: what operator and sensor return, and the next task reads from XCom."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypedDict

from airflow_provider_asposeocr.api import coerce
from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrDestinationError,
    AsposeOcrNotFinishedError,
    AsposeOcrTaskError,
)
from airflow_provider_asposeocr.api.operations import Operation
from airflow_provider_asposeocr.api.settings import is_text, selected_result_types
from airflow_provider_asposeocr.api.task import MAX_INLINE_RESULTS, OcrResult, OcrTask, SpooledResult
from airflow_provider_asposeocr.files.destination import Names, StoredResult, check_destination, store
from airflow_provider_asposeocr.files.formats import HEAD_BYTES, sniff
from airflow_provider_asposeocr.files.markup import text_of

MAX_INLINE_BYTES = 32 * 1024
"""Bytes of decoded text that travel in XCom at most, by default."""

_LOST = "resultdatalost"
_MAX_NAMED = 5
_SHOWN = {"pdf": "Pdf", "png": "ImagePNG", "wav": "Wav", "xlsx": "Excel", "ooxml": "Excel", "html": "Hocr"}
"""Result types by the formats of their data."""


def read_max_inline_bytes(value: Any) -> int:
    """Read the most bytes of text that go into XCom.

    :param value: of the field; :data:`MAX_INLINE_BYTES` where it is not set.
    :raises AsposeOcrSettingsError: if it is no such number.
    """
    most = coerce.integer("max_inline_bytes", value, minimum=0)
    return MAX_INLINE_BYTES if most is None else most


class Manifest(TypedDict):
    """What is known of a completed task.

    ``ocr_task_id``, ``operation``, ``status``: of the task. ``source``: the URI of the input, None where
    only the task is known. ``uri``: of the first stored result. ``text``: the recognized text, where it
    travels inline; several texts in the order of their regions, a blank line between. ``results``: one entry
    for each result, with the text of its own where several travel inline, and ``"delivered": False`` where
    a sensor has left it at the service. ``warnings``: what the service says of a completed task.
    ``api_calls``: billed calls made for it by this Airflow task. ``submitted_at``, ``completed_at``: ISO
    8601, UTC; ``completed_at`` is when completion was seen.
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
        """Whether the task's text is small enough for the metadata database."""
        return task.text_fits(self.max_inline_bytes)


@dataclass(frozen=True, slots=True)
class Job:
    """What is known of a task besides the service's reply.

    :param operation: the operation it was submitted to.
    :param source: the URI of the input, where it is known.
    :param map_index: Airflow's map index.
    :param api_calls: billed calls made for it.
    :param submitted_at: seconds since the epoch, where it is known.
    :param fingerprint: of the submission, where it is known.
    :param wire: its settings in the spelling of the wire, where they are known.
    """

    operation: Operation
    source: str | None = None
    map_index: int = -1
    api_calls: int = 0
    submitted_at: float | None = None
    fingerprint: str | None = None
    wire: Mapping[str, Any] | None = None

    @property
    def result_types(self) -> tuple[str, ...]:
        """The result types that are expected of it."""
        return selected_result_types(self.operation, self.wire)

    @property
    def knows_types(self) -> bool:
        """Whether no other types can have been selected."""
        return self.wire is not None or self.operation.result_selector is None

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
    :param leave_binary: whether results other than text stay at the service when there is no destination.
    :raises AsposeOcrDestinationError: if a result cannot be delivered; it stays at the service for 24 h.
    :raises AsposeOcrNotFinishedError: if there are no results yet.
    :raises AsposeOcrTaskError: if the task completed without results, and it is not that of a blank page.
    """
    task = _understood(task, job)
    inline = True
    if delivery.destination:
        if task.unread:
            raise _undelivered(task, job, "the results are of no known form")
        stored = store(
            task.results,
            delivery.destination,
            Names(job.source, job.operation.name, _public_id(task, job), job.map_index, job.fingerprint),
            conn_id=delivery.conn_id,
            overwrite=delivery.overwrite,
        )
        inline = delivery.inline_text and delivery.fits_inline(task)
    else:
        stored = _inline(task, job, delivery, leave_binary=leave_binary)
    return {
        "ocr_task_id": task.id,
        "operation": job.operation.name,
        "status": task.status.value,
        "source": job.source,
        "uri": next((entry["uri"] for entry in stored if entry.get("uri")), None),
        "text": task.text if inline else None,
        "results": stored,
        "warnings": list(task.notices),
        "api_calls": job.api_calls,
        "submitted_at": _iso(job.submitted_at),
        "completed_at": _iso(completed_at) or "",
    }


def log_lines(manifest: Manifest, job: Job, *, xcom: bool) -> Iterator[str]:
    """Yield what the log says of a completed task: when, at which cost, and where each result went.

    :param manifest: of the task.
    :param job: what else is known of it.
    :param xcom: whether the manifest goes into XCom.
    """
    completed = datetime.fromisoformat(manifest["completed_at"]).timestamp()
    after = "" if job.submitted_at is None else f" {completed - job.submitted_at:.1f} s after its submission"
    yield f"Completed{after}, billed calls so far: {manifest['api_calls']}"
    kept = "in XCom" if xcom else "dropped, since do_xcom_push is False"
    for result in manifest["results"]:
        size = f", {result['bytes']:,} bytes" if "bytes" in result else ""
        place = result["uri"] or ("left at the service" if "delivered" in result else kept)
        yield f"Result {result['type']}{size}: {place}"


def is_to_fetch(task: OcrTask, job: Job, delivery: Delivery) -> bool:
    """Tell whether results are to be fetched that no poll has brought.

    :param task: completed.
    :param job: what else is known of it.
    :param delivery: where the results go.
    """
    if delivery.destination:
        return task.unread or bool(task.seen_types)
    # A large reply may hold a short text beside another result.
    return task.unread and any(map(is_text, (*task.seen_types, *job.result_types)))


def _understood(task: OcrTask, job: Job) -> OcrTask:
    """Name the types of results that came without, and take a page without any for a blank one."""
    if task.unread:
        return task
    if not task.results and not task.seen_types:
        return _blank(task, job)
    results = tuple(
        result if result.type else replace(result, type=_type_of(result, job)) for result in task.results
    )
    for result in results:
        if not result.size and not result.is_text:
            raise AsposeOcrTaskError(
                f"the task completed, but its result {result.type} is empty", ocr_task_id=task.id
            )
    return replace(task, results=results)


def _blank(task: OcrTask, job: Job) -> OcrTask:
    if not task.status.is_successful:
        raise AsposeOcrNotFinishedError(
            f"the task is {task.raw_status or 'in an unknown state'} and has no results yet",
            ocr_task_id=task.id,
        )
    code = task.response_status_code or "no code"
    if code.casefold() == _LOST or not all(map(is_text, job.result_types)):
        raise AsposeOcrTaskError(f"the task completed without any result ({code})", ocr_task_id=task.id)
    notice = f"the task completed without any result ({code}): it counts as a blank page"
    results = tuple(OcrResult(kind, b"") for kind in job.result_types)
    return replace(task, results=results, warnings=(*task.warnings, notice))


def _type_of(result: OcrResult | SpooledResult, job: Job) -> str:
    """Tell the type of a result that came without: that of the operation, else what its first bytes show."""
    types = job.result_types
    if len(types) == 1 and not is_text(types[0]):
        return types[0]
    head = next(iter(result.chunks()), b"")[:HEAD_BYTES]
    found = sniff(head)
    shown = _SHOWN.get(found or "")
    if shown and (shown in types or not is_text(shown) or not job.knows_types):
        return shown
    if found and text_of(head) is None:
        return found
    return next(filter(is_text, types), "Text")


def _inline(task: OcrTask, job: Job, delivery: Delivery, *, leave_binary: bool) -> list[StoredResult]:
    """Describe the results of which the text goes into XCom, and the others stay at the service."""
    if task.unread:
        types = task.seen_types or job.result_types
        if not leave_binary or any(map(is_text, types)):
            raise _undelivered(task, job, "the results were not read, or are of no known form")
        return [{"type": kind, "uri": None, "delivered": False} for kind in types]
    if not delivery.fits_inline(task):
        raise _undelivered(
            task,
            job,
            f"the text is longer than max_inline_bytes ({delivery.max_inline_bytes}), or in more than "
            f"{MAX_INLINE_RESULTS} parts, and did not go into XCom",
        )
    texts = {result.type for result in task.texts}
    several = len(task.texts) > 1
    entries: list[StoredResult] = []
    for result in task.results:
        entry: StoredResult = {"type": result.type, "uri": None, "bytes": result.size}
        if result.type not in texts:
            entry["delivered"] = False
        elif several:
            entry["text"] = result.text
        entries.append(entry)
    entries += [{"type": kind, "uri": None, "delivered": False} for kind in task.seen_types]
    left = dict.fromkeys(entry["type"] for entry in entries if "delivered" in entry)
    if left and not leave_binary:
        raise _undelivered(task, job, f"{' and '.join([*left][:_MAX_NAMED])} does not go into XCom")
    return entries


def _undelivered(task: OcrTask, job: Job, reason: str) -> AsposeOcrDestinationError:
    return AsposeOcrDestinationError(
        f"{reason}. It stays at the service for 24 hours: set a destination and fetch it with "
        f"AsposeOcrFetchResultOperator(operation={job.operation.name!r}, ocr_task_id=...)",
        ocr_task_id=task.id,
    )


def _public_id(task: OcrTask, job: Job) -> str:
    if job.operation.authenticated:
        return task.id
    # Whoever holds the id of a trial task can read it, so it does not become part of a name.
    return hashlib.sha256(task.id.encode()).hexdigest()[:16]


def _iso(moment: float | None) -> str | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
