"""Every state that a wait can come to, in every way of waiting, over real sockets."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator
from airflow_provider_asposeocr.sensors.asposeocr import AsposeOcrTaskSensor
from tests.batch.support import batch, images, lines
from tests.faults.playing import TEXT, hurried
from tests.faults.table import (
    BATCH,
    OK,
    RESCHEDULED,
    STATES,
    TRIGGER,
    WAITING_OPERATORS,
    WAITING_SENSORS,
    WAYS_OF_WAITING,
    State,
)
from tests.running import context, run
from tests.states import StateStore

ORIGINAL_START = "airflow.sensors.base._orig_start_date"


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Shorten the waits that are ours; what the service asks for stays."""
    monkeypatch.setattr("airflow_provider_asposeocr.triggers.asposeocr.MIN_SECONDS", 0)
    monkeypatch.setattr("airflow_provider_asposeocr.api.polling.LearnedSchedule.delay", lambda *_: 0.1)
    with hurried():
        yield


def rescheduled(sensor: AsposeOcrTaskSensor) -> Any:
    """Run a sensor in reschedule mode; of each pause a part passes, and the rest of it in thought only."""
    first = datetime.now(UTC)
    ctx = context()
    while True:
        # Airflow 2 asks its database for the beginning, and Airflow 3 whoever runs the task.
        ctx["ti"].get_first_reschedule_date = mock.Mock(return_value=first)
        try:
            with contextlib.ExitStack() as stack:
                if not AIRFLOW_V_3_0_PLUS:
                    stack.enter_context(mock.patch(ORIGINAL_START, return_value=first))
                return sensor.execute(ctx)
        except Exception as error:
            if type(error).__name__ != "AirflowRescheduleException":  # its import path differs
                raise
            pause = (error.reschedule_date - datetime.now(UTC)).total_seconds()  # type: ignore[attr-defined]
            passing = min(pause, 1.0)
            first -= timedelta(seconds=pause - passing)
            time.sleep(max(0.0, passing))


def outcome(way: str, state: State, folder: Path, store: StateStore, ocr_task_id: str) -> str:
    """Let a task run in one way, and tell how it ends."""
    common: dict[str, Any] = {"task_id": "task", "timeout": state.timeout}
    try:
        if way in WAITING_OPERATORS:
            source = folder / "in" / "page-0000.png"
            deferrable = way == TRIGGER
            manifest = run(
                AsposeOcrRecognizeImageOperator(
                    source=source, deferrable=deferrable, poll_interval=state.interval, **common
                ),
                task_state_store=store,
            )
        elif way in WAITING_SENSORS:
            how = common | {"poke_interval": state.interval} | WAITING_SENSORS[way]
            task = AsposeOcrTaskSensor(operation="RecognizeImage", ocr_task_id=ocr_task_id, **how)
            manifest = rescheduled(task) if way == RESCHEDULED else run(task)
        else:
            run(
                batch(f"{folder}/in/", f"{folder}/out/", poll_interval=state.interval, timeout=state.timeout),
                task_state_store=store,
            )
            return OK
    except Exception as error:
        report = folder / "out" / "report.jsonl"
        told = lines(folder / "out")[0]["error"] if way == BATCH and report.exists() else None
        return told or type(error).__name__
    return OK if manifest["text"] == TEXT else "another text"


@pytest.mark.parametrize("way", WAYS_OF_WAITING)
@pytest.mark.parametrize("name", STATES)
def test_every_state_in_every_way_of_waiting(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, way: str
) -> None:
    state, store = STATES[name], StateStore()
    monkeypatch.setattr("airflow_provider_asposeocr.api.flows.DEFAULT_MAX_OUTAGE", state.outage)
    (source,) = images(tmp_path / "in", 1)
    state.prepare(emulator)
    ocr_task_id = AsposeOcrHook().submit("RecognizeImage", source) if way in WAITING_SENSORS else ""
    started = time.monotonic()

    assert outcome(way, state, tmp_path, store, ocr_task_id) == state.end(way)

    calls = emulator.calls
    assert calls.submit == 1
    assert calls.cancel == (0 if way in WAITING_SENSORS else state.cancels)
    assert 1 <= calls.poll + calls.status <= state.polls
    assert time.monotonic() - started < 20
    if state.kept:
        emulator.clear_faults()
        healthy = State(state.prepare)
        (tmp_path / "out" / "report.jsonl").unlink(missing_ok=True)
        assert outcome(way, healthy, tmp_path, store, ocr_task_id) == OK
        assert emulator.calls.submit == 1
