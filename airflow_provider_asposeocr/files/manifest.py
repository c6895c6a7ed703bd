"""The manifest: what operator and sensor return, and the next task reads from XCom."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypedDict

from airflow_provider_asposeocr.api import coerce
from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrDestinationError,
    AsposeOcrError,
    AsposeOcrNotFinishedError,
    AsposeOcrTaskError,
)
from airflow_provider_asposeocr.api.http import Flow, Work
from airflow_provider_asposeocr.api.operations import Operation
from airflow_provider_asposeocr.api.settings import is_text, selected_result_types
from airflow_provider_asposeocr.api.submission import Submission
from airflow_provider_asposeocr.api.task import MAX_INLINE_RESULTS, OcrResult, OcrTask, SpooledResult
from airflow_provider_asposeocr.api.typed import value_of
from airflow_provider_asposeocr.files.destination import Names, StoredResult, check_destination, store
from airflow_provider_asposeocr.files.formats import HEAD_BYTES, sniff
from airflow_provider_asposeocr.files.markup import text_of

if TYPE_CHECKING:
    from airflow_provider_asposeocr.api.flows import OcrApi

log = logging.getLogger(__name__)

MAX_INLINE_BYTES = 32 * 1024
"""Bytes of decoded text that travel in XCom at most, by default."""

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
    """Describe a completed OCR task.

    ``ocr_task_id``, ``operation``, ``status``: of the OCR task. ``source``: the display URI of the source,
    None where only the OCR task is known. ``uri``: of the first stored result. ``text``: the recognized
    text, where it travels inline; several texts in the order of their regions, a blank line between.
    ``value``: what the results mean, where that is more than text: boxes, fields, fonts, rows and, where
    text travels inline, texts by region or pages with their words, as :func:`.value_of` reads them. Text and
    value together take ``max_inline_bytes`` at most.
    ``results``: one entry for each result, with the text of its own where several travel inline, and
    ``"delivered": False`` where a sensor has left it at the service. ``warnings``: what the service says of
    it, and what a conversion has left out of the source. ``api_calls``: billed calls made for it by this
    Airflow task. ``submitted_at``, ``completed_at``: ISO 8601, UTC; ``completed_at`` is when completion was
    seen. ``reused``: whether they are the results of an earlier run, for the same content and settings: then
    no call was made, and id and times are its own.
    """

    ocr_task_id: str
    operation: str
    status: str
    source: str | None
    uri: str | None
    text: str | None
    value: Any
    results: list[StoredResult]
    warnings: list[str]
    api_calls: int
    submitted_at: str | None
    completed_at: str
    reused: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    """Say where the results of a submission go.

    :param destination: a file or a directory, or None to take text into XCom.
    :param conn_id: the Airflow connection for the destination's storage.
    :param overwrite: whether to replace what is there.
    :param inline_text: whether text goes into XCom although there is a destination.
    :param max_inline_bytes: the most bytes of decoded text that go into XCom.
    :param leave_binary: whether results other than text stay at the service where there is no destination.
    :param delete_remote: whether to delete the results at the service once they are delivered.
    :param map_index: Airflow's map index.
    :param wire: the settings of the submission in the spelling of the wire, where they are known.
    """

    destination: Any = None
    conn_id: str | None = None
    overwrite: bool = True
    inline_text: bool = False
    max_inline_bytes: int = MAX_INLINE_BYTES
    leave_binary: bool = False
    delete_remote: bool = False
    map_index: int = -1
    wire: Mapping[str, Any] | None = None

    def check(self, operation: Operation) -> None:
        """Refuse what cannot be delivered, before anything is paid for.

        :param operation: the operation.
        :raises AsposeOcrDestinationError: if results need a destination and have none, or a wrong one.
        """
        if self.destination:
            check_destination(self.destination, self.conn_id)
            return
        types = selected_result_types(operation, self.wire)
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

    def names(self, submission: Submission) -> Names:
        """Return what the destination's placeholders stand for.

        :param submission: whose results are stored.
        """
        ocr_task_id = submission.ocr_task_id
        if not submission.of_operation.authenticated:
            # Whoever holds the id of a trial OCR task can read it, so it does not become part of a name.
            ocr_task_id = hashlib.sha256(ocr_task_id.encode()).hexdigest()[:16]
        names = submission.source, submission.of_operation.name, ocr_task_id
        return Names(*names, self.map_index, submission.fingerprint)


def drop(task: OcrTask) -> None:
    """Do nothing with the results of an OCR task."""


def collect(
    api: OcrApi,
    task: OcrTask,
    submission: Submission,
    delivery: Delivery,
    completed_at: float,
    api_calls: Callable[[], int],
    check: Callable[[OcrTask], None] = drop,
    keep: Callable[[OcrTask], None] = drop,
) -> Flow[Manifest]:
    """Fetch the results of an ended OCR task if need be, and deliver them.

    :param api: makes the call.
    :param task: as the last poll has shown it; with its results unless they are unread.
    :param submission: what was submitted.
    :param delivery: where the results go.
    :param completed_at: seconds since the epoch.
    :param api_calls: returns the billed calls made since those of the submission were counted.
    :param check: refuses the whole results before any of them is stored.
    :param keep: takes the results once they are delivered.
    :raises AsposeOcrNotFinishedError: if it turns out to be still running.
    :raises AsposeOcrTaskError: if the OCR task failed or came without results.
    :raises AsposeOcrTaskNotFoundError: if the service does not know it.
    :raises AsposeOcrError: as :func:`deliver`, and as :meth:`.OcrApi.fetch`.
    """
    task.raise_for_status()
    # Without a destination text alone is wanted; a large reply may hold a short one beside another result.
    wanted = delivery.destination or any(map(is_text, (*task.seen_types, *_expected(submission, delivery))))
    is_missing = task.unread or (delivery.destination and task.seen_types)
    with tempfile.TemporaryFile(prefix="asposeocr-") if wanted and is_missing else nullcontext() as spool:
        found = task
        if spool is not None:
            found = yield from api.fetch(submission.of_operation, task.id, spool)
            found.raise_for_status()
            if found.results and task.status.is_successful:
                # It was seen completed before.
                found = replace(found, status=task.status)
        if not found.status.is_terminal:
            raise AsposeOcrNotFinishedError(
                f"the OCR task is {found.raw_status or 'in an unknown state'}: wait for it with "
                "AsposeOcrTaskSensor before fetching",
                ocr_task_id=task.id,
            )
        counted = replace(submission, api_calls=submission.api_calls + api_calls())

        def work() -> Manifest:
            check(found)
            manifest = deliver(found, counted, delivery, completed_at=completed_at)
            keep(found)
            return manifest

        manifest: Manifest = yield Work(work)
        return manifest


def delete_remote(api: OcrApi, submission: Submission, delivery: Delivery, manifest: Manifest) -> Flow[None]:
    """Delete the results at the service, if the user wants that and all of them have been delivered.

    :param api: makes the call.
    :param submission: what was submitted.
    :param delivery: tells what the user wants.
    :param manifest: tells what has been delivered.
    """
    if not delivery.delete_remote:
        return
    if any("delivered" in result for result in manifest["results"]):
        log.warning("Not deleted at the service: there are results that are stored nowhere else")
        return
    try:
        yield from api.cancel(submission.of_operation, submission.ocr_task_id)
    except AsposeOcrError as error:
        # The result is safe where it was wanted: that the service keeps it for a day is no failure.
        log.warning(
            "The results of %s could not be deleted at the service, which keeps them for 24 hours: %s",
            submission,
            error,
        )


def deliver(task: OcrTask, submission: Submission, delivery: Delivery, *, completed_at: float) -> Manifest:
    """Store a completed OCR task's results, or take its text along, and describe them.

    :param task: completed, with its results unless they are unread.
    :param submission: what was submitted, with the billed calls so far.
    :param delivery: where the results go.
    :param completed_at: seconds since the epoch.
    :raises AsposeOcrDestinationError: if a result cannot be delivered; it stays at the service for 24 h.
    :raises AsposeOcrNotFinishedError: if there are no results yet.
    :raises AsposeOcrTaskError: if it completed without results, and is not that of a blank page.
    """
    task = _understood(task, submission, delivery)
    inline = True
    if delivery.destination:
        if task.unread:
            raise _undelivered(task, submission, "the results are of no known form")
        stored = store(
            task.results,
            delivery.destination,
            delivery.names(submission),
            conn_id=delivery.conn_id,
            overwrite=delivery.overwrite,
        )
        inline = delivery.inline_text and task.text_fits(delivery.max_inline_bytes)
    else:
        stored = _inline(task, submission, delivery)
    text = task.text if inline else None
    room = delivery.max_inline_bytes - len((text or "").encode())
    value, notice = value_of(submission.of_operation, task.results, delivery.wire, room, inline=inline)
    return {
        "ocr_task_id": task.id,
        "operation": submission.of_operation.name,
        "status": task.status.value,
        "source": submission.source,
        "uri": next((entry["uri"] for entry in stored if entry.get("uri")), None),
        "text": text,
        "value": value,
        "results": stored,
        "warnings": list(dict.fromkeys(filter(None, [submission.notice, *task.notices, notice]))),
        "api_calls": submission.api_calls,
        "submitted_at": iso_moment(submission.submitted_at),
        "completed_at": iso_moment(completed_at) or "",
        "reused": False,
    }


def log_manifest(manifest: Manifest, submission: Submission, log: Any, *, xcom: bool) -> None:
    """Log what is known of a completed OCR task: when, at which cost, and where each result went.

    :param manifest: of the OCR task.
    :param submission: of the OCR task.
    :param log: the log of the task or the trigger.
    :param xcom: whether the manifest goes into XCom.
    """
    for notice in manifest["warnings"]:
        log.warning("Notice: %s", notice)
    completed_at = datetime.fromisoformat(manifest["completed_at"]).timestamp()
    way = "Reused, without a call" if manifest["reused"] else "Completed"
    log.info("%s: %s", way, submission.line(manifest["api_calls"], completed_at))
    kept = "in XCom" if xcom else "dropped, since do_xcom_push is False"
    for result in manifest["results"]:
        size = f", {result['bytes']:,} bytes" if "bytes" in result else ""
        place = result["uri"] or ("left at the service" if "delivered" in result else kept)
        log.info("Result %s%s: %s", result["type"], size, place)


def _expected(submission: Submission, delivery: Delivery) -> tuple[str, ...]:
    return selected_result_types(submission.of_operation, delivery.wire)


def _understood(task: OcrTask, submission: Submission, delivery: Delivery) -> OcrTask:
    """Name the types of results that came without, and take a page without any for a blank one."""
    if task.unread:
        return task
    if not task.results and not task.seen_types:
        return _blank(task, _expected(submission, delivery))
    results = tuple(
        result if result.type else replace(result, type=_type_of(result, submission, delivery))
        for result in task.results
    )
    for result in results:
        if not result.size and not result.is_text:
            raise AsposeOcrTaskError(
                f"the OCR task completed, but its result {result.type} is empty", ocr_task_id=task.id
            )
    return replace(task, results=results)


def _blank(task: OcrTask, types: tuple[str, ...]) -> OcrTask:
    if not task.status.is_successful:
        raise AsposeOcrNotFinishedError(
            f"the OCR task is {task.raw_status or 'in an unknown state'} and has no results yet",
            ocr_task_id=task.id,
        )
    code = task.response_status_code or "no code"
    if code.casefold() == "resultdatalost" or not all(map(is_text, types)):
        raise AsposeOcrTaskError(f"the OCR task completed without any result ({code})", ocr_task_id=task.id)
    notice = f"the OCR task completed without any result ({code}): it counts as a blank page"
    results = tuple(OcrResult(kind, b"") for kind in types)
    return replace(task, results=results, warnings=(*task.warnings, notice))


def _type_of(result: OcrResult | SpooledResult, submission: Submission, delivery: Delivery) -> str:
    """Tell the type of a result that came without: that of the operation, else what its first bytes show."""
    types = _expected(submission, delivery)
    if len(types) == 1 and not is_text(types[0]):
        return types[0]
    head = next(iter(result.chunks()), b"")[:HEAD_BYTES]
    found = sniff(head)
    shown = _SHOWN.get(found or "")
    # No other types can have been selected where the settings are known, or none selects.
    only = delivery.wire is not None or submission.of_operation.result_selector is None
    if shown and (shown in types or not is_text(shown) or not only):
        return shown
    if found and text_of(head) is None:
        return found
    return next(filter(is_text, types), "Text")


def _inline(task: OcrTask, submission: Submission, delivery: Delivery) -> list[StoredResult]:
    """Describe the results of which the text goes into XCom, and the others stay at the service."""
    if task.unread:
        types = task.seen_types or _expected(submission, delivery)
        if not delivery.leave_binary or any(map(is_text, types)):
            raise _undelivered(task, submission, "the results were not read, or are of no known form")
        return [{"type": kind, "uri": None, "delivered": False} for kind in types]
    if not task.text_fits(delivery.max_inline_bytes):
        raise _undelivered(
            task,
            submission,
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
    if left and not delivery.leave_binary:
        raise _undelivered(task, submission, f"{' and '.join([*left][:_MAX_NAMED])} does not go into XCom")
    return entries


def _undelivered(task: OcrTask, submission: Submission, reason: str) -> AsposeOcrDestinationError:
    return AsposeOcrDestinationError(
        f"{reason}. It stays at the service for 24 hours: set a destination and fetch it with "
        f"AsposeOcrFetchResultOperator(operation={submission.operation!r}, ocr_task_id=...)",
        ocr_task_id=task.id,
    )


def iso_moment(moment: float | None) -> str | None:
    """Write a moment in ISO 8601, in UTC and to the millisecond, as manifests and reports hold it.

    :param moment: seconds since the epoch, or None where it is not known.
    """
    return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
