"""Queue of the recognition processes: the cost of one OCR task for the others, and clean ends."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from airflow_provider_asposeocr.emulator import queue as queue_module
from airflow_provider_asposeocr.emulator.ocr_tasks import OcrTask, OcrTaskStore
from airflow_provider_asposeocr.emulator.options import EmulatorOptions
from airflow_provider_asposeocr.emulator.queue import WorkQueue
from airflow_provider_asposeocr.emulator.submission import Submission
from tests.emulator.odd_demands import dense
from tests.emulator.odd_file import encoded, page

MAX_SECONDS = 2.0


_MAX_WAIT = 60.0


@dataclass
class Line:
    """Queue of OCR tasks without a server."""

    store: OcrTaskStore
    queue: WorkQueue

    def put(self, image: bytes) -> OcrTask:
        """Append an OCR task."""
        number = len(self.store.snapshot())
        path = self.store.image_path(f"task {number}")
        path.write_bytes(image)
        submission = Submission(number, f"task {number}", "RecognizeImage", {}, "00", len(image), time.time())
        ocr_task = OcrTask(submission, path)
        self.store.add(ocr_task)
        self.queue.put(ocr_task.ocr_task_id)
        return ocr_task

    def messages(self, ocr_task: OcrTask) -> list[str]:
        """Wait for the end of an OCR task and return its messages."""
        wait_for(lambda: ocr_task.is_final)
        assert ocr_task.outcome is not None
        return list(ocr_task.outcome.messages)


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    monkeypatch.setattr(queue_module, "core_count", lambda: 2)
    store = OcrTaskStore(EmulatorOptions(), tmp_path)
    queue = WorkQueue(store, MAX_SECONDS)
    yield Line(store, queue)
    processes = queue.process_ids
    queue.stop()
    assert not [process for process in processes if psutil.pid_exists(process)]


@pytest.fixture(scope="module")
def slow() -> bytes:
    return dense(50, 9)


@pytest.fixture(scope="module")
def quick() -> bytes:
    return encoded(page(), "PNG")


def test_a_slow_task_ends_in_time_and_keeps_nobody_waiting(line: Line, slow: bytes, quick: bytes) -> None:
    bad = line.put(slow)
    wait_for(lambda: bad.started)
    started = time.monotonic()
    assert line.messages(line.put(quick)) == []
    waited = time.monotonic() - started
    assert line.messages(bad) == ["The recognition takes longer than 2 seconds, the most that it gets."]
    assert waited < MAX_SECONDS + 5
    assert line.messages(line.put(quick)) == []


def test_two_slow_tasks_cost_the_next_one_their_bound(line: Line, slow: bytes, quick: bytes) -> None:
    bad = [line.put(slow), line.put(slow)]
    wait_for(lambda: all(ocr_task.started for ocr_task in bad))
    started = time.monotonic()
    assert line.messages(line.put(quick)) == []
    assert time.monotonic() - started < MAX_SECONDS + 10
    assert all("longer than 2 seconds" in line.messages(ocr_task)[0] for ocr_task in bad)


def test_a_process_that_dies_is_replaced(line: Line, slow: bytes, quick: bytes) -> None:
    ocr_task = line.put(slow)
    wait_for(lambda: ocr_task.started)
    (process,) = line.queue.process_ids
    os.kill(process, signal.SIGKILL)
    assert line.messages(ocr_task) == ["The recognition process ended unexpectedly (SIGKILL)."]
    assert line.messages(line.put(quick)) == []
    assert process not in line.queue.process_ids


def test_a_process_that_dies_idle_costs_nobody_anything(line: Line, quick: bytes) -> None:
    assert line.messages(line.put(quick)) == []
    (process,) = line.queue.process_ids
    os.kill(process, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(process)], timeout=10)
    assert line.messages(line.put(quick)) == []


def test_the_second_process_is_started_when_a_task_waits(line: Line, slow: bytes, quick: bytes) -> None:
    line.queue.warm_up()
    assert line.messages(line.put(quick)) == []
    assert line.messages(line.put(quick)) == []
    assert len(line.queue.process_ids) == 1
    bad = line.put(slow)
    line.put(quick)
    wait_for(lambda: len(line.queue.process_ids) == 2)
    wait_for(lambda: bad.is_final)


def test_one_core_gets_one_process(line: Line, quick: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "core_count", lambda: 1)
    ocr_tasks = [line.put(quick) for _ in range(3)]
    assert [line.messages(ocr_task) for ocr_task in ocr_tasks] == [[], [], []]
    assert len(line.queue.process_ids) == 1


def test_stop_ends_all_in_the_middle_of_a_page(line: Line, slow: bytes) -> None:
    ocr_tasks = [line.put(slow), line.put(slow), line.put(slow)]
    wait_for(lambda: ocr_tasks[0].started and ocr_tasks[1].started)
    processes = line.queue.process_ids
    started = time.monotonic()
    line.queue.stop()
    assert time.monotonic() - started < 1
    assert len(processes) == 2
    assert not [process for process in processes if psutil.pid_exists(process)]
    assert [ocr_task.outcome for ocr_task in ocr_tasks] == [None, None, None]


def test_what_is_not_installed_is_said_and_not_tried_again(
    line: Line,
    quick: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    starts = _pretend(monkeypatch, tmp_path, "raise ImportError(\"No module named 'onnxruntime'\")")
    ocr_tasks = [line.put(quick), line.put(quick)]
    expected = "The recognition engine cannot be loaded: ImportError: No module named 'onnxruntime'."
    assert all(line.messages(ocr_task)[0].startswith(expected) for ocr_task in ocr_tasks)
    assert "[emulator]" in line.messages(line.put(quick))[0]
    wait_for(lambda: not line.queue.process_ids)
    assert 1 <= starts() <= 2  # both of the processes may have begun
    assert len(caplog.records) == 1


def test_an_engine_that_dies_while_it_is_loaded_is_not_tried_for_ever(
    line: Line, quick: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts = _pretend(monkeypatch, tmp_path, "import os; os._exit(7)")
    assert "its process ended, exit status 7" in line.messages(line.put(quick))[0]
    assert starts() == 3


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + _MAX_WAIT
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def _pretend(monkeypatch: pytest.MonkeyPatch, folder: Path, code: str) -> Callable[[], int]:
    """Replace the engine by a module that counts its imports; return a function that returns their number."""
    log = folder / "starts"
    (folder / "rapidocr.py").write_text(f"open({str(log)!r}, 'a').write('x')\n{code}\n")
    monkeypatch.syspath_prepend(folder)
    return lambda: len(log.read_text())
