"""Every state that a wait can come to, in every way of waiting, over real sockets."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

from airflow_provider_asposeocr.api.retry import RetryPolicy
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator
from airflow_provider_asposeocr.sensors.asposeocr import AsposeOcrTaskSensor
from tests.batch.support import batch, images, lines
from tests.faults.striking import Prepare, both, fault
from tests.running import context, run
from tests.states import StateStore

TEXT = "The quick brown fox jumps over the lazy dog."
OPERATORS = ("worker", "trigger")
SENSORS: dict[str, dict[str, Any]] = {
    "sensor deferred": {"deferrable": True},
    "sensor waiting": {"deferrable": False, "poke_interval": None},
    "sensor poking": {"deferrable": False},
    "sensor rescheduled": {"deferrable": False, "mode": "reschedule"},
}
ORIGINAL_START = "airflow.sensors.base._orig_start_date"
RESCHEDULED, BATCH = "sensor rescheduled", "batch item"
WAYS = (*OPERATORS, *SENSORS, BATCH)

ALWAYS: dict[str, Any] = {"times": None}
POLLS = ("poll", "status")
OK, FAILS, LATE = "success", "AirflowFailException", "AsposeOcrTimeoutError"
SENSOR_LATE, UNREACHED = "AirflowSensorTimeout", "AsposeOcrUnreachedTimeoutError"
LOST, DOWN, LIMITED = "AsposeOcrTaskNotFoundError", "AsposeOcrServerError", "AsposeOcrRateLimitError"


def signed_out(**arguments: Any) -> Prepare:
    """The first token is refused at the first poll, and the next sign-ins fail."""
    return both(fault("unauthorized", POLLS), fault("status", "token", after=1, **arguments))


def busy_for_an_hour(**arguments: Any) -> Prepare:
    """The service asks to come again in an hour."""
    return fault("status", POLLS, status=503, headers={"Retry-After": "3600"}, **arguments)


@dataclass(frozen=True)
class State:
    """What a wait comes to.

    :param prepare: makes it so, before the submission.
    :param ends: with this; by way or, under ``operator`` and ``sensor``, by kind of way.
    :param cancels: that operators and batch items make; a sensor makes none.
    :param kept: whether the next try goes on with the same OCR task.
    :param timeout: seconds.
    :param interval: seconds between polls.
    :param outage: seconds that are waited out.
    :param polls: of one way at most.
    """

    prepare: Prepare
    ends: dict[str, str] = field(default_factory=lambda: {"operator": OK, "sensor": OK, BATCH: OK})
    cancels: int = 0
    kept: bool = False
    timeout: float = 30.0
    interval: float = 0.1
    outage: float = 300.0
    polls: int = 60

    def end(self, way: str) -> str:
        """How it ends in one way of waiting."""
        kind = "operator" if way in OPERATORS else "sensor"
        return self.ends.get(way) or self.ends[BATCH if way == BATCH else kind]


def ends(operator: str, sensor: str, item: str | None = None, **more: str) -> dict[str, str]:
    """How a state ends."""
    return {"operator": operator, "sensor": sensor, BATCH: item or operator, **more}


AT_THE_END = ends(UNREACHED, SENSOR_LATE)
STATES = {
    "completes": State(lambda emulator: setattr(emulator.options, "completed_after_reads", 2)),
    "Error": State(
        fault("finish_with_error", "submit"), ends(FAILS, FAILS, "AsposeOcrTaskError"), interval=0.2, polls=1
    ),
    "NotExist": State(fault("forget_ocr_tasks", POLLS, times=1), ends(LOST, FAILS), polls=2),
    "outage of polls": State(fault("status", POLLS, times=12, status=503)),
    "outage of connections": State(fault("drop_before", POLLS, times=12)),
    "outage with web pages": State(fault("html_200", POLLS, times=12)),
    "outage of the sign-in": State(signed_out(times=12, status=503)),
    "outage of the sign-in, connections": State(signed_out(times=12, status=502)),
    "long outage of polls": State(
        fault("status", POLLS, status=500, **ALWAYS),
        ends(DOWN, DOWN, **{RESCHEDULED: SENSOR_LATE}),
        kept=True,
        timeout=3.0,
        outage=0.3,
        polls=400,
    ),
    "long outage of the sign-in": State(
        signed_out(status=503, **ALWAYS),
        ends(LIMITED, LIMITED, **{RESCHEDULED: SENSOR_LATE}),
        kept=True,
        timeout=3.0,
        outage=0.3,
    ),
    "outage until the deadline": State(
        fault("status", POLLS, status=500, **ALWAYS), AT_THE_END, kept=True, timeout=0.6, polls=100
    ),
    "sign-in down until the deadline": State(
        signed_out(status=503, **ALWAYS), AT_THE_END, kept=True, timeout=0.6
    ),
    "pending at the deadline": State(
        fault("never_finish", "submit"), ends(LATE, SENSOR_LATE), cancels=1, timeout=0.6
    ),
    "completed at the deadline": State(
        lambda emulator: setattr(emulator.options, "service_seconds", 0.7),
        timeout=1.0,
        interval=30.0,
        polls=12,
    ),
    "busy, then completed at the deadline": State(busy_for_an_hour(), timeout=0.6, polls=2),
    "busy at the deadline": State(
        busy_for_an_hour(**ALWAYS), AT_THE_END, kept=True, timeout=0.6, interval=0.2, polls=2
    ),
    "403": State(fault("status", POLLS, status=403, **ALWAYS), ends(FAILS, FAILS), polls=1),
    "401": State(fault("unauthorized", POLLS, **ALWAYS), ends(FAILS, FAILS), polls=2),
    "credentials rejected": State(signed_out(status=400, **ALWAYS), ends(FAILS, FAILS), polls=1),
}


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the waits that are ours; what the service asks for stays."""
    original = RetryPolicy.wait

    def wait(policy: RetryPolicy, failures: int, asked: float | None) -> float:
        return original(policy, failures, asked) / (50.0 if asked is None else 1.0)

    monkeypatch.setattr(RetryPolicy, "wait", wait)
    monkeypatch.setattr("airflow_provider_asposeocr.triggers.asposeocr.MIN_SECONDS", 0)
    monkeypatch.setattr("airflow_provider_asposeocr.api.polling.LearnedSchedule.delay", lambda *_: 0.1)


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
        if way in OPERATORS:
            source = folder / "in" / "page-0000.png"
            deferrable = way == "trigger"
            manifest = run(
                AsposeOcrRecognizeImageOperator(
                    source=source, deferrable=deferrable, poll_interval=state.interval, **common
                ),
                task_state_store=store,
            )
        elif way in SENSORS:
            how = common | {"poke_interval": state.interval} | SENSORS[way]
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


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", STATES)
def test_every_state_in_every_way_of_waiting(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, way: str
) -> None:
    state, store = STATES[name], StateStore()
    monkeypatch.setattr("airflow_provider_asposeocr.api.flows.DEFAULT_MAX_OUTAGE", state.outage)
    (source,) = images(tmp_path / "in", 1)
    state.prepare(emulator)
    ocr_task_id = AsposeOcrHook().submit("RecognizeImage", source) if way in SENSORS else ""
    started = time.monotonic()

    assert outcome(way, state, tmp_path, store, ocr_task_id) == state.end(way)

    calls = emulator.calls
    assert calls.submit == 1
    assert calls.cancel == (0 if way in SENSORS else state.cancels)
    assert 1 <= calls.poll + calls.status <= state.polls
    assert time.monotonic() - started < 20
    if state.kept:
        emulator.clear_faults()
        healthy = State(state.prepare)
        (tmp_path / "out" / "report.jsonl").unlink(missing_ok=True)
        assert outcome(way, healthy, tmp_path, store, ocr_task_id) == OK
        assert emulator.calls.submit == 1
