"""Both drivers do the same: each scenario runs through both, and what the service saw is compared."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrConnectionError,
    AsposeOcrError,
    AsposeOcrRateLimitError,
)
from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.api.task import OcrTask, TaskStatus
from airflow_provider_asposeocr.emulator.faults import Fault
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.hooks import auth
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook

from .conftest import Connect
from .support import OPERATION, WAYS, Client, Recorder, Reply, both_ways, free_port

ODD_ID = "TTS a/b+c?d=e&f#g%20é~.'"
TEXT = "The quick brown fox jumps over the lazy dog."
DONE = f"Completed {TEXT}"
PAGE = "<html><body>Bad gateway</body></html>"
PROBLEM = {"Content-Type": "application/problem+json"}


@dataclass(frozen=True)
class Scenario:
    """What is done, what goes wrong, and what comes of it.

    :param name: names the test.
    :param steps: what the client does, in words of ``_step``.
    :param calls: the kinds of calls that the service must see, in order.
    :param outcomes: what the steps return; the last one may be the error that ends them.
    :param faults: what goes wrong.
    :param options: switches of the emulator.
    :param hook: arguments of the hook.
    """

    name: str
    steps: str
    calls: str
    outcomes: tuple[str, ...]
    faults: tuple[Fault, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    hook: Mapping[str, Any] = field(default_factory=dict)


def _fault(on: str, kind: str, **arguments: Any) -> tuple[Fault, ...]:
    return (Fault(kind, on, **arguments),)


def _status(on: str, status: int, times: int | None = 1, **arguments: Any) -> tuple[Fault, ...]:
    return (Fault("status", on, times=times, status=status, **arguments),)


SCENARIOS = (
    Scenario(
        "happy path",
        "submit wait status cancel status",
        "token submit poll status cancel status",
        ("id", DONE, "Completed", "None", "NotExist"),
    ),
    Scenario(
        "waiting",
        "submit wait",
        "token submit poll poll poll",
        ("id", DONE),
        options={"completed_after_reads": 2},
    ),
    Scenario(
        "task that fails",
        "submit wait",
        "token submit poll",
        ("id", "AsposeOcrTaskError: the OCR task failed (Error): too dark"),
        _fault("submit", "finish_with_error", messages=("too dark",)),
    ),
    Scenario("id in quotes", "submit get", "token submit poll", ("id", DONE), options={"id_style": "quoted"}),
    Scenario(
        "id and newline", "submit get", "token submit poll", ("id", DONE), options={"id_style": "newline"}
    ),
    Scenario("gzip", "submit get", "token submit poll", ("id", DONE), options={"gzip": True}),
    Scenario(
        "blocking GET",
        "submit get",
        "token submit poll",
        ("id", DONE),
        options={"service_seconds": 0.1, "block_get_seconds": 5},
    ),
    Scenario(
        "delete with 204",
        "submit cancel",
        "token submit cancel",
        ("id", "None"),
        options={"delete_status": 204},
    ),
    # Sign-in
    Scenario("token expires", "submit expire get", "token submit poll token poll", ("id", "None", DONE)),
    Scenario(
        "token never accepted",
        "submit get",
        "token submit poll token poll",
        ("id", "AsposeOcrAuthError 401: get the result of RecognizeImage: the service does not accept"),
        _fault("poll", "unauthorized", times=None),
    ),
    Scenario("token 503", "submit", "token token submit", ("id",), _status("token", 503)),
    Scenario("token dropped", "submit", "token token submit", ("id",), _fault("token", "drop_before")),
    Scenario("token page", "submit", "token token submit", ("id",), _fault("token", "html_200")),
    Scenario("token truncated", "submit", "token token submit", ("id",), _fault("token", "truncated_json")),
    Scenario(
        "token refused",
        "submit",
        "token",
        ("AsposeOcrAuthError 400: sign in: the Client ID or the Client secret was rejected",),
        _status("token", 400, body='{"error":"invalid_client"}'),
    ),
    Scenario(
        "token locked",
        "submit",
        "token",
        ("AsposeOcrRateLimitError 429: sign in: the service refuses to sign in for 600 s",),
        _status("token", 429, headers={"Retry-After": "600"}),
    ),
    # GET
    Scenario("429 bare", "submit get", "token submit poll poll", ("id", DONE), _status("poll", 429)),
    Scenario("429 twice", "submit get", "token submit poll poll poll", ("id", DONE), _status("poll", 429, 2)),
    Scenario(
        "429 and wait long",
        "submit get",
        "token submit poll",
        ("id", "AsposeOcrRateLimitError 429: get the result of RecognizeImage: the service asks"),
        _status("poll", 429, headers={"Retry-After": "120"}),
    ),
    Scenario("503", "submit get", "token submit poll poll", ("id", DONE), _status("poll", 503)),
    Scenario("500", "submit get", "token submit poll poll", ("id", DONE), _status("poll", 500)),
    Scenario(
        "502 page", "submit get", "token submit poll poll", ("id", DONE), _status("poll", 502, body=PAGE)
    ),
    Scenario(
        "502 for ever",
        "submit get",
        "token submit poll poll poll poll poll",
        ("id", "AsposeOcrServerError 502: get the result of RecognizeImage: the service failed"),
        _status("poll", 502, None, body=PAGE),
    ),
    Scenario(
        "page in a 200", "submit get", "token submit poll poll", ("id", DONE), _fault("poll", "html_200")
    ),
    Scenario(
        "truncated", "submit get", "token submit poll poll", ("id", DONE), _fault("poll", "truncated_json")
    ),
    Scenario(
        "cut off", "submit get", "token submit poll poll", ("id", DONE), _fault("poll", "reset_mid_body")
    ),
    Scenario("dropped", "submit get", "token submit poll poll", ("id", DONE), _fault("poll", "drop_before")),
    Scenario(
        "answer dropped",
        "submit get",
        "token submit poll poll",
        ("id", DONE),
        _fault("poll", "drop_after_accept"),
    ),
    Scenario(
        "status dropped",
        "submit status",
        "token submit status status",
        ("id", "Completed"),
        _fault("status", "drop_before"),
    ),
    Scenario(
        "redirect",
        "submit get",
        "token submit poll",
        ("id", "AsposeOcrRequestError 302: get the result of RecognizeImage: the service redirects"),
        _fault("poll", "redirect"),
    ),
    Scenario(
        "permanent redirect",
        "submit get",
        "token submit poll",
        ("id", "AsposeOcrRequestError 308: get the result of RecognizeImage: the service redirects"),
        _fault("poll", "redirect", status=308),
    ),
    Scenario(
        "account inactive",
        "submit get",
        "token submit poll",
        ("id", "AsposeOcrRequestError 403: get the result of RecognizeImage: the account may not do this"),
        _status("poll", 403, body='{"title":"Forbidden","detail":"no credits"}', headers=PROBLEM),
    ),
    # DELETE
    Scenario(
        "cancel 503", "submit cancel", "token submit cancel cancel", ("id", "None"), _status("cancel", 503)
    ),
    Scenario(
        "cancel dropped",
        "submit cancel",
        "token submit cancel cancel",
        ("id", "None"),
        _fault("cancel", "drop_before"),
    ),
    # POST
    Scenario("submit 429", "submit get", "token submit submit poll", ("id", DONE), _status("submit", 429)),
    Scenario("submit 503 twice", "submit", "token submit submit submit", ("id",), _status("submit", 503, 2)),
    Scenario("submit 502", "submit", "token submit submit", ("id",), _status("submit", 502, body=PAGE)),
    Scenario(
        "submit 502 for ever",
        "submit",
        "token submit submit",
        ("AsposeOcrServerError 502: submit to RecognizeImage: the service failed",),
        _status("submit", 502, None, body=PAGE),
    ),
    Scenario("submit page", "submit", "token submit submit", ("id",), _fault("submit", "html_200")),
    Scenario("submit dropped", "submit", "token submit submit", ("id",), _fault("submit", "drop_before")),
    Scenario("submit cut off", "submit", "token submit submit", ("id",), _fault("submit", "reset_mid_body")),
    Scenario(
        "submit answer dropped",
        "submit get",
        "token submit submit poll",
        ("id", DONE),
        _fault("submit", "drop_after_accept"),
    ),
    Scenario(
        "submit answer dropped, no repeat",
        "submit",
        "token submit",
        ("AsposeOcrConnectionError: submit to RecognizeImage: the connection broke before the answer came",),
        _fault("submit", "drop_after_accept"),
        hook={"repeat_ambiguous_submit": False},
    ),
    Scenario("submit 401", "submit", "token submit token submit", ("id",), _fault("submit", "unauthorized")),
    Scenario(
        "submit redirected",
        "submit",
        "token submit",
        ("AsposeOcrRequestError 307: submit to RecognizeImage: the service redirects",),
        _fault("submit", "redirect", status=307),
    ),
    Scenario(
        "submit too large",
        "submit",
        "token submit",
        ("AsposeOcrRequestError 413: submit to RecognizeImage: the source is larger",),
        options={"max_body_bytes": 100},
    ),
    # Replies and ids
    Scenario("large reply", "submit limited", "token submit poll", ("id", "Completed unread ('Text',)")),
    Scenario(
        "odd id", "odd oddstatus oddcancel", "token poll status cancel", ("NotExist", "NotExist", "None")
    ),
    *(
        Scenario(
            f"unknown id, {style}",
            "unknown unknownstatus unknowncancel",
            "token poll status cancel",
            ("NotExist", "NotExist", "None"),
            options={"unknown_id": style},
        )
        for style in ("not_exist", "404", "204")
    ),
    Scenario(
        "waiting for an unknown id",
        "unknownwait",
        "token poll",
        ("AsposeOcrTaskNotFoundError: the service does not know the OCR task",),
        options={"unknown_id": "404"},
    ),
)


@dataclass
class Observation:
    """What came of a scenario through one driver."""

    transcript: list[tuple[Any, ...]]
    outcomes: list[str]
    errors: list[tuple[Any, ...]]
    api_calls: int
    warnings: int


@pytest.mark.usefixtures("brisk")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_both_drivers_do_the_same(
    scenario: Scenario,
    emulator: Emulator,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for name, value in scenario.options.items():
        setattr(emulator.options, name, value)
    seen = {}
    for way in WAYS:
        (tmp_path / way).mkdir()
        monkeypatch.setattr(auth, "_folder", lambda way=way: tmp_path / way)
        seen[way] = _observe(scenario, way, emulator, caplog)

    for way, observation in seen.items():
        assert " ".join(entry[2] for entry in observation.transcript) == scenario.calls, way
        assert len(observation.outcomes) == len(scenario.outcomes), (way, observation.outcomes)
        for outcome, expected in zip(observation.outcomes, scenario.outcomes, strict=True):
            assert outcome.startswith(expected), way
        billed = sum(kind != "token" for kind in scenario.calls.split())
        assert observation.api_calls == billed, way
    assert seen["sync"] == seen["async"]


def _observe(
    scenario: Scenario, way: str, emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> Observation:
    emulator.reset()
    auth.forget_all()
    caplog.clear()
    for fault in scenario.faults:
        emulator.inject(fault)
    hook = AsposeOcrHook(**scenario.hook)
    outcomes: list[str] = []
    errors: list[tuple[Any, ...]] = []
    submitted = ""
    with Client(hook, way) as client, caplog.at_level(logging.WARNING, "airflow_provider_asposeocr"):
        for step in scenario.steps.split():
            try:
                result = _step(step, client, submitted, emulator)
            except AsposeOcrError as error:
                status = f" {error.status}" if error.status else ""
                outcomes.append(f"{type(error).__name__}{status}: {_told(error)}")
                errors.append((type(error), error.status, error.retry_after, error.retryable, _told(error)))
                break
            submitted = result if step == "submit" else submitted
            outcomes.append("id" if step == "submit" else result)
    warnings = sum(record.levelno >= logging.WARNING for record in caplog.records)
    return Observation(_transcript(emulator), outcomes, errors, hook.api_calls, warnings)


def _step(step: str, client: Client, submitted: str, emulator: Emulator) -> str:
    if step == "submit":
        return client.submit()
    if step == "expire":
        return str(emulator.expire_tokens())
    if step == "limited":
        task = client.flow(lambda api: api.poll(get_operation(OPERATION), submitted, limit=150))
        return f"{task.status} {'unread' if task.unread else ''} {task.seen_types}"
    ids = {"odd": ODD_ID, "unknown": "no-such-id"}
    prefix = next((prefix for prefix in ids if step.startswith(prefix)), "")
    action = step.removeprefix(prefix) or "get"
    result = getattr(client, action)(ids.get(prefix, submitted))
    if isinstance(result, OcrTask):
        return f"{result.status} {result.text}" if result.text else str(result.status)
    return str(result)


def _told(error: AsposeOcrError) -> str:
    """The message, without the cause that each client words in its own way."""
    return re.sub(r" \((?!HTTP|Error)[^)]*\)", "", str(error)) if error.status is None else str(error)


def _transcript(emulator: Emulator) -> list[tuple[Any, ...]]:
    names: dict[str | None, str] = {}
    return [
        (
            entry.method,
            entry.path,
            entry.kind,
            entry.ocr_task_id and names.setdefault(entry.ocr_task_id, f"task {len(names)}"),
            entry.authorized,
            dict(entry.headers),
            entry.body_bytes,
            entry.status,
        )
        for entry in emulator.transcript
    ]


@both_ways
def test_ids_arrive_as_they_are(way: str, hook: AsposeOcrHook, emulator: Emulator) -> None:
    with Client(hook, way) as client:
        client.get(ODD_ID)
        client.status(ODD_ID)
        client.cancel(ODD_ID)
    assert [entry.ocr_task_id for entry in emulator.transcript if entry.kind != "token"] == [ODD_ID] * 3


@both_ways
def test_retry_after_is_waited_for(way: str, hook: AsposeOcrHook, emulator: Emulator) -> None:
    emulator.inject("status", on="poll", status=503, headers={"Retry-After": "1"})
    with Client(hook, way) as client:
        client.get("an-id")
    first, second = (entry.received_at for entry in emulator.transcript if entry.kind == "poll")
    assert 1.0 <= second - first < 3.0


@both_ways
def test_long_retry_after_is_left_to_the_caller(way: str, hook: AsposeOcrHook, emulator: Emulator) -> None:
    emulator.inject("status", on="submit", status=429, headers={"Retry-After": "61"}, times=None)
    with Client(hook, way) as client, pytest.raises(AsposeOcrRateLimitError) as caught:
        client.submit()
    assert (caught.value.retry_after, caught.value.retryable) == (61.0, True)
    assert emulator.calls.submit == 1


@pytest.mark.usefixtures("brisk")
@both_ways
def test_no_repeat_behind_the_flows_back(way: str, hook: AsposeOcrHook, emulator: Emulator) -> None:
    """An HTTP client that repeats by itself makes calls that are paid for, not counted and not paced."""
    with Client(hook, way) as client:
        ocr_task_id = client.submit()
        emulator.inject("drop_before", on="poll", times=None)
        with pytest.raises(AsposeOcrConnectionError):
            client.get(ocr_task_id)
    assert emulator.calls.poll == 5
    assert hook.api_calls == emulator.calls.billed


@pytest.mark.usefixtures("brisk")
def test_service_down(connect: Connect) -> None:
    told = {}
    for way in WAYS:
        hook = connect(f"http://127.0.0.1:{free_port()}", None, None)
        with Client(hook, way) as client, pytest.raises(AsposeOcrConnectionError) as caught:
            client.submit(operation="RecognizeImageTrial")
        assert (caught.value.status, caught.value.retryable) == (None, True)
        told[way] = str(caught.value)
    assert told["sync"] == told["async"]
    assert "the service cannot be reached (Connection refused)" in told["sync"]


@pytest.mark.usefixtures("brisk")
@both_ways
def test_a_call_that_never_left_is_not_counted_as_billed(way: str, connect: Connect) -> None:
    hook = connect(f"http://127.0.0.1:{free_port()}", None, None)
    with Client(hook, way) as client, pytest.raises(AsposeOcrConnectionError):
        client.submit(operation="RecognizeImageTrial")
    assert hook.api_calls == 0


def test_headers_are_the_same(recorder: Recorder, connect: Connect) -> None:
    """Apart from ``Connection: keep-alive``, which only ``requests`` spells out."""
    lines = {}
    for way in WAYS:
        auth.forget_all()
        recorder.requests.clear()
        with Client(connect(recorder.url), way) as client:
            client.submit()
            assert client.get("an-id").text == Recorder.TEXT
            client.status("an-id")
            client.cancel("an-id")
        lines[way] = [
            (
                seen.method,
                seen.target,
                sorted(f"{name.lower()}: {value}" for name, value in seen.headers),
                seen.body,
            )
            for seen in recorder.requests
        ]
    for line in lines["sync"]:
        line[2].remove("connection: keep-alive")
    assert lines["sync"] == lines["async"]
    assert [line[0] for line in lines["sync"]] == ["POST", "POST", "GET", "GET", "DELETE"]
    for _, target, headers, _ in lines["sync"]:
        expected = {"accept", "accept-encoding", "host", "user-agent"}
        expected |= set() if target == "/connect/token" else {"authorization"}
        names = {header.partition(":")[0] for header in headers}
        assert names - {"content-type", "content-length"} == expected


def test_large_reply_shows_the_same_types(recorder: Recorder, connect: Connect) -> None:
    """What is told of a cut reply must not depend on how its bytes were chunked on the way."""
    results = [{"type": "Text", "data": "A" * 2000}, {"type": "Pdf", "data": "A" * 2000}]
    reply = Reply(json.dumps({"taskStatus": "Completed", "results": results}).encode(), pause_at=1800)
    recorder.answer = lambda seen: reply if seen.target.startswith("/v5.0/ocr/RecognizeImage?") else None
    told = {}
    for way in WAYS:
        with Client(connect(recorder.url), way) as client:
            task = client.flow(lambda api: api.poll(get_operation(OPERATION), "an-id", limit=1000))
        assert (task.status, task.unread, task.results) == (TaskStatus.COMPLETED, True, ())
        told[way] = task.seen_types
    assert told["sync"] == told["async"] == ("Text",)


@both_ways
def test_a_reply_of_just_the_limit_is_read(way: str, hook: AsposeOcrHook, emulator: Emulator) -> None:
    with Client(hook, way) as client:
        ocr_task_id = client.submit()

        def get(limit: int) -> Any:
            return client.flow(lambda api: api.poll(get_operation(OPERATION), ocr_task_id, limit=limit))

        size = next(limit for limit in range(100, 400) if not get(limit).unread)
        assert get(size).text == TEXT
        assert get(size - 1).unread


def test_without_a_kept_session_each_call_has_its_own(hook: AsposeOcrHook, emulator: Emulator) -> None:
    async def main() -> str | None:
        ocr_task_id = await hook.asubmit(OPERATION, b"\xff\xd8\xff" + bytes(100))
        return (await hook.aget_task(OPERATION, ocr_task_id)).text

    assert asyncio.run(main()) == TEXT
    assert (emulator.calls.token, hook.api_calls) == (1, 2)
