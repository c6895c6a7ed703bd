"""What users get wrong and what services do wrong: each ends in a clear error or recovers, none hangs.

The report prints one line for each case and way of running.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.hooks import auth
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator
from airflow_provider_asposeocr.sensors.asposeocr import AsposeOcrTaskSensor
from tests.conftest import BAD_INPUT_ROWS
from tests.running import run

FAIL = "AirflowFailException"
Prepare = Callable[[Emulator, Path, pytest.MonkeyPatch], dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """One thing that goes wrong.

    :param prepare: makes it go wrong, and returns arguments of the operator.
    :param error: the class of the exception, or None where the task recovers.
    :param says: what the message holds.
    :param submits: submissions that arrive.
    :param tokens: token calls that arrive, where the number matters.
    :param ways: in which ways of running it can happen.
    """

    prepare: Prepare
    error: str | None = None
    says: str = ""
    submits: int = 1
    tokens: int | None = None
    ways: tuple[str, ...] = ("operator", "deferrable operator", "sensor")


def nothing(emulator: Emulator, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return {}


def source(name: str, content: bytes | None) -> Prepare:
    def prepare(emulator: Emulator, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
        if content is not None:
            (folder / name).write_bytes(content)
        return {"source": folder / name}

    return prepare


def corrupt_image(emulator: Emulator, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    emulator.options.ocr = True
    return source("corrupt.png", b"\x89PNG\r\n\x1a\n" + b"\x00" * 200)(emulator, folder, monkeypatch)


def wrong_secret(emulator: Emulator, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    connection = json.loads(emulator.connection_json()) | {"password": "a-wrong-secret"}
    monkeypatch.setenv("AIRFLOW_CONN_ASPOSEOCR_DEFAULT", json.dumps(connection))
    auth.forget_all()
    return {}


def no_connection(emulator: Emulator, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.delenv("AIRFLOW_CONN_ASPOSEOCR_DEFAULT")
    return {}


def service_down(emulator: Emulator, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    # Signing in succeeds from what is kept; the service is gone from then on.
    emulator.stop()
    return {}


def fault(kind: str, on: str, **arguments: Any) -> Prepare:
    def prepare(emulator: Emulator, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
        emulator.inject(kind, on=on, **arguments)
        return {}

    return prepare


OPERATORS = ("operator", "deferrable operator")
CASES = {
    "missing file": Case(source("no.png", None), FAIL, "does not exist", 0, 0, OPERATORS),
    "empty file": Case(source("empty.png", b""), FAIL, "is empty", 0, 0, OPERATORS),
    "a file that is no image": Case(source("a.png", b"hello"), FAIL, "is plain text", 0, 0, OPERATORS),
    "unreadable image": Case(corrupt_image, FAIL, "the OCR task failed", 1, None, OPERATORS),
    "unknown language": Case(lambda *_: {"language": "Germn"}, FAIL, "did you mean German", 0, 0, OPERATORS),
    "no connection": Case(no_connection, FAIL, "there is no Airflow connection", 0, 0),
    "wrong credentials": Case(wrong_secret, FAIL, "was rejected", 0, 1),
    "unknown id": Case(
        lambda *_: {"ocr_task_id": "11111111-2222-3333-4444-555555555555"},
        FAIL,
        "does not know the OCR task",
        0,
        None,
        ("sensor",),
    ),
    "service down": Case(service_down, "AsposeOcrConnectionError", "cannot be reached", 0),
    "HTML with 200, once": Case(fault("html_200", "poll")),
    "HTML with 200, always": Case(
        fault("html_200", "poll", times=None), "AsposeOcrServerError", "not what the protocol says"
    ),
    "truncated JSON, once": Case(fault("truncated_json", "poll")),
    "truncated JSON, always": Case(
        fault("truncated_json", "poll", times=None), "AsposeOcrServerError", "not what the protocol says"
    ),
    "401 in the middle": Case(fault("unauthorized", "poll"), tokens=2),
    "429 with Retry-After": Case(
        fault("status", "poll", status=429, headers={"Retry-After": "1"}, body="slow down")
    ),
    "429 with Retry-After on submit": Case(
        fault("status", "submit", status=429, headers={"Retry-After": "1"}), ways=OPERATORS
    ),
    "quota used up": Case(
        fault("status", "submit", status=402, times=None), FAIL, "used up", 0, ways=OPERATORS
    ),
    "connection reset in the answer": Case(fault("reset_mid_body", "poll")),
}


@pytest.fixture(autouse=True)
def _short_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_asposeocr.triggers.asposeocr.MIN_SECONDS", 0)
    monkeypatch.setattr("airflow_provider_asposeocr.api.flows.DEFAULT_MAX_OUTAGE", 0.5)


@pytest.mark.parametrize(("name", "way"), [(name, way) for name, case in CASES.items() for way in case.ways])
def test_bad_input(
    name: str, way: str, emulator: Emulator, scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[name]
    started = time.monotonic()
    error: BaseException | None = None
    try:
        run(prepared(case, way, emulator, scan, tmp_path, monkeypatch))
    except Exception as raised:
        error = raised
    seconds = time.monotonic() - started
    outcome = "recovers" if error is None else f"{type(error).__name__}: {error}"
    calls = emulator.calls
    BAD_INPUT_ROWS.append((name, way, calls.submit, calls.billed, calls.token, seconds, outcome))

    assert (None if error is None else type(error).__name__) == case.error, outcome
    assert case.says in outcome
    assert seconds < 15
    assert len(emulator.submissions) == case.submits
    if case.tokens is not None:
        assert calls.token == case.tokens


def prepared(
    case: Case, way: str, emulator: Emulator, scan: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """Make the task, and then make it go wrong: a sensor's job is submitted while all is well."""
    waits: dict[str, Any] = {"poll_interval" if way != "sensor" else "poke_interval": 0.1}
    if way == "sensor":
        ocr_task_id = "" if case.submits == 0 else AsposeOcrHook().submit("RecognizeImage", scan)
        more = case.prepare(emulator, folder, monkeypatch)
        arguments = {"operation": "RecognizeImage", "ocr_task_id": ocr_task_id or "unknown", **more}
        return AsposeOcrTaskSensor(task_id="t", **arguments, **waits)
    more = case.prepare(emulator, folder, monkeypatch)
    arguments = {"source": scan, "deferrable": way == "deferrable operator", **more}
    return AsposeOcrRecognizeImageOperator(task_id="t", **arguments, **waits)
