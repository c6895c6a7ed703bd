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
class Job:
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


class JobStore:
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
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._kept_bytes = 0
        self._lock = threading.RLock()

    def __len__(self) -> int:
        with self._lock:
            expired = sum(1 for _ in itertools.takewhile(self._is_expired, self._jobs.values()))
            return len(self._jobs) - expired

    def new_id(self) -> str:
        """Return an id for a task in the style that is switched on."""
        return ("TTS" if self._options.id_style == "tts" else "") + str(uuid.uuid4())

    def image_path(self, ocr_task_id: str) -> Path:
        """Return where the upload of a task belongs."""
        return self._folder / f"{ocr_task_id}.image"

    def add(self, job: Job) -> None:
        """Take up a new task; the oldest ones make room for it.

        :raises OSError: if its record cannot be written; the task is not known then.
        """
        with self._lock:
            self._save(job)
            self._put(job)
            self._purge()

    def get(self, ocr_task_id: str) -> Job | None:
        """Return a task, or None when it is unknown, cancelled or past its retention."""
        with self._lock:
            job = self._jobs.get(ocr_task_id)
            if job and self._is_expired(job):
                self.remove(ocr_task_id)
                return None
            return job

    def start(self, ocr_task_id: str) -> Job | None:
        """Mark a task as being worked on; None when there is nothing left to do for it."""
        with self._lock:
            job = self.get(ocr_task_id)
            if job is None or job.image is None or job.outcome is not None:
                return None
            job.started = True
            return job

    def finish(self, ocr_task_id: str, outcome: Outcome) -> None:
        """Record what became of a task, unless it is gone or has been decided already."""
        with self._lock:
            job = self._jobs.get(ocr_task_id)
            if job is None or job.outcome is not None:
                return
            self._decide(job, outcome)
            self._drop_image(job)

    def fail(self, ocr_task_id: str, messages: Sequence[str]) -> None:
        """Let a task end in an error, whatever it was about to do."""
        with self._lock:
            job = self._jobs.get(ocr_task_id)
            if job:
                self._decide(job, Outcome(messages=tuple(messages)))

    def remove(self, ocr_task_id: str) -> bool:
        """Forget a task; tell whether it was known."""
        with self._lock:
            job = self._jobs.pop(ocr_task_id, None)
            if job:
                self._kept_bytes -= job.size
                self._drop_image(job)
                if self._records:
                    self._records.delete(ocr_task_id)
            return job is not None

    def clear(self) -> None:
        """Forget all tasks."""
        with self._lock:
            for ocr_task_id in list(self._jobs):
                self.remove(ocr_task_id)

    def snapshot(self) -> list[Job]:
        """Return the known tasks, oldest first."""
        with self._lock:
            return list(itertools.filterfalse(self._is_expired, self._jobs.values()))

    def restore(self) -> list[Job]:
        """Read the tasks of an earlier run from their records; return those to be done anew."""
        if self._records is None:
            return []
        restored = sorted(self._records.load(self._from_record), key=lambda job: job.submission.submitted_at)
        with self._lock:
            for job in restored:
                self._put(job)
            self._purge(most=len(restored))
            return [job for job in self._jobs.values() if job.outcome is None]

    def _put(self, job: Job) -> None:
        self._jobs[job.ocr_task_id] = job
        self._kept_bytes += job.size

    def _decide(self, job: Job, outcome: Outcome) -> None:
        self._kept_bytes -= job.size
        job.outcome = outcome
        self._kept_bytes += job.size
        try:
            self._save(job)
        except OSError as error:
            # The task is known all the same as long as this process runs.
            _LOG.warning("The record of task %s cannot be written: %s", job.ocr_task_id, error)
        self._purge()

    def _purge(self, most: int = MAX_PURGED) -> None:
        """Forget the oldest tasks that are expired or too much to keep, so many at most."""
        for _ in range(most):
            oldest = next(iter(self._jobs.values()), None)
            if oldest is None or not (self._is_expired(oldest) or self._is_too_much()):
                return
            self.remove(oldest.ocr_task_id)

    def _is_too_much(self) -> bool:
        return self._kept_bytes > MAX_KEPT_BYTES and len(self._jobs) > 1

    def _is_expired(self, job: Job) -> bool:
        return time.time() >= job.submission.submitted_at + self._options.retention_seconds

    def _drop_image(self, job: Job) -> None:
        if job.image:
            with contextlib.suppress(OSError):
                job.image.unlink()
            job.image = None

    def _save(self, job: Job) -> None:
        if self._records:
            self._records.save(job.ocr_task_id, job.to_record())

    def _from_record(self, ocr_task_id: str, record: Mapping[str, Any]) -> Job:
        job = Job(Submission.from_record(ocr_task_id, record.get("submission")))
        if get_operation(job.submission.operation).settings:
            AppliedSettings.from_wire(job.submission.settings)
        checks.timestamp("ready_at", record.get("ready_at"))
        job.ready_at = record["ready_at"]
        if record.get("outcome") is not None:
            job.outcome = _outcome_from_record(record["outcome"])
            return job
        # The name comes from the id, never from the record.
        job.image = self.image_path(ocr_task_id)
        if not is_plain_file(job.image):
            raise ValueError("its upload is missing")
        return job


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
