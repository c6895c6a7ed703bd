"""The line of tasks before the recognition engine.

The engine runs in a process of its own: it cannot slow the server down, its memory is given back at the end,
and it can be stopped in the middle of a page. One thread feeds it, one task at a time.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any

from airflow_provider_asposeocr.api.operations import Category, get_operation
from airflow_provider_asposeocr.emulator.jobs import Job, JobStore, Outcome
from airflow_provider_asposeocr.emulator.settings import AppliedSettings

_WORKER = (sys.executable, "-P", "-m", "airflow_provider_asposeocr.emulator.worker")
_CRASHED = "The recognition engine ended unexpectedly. Is the extra [emulator] installed?"


class WorkQueue:
    """Hand tasks to the recognition process and bring their outcomes back.

    :param store: where the tasks are and their outcomes go.
    """

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._waiting: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._stopping = False

    def put(self, ocr_task_id: str) -> None:
        """Put a task at the end of the line; the first one starts the engine."""
        self._waiting.put(ocr_task_id)
        self.warm_up()

    def warm_up(self) -> None:
        """Start the engine unless it runs."""
        with self._lock:
            if self._thread is None and not self._stopping:
                self._thread = threading.Thread(
                    target=self._run, name="asposeocr-emulator-queue", daemon=True
                )
                self._thread.start()

    def stop(self) -> None:
        """Stop the engine, also in the middle of a task, and the thread that feeds it."""
        with self._lock:
            self._stopping = True
            thread, process = self._thread, self._process
            self._waiting.put(None)
            if process:
                process.kill()
        if thread:
            thread.join()

    def _run(self) -> None:
        self._start_process()
        while (ocr_task_id := self._waiting.get()) is not None and not self._stopping:
            job = self._store.start(ocr_task_id)
            if job:
                self._work_on(job)
        self._end_process()

    def _work_on(self, job: Job) -> None:
        request = {
            "operation": job.submission.operation,
            "image": str(job.image),
            "sha256": job.submission.sha256,
            "settings": _settings_of(job),
        }
        answer = self._ask(request)
        if self._stopping:
            return
        outcome = Outcome(**answer) if answer else Outcome(messages=(_CRASHED,))
        self._store.finish(job.ocr_task_id, outcome)

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """Let the process work on one task; None when it ended instead of answering."""
        process = self._living_process()
        if process is None or process.stdin is None or process.stdout is None:
            return None
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except OSError:
            answer = b""
        if not answer:
            self._end_process()
            return None
        return dict(json.loads(answer))

    def _living_process(self) -> subprocess.Popen[bytes] | None:
        if self._process and self._process.poll() is None:
            return self._process
        self._end_process()
        return self._start_process()

    def _start_process(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if not self._stopping:
                # The same modules have to be found there as here, whatever put them on the path.
                environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
                self._process = subprocess.Popen(
                    _WORKER,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env=environment,
                    # Ctrl-C in a terminal is for the emulator; it ends this process itself.
                    start_new_session=True,
                )
            return self._process

    def _end_process(self) -> None:
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.communicate()


def _settings_of(job: Job) -> dict[str, Any] | None:
    if get_operation(job.submission.operation).category is not Category.RECOGNITION:
        return None
    return AppliedSettings.from_wire(job.submission.settings).to_dict()
