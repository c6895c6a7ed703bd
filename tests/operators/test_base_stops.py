"""An operator that comes to its deadline, or is killed."""

from __future__ import annotations

import os
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrHaltedError,
    AsposeOcrTimeoutError,
    AsposeOcrUnreachedTimeoutError,
)
from airflow_provider_asposeocr.api.submission import Submission
from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.operators.recognizing import TEXT, both_ways, recognize
from tests.running import execution_timeout, run
from tests.states import StateStore


@both_ways
@pytest.mark.parametrize(
    "patience", [{"timeout": 1.0}, {"execution_timeout": timedelta(seconds=1)}], ids=["timeout", "execution"]
)
def test_a_task_that_never_ends_is_cancelled(
    emulator: Emulator, scan: Path, deferrable: bool, patience: dict[str, Any]
) -> None:
    emulator.inject("never_finish", on="submit")
    started = time.monotonic()

    with pytest.raises(AsposeOcrTimeoutError, match="was cancelled at the service") as raised:
        run(recognize(scan, deferrable=deferrable, poll_interval=0.2, **patience))

    assert raised.value.ocr_task_id
    assert raised.value.ocr_task_id in str(raised.value)
    assert emulator.calls.cancel == 1
    assert time.monotonic() - started < 4


def test_what_completed_before_the_alarm_of_execution_timeout_is_delivered(
    emulator: Emulator, scan: Path
) -> None:
    emulator.options.service_seconds = 0.5
    with execution_timeout(1):
        assert run(recognize(scan, poll_interval=30))["text"] == TEXT
    assert (emulator.calls.poll, emulator.calls.cancel) == (1, 0)


def test_what_is_pending_at_the_alarm_of_execution_timeout_is_cancelled(
    emulator: Emulator, scan: Path
) -> None:
    emulator.inject("never_finish", on="submit")
    with pytest.raises(AsposeOcrTimeoutError, match="was cancelled at the service"), execution_timeout(1):
        run(recognize(scan, poll_interval=30))
    assert (emulator.calls.poll, emulator.calls.cancel) == (1, 1)


def test_what_cannot_be_asked_for_at_the_alarm_of_execution_timeout_is_left_for_a_retry(
    emulator: Emulator, scan: Path
) -> None:
    store = StateStore()
    emulator.inject("status", on="poll", times=None, status=503)
    with pytest.raises(AsposeOcrUnreachedTimeoutError), execution_timeout(1):
        run(recognize(scan, poll_interval=30), task_state_store=store)
    assert emulator.calls.cancel == 0

    emulator.clear_faults()
    assert run(recognize(scan, poll_interval=0.1), task_state_store=store)["text"] == TEXT
    assert emulator.calls.submit == 1


def test_kill_while_waiting_cancels_and_sends_nothing_more(emulator: Emulator, scan: Path) -> None:
    emulator.inject("never_finish", on="submit")
    task = recognize(scan, poll_interval=30)

    def kill() -> None:
        end = time.monotonic() + 10
        while task._submission is None and time.monotonic() < end:
            time.sleep(0.01)
        task.on_kill()

    killing = threading.Thread(target=kill)
    killing.start()
    with pytest.raises(AsposeOcrHaltedError):
        run(task)
    killing.join(5)

    assert (emulator.calls.submit, emulator.calls.poll, emulator.calls.cancel) == (1, 0, 1)


def test_kill_can_leave_the_task_alone(emulator: Emulator, scan: Path) -> None:
    task = recognize(scan, cancel_on_kill=False)
    task._submission = Submission("RecognizeImage", "id")
    task.on_kill()

    assert emulator.calls.cancel == 0


def test_nothing_is_submitted_after_a_kill(emulator: Emulator, scan: Path) -> None:
    class KillsWhenLookedAt(os.PathLike[str]):
        """A source during whose opening the signal arrives."""

        def __fspath__(self) -> str:
            task.on_kill()
            return str(scan)

        __str__ = __fspath__

    task = recognize(KillsWhenLookedAt())
    with pytest.raises(AsposeOcrHaltedError):
        run(task)

    assert emulator.calls.billed == 0
