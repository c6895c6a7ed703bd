"""The service that outlives crashes, and goes away itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from airflow_provider_asposeocr.emulator.calls import CallCounts
from airflow_provider_asposeocr.emulator.submission import Submission
from airflow_provider_asposeocr.emulator.testing import Emulator
from dags_examples.demo.processes import free_port
from tests.system.crashes import Wait

_QUICK_OCR_TASKS = (
    "killed_before",
    "killed_at",
    "killed_in",
    "killed_after",
    "terminated_before",
    "cleared_after",
)


class Service:
    """The emulator, with a memory of its earlier lives.

    :param folder: where it keeps its OCR tasks.
    """

    def __init__(self, folder: Path) -> None:
        self.emulator = Emulator(free_port(), ocr=False, service_seconds=_service_seconds, state_dir=folder)
        self._submissions: list[Submission] = []
        self._counts: list[tuple[str, CallCounts]] = []

    def restart(self, is_noticed: Callable[[], bool]) -> Iterator[Wait]:
        """Go away, and come back with the same OCR tasks when that has been noticed."""
        submissions, counts = self.emulator.submissions, list(self.emulator.calls.by_ocr_task.items())
        self.emulator.stop()
        yield "a failing poll", is_noticed
        self.emulator.start()
        self._submissions += submissions
        self._counts += counts

    def of(self, scenario: str) -> list[Submission]:
        """Return the submissions of a scenario; of all that begin so."""
        found = [*self._submissions, *self.emulator.submissions]
        return [one for one in found if str(one.settings.get("scenario", "")).startswith(scenario)]

    def count(self, scenario: str, kind: str) -> int:
        """Count the calls of one kind for the OCR tasks of a scenario."""
        ids = {one.ocr_task_id for one in self.of(scenario)}
        counts = [*self._counts, *list(self.emulator.calls.by_ocr_task.items())]
        return sum(getattr(own, kind) for ocr_task_id, own in counts if ocr_task_id in ids)

    def polls_of_each(self, scenario: str) -> list[int]:
        """Count the polls of each OCR task in the present life of the service."""
        counts = self.emulator.calls.by_ocr_task
        return [counts[one.ocr_task_id].poll if one.ocr_task_id in counts else 0 for one in self.of(scenario)]

    def release(self, scenario: str) -> None:
        """Let the OCR tasks of a scenario be done."""
        ids = {one.ocr_task_id for one in self.of(scenario)}
        for ocr_task_id, ocr_task in self.emulator.ocr_tasks.items():
            if ocr_task_id in ids:
                ocr_task.ready_at = time.time()


def _service_seconds(submission: Submission) -> float:
    """OCR tasks of tasks that stop by themselves are soon done; the others wait to be released."""
    scenario = str(submission.settings.get("scenario"))
    return 2.0 if scenario.startswith(_QUICK_OCR_TASKS) else 1e6
