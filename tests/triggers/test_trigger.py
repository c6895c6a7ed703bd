"""The trigger: what it sends through the database, when it fires, what it shows."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import Any

import pytest
from airflow.triggers.base import TriggerEvent

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrError,
    AsposeOcrRateLimitError,
    AsposeOcrTimeoutError,
)
from airflow_provider_asposeocr.api.task import OcrResult, OcrTask, TaskStatus
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from airflow_provider_asposeocr.triggers import asposeocr as trigger_module
from airflow_provider_asposeocr.triggers.asposeocr import AsposeOcrTaskTrigger
from airflow_provider_asposeocr.triggers.events import WaitOutcome
from tests.running import fire, rebuilt

TEXT = "The quick brown fox jumps over the lazy dog."


def make(ocr_task_id: str = "id", **arguments: Any) -> AsposeOcrTaskTrigger:
    return AsposeOcrTaskTrigger(
        **{
            "operation": "RecognizeImage",
            "ocr_task_id": ocr_task_id,
            "asposeocr_conn_id": "asposeocr_default",
            "deadline": time.time() + 60,
            "poll_interval": 0.05,
            "max_inline_bytes": 1000,
            **arguments,
        }
    )


def test_every_argument_survives_serialization() -> None:
    trigger = make(limit=7, cancel_on_kill=False)
    path, arguments = trigger.serialize()

    assert path == "airflow_provider_asposeocr.triggers.asposeocr.AsposeOcrTaskTrigger"
    assert rebuilt(trigger).serialize() == (path, arguments)
    assert all(value is None or isinstance(value, str | int | float | bool) for value in arguments.values())
    constructor = AsposeOcrTaskTrigger.__init__.__kwdefaults__ or {}
    assert set(constructor) <= set(arguments)


def test_the_event_comes_no_sooner_than_the_scheduler_can_bear(emulator: Emulator, png: bytes) -> None:
    ocr_task_id = AsposeOcrHook().submit("RecognizeImage", png)
    started = time.monotonic()
    event = fire(make(ocr_task_id))

    assert event["status"] == "Completed"
    assert time.monotonic() - started >= trigger_module.LEAST_SECONDS


def test_the_event_does_not_show_what_it_carries(
    emulator: Emulator, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trigger_module, "LEAST_SECONDS", 0)
    ocr_task_id = AsposeOcrHook().submit("RecognizeImage", png)

    async def first() -> TriggerEvent:
        async for event in make(ocr_task_id).run():
            return event
        raise AssertionError

    event = asyncio.run(first())
    data = base64.b64encode(TEXT.encode()).decode()
    assert data in json.dumps(event.payload)
    shown = f"{event} {event!r} {[event]}"
    assert TEXT not in shown
    assert data not in shown
    assert ocr_task_id not in f"{make(ocr_task_id)!r}"


@pytest.mark.parametrize(
    ("inline", "limit", "has_results"), [(1000, 40_000, True), (10, 40_000, False), (0, None, False)]
)
def test_only_small_results_travel_in_the_event(
    emulator: Emulator,
    png: bytes,
    monkeypatch: pytest.MonkeyPatch,
    inline: int,
    limit: int | None,
    has_results: bool,
) -> None:
    monkeypatch.setattr(trigger_module, "LEAST_SECONDS", 0)
    ocr_task_id = AsposeOcrHook().submit("RecognizeImage", png)
    event = fire(make(ocr_task_id, max_inline_bytes=inline, limit=limit))
    task = WaitOutcome.of_event(event).unwrap()

    assert bool(task.results) is has_results
    assert task.unread is not has_results
    assert (emulator.calls.status, emulator.calls.poll) == ((1, 0) if inline == 0 else (0, 1))


def test_a_passed_deadline_is_an_event_and_cancels_nothing(
    emulator: Emulator, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trigger_module, "LEAST_SECONDS", 0)
    emulator.inject("never_finish", on="submit")
    ocr_task_id = AsposeOcrHook().submit("RecognizeImage", png)
    outcome = WaitOutcome.of_event(fire(make(ocr_task_id, deadline=time.time() + 0.3)))

    assert isinstance(outcome.error, AsposeOcrTimeoutError)
    assert emulator.calls.cancel == 0


async def test_on_kill_cancels_the_task(emulator: Emulator, png: bytes) -> None:
    ocr_task_id = await AsposeOcrHook().asubmit("RecognizeImage", png)
    await make(ocr_task_id, cancel_on_kill=False).on_kill()
    assert emulator.calls.cancel == 0

    await make(ocr_task_id).on_kill()
    assert emulator.calls.cancel == 1


async def test_cancellation_of_the_trigger_propagates_and_cancels_nothing(
    emulator: Emulator, png: bytes
) -> None:
    emulator.inject("never_finish", on="submit")
    ocr_task_id = await AsposeOcrHook().asubmit("RecognizeImage", png)

    async def wait() -> None:
        async for _ in make(ocr_task_id).run():
            pass

    waiting = asyncio.create_task(wait())
    while not emulator.calls.poll:
        await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert emulator.calls.cancel == 0


def test_an_error_survives_the_event() -> None:
    error = AsposeOcrRateLimitError("wait", status=429, ocr_task_id="id", retry_after=600)
    event = json.loads(json.dumps(WaitOutcome.failed(error, 3).to_event()))
    outcome = WaitOutcome.of_event(event)

    assert outcome.api_calls == 3
    with pytest.raises(AsposeOcrRateLimitError, match="wait") as raised:
        outcome.unwrap()
    assert (raised.value.status, raised.value.retry_after, raised.value.ocr_task_id) == (429, 600, "id")


def test_a_task_survives_the_event() -> None:
    task = OcrTask(
        "id", TaskStatus.COMPLETED, (OcrResult("Text", b"\xff\x00"),), ("m",), ("w",), "Ok", "Completed"
    )
    event = json.loads(json.dumps(WaitOutcome.finished(task, 2, 1.5).to_event()))

    assert WaitOutcome.of_event(event) == WaitOutcome(2, task, 1.5)


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        "done",
        [1],
        {"status": "success"},
        {"status": "error", "kind": "SystemExit"},
        {"status": "error", "kind": "annotations"},
        {"status": "Completed", "task": "x"},
    ],
)
def test_an_event_of_another_version_never_passes_for_success(event: Any) -> None:
    with pytest.raises(AsposeOcrError, match="does not know"):
        WaitOutcome.of_event(event)
