"""Queue of OCR tasks for the recognition engine.

The engine runs in processes of its own: they cannot slow the server down, they return their memory when they
end, and they can be stopped in the middle of a page. Each is fed by a thread, one OCR task at a time. If an
OCR task takes too long, its process is killed and replaced at once; the other one keeps working meanwhile.
"""

from __future__ import annotations

import logging
import threading
from collections import deque

from airflow_provider_asposeocr.emulator.limits import (
    DOCUMENT_TIME_FACTOR,
    MAX_SECONDS,
    core_count,
    out_of_time,
)
from airflow_provider_asposeocr.emulator.ocr_tasks import OcrTask, OcrTaskStore, Outcome
from airflow_provider_asposeocr.emulator.process import (
    ProcessEndedError,
    ProcessNotAskedError,
    ProcessTimeoutError,
    RecognitionProcess,
)

_MAX_PROCESSES = 2
_MAX_FAILED_STARTS = 3
_OF_DOCUMENTS = frozenset({"RecognizePdf", "DjVu2PDF"})
_INSTALL = "Is airflow-provider-asposeocr installed with the extra [emulator]?"
_LOG = logging.getLogger(__name__)


class WorkQueue:
    """Pass OCR tasks to the recognition processes and store their outcomes.

    The first process is started with the first OCR task, a second one when an OCR task has to wait and a
    second core is available.

    :param store: the store of the OCR tasks and their outcomes.
    :param max_seconds: the maximum duration of one OCR task, in seconds; documents get several times as long.
    """

    def __init__(self, store: OcrTaskStore, max_seconds: float = MAX_SECONDS) -> None:
        self._store = store
        self._max_seconds = max_seconds
        self._waiting: deque[str] = deque()
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._processes: set[RecognitionProcess] = set()
        self._busy = 0
        self._failed_starts = 0
        self._refusal: str | None = None
        self._stopping = False

    @property
    def process_ids(self) -> list[int]:
        """Ids of the recognition processes."""
        with self._changed:
            return [process.pid for process in self._processes]

    def put(self, ocr_task_id: str) -> None:
        """Append an OCR task to the queue; the first one starts the engine."""
        with self._changed:
            self._waiting.append(ocr_task_id)
            if len(self._waiting) > len(self._threads) - self._busy:
                self._start_thread()
            self._changed.notify()
        if self._refusal:
            self._refuse_all(self._refusal)

    def warm_up(self) -> None:
        """Start the engine unless it is running."""
        with self._changed:
            if not self._threads:
                self._start_thread()

    def stop(self) -> None:
        """Stop the engine, even in the middle of an OCR task, and the threads that feed it."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            for process in self._processes:
                process.kill()
            threads = list(self._threads)
        for thread in threads:
            thread.join()

    def _start_thread(self) -> None:
        if self._stopping or self._refusal or len(self._threads) >= min(_MAX_PROCESSES, core_count()):
            return
        name = f"asposeocr-emulator-queue-{len(self._threads)}"
        thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self) -> None:
        while process := self._started():
            while (ocr_task := self._next_ocr_task()) and self._work_on(ocr_task, process):
                pass
            if ocr_task is None:
                self._end(process)
                return

    def _next_ocr_task(self) -> OcrTask | None:
        """Wait for an OCR task with work left to do; return None once the queue is stopping."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                if self._stopping:
                    return None
                ocr_task_id = self._waiting.popleft()
                self._busy += 1
            if ocr_task := self._store.start(ocr_task_id):
                return ocr_task
            self._no_longer_busy()

    def _work_on(self, ocr_task: OcrTask, process: RecognitionProcess) -> bool:
        """Let a process work on an OCR task; return whether the process can take the next one."""
        request = {
            "operation": ocr_task.submission.operation,
            "image": str(ocr_task.image),
            "sha256": ocr_task.submission.sha256,
            "settings": ocr_task.submission.settings,
        }
        factor = DOCUMENT_TIME_FACTOR if ocr_task.submission.operation in _OF_DOCUMENTS else 1
        seconds = self._max_seconds * factor
        outcome, alive = None, False
        try:
            outcome = Outcome(**process.ask(request, seconds))
            alive = True
        except ProcessTimeoutError:
            self._end(process)
            outcome = Outcome(messages=(out_of_time(seconds),))
        except ProcessEndedError:
            how = self._end(process)
            outcome = Outcome(messages=(f"The recognition process ended unexpectedly ({how}).",))
        except ProcessNotAskedError:
            self._end(process)
            with self._changed:
                self._waiting.appendleft(ocr_task.ocr_task_id)
        if outcome and (alive or not self._stopping):
            self._store.finish(ocr_task.ocr_task_id, outcome)
        self._no_longer_busy()
        return alive

    def _started(self) -> RecognitionProcess | None:
        """Start a process and wait for its engine; return None if there will be no engine."""
        while True:
            try:
                with self._changed:
                    if self._stopping or self._refusal:
                        return None
                    process = RecognitionProcess()
                    self._processes.add(process)
            except OSError as error:
                self._note_failed_start(f"cannot be started, {error}")
                continue
            try:
                missing = process.wait_until_ready()
            except (ProcessEndedError, ProcessTimeoutError):
                self._note_failed_start(f"ended, {self._end(process)}")
                continue
            if missing is None:
                self._failed_starts = 0
                return process
            self._end(process)
            self._refuse_all(f"The recognition engine cannot be loaded: {missing}. {_INSTALL}")

    def _note_failed_start(self, how: str) -> None:
        self._failed_starts += 1
        if self._failed_starts >= _MAX_FAILED_STARTS and not self._stopping:
            self._refuse_all(f"The recognition engine cannot be loaded: its process {how}. {_INSTALL}")

    def _refuse_all(self, refusal: str) -> None:
        """End all OCR tasks in an error, including those that arrive later."""
        with self._changed:
            if self._refusal is None:
                _LOG.error(refusal)
            self._refusal = refusal
            refused = list(self._waiting)
            self._waiting.clear()
        for ocr_task_id in refused:
            if self._store.start(ocr_task_id):
                self._store.finish(ocr_task_id, Outcome(messages=(refusal,)))

    def _no_longer_busy(self) -> None:
        with self._changed:
            self._busy -= 1

    def _end(self, process: RecognitionProcess) -> str:
        with self._changed:
            self._processes.discard(process)
        return process.end()
