"""The sensor against the emulator, in every mode."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

from airflow_provider_asposeocr.api.exceptions import AsposeOcrServerError
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from airflow_provider_asposeocr.operators.fetch import AsposeOcrFetchResultOperator
from airflow_provider_asposeocr.sensors.asposeocr import AsposeOcrTaskSensor
from tests.running import context, deferral, execution_timeout, run

TEXT = "The quick brown fox jumps over the lazy dog."
MODES: dict[str, dict[str, Any]] = {
    "deferred": {"deferrable": True, "poke_interval": 0.1},
    "waiting": {"deferrable": False},
    "poking": {"deferrable": False, "poke_interval": 0.1},
}
every_mode = pytest.mark.parametrize("mode", MODES)


@pytest.fixture(autouse=True)
def _short_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_asposeocr.api.polling.LearnedSchedule.delay", lambda *_: 0.1)


def sensor(ocr_task_id: Any, mode: str = "deferred", **arguments: Any) -> AsposeOcrTaskSensor:
    return AsposeOcrTaskSensor(
        **{
            "task_id": "wait",
            "operation": "RecognizeImage",
            "ocr_task_id": ocr_task_id,
            **MODES[mode],
            **arguments,
        }
    )


def submitted(png: bytes, operation: str = "RecognizeImage", **settings: Any) -> str:
    return AsposeOcrHook().submit(operation, png, settings)


@every_mode
def test_it_waits_for_completed_and_returns_the_manifest(emulator: Emulator, png: bytes, mode: str) -> None:
    emulator.options.completed_after_reads = 2
    ocr_task_id = submitted(png)
    manifest = run(sensor(ocr_task_id, mode))

    assert manifest["ocr_task_id"] == ocr_task_id
    assert manifest["text"] == TEXT
    assert manifest["submitted_at"] is None
    assert emulator.calls.poll == 3
    assert manifest["api_calls"] == 3
    json.dumps(manifest)


@every_mode
def test_binary_results_stay_at_the_service_for_the_fetch_operator(
    emulator: Emulator, png: bytes, mode: str, tmp_path: Path
) -> None:
    ocr_task_id = submitted(png, "BinarizeImage")
    manifest = run(sensor(ocr_task_id, mode, operation="BinarizeImage"))

    assert manifest["results"][0]["type"] == "ImagePNG"
    assert manifest["uri"] is None
    assert emulator.calls.poll == 0, "the image was fetched for nothing"

    fetched = run(
        AsposeOcrFetchResultOperator(
            task_id="fetch", operation="BinarizeImage", ocr_task_id=ocr_task_id, destination=f"{tmp_path}/"
        )
    )
    assert Path(fetched["results"][0]["path"]).read_bytes().startswith(b"\x89PNG")


def test_the_log_says_that_a_binary_result_stays_at_the_service(
    emulator: Emulator, png: bytes, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    run(sensor(submitted(png, "BinarizeImage"), "poking", operation="BinarizeImage"))
    assert "Result ImagePNG: left at the service" in caplog.text + capsys.readouterr().out


@every_mode
def test_a_small_binary_result_does_not_go_into_xcom(emulator: Emulator, png: bytes, mode: str) -> None:
    manifest = run(sensor(submitted(png, result_type="Pdf"), mode))

    assert manifest["text"] is None
    assert manifest["results"][0]["type"] == "Pdf"
    assert manifest["results"][0]["uri"] is None


@every_mode
def test_results_go_to_a_destination(emulator: Emulator, png: bytes, mode: str, tmp_path: Path) -> None:
    ocr_task_id = submitted(png)
    manifest = run(sensor(ocr_task_id, mode, destination=f"{tmp_path}/"))

    assert Path(manifest["results"][0]["path"]).read_text() == TEXT
    assert manifest["uri"] == f"file://{tmp_path}/{ocr_task_id}.txt"
    assert manifest["text"] is None


@every_mode
@pytest.mark.parametrize("unknown_id", ["not_exist", "404", "204"])
def test_an_unknown_id_fails_at_once(emulator: Emulator, mode: str, unknown_id: str) -> None:
    emulator.options.unknown_id = unknown_id
    with pytest.raises(AirflowFailException, match="does not know the OCR task"):
        run(sensor("7b5a6f0c-0000-0000-0000-000000000000", mode))

    assert emulator.calls.billed == 1


@every_mode
def test_an_error_of_the_task_fails_at_once(emulator: Emulator, png: bytes, mode: str) -> None:
    emulator.inject("finish_with_error", on="submit", messages=["the image is corrupt"])
    with pytest.raises(AirflowFailException, match="the image is corrupt"):
        run(sensor(submitted(png), mode))


@every_mode
@pytest.mark.parametrize("timeout", [0.5, timedelta(seconds=0.5)])
def test_the_timeout_is_a_sensor_timeout_and_cancels_nothing(
    emulator: Emulator, png: bytes, mode: str, timeout: float | timedelta
) -> None:
    emulator.inject("never_finish", on="submit")
    started = time.monotonic()
    with pytest.raises(AirflowSensorTimeout):
        run(sensor(submitted(png), mode, timeout=timeout))

    assert time.monotonic() - started < 3
    assert emulator.calls.cancel == 0


FAILURES = {
    "timeout": "AirflowSensorTimeout",
    "error": "AirflowFailException",
    "outage": "AsposeOcrServerError",
}
SKIPS = {
    ("soft_fail", "timeout"): True,
    ("soft_fail", "error"): True,
    ("soft_fail", "outage"): False,
    ("never_fail", "timeout"): True,
    ("never_fail", "error"): True,
    ("never_fail", "outage"): True,
}


@every_mode
@pytest.mark.parametrize(("flag", "failure"), SKIPS)
def test_soft_fail_and_never_fail_mean_the_same_in_every_mode(
    emulator: Emulator,
    png: bytes,
    mode: str,
    flag: str,
    failure: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ocr_task_id = submitted(png)
    if failure == "timeout":
        emulator.inject("never_finish", on="poll")
    elif failure == "error":
        emulator.inject("finish_with_error", on="poll")
    else:
        emulator.inject("html_200", on="poll", times=None)
        monkeypatch.setattr("airflow_provider_asposeocr.api.flows.DEFAULT_MAX_OUTAGE", -1)
        monkeypatch.setattr("airflow_provider_asposeocr.api.retry.RetryPolicy.wait", lambda *_: 0.01)
    task = sensor(ocr_task_id, mode, timeout=0.5 if failure == "timeout" else 30, **{flag: True})

    with pytest.raises(Exception) as raised:
        run(task)

    expected = "AirflowSkipException" if SKIPS[flag, failure] else FAILURES[failure]
    assert type(raised.value).__name__ == expected


@pytest.fixture
def airflow_database() -> None:
    """Make the database that sensors of Airflow 2 ask for earlier reschedules."""
    if not AIRFLOW_V_3_0_PLUS:
        from airflow.utils.db import initdb

        initdb()


@pytest.mark.usefixtures("airflow_database")
def test_reschedule_mode_gives_the_slot_back(emulator: Emulator, png: bytes) -> None:
    emulator.options.completed_after_reads = 1
    ocr_task_id = submitted(png)
    task = sensor(ocr_task_id, mode="deferred", deferrable=False, poke_interval=None)
    task.mode = "reschedule"
    ctx = context()
    ctx["ti"].get_first_reschedule_date = lambda _: None

    with pytest.raises(Exception) as raised:  # its import path differs between Airflow versions
        task.execute(ctx)
    assert type(raised.value).__name__ == "AirflowRescheduleException"
    error: Any = raised.value
    wait = error.reschedule_date.timestamp() - time.time()
    assert 55 < wait <= 60

    assert task.execute(ctx)["text"] == TEXT


@pytest.mark.usefixtures("airflow_database")
@pytest.mark.parametrize(("timeout", "longest"), [(24 * 3600, 3601), (600, 600)])
def test_reschedule_mode_gives_the_service_the_time_that_it_asks_for(
    emulator: Emulator, png: bytes, timeout: float, longest: float
) -> None:
    task = sensor(submitted(png), deferrable=False, poke_interval=5, timeout=timeout)
    task.mode = "reschedule"
    emulator.inject("status", on="poll", status=503, headers={"Retry-After": "3600"})
    ctx = context()
    ctx["ti"].get_first_reschedule_date = lambda _: None

    def pause() -> float:
        with pytest.raises(Exception) as raised:
            task.execute(ctx)
        assert type(raised.value).__name__ == "AirflowRescheduleException"
        error: Any = raised.value
        return float(error.reschedule_date.timestamp() - time.time())

    assert longest - 5 < pause() <= longest
    assert emulator.calls.poll == 1
    emulator.inject("status", on="poll", status=500, times=5)
    assert 0 < pause() <= 5
    assert emulator.calls.poll == 6
    assert task.execute(ctx)["text"] == TEXT


@pytest.mark.usefixtures("airflow_database")
@pytest.mark.parametrize("deferrable", [True, False])
@pytest.mark.parametrize("mode", ["poke", "reschedule"])
@pytest.mark.parametrize("poke_interval", [0, 0.0, timedelta(0)])
def test_an_interval_of_nothing_is_refused_before_any_call(
    emulator: Emulator, deferrable: bool, mode: str, poke_interval: Any
) -> None:
    task = sensor("x", deferrable=deferrable, poke_interval=poke_interval)
    task.mode = mode
    ctx = context()
    ctx["ti"].get_first_reschedule_date = lambda _: None
    with pytest.raises(AirflowFailException, match="poke_interval must be positive"):
        task.execute(ctx)
    assert emulator.calls.billed == emulator.calls.token == 0


@pytest.mark.parametrize("way", MODES)
@pytest.mark.parametrize(("max_wait", "polls"), [(None, range(4, 6)), (1, range(6, 8))])
def test_exponential_backoff_means_the_same_in_every_mode(
    emulator: Emulator, png: bytes, way: str, max_wait: float | None, polls: range
) -> None:
    # At 0 and 1 s, then after 1, 2 to 3 and 4 to 7 s, and at the end.
    emulator.inject("never_finish", on="submit")
    arguments = {**MODES[way], "poke_interval": 1.0, "timeout": 6.0, "max_wait": max_wait}
    with pytest.raises(AirflowSensorTimeout):
        run(sensor(submitted(png), exponential_backoff=True, **arguments))
    assert emulator.calls.poll in polls


def test_backoff_without_an_interval_begins_with_that_of_airflow() -> None:
    _, arguments = deferral(AsposeOcrTaskSensor(
        task_id="wait", operation="RecognizeImage", ocr_task_id="x", exponential_backoff=True, max_wait=600
    )).trigger.serialize()  # fmt: skip
    wait = arguments["wait"]
    assert (wait["poll_interval"], wait["backoff"], wait["max_wait"]) == (60.0, True, 600.0)


@every_mode
def test_execution_timeout_counts_where_it_is_shorter(emulator: Emulator, png: bytes, mode: str) -> None:
    emulator.inject("never_finish", on="submit")
    started = time.monotonic()
    with pytest.raises(AirflowSensorTimeout):
        run(sensor(submitted(png), mode, execution_timeout=timedelta(seconds=0.5)))
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("mode", ["waiting", "poking"])
@pytest.mark.parametrize("soft_fail", [False, True])
def test_the_alarm_of_execution_timeout_is_followed_by_a_last_look(
    emulator: Emulator, png: bytes, mode: str, soft_fail: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_asposeocr.api.polling.LearnedSchedule.delay", lambda *_: 30.0)
    emulator.options.service_seconds = 0.5
    arguments = {**MODES[mode], "soft_fail": soft_fail}
    if mode == "poking":
        arguments["poke_interval"] = 30.0
    with execution_timeout(1):
        assert run(sensor(submitted(png), **arguments))["text"] == TEXT

    emulator.inject("never_finish", on="submit")
    with pytest.raises(AirflowSkipException if soft_fail else AirflowSensorTimeout), execution_timeout(1):
        run(sensor(submitted(png), **arguments))


@every_mode
def test_silent_fail_waits_out_any_outage(
    emulator: Emulator, png: bytes, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_asposeocr.api.flows.DEFAULT_MAX_OUTAGE", -1)
    monkeypatch.setattr("airflow_provider_asposeocr.api.retry.RetryPolicy.wait", lambda *_: 0.01)
    ocr_task_id = submitted(png)
    emulator.inject("status", on="poll", times=12, status=502)
    with pytest.raises(AsposeOcrServerError):
        run(sensor(ocr_task_id, mode))
    assert run(sensor(ocr_task_id, mode, silent_fail=True))["text"] == TEXT


def test_the_default_schedule_is_not_one_poll_a_minute(emulator: Emulator) -> None:
    _, arguments = deferral(AsposeOcrTaskSensor(
        task_id="wait", operation="RecognizeImage", ocr_task_id="x"
    )).trigger.serialize()  # fmt: skip

    assert arguments["wait"]["poll_interval"] is None
    assert arguments["wait"]["deadline"] - time.time() > 86_000
    assert arguments["cancel_on_kill"] is False


@pytest.mark.parametrize("ocr_task_id", ["", "None", None, [], {"uri": None}])
def test_an_empty_id_fails_before_any_call(emulator: Emulator, ocr_task_id: Any) -> None:
    with pytest.raises(AirflowFailException, match="ocr_task_id"):
        run(sensor(ocr_task_id))
    assert emulator.calls.billed == emulator.calls.token == 0


def test_an_outage_while_waiting_is_waited_out(
    emulator: Emulator, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_asposeocr.api.retry.RetryPolicy.wait", lambda *_: 0.01)
    ocr_task_id = submitted(png)
    emulator.inject("status", on="poll", times=12, status=502)

    assert run(sensor(ocr_task_id))["text"] == TEXT
    assert emulator.calls.poll == 13


def test_skip_is_never_confused_with_failure(emulator: Emulator) -> None:
    with pytest.raises(AirflowSkipException):
        run(sensor("unknown", soft_fail=True))
    with pytest.raises(AirflowFailException):
        run(sensor("unknown"))
    assert issubclass(AsposeOcrServerError, Exception)


@every_mode
@pytest.mark.parametrize(("operation", "deleted"), [("RecognizeImage", 1), ("BinarizeImage", 0)])
def test_only_what_was_delivered_is_deleted_at_the_service(
    emulator: Emulator, png: bytes, mode: str, operation: str, deleted: int
) -> None:
    run(sensor(submitted(png, operation), mode, operation=operation, delete_remote=True))

    assert emulator.calls.cancel == deleted
