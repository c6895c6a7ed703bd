"""All that a running emulator knows: shared by the HTTP surface, the control endpoints and ``Emulator``."""

from __future__ import annotations

import tempfile
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow_provider_asposeocr.emulator.auth import TokenDesk
from airflow_provider_asposeocr.emulator.calls import Calls, Transcript
from airflow_provider_asposeocr.emulator.faults import FaultPlan
from airflow_provider_asposeocr.emulator.jobs import Job, JobStore
from airflow_provider_asposeocr.emulator.options import EmulatorOptions
from airflow_provider_asposeocr.emulator.queue import WorkQueue
from airflow_provider_asposeocr.emulator.scripted import scripted_outcome
from airflow_provider_asposeocr.emulator.submission import Submission
from airflow_provider_asposeocr.emulator.uploads import FileSink


class EmulatorState:
    """The state of one emulator.

    :param options: its switches, changeable at any time.
    """

    def __init__(self, options: EmulatorOptions) -> None:
        self.options = options
        self.tokens = TokenDesk(options)
        self.faults = FaultPlan()
        self.calls = Calls()
        self.transcript: Transcript = deque(maxlen=options.transcript_limit)
        self.submissions: list[Submission] = []
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self.jobs = JobStore(options, self._open_folder())
        self.queue = WorkQueue(self.jobs)

    def start(self) -> None:
        """Take up the tasks of an earlier run, and warm the engine up when that is asked for."""
        for job in self.jobs.restore():
            self._begin(job)
        if self.options.warm_up and not self.options.scripted:
            self.queue.warm_up()

    def close(self) -> None:
        """End the engine and remove temporary files."""
        self.queue.stop()
        if self._temporary:
            self._temporary.cleanup()

    def submit(self, ocr_task_id: str, operation: str, settings: Mapping[str, Any], sink: FileSink) -> Job:
        """Make a task of an upload.

        :param ocr_task_id: the id it gets.
        :param operation: the operation's name.
        :param settings: the settings as received.
        :param sink: where the upload went.
        """
        submission = Submission(
            index=len(self.submissions),
            ocr_task_id=ocr_task_id,
            operation=operation,
            settings=settings,
            sha256=sink.sha256,
            size=sink.size,
            submitted_at=time.time(),
        )
        self.submissions.append(submission)
        job = Job(submission, image=sink.path, pending_reads=self.options.completed_after_reads)
        self._begin(job)
        return job

    def reset(self) -> None:
        """Forget tasks, tokens, faults, counters and transcript; the options stay."""
        self.jobs.clear()
        self.tokens.reset()
        self.faults.clear()
        self.calls.reset()
        self.transcript.clear()
        self.submissions.clear()

    def _begin(self, job: Job) -> None:
        submission = job.submission
        if job.image is None:
            job.outcome = scripted_outcome(submission, self.options.text_for(submission))
            job.ready_at = time.time() + self.options.service_time(submission)
            self.jobs.add(job)
        else:
            job.ready_at = time.time() + self.options.min_processing_seconds
            self.jobs.add(job)
            self.queue.put(job.ocr_task_id)

    def _open_folder(self) -> Path:
        if self.options.state_dir is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="asposeocr-emulator-")
            return Path(self._temporary.name)
        folder = Path(self.options.state_dir)
        folder.mkdir(parents=True, exist_ok=True)
        return folder
