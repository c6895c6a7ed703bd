"""The tasks of the emulator: their states, their retention, and their files when they outlive a restart.

A task's state is never set: it follows from what is known of it at the moment of asking. That holds for
scripted tasks, which need no thread and no timer, as for recognized ones, whose outcome a worker brings.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from airflow_provider_asposeocr.emulator.options import EmulatorOptions
from airflow_provider_asposeocr.emulator.submission import Submission


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    :param results: the results as the wire has them, ``{"type", "data"}`` with Base64 data.
    :param messages: why it failed; empty when it did not.
    """

    results: Sequence[Mapping[str, str]] = ()
    messages: Sequence[str] = ()


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


@dataclass
class JobStore:
    """All tasks that are known. Safe to use from several threads.

    :param options: the live switches: retention, state directory, id style.
    :param folder: where uploads (and, with a state directory, tasks) are kept.
    """

    options: EmulatorOptions
    folder: Path
    _jobs: dict[str, Job] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def new_id(self) -> str:
        """Return an id for a task in the style that is switched on."""
        return ("TTS" if self.options.id_style == "tts" else "") + str(uuid.uuid4())

    def image_path(self, ocr_task_id: str) -> Path:
        """Return where the upload of a task belongs."""
        return self.folder / f"{ocr_task_id}.image"

    def add(self, job: Job) -> None:
        """Take up a new task."""
        with self._lock:
            self._purge()
            self._jobs[job.ocr_task_id] = job
            self._save(job)

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
            job.outcome = outcome
            self._save(job)
            self._drop_image(job)

    def fail(self, ocr_task_id: str, messages: Sequence[str]) -> None:
        """Let a task end in an error, whatever it was about to do."""
        with self._lock:
            job = self._jobs.get(ocr_task_id)
            if job:
                job.outcome = Outcome(messages=tuple(messages))
                self._save(job)

    def remove(self, ocr_task_id: str) -> bool:
        """Forget a task; tell whether it was known."""
        with self._lock:
            job = self._jobs.pop(ocr_task_id, None)
            if job:
                self._drop_image(job)
                self._record_path(ocr_task_id).unlink(missing_ok=True)
            return job is not None

    def clear(self) -> None:
        """Forget all tasks."""
        with self._lock:
            for ocr_task_id in list(self._jobs):
                self.remove(ocr_task_id)

    def snapshot(self) -> list[Job]:
        """Return the known tasks, oldest first."""
        with self._lock:
            self._purge()
            return list(self._jobs.values())

    def restore(self) -> Iterator[Job]:
        """Read the tasks of an earlier run from the state directory; yield those to be done anew."""
        for path in sorted(self.folder.glob("*.json")):
            record = json.loads(path.read_text("utf-8"))
            job = _job_from_record(record, self.folder)
            with self._lock:
                self._jobs[job.ocr_task_id] = job
            if job.outcome is None:
                yield job

    def _purge(self) -> None:
        for job in [job for job in self._jobs.values() if self._is_expired(job)]:
            self.remove(job.ocr_task_id)

    def _is_expired(self, job: Job) -> bool:
        return time.time() >= job.submission.submitted_at + self.options.retention_seconds

    def _drop_image(self, job: Job) -> None:
        if job.image:
            job.image.unlink(missing_ok=True)
            job.image = None

    def _record_path(self, ocr_task_id: str) -> Path:
        return self.folder / f"{ocr_task_id}.json"

    def _save(self, job: Job) -> None:
        if self.options.state_dir is None:
            return
        record = {
            "submission": job.submission.to_dict(),
            "image": job.image.name if job.image else None,
            "outcome": asdict(job.outcome) if job.outcome else None,
            "ready_at": job.ready_at,
        }
        target = self._record_path(job.ocr_task_id)
        draft = target.with_suffix(".draft")
        draft.write_text(json.dumps(record), "utf-8")
        draft.replace(target)


def _job_from_record(record: Mapping[str, Any], folder: Path) -> Job:
    outcome = record["outcome"]
    return Job(
        submission=Submission(**record["submission"]),
        image=folder / record["image"] if record["image"] else None,
        outcome=Outcome(**outcome) if outcome else None,
        ready_at=record["ready_at"],
    )
