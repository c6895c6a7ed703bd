"""The trigger: what it sends through the database, when it fires, what it shows."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow.triggers.base import TaskSuccessEvent

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrEventError,
    AsposeOcrRateLimitError,
    AsposeOcrTimeoutError,
    AsposeOcrUnexpectedError,
)
from airflow_provider_asposeocr.api.submission import Submission, WaitEvent
from airflow_provider_asposeocr.api.task import OcrResult, OcrTask, TaskStatus
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from airflow_provider_asposeocr.triggers import asposeocr as trigger_module
from airflow_provider_asposeocr.triggers.asposeocr import AsposeOcrTaskTrigger
from tests.running import fire, first_event, new_trigger, rebuilt

TEXT = "The quick brown fox jumps over the lazy dog."
SUBMISSION = Submission("RecognizeImage", "id", "s3://inbox/a.png", 5, "f" * 32, 86400.0, 1)


def make(submitted: str = "id", /, **arguments: Any) -> AsposeOcrTaskTrigger:
    return new_trigger(submitted, **{"poll_interval": 0.05, "max_inline_bytes": 1000, **arguments})


def test_every_argument_survives_serialization() -> None:
    trigger = make(timeout=7.5, cancel_on_kill=False, ends_task=True, source_bytes=5)
    path, arguments = trigger.serialize()

    assert path == "airflow_provider_asposeocr.triggers.asposeocr.AsposeOcrTaskTrigger"
    assert rebuilt(trigger).serialize() == (path, arguments)
    assert json.loads(json.dumps(arguments)) == arguments
    constructor = AsposeOcrTaskTrigger.__init__.__kwdefaults__ or {}
    assert set(constructor) <= set(arguments)


def test_the_event_comes_no_sooner_than_the_scheduler_can_bear(emulator: Emulator, png: bytes) -> None:
    ocr_task_id = AsposeOcrHook().submit("RecognizeImage", png)
    started = time.monotonic()
    event = fire(make(ocr_task_id))

    assert event["status"] == "Completed"
    assert time.monotonic() - started >= trigger_module.MIN_SECONDS


def test_the_event_does_not_show_what_it_carries(
    emulator: Emulator, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trigger_module, "MIN_SECONDS", 0)
    ocr_task_id = AsposeOcrHook().submit("RecognizeImage", png)

    event = first_event(make(ocr_task_id))
    data = base64.b64encode(TEXT.encode()).decode()
    assert data in json.dumps(event.payload)
    shown = f"{event} {event!r} {[event]}"
    assert TEXT not in shown
    assert data not in shown
    assert ocr_task_id not in f"{make(ocr_task_id)!r}"


@pytest.mark.parametrize(("inline", "has_results"), [(1000, True), ("1000", True), (10, False), (0, False)])
def test_only_small_results_travel_in_the_event(
    emulator: Emulator,
    png: bytes,
    monkeypatch: pytest.MonkeyPatch,
    inline: int | str,
    has_results: bool,
) -> None:
    monkeypatch.setattr(trigger_module, "MIN_SECONDS", 0)
    ocr_task_id = AsposeOcrHook().submit("RecognizeImage", png)
    event = fire(make(ocr_task_id, max_inline_bytes=inline))
    task = WaitEvent.of_event(event).unwrap()

    assert bool(task.results) is has_results
    assert task.unread is not has_results
    assert (emulator.calls.status, emulator.calls.poll) == ((1, 0) if inline == 0 else (0, 1))


def test_a_success_may_end_the_airflow_task(
    emulator: Emulator, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trigger_module, "MIN_SECONDS", 0)
    ocr_task_id = AsposeOcrHook().submit("RecognizeImage", png)
    more = {"source": "s3://inbox/a.png", "submitted_at": 86400.0, "api_calls": 1}
    event = first_event(rebuilt(make(ocr_task_id, ends_task=True, **more)))

    assert isinstance(event, TaskSuccessEvent)
    manifest = json.loads(json.dumps(event.xcoms))["return_value"]
    assert manifest["text"] == TEXT
    assert manifest["source"] == "s3://inbox/a.png"
    assert manifest["submitted_at"] == "1970-01-02T00:00:00.000+00:00"
    assert manifest["api_calls"] == 2
    assert TEXT not in f"{event} {event!r} {[event]} {event.payload!r}"


def test_a_success_whose_results_stay_at_the_service_ends_it_too(
    emulator: Emulator, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trigger_module, "MIN_SECONDS", 0)
    ocr_task_id = AsposeOcrHook().submit("BinarizeImage", png)
    trigger = make(ocr_task_id, operation="BinarizeImage", ends_task=True, max_inline_bytes=0)
    event = first_event(rebuilt(trigger))

    assert isinstance(event, TaskSuccessEvent)
    manifest: Any = (event.xcoms or {})["return_value"]
    assert manifest["text"] is None
    assert [result["uri"] for result in manifest["results"]] == [None]


@pytest.mark.parametrize("spoilt", ["failed", "too long", "lost"])
def test_all_else_goes_back_to_a_worker(
    emulator: Emulator, png: bytes, monkeypatch: pytest.MonkeyPatch, spoilt: str
) -> None:
    monkeypatch.setattr(trigger_module, "MIN_SECONDS", 0)
    if spoilt == "failed":
        emulator.inject("finish_with_error", on="submit")
    ocr_task_id = AsposeOcrHook().submit("RecognizeImage", png)
    if spoilt == "lost":
        emulator.forget_ocr_tasks()
    inline = 10 if spoilt == "too long" else 1000
    event = first_event(rebuilt(make(ocr_task_id, ends_task=True, max_inline_bytes=inline)))

    assert not isinstance(event, TaskSuccessEvent)
    outcome = WaitEvent.of_event(event.payload)
    assert outcome.task is not None
    assert outcome.task.unread is (spoilt == "too long")


def test_a_trigger_that_no_worker_deferred_fires_at_once_and_has_its_own_timeout(
    emulator: Emulator, png: bytes
) -> None:
    ocr_task_id = AsposeOcrHook().submit("RecognizeImage", png)
    started = time.monotonic()
    assert fire(make(ocr_task_id, deadline=None, timeout=30.0))["status"] == "Completed"
    assert time.monotonic() - started < trigger_module.MIN_SECONDS

    emulator.inject("never_finish", on="submit")
    ocr_task_id = AsposeOcrHook().submit("RecognizeImage", png)
    outcome = WaitEvent.of_event(fire(make(ocr_task_id, deadline=None, timeout=0.3)))
    assert isinstance(outcome.error, AsposeOcrTimeoutError)


@pytest.mark.parametrize("rendered", ["", "None", None, ["a", "b"]])
def test_an_id_that_was_rendered_to_nothing_is_a_clear_error(emulator: Emulator, rendered: Any) -> None:
    outcome = WaitEvent.of_event(fire(make("", ocr_task_id=rendered, deadline=None, timeout=5)))

    assert "ocr_task_id" in str(outcome.error)
    assert emulator.calls.billed == emulator.calls.token == 0


@pytest.mark.parametrize("rendered", [4096, "4096", "4096.0", " 4096\n", "None", "", None])
@pytest.mark.parametrize("ends_task", [True, False])
def test_what_the_triggerer_renders_is_read_as_a_worker_reads_it(
    emulator: Emulator, png: bytes, rendered: Any, ends_task: bool
) -> None:
    ocr_task_id = AsposeOcrHook().submit("RecognizeImage", png)
    arguments = {"max_inline_bytes": rendered, "asposeocr_conn_id": "None", "ends_task": ends_task}
    trigger = make(ocr_task_id, deadline=None, timeout=5, **arguments)
    trigger.trigger_id = 1
    event = first_event(trigger)
    if ends_task:
        assert isinstance(event, TaskSuccessEvent)
        xcoms: Any = event.xcoms
        assert xcoms["return_value"]["text"] == emulator.options.scripted_text
    else:
        assert WaitEvent.of_event(event.payload).unwrap().text == emulator.options.scripted_text


@pytest.mark.parametrize("rendered", ["many", "-1", "1.5"])
def test_a_bound_that_is_none_is_a_clear_error(emulator: Emulator, rendered: str) -> None:
    outcome = WaitEvent.of_event(fire(make(max_inline_bytes=rendered, deadline=None, timeout=5)))
    assert "max_inline_bytes must be a whole number" in str(outcome.error)
    assert emulator.calls.billed == emulator.calls.token == 0


def test_no_poll_is_made_before_its_answer_could_be_used(
    emulator: Emulator, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trigger_module, "MIN_SECONDS", 0.6)
    ocr_task_id = AsposeOcrHook().submit("RecognizeImage", png)
    submitted_at = time.time() - 100  # so that a poll is due at once
    fire(make(ocr_task_id, poll_interval=None, source_bytes=1, submitted_at=submitted_at))

    (poll,) = [entry for entry in emulator.transcript if entry.kind == "poll"]
    assert poll.received_at - (submitted_at + 100) >= 0.55


@pytest.mark.parametrize(
    ("fault", "ends", "cancels"),
    [
        (None, "Completed", 0),
        ({"kind": "never_finish", "on": "poll"}, "AsposeOcrTimeoutError", 1),
        ({"kind": "status", "on": "poll", "status": 503, "times": None}, "AsposeOcrUnreachedTimeoutError", 0),
    ],
    ids=["completed", "pending", "unreachable"],
)
def test_a_trigger_that_starts_after_its_deadline_takes_a_look_before_it_cancels(
    emulator: Emulator,
    png: bytes,
    monkeypatch: pytest.MonkeyPatch,
    fault: dict[str, Any] | None,
    ends: str,
    cancels: int,
) -> None:
    monkeypatch.setattr(trigger_module, "MIN_SECONDS", 0)
    ocr_task_id = AsposeOcrHook().submit("RecognizeImage", png)
    if fault is not None:
        emulator.inject(fault.pop("kind"), **fault)
    now = time.time()
    event = fire(make(ocr_task_id, deadline=now - 5, submitted_at=now - 3605, cancel_on_timeout=True))

    assert event.get("kind", event["status"]) == ends
    assert emulator.calls.poll >= 1
    assert emulator.calls.cancel == cancels
    assert ends == "AsposeOcrUnreachedTimeoutError" or emulator.calls.poll == 1


def test_a_passed_deadline_is_an_event_and_cancels_nothing(
    emulator: Emulator, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trigger_module, "MIN_SECONDS", 0)
    emulator.inject("never_finish", on="submit")
    ocr_task_id = AsposeOcrHook().submit("RecognizeImage", png)
    outcome = WaitEvent.of_event(fire(make(ocr_task_id, deadline=time.time() + 0.3)))

    assert isinstance(outcome.error, AsposeOcrTimeoutError)
    assert emulator.calls.cancel == 0


@pytest.mark.parametrize("poll_interval", [None, 0.2])
@pytest.mark.parametrize("ahead", [0.0, 30.0, 3600.0])
def test_a_worker_whose_clock_is_ahead_makes_nothing_late(
    emulator: Emulator, png: bytes, monkeypatch: pytest.MonkeyPatch, ahead: float, poll_interval: float | None
) -> None:
    monkeypatch.setattr(trigger_module, "MIN_SECONDS", 0)
    ocr_task_id = AsposeOcrHook().submit("RecognizeImage", png)
    at, started = time.time() + ahead, time.monotonic()
    known = {"submitted_at": at, "source_bytes": len(png), "poll_interval": poll_interval}
    assert fire(make(ocr_task_id, deadline=at + 60, **known))["status"] == "Completed"
    assert time.monotonic() - started < 8

    emulator.inject("never_finish", on="poll")
    started = time.monotonic()
    event = fire(make(ocr_task_id, deadline=at + 1, **known))
    assert isinstance(WaitEvent.of_event(event).error, AsposeOcrTimeoutError)
    assert time.monotonic() - started < 5


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


def test_whatever_is_raised_inside_becomes_an_event_without_its_message(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*args: Any) -> None:
        raise ValueError("https://host/?sig=s3cret \ud800")

    monkeypatch.setattr(AsposeOcrHook, "arun_flow", fail)
    event = fire(make())
    assert event["kind"] == "AsposeOcrUnexpectedError"
    assert event["message"].startswith(f"unexpected ValueError in {Path(__file__).name}")
    assert "s3cret" not in json.dumps(event) + caplog.text
    error = WaitEvent.of_event(event).error
    assert isinstance(error, AsposeOcrUnexpectedError)
    assert error.retryable


def test_an_error_survives_the_event() -> None:
    error = AsposeOcrRateLimitError("wait", status=429, ocr_task_id="id", retry_after=600)
    event = json.loads(json.dumps(WaitEvent(SUBMISSION, error=error).to_event()))
    outcome = WaitEvent.of_event(event)

    assert outcome.submission == SUBMISSION
    with pytest.raises(AsposeOcrRateLimitError, match="wait") as raised:
        outcome.unwrap()
    assert (raised.value.status, raised.value.retry_after, raised.value.ocr_task_id) == (429, 600, "id")


def test_a_task_survives_the_event() -> None:
    task = OcrTask(
        "id", TaskStatus.COMPLETED, (OcrResult("Text", b"\xff\x00"),), ("m",), ("w",), "Ok", "Completed"
    )
    event = json.loads(json.dumps(WaitEvent(SUBMISSION, task, 1.5).to_event()))

    assert WaitEvent.of_event(event) == WaitEvent(SUBMISSION, task, 1.5)


@pytest.mark.parametrize(
    "changes",
    [
        {"operation": None},
        {"ocr_task_id": 7},
        {"source": ["s3://b/k"]},
        {"submitted_at": "1.5"},
        {"submitted_at": float("nan")},
        {"api_calls": None},
        {"reattached": "yes"},
        {"more": 1},
    ],
)
def test_a_submission_of_another_form_is_none(changes: dict[str, Any]) -> None:
    with pytest.raises(AsposeOcrEventError, match="does not know"):
        Submission.from_dict(SUBMISSION.to_dict() | changes)


def test_without_a_triggerer_nothing_but_an_event_with_all_of_it_is_fired(
    emulator: Emulator, png: bytes
) -> None:
    ocr_task_id = AsposeOcrHook().submit("RecognizeImage", png)
    given = Submission("RecognizeImage", ocr_task_id, "s3://inbox/a.png", 5, "f" * 32, 86400.0, 1, True)
    known = {name: value for name, value in given.to_dict().items() if name != "ocr_task_id"}
    outcome = WaitEvent.of_event(fire(make(ocr_task_id, **known, ends_task=True)))
    assert outcome.submission == replace(given, api_calls=2)
    assert outcome.unwrap().text == TEXT


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
        {"status": "Completed", "task": {}, "submission": {}},
    ],
)
def test_an_event_of_another_version_never_passes_for_success(event: Any) -> None:
    with pytest.raises(AsposeOcrEventError, match="does not know"):
        WaitEvent.of_event(event)
