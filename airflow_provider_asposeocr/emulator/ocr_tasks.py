"""OCR tasks: their states, their retention, and their records, by which they survive a restart.

The state of an OCR task is never set: it is derived from what is known about it when it is asked for. This
holds both for scripted OCR tasks, which need no thread and no timer, and for recognized ones, whose outcome
comes from a recognition process.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import logging
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.emulator import checks
from airflow_provider_asposeocr.emulator.options import EmulatorOptions
from airflow_provider_asposeocr.emulator.records import Records, is_plain_file
from airflow_provider_asposeocr.emulator.settings import AppliedSettings
from airflow_provider_asposeocr.emulator.submission import Submission

MAX_KEPT_BYTES = 1 << 30
"""Memory for OCR tasks with settings and results; beyond it the oldest are forgotten before they expire."""

MAX_PURGED = 100
"""Expired OCR tasks removed per request, so that no request pays for all when the retention is shortened."""

_LOG = logging.getLogger("asposeocr-emulator")


@dataclass(frozen=True)
class Outcome:
    """Outcome of an OCR task.

    :param results: the results as on the wire, ``{"type", "data"}`` with Base64 data.
    :param messages: the reasons for its failure; empty if it succeeded.
    :param warnings: what the client should know of the results, such as a setting that was ignored.
    """

    results: Sequence[Mapping[str, str]] = ()
    messages: Sequence[str] = ()
    warnings: Sequence[str] = ()

    @property
    def size(self) -> int:
        """About how much memory it takes, in bytes."""
        texts = sum(map(len, (*self.messages, *self.warnings)))
        return texts + sum(len(result["data"]) for result in self.results)


@dataclass
class OcrTask:
    """One OCR task of the emulator.

    :param submission: its submission.
    :param image: the file to recognize; None for scripted OCR tasks.
    :param outcome: its outcome; None until the recognition process has delivered it.
    :param ready_at: the earliest time at which it can end, in seconds since the epoch.
    :param pending_reads: how many further reads return a state that is not final.
    """

    submission: Submission
    image: Path | None = None
    outcome: Outcome | None = None
    ready_at: float = 0.0
    pending_reads: int = 0
    started: bool = False
    never_finishes: bool = False

    @property
    def ocr_task_id(self) -> str:
        """Id of the OCR task."""
        return self.submission.ocr_task_id

    @property
    def is_final(self) -> bool:
        """True once the state can no longer change."""
        return self.status in ("Completed", "Error")

    @property
    def status(self) -> str:
        """Current ``taskStatus``."""
        if self.never_finishes or self.outcome is None or self.pending_reads or time.time() < self.ready_at:
            return "Processing" if self.started else "Pending"
        return "Error" if self.outcome.messages else "Completed"

    @property
    def size(self) -> int:
        """About how much memory it takes, in bytes."""
        return self.submission.memory + (self.outcome.size if self.outcome else 0)

    def read(self) -> str:
        """Return the current state and count the read."""
        status = self.status
        self.pending_reads = max(0, self.pending_reads - 1)
        # Only a scripted OCR task has an outcome before it ends; its first read shows Pending.
        self.started = self.started or self.outcome is not None
        return status

    def to_dict(self) -> dict[str, Any]:
        """Return the OCR task as JSON values, without its results."""
        return {
            **self.submission.to_dict(),
            "status": self.status,
            "result_types": [result["type"] for result in self.outcome.results] if self.outcome else [],
            "messages": list(self.outcome.messages) if self.outcome else [],
        }

    def to_record(self) -> dict[str, Any]:
        """Return the record by which the OCR task survives a restart."""
        return {
            "submission": self.submission.to_dict(),
            "outcome": asdict(self.outcome) if self.outcome else None,
            "ready_at": self.ready_at,
        }


class OcrTaskStore:
    """Store of all known OCR tasks, safe to use from several threads.

    OCR tasks are kept in the order of their submission, which is also the order in which they expire, so that
    only the first ones have to be checked, whatever the retention.

    :param options: the live options: retention, id style.
    :param folder: the directory for uploads.
    :param records: the records that survive a restart; None keeps none.
    """

    def __init__(self, options: EmulatorOptions, folder: Path, records: Records | None = None) -> None:
        self._options = options
        self._folder = folder
        self._records = records
        self._ocr_tasks: OrderedDict[str, OcrTask] = OrderedDict()
        self._kept_bytes = 0
        self._lock = threading.RLock()

    def __len__(self) -> int:
        with self._lock:
            expired = sum(1 for _ in itertools.takewhile(self._is_expired, self._ocr_tasks.values()))
            return len(self._ocr_tasks) - expired

    def new_id(self) -> str:
        """Return an id for a new OCR task in the style that the options ask for."""
        return ("TTS" if self._options.id_style == "tts" else "") + str(uuid.uuid4())

    def image_path(self, ocr_task_id: str) -> Path:
        """Return the path for the upload of an OCR task."""
        return self._folder / f"{ocr_task_id}.image"

    def add(self, ocr_task: OcrTask) -> None:
        """Add a new OCR task; the oldest ones make room for it.

        :raises OSError: if its record cannot be written; the OCR task is not added then.
        """
        with self._lock:
            self._save(ocr_task)
            self._put(ocr_task)
            self._purge()

    def get(self, ocr_task_id: str) -> OcrTask | None:
        """Return an OCR task, or None if it is unknown, cancelled or expired."""
        with self._lock:
            ocr_task = self._ocr_tasks.get(ocr_task_id)
            if ocr_task and self._is_expired(ocr_task):
                self.remove(ocr_task_id)
                return None
            return ocr_task

    def start(self, ocr_task_id: str) -> OcrTask | None:
        """Mark an OCR task as started and return it, or None if nothing is left to do for it."""
        with self._lock:
            ocr_task = self.get(ocr_task_id)
            if ocr_task is None or ocr_task.image is None or ocr_task.outcome is not None:
                return None
            ocr_task.started = True
            return ocr_task

    def finish(self, ocr_task_id: str, outcome: Outcome) -> None:
        """Set the outcome of an OCR task, unless it is gone or already has one."""
        with self._lock:
            ocr_task = self._ocr_tasks.get(ocr_task_id)
            if ocr_task is None or ocr_task.outcome is not None:
                return
            self._decide(ocr_task, outcome)
            self._drop_image(ocr_task)

    def fail(self, ocr_task_id: str, messages: Sequence[str]) -> None:
        """End an OCR task in an error, whatever its state."""
        with self._lock:
            ocr_task = self._ocr_tasks.get(ocr_task_id)
            if ocr_task:
                self._decide(ocr_task, Outcome(messages=tuple(messages)))

    def remove(self, ocr_task_id: str) -> bool:
        """Forget an OCR task; return whether it was known."""
        with self._lock:
            ocr_task = self._ocr_tasks.pop(ocr_task_id, None)
            if ocr_task:
                self._kept_bytes -= ocr_task.size
                self._drop_image(ocr_task)
                if self._records:
                    self._records.delete(ocr_task_id)
            return ocr_task is not None

    def clear(self) -> None:
        """Forget all OCR tasks."""
        with self._lock:
            for ocr_task_id in list(self._ocr_tasks):
                self.remove(ocr_task_id)

    def snapshot(self) -> list[OcrTask]:
        """Return the known OCR tasks, oldest first."""
        with self._lock:
            return list(itertools.filterfalse(self._is_expired, self._ocr_tasks.values()))

    def restore(self) -> list[OcrTask]:
        """Restore the OCR tasks of an earlier run from their records; return those without an outcome."""
        if self._records is None:
            return []
        restored = sorted(
            self._records.load(self._from_record), key=lambda found: found.submission.submitted_at
        )
        with self._lock:
            for ocr_task in restored:
                self._put(ocr_task)
            self._purge(limit=len(restored))
            return [ocr_task for ocr_task in self._ocr_tasks.values() if ocr_task.outcome is None]

    def _put(self, ocr_task: OcrTask) -> None:
        self._ocr_tasks[ocr_task.ocr_task_id] = ocr_task
        self._kept_bytes += ocr_task.size

    def _decide(self, ocr_task: OcrTask, outcome: Outcome) -> None:
        self._kept_bytes -= ocr_task.size
        ocr_task.outcome = outcome
        self._kept_bytes += ocr_task.size
        try:
            self._save(ocr_task)
        except OSError as error:
            # The OCR task stays known while this process runs.
            _LOG.warning("The record of OCR task %s cannot be written: %s", ocr_task.ocr_task_id, error)
        self._purge()

    def _purge(self, limit: int = MAX_PURGED) -> None:
        """Forget the oldest OCR tasks that are expired or exceed the memory, at most ``limit`` of them."""
        for _ in range(limit):
            oldest = next(iter(self._ocr_tasks.values()), None)
            if oldest is None or not (self._is_expired(oldest) or self._exceeds_memory()):
                return
            self.remove(oldest.ocr_task_id)

    def _exceeds_memory(self) -> bool:
        return self._kept_bytes > MAX_KEPT_BYTES and len(self._ocr_tasks) > 1

    def _is_expired(self, ocr_task: OcrTask) -> bool:
        return time.time() >= ocr_task.submission.submitted_at + self._options.retention_seconds

    def _drop_image(self, ocr_task: OcrTask) -> None:
        if ocr_task.image:
            with contextlib.suppress(OSError):
                ocr_task.image.unlink()
            ocr_task.image = None

    def _save(self, ocr_task: OcrTask) -> None:
        if self._records:
            self._records.save(ocr_task.ocr_task_id, ocr_task.to_record())

    def _from_record(self, ocr_task_id: str, record: Mapping[str, Any]) -> OcrTask:
        ocr_task = OcrTask(Submission.from_record(ocr_task_id, record.get("submission")))
        AppliedSettings.from_wire(get_operation(ocr_task.submission.operation), ocr_task.submission.settings)
        checks.timestamp("ready_at", record.get("ready_at"))
        ocr_task.ready_at = record["ready_at"]
        if record.get("outcome") is not None:
            ocr_task.outcome = _outcome_from_record(record["outcome"])
            return ocr_task
        # The path is derived from the id, never read from the record.
        ocr_task.image = self.image_path(ocr_task_id)
        if not is_plain_file(ocr_task.image):
            raise ValueError("its upload is missing")
        return ocr_task


def _outcome_from_record(record: Any) -> Outcome:
    if not isinstance(record, dict) or not isinstance(record.get("results"), list):
        raise ValueError("its outcome is not an object with results")
    checks.texts("messages", record.get("messages"))
    warnings = record.get("warnings", [])
    checks.texts("warnings", warnings)
    for result in record["results"]:
        if not isinstance(result, dict) or set(result) != {"type", "data"}:
            raise ValueError("one of its results is not an object of a type and data")
        checks.text("type", result["type"])
        checks.text("data", result["data"])
        base64.b64decode(result["data"], validate=True)
    return Outcome(record["results"], record["messages"], warnings)
