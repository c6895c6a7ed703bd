"""The tasks of the emulator: their states, their retention, and their records when they outlive a restart.

A task's state is never set: it follows from what is known of it at the moment of asking. That holds for
scripted tasks, which need no thread and no timer, as for recognized ones, whose outcome a worker brings.
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
"""Memory for tasks, with their settings and results: the oldest are forgotten before their time is over."""

MAX_PURGED = 100
"""Expired tasks that one request removes: it must not pay for all when the retention is made shorter."""

_LOG = logging.getLogger("asposeocr-emulator")


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    :param results: the results as the wire has them, ``{"type", "data"}`` with Base64 data.
    :param messages: why it failed; empty when it did not.
    """

    results: Sequence[Mapping[str, str]] = ()
    messages: Sequence[str] = ()

    @property
    def size(self) -> int:
        """About how much memory it takes, in bytes."""
        return sum(len(result["data"]) for result in self.results) + sum(map(len, self.messages))


@dataclass
class OcrTask:
    """One task.

    :param submission: what was submitted.
    :param image: the file to recognize; None for scripted tasks.
    :param outcome: what it will answer, or None as long as a worker has not brought it.
    :param ready_at: it does not end earlier, in seconds since the epoch.
    :param pending_reads: so many reads still answer a state that is not final.
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
        """The id of the task."""
        return self.submission.ocr_task_id

    @property
    def is_final(self) -> bool:
        """Whether the state will not change any more."""
        return self.status in ("Completed", "Error")

    @property
    def status(self) -> str:
        """The ``taskStatus`` at this moment."""
        if self.never_finishes or self.outcome is None or self.pending_reads or time.time() < self.ready_at:
            return "Processing" if self.started else "Pending"
        return "Error" if self.outcome.messages else "Completed"

    @property
    def size(self) -> int:
        """About how much memory it takes, in bytes."""
        return self.submission.memory + (self.outcome.size if self.outcome else 0)

    def read(self) -> str:
        """Return the state and count the read."""
        status = self.status
        self.pending_reads = max(0, self.pending_reads - 1)
        # Only a scripted task has an outcome before it ends; it is seen as Pending once.
        self.started = self.started or self.outcome is not None
        return status

    def to_dict(self) -> dict[str, Any]:
        """Return the task as JSON values, without its results."""
        return {
            **self.submission.to_dict(),
            "status": self.status,
            "result_types": [result["type"] for result in self.outcome.results] if self.outcome else [],
            "messages": list(self.outcome.messages) if self.outcome else [],
        }

    def to_record(self) -> dict[str, Any]:
        """Return what has to be kept of the task across a restart."""
        return {
            "submission": self.submission.to_dict(),
            "outcome": asdict(self.outcome) if self.outcome else None,
            "ready_at": self.ready_at,
        }


class OcrTaskStore:
    """All tasks that are known. Safe to use from several threads.

    Tasks stand in the order of their submission, which is the order in which they expire as well: whatever
    the retention is, only the first ones have to be looked at.

    :param options: the live switches: retention, id style.
    :param folder: where uploads are kept.
    :param records: where tasks are kept across a restart; None keeps none.
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
        """Return an id for a task in the style that is switched on."""
        return ("TTS" if self._options.id_style == "tts" else "") + str(uuid.uuid4())

    def image_path(self, ocr_task_id: str) -> Path:
        """Return where the upload of a task belongs."""
        return self._folder / f"{ocr_task_id}.image"

    def add(self, ocr_task: OcrTask) -> None:
        """Take up a new task; the oldest ones make room for it.

        :raises OSError: if its record cannot be written; the task is not known then.
        """
        with self._lock:
            self._save(ocr_task)
            self._put(ocr_task)
            self._purge()

    def get(self, ocr_task_id: str) -> OcrTask | None:
        """Return a task, or None when it is unknown, cancelled or past its retention."""
        with self._lock:
            ocr_task = self._ocr_tasks.get(ocr_task_id)
            if ocr_task and self._is_expired(ocr_task):
                self.remove(ocr_task_id)
                return None
            return ocr_task

    def start(self, ocr_task_id: str) -> OcrTask | None:
        """Mark a task as being worked on; None when there is nothing left to do for it."""
        with self._lock:
            ocr_task = self.get(ocr_task_id)
            if ocr_task is None or ocr_task.image is None or ocr_task.outcome is not None:
                return None
            ocr_task.started = True
            return ocr_task

    def finish(self, ocr_task_id: str, outcome: Outcome) -> None:
        """Record what became of a task, unless it is gone or has been decided already."""
        with self._lock:
            ocr_task = self._ocr_tasks.get(ocr_task_id)
            if ocr_task is None or ocr_task.outcome is not None:
                return
            self._decide(ocr_task, outcome)
            self._drop_image(ocr_task)

    def fail(self, ocr_task_id: str, messages: Sequence[str]) -> None:
        """Let a task end in an error, whatever it was about to do."""
        with self._lock:
            ocr_task = self._ocr_tasks.get(ocr_task_id)
            if ocr_task:
                self._decide(ocr_task, Outcome(messages=tuple(messages)))

    def remove(self, ocr_task_id: str) -> bool:
        """Forget a task; tell whether it was known."""
        with self._lock:
            ocr_task = self._ocr_tasks.pop(ocr_task_id, None)
            if ocr_task:
                self._kept_bytes -= ocr_task.size
                self._drop_image(ocr_task)
                if self._records:
                    self._records.delete(ocr_task_id)
            return ocr_task is not None

    def clear(self) -> None:
        """Forget all tasks."""
        with self._lock:
            for ocr_task_id in list(self._ocr_tasks):
                self.remove(ocr_task_id)

    def snapshot(self) -> list[OcrTask]:
        """Return the known tasks, oldest first."""
        with self._lock:
            return list(itertools.filterfalse(self._is_expired, self._ocr_tasks.values()))

    def restore(self) -> list[OcrTask]:
        """Read the tasks of an earlier run from their records; return those to be done anew."""
        if self._records is None:
            return []
        restored = sorted(
            self._records.load(self._from_record), key=lambda ocr_task: ocr_task.submission.submitted_at
        )
        with self._lock:
            for ocr_task in restored:
                self._put(ocr_task)
            self._purge(most=len(restored))
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
            # The task is known all the same as long as this process runs.
            _LOG.warning("The record of task %s cannot be written: %s", ocr_task.ocr_task_id, error)
        self._purge()

    def _purge(self, most: int = MAX_PURGED) -> None:
        """Forget the oldest tasks that are expired or too much to keep, so many at most."""
        for _ in range(most):
            oldest = next(iter(self._ocr_tasks.values()), None)
            if oldest is None or not (self._is_expired(oldest) or self._is_too_much()):
                return
            self.remove(oldest.ocr_task_id)

    def _is_too_much(self) -> bool:
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
        if get_operation(ocr_task.submission.operation).settings:
            AppliedSettings.from_wire(ocr_task.submission.settings)
        checks.timestamp("ready_at", record.get("ready_at"))
        ocr_task.ready_at = record["ready_at"]
        if record.get("outcome") is not None:
            ocr_task.outcome = _outcome_from_record(record["outcome"])
            return ocr_task
        # The name comes from the id, never from the record.
        ocr_task.image = self.image_path(ocr_task_id)
        if not is_plain_file(ocr_task.image):
            raise ValueError("its upload is missing")
        return ocr_task


def _outcome_from_record(record: Any) -> Outcome:
    if not isinstance(record, dict) or not isinstance(record.get("results"), list):
        raise ValueError("its outcome is not an object with results")
    checks.texts("messages", record.get("messages"))
    for result in record["results"]:
        if not isinstance(result, dict) or set(result) != {"type", "data"}:
            raise ValueError("one of its results is not an object of a type and data")
        checks.text("type", result["type"])
        checks.text("data", result["data"])
        base64.b64decode(result["data"], validate=True)
    return Outcome(record["results"], record["messages"])
