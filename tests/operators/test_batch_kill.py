"""A batch whose task is killed, or that runs into execution_timeout."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowTaskTimeout

from airflow_provider_asposeocr.api.exceptions import AsposeOcrHaltedError
from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.batch.support import CountingStore, batch, images, lines, recorded_ids
from tests.running import run


@contextmanager
def when(condition: Callable[[], bool], do: Callable[[], None]) -> Iterator[None]:
    """Do something in another thread as soon as a condition holds."""

    def wait() -> None:
        end = time.monotonic() + 30
        while not condition() and time.monotonic() < end:
            time.sleep(0.005)
        do()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        thread.join()


class TestKill:
    """SIGTERM, and the alarm of execution_timeout."""

    @pytest.fixture(autouse=True)
    def _slow(self, emulator: Emulator) -> None:
        emulator.options.service_seconds = 30.0

    def sigterm(self, operator: Any) -> None:
        """Install what Airflow does: the handler calls on_kill and returns."""
        signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())

    @pytest.fixture(autouse=True)
    def _handlers(self) -> Iterator[None]:
        kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGALRM)}
        yield
        for number, handler in kept.items():
            signal.signal(number, handler)

    def test_ocr_tasks_that_are_recorded_are_left_for_the_retry(
        self, emulator: Emulator, tmp_path: Path, out: Path
    ) -> None:
        images(tmp_path / "in", 30)
        operator = batch(f"{tmp_path}/in/", f"{out}/", max_in_flight=6)
        self.sigterm(operator)
        started = time.monotonic()
        with (
            when(lambda: emulator.calls.submit >= 6, lambda: os.kill(os.getpid(), signal.SIGTERM)),
            pytest.raises(AsposeOcrHaltedError),
        ):
            run(operator)
        assert time.monotonic() - started < 8
        assert (emulator.calls.submit, emulator.calls.cancel) == (6, 0)
        assert recorded_ids(out / ".asposeocr") == set(emulator.ocr_tasks)
        assert sum(line["status"] == "submitted" for line in lines(out)) == 6

    @pytest.mark.parametrize("cancel", [True, False])
    def test_ocr_tasks_that_are_not_recorded_are_cancelled(
        self, emulator: Emulator, tmp_path: Path, out: Path, cancel: bool
    ) -> None:
        images(tmp_path / "in", 30)
        operator = batch(f"{tmp_path}/in/", f"{out}/", max_in_flight=6, durable=False, cancel_on_kill=cancel)
        self.sigterm(operator)
        with (
            when(lambda: emulator.calls.submit >= 6, lambda: os.kill(os.getpid(), signal.SIGTERM)),
            pytest.raises(AsposeOcrHaltedError),
        ):
            run(operator)
        assert (emulator.calls.submit, emulator.calls.cancel) == (6, 6 if cancel else 0)

    def test_a_submission_that_is_running_is_still_recorded(
        self, emulator: Emulator, inbox: Path, out: Path
    ) -> None:
        emulator.inject("slow", on="submit", seconds=0.8, times=None)
        operator = batch(f"{inbox}/", f"{out}/", max_in_flight=6)
        self.sigterm(operator)

        def kill() -> None:
            time.sleep(0.4)
            operator.on_kill()

        with (
            when(lambda: emulator.calls.token == 1, kill),
            pytest.raises(AsposeOcrHaltedError),
        ):
            run(operator)
        assert len(emulator.ocr_tasks) == 6
        assert recorded_ids(out / ".asposeocr") == set(emulator.ocr_tasks)
        segments = [json.loads(path.read_text()) for path in (out / ".asposeocr").iterdir()]
        assert [segment["open"] for segment in segments] == [0]

    def test_before_anything_is_begun(self, emulator: Emulator, inbox: Path, out: Path) -> None:
        operator = batch(f"{inbox}/", f"{out}/")

        class Store(CountingStore):
            def set(self, key: str, value: Any) -> None:
                operator.on_kill()
                super().set(key, value)

        with pytest.raises(AsposeOcrHaltedError):
            run(operator, task_state_store=Store())
        assert emulator.calls.submit == 0

    @pytest.mark.parametrize("durable", [True, False])
    def test_the_alarm_of_execution_timeout(
        self, emulator: Emulator, inbox: Path, out: Path, durable: bool
    ) -> None:
        def alarm(*_: Any) -> None:
            raise AirflowTaskTimeout("Timeout")

        signal.signal(signal.SIGALRM, alarm)
        operator = batch(f"{inbox}/", f"{out}/", max_in_flight=6, durable=durable)
        with (
            when(lambda: emulator.calls.submit >= 6, lambda: os.kill(os.getpid(), signal.SIGALRM)),
            pytest.raises(AirflowTaskTimeout),
        ):
            run(operator)
        assert emulator.calls.submit == 6
        assert emulator.calls.cancel == (0 if durable else 6)
        assert (out / ".asposeocr").exists() == durable
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("asposeocr-loop")]
