"""State of a running emulator, shared by the HTTP interface, the control endpoints and ``Emulator``."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow_provider_asposeocr.emulator.auth import TokenIssuer
from airflow_provider_asposeocr.emulator.bounded import History
from airflow_provider_asposeocr.emulator.calls import Calls, TranscriptEntry
from airflow_provider_asposeocr.emulator.faults import InjectedFaults
from airflow_provider_asposeocr.emulator.ocr_tasks import OcrTask, OcrTaskStore
from airflow_provider_asposeocr.emulator.options import EmulatorOptions
from airflow_provider_asposeocr.emulator.queue import WorkQueue
from airflow_provider_asposeocr.emulator.records import Records
from airflow_provider_asposeocr.emulator.scripted import scripted_outcome
from airflow_provider_asposeocr.emulator.submission import Submission
from airflow_provider_asposeocr.emulator.uploads import FileSink

MAX_SUBMISSIONS = 100_000
"""Submissions that are listed, even if their OCR tasks are gone: a day's worth at over one per second."""

MAX_SUBMISSION_BYTES = 1 << 29
MAX_TRANSCRIPT_BYTES = 1 << 28


class EmulatorState:
    """Hold the state of one emulator.

    :param options: its options, which can be changed at any time.
    :raises OSError: if the state directory cannot be used.
    """

    def __init__(self, options: EmulatorOptions) -> None:
        self.options = options
        self.tokens = TokenIssuer(options)
        self.faults = InjectedFaults()
        self.calls = Calls()
        self.transcript: History[TranscriptEntry] = History(
            lambda: options.transcript_limit, MAX_TRANSCRIPT_BYTES
        )
        self.submissions: History[Submission] = History(lambda: MAX_SUBMISSIONS, MAX_SUBMISSION_BYTES)
        self._records: Records | None = None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        folder = self._open_folder()
        self.ocr_tasks = OcrTaskStore(options, folder, self._records)
        self.queue = WorkQueue(self.ocr_tasks)

    def start(self) -> None:
        """Resume the OCR tasks of an earlier run, and load the engine if the options ask for it."""
        for ocr_task in self.ocr_tasks.restore():
            self.queue.put(ocr_task.ocr_task_id)
        if self.options.warm_up and not self.options.scripted:
            self.queue.warm_up()

    def close(self) -> None:
        """Stop the engine, delete temporary files and release the state directory."""
        self.queue.stop()
        if self._temporary:
            self._temporary.cleanup()
        if self._records:
            self._records.close()

    def submit(
        self, ocr_task_id: str, operation: str, settings: Mapping[str, Any], sink: FileSink
    ) -> OcrTask:
        """Create an OCR task from an upload.

        :param ocr_task_id: its id.
        :param operation: the name of the operation.
        :param settings: the settings as received.
        :param sink: the sink that received the upload.
        :raises OSError: if its record cannot be written.
        """
        submission = Submission(
            index=self.submissions.total,
            ocr_task_id=ocr_task_id,
            operation=operation,
            settings=settings,
            sha256=sink.sha256,
            size=sink.size,
            submitted_at=time.time(),
        )
        ocr_task = OcrTask(submission, image=sink.path, pending_reads=self.options.completed_after_reads)
        if ocr_task.image is None:
            ocr_task.outcome = scripted_outcome(submission, self.options.text_for(submission))
            ocr_task.ready_at = submission.submitted_at + self.options.service_time(submission)
        else:
            ocr_task.ready_at = submission.submitted_at + self.options.min_processing_seconds
        self.ocr_tasks.add(ocr_task)
        self.submissions.append(submission, submission.memory)
        if ocr_task.image:
            self.queue.put(ocr_task_id)
        return ocr_task

    def reset(self) -> None:
        """Forget OCR tasks, tokens, faults, counters and transcript; keep the options."""
        self.ocr_tasks.clear()
        self.tokens.reset()
        self.faults.clear()
        self.calls.reset()
        self.transcript.clear()
        self.submissions.clear()

    def _open_folder(self) -> Path:
        if self.options.state_dir is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="asposeocr-emulator-")
            return Path(self._temporary.name)
        folder = Path(self.options.state_dir)
        self._records = Records(folder)
        return folder
