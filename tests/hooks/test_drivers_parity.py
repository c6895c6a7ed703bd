"""Both drivers do the same: each scenario runs through both, and what the service saw is compared."""

from __future__ import annotations

import json
import logging
import platform
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import airflow
import pytest

from airflow_provider_asposeocr.api.exceptions import AsposeOcrError
from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.api.task import OcrTask, TaskStatus
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.hooks import auth, host
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook

from .conftest import Connect
from .scenarios import SCENARIOS, Scenario
from .support import OPERATION, WAYS, Client, Recorder, Reply

ODD_ID = "TTS a/b+c?d=e&f#g%20é~.'"


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
        monkeypatch.setattr(host, "folder", lambda way=way: tmp_path / way)
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
        emulator.expire_tokens()
        return "None"
    if step == "limited":
        task = client.flow(lambda api: api.poll(get_operation(OPERATION), submitted, limit=150))
        return f"{task.status} {'unread' if task.unread else ''} {task.seen_types}"
    if step == "fetch":
        task, results = client.fetch(submitted)
        return " ".join([str(task.status), *(result.decode() for result in results)])
    if step == "largewait":
        task = client.wait(submitted)
        return f"{task.status} of {len(task.text or '')}"
    ids = {"odd": ODD_ID, "unknown": "no-such-id"}
    prefix = next((prefix for prefix in ids if step.startswith(prefix)), "")
    action = step.removeprefix(prefix) or "get"
    result = getattr(client, action)(ids.get(prefix, submitted))
    if isinstance(result, OcrTask):
        return f"{result.status} {result.text}" if result.text else str(result.status)
    return str(result)


def _told(error: AsposeOcrError) -> str:
    """Return the message, without the cause that each client words in its own way."""
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
    agent = re.compile(r"user-agent: airflow-provider-asposeocr/\d\S+ apache-airflow/(\S+) Python/(\S+)")
    for _, target, headers, _ in lines["sync"]:
        (told,) = filter(None, map(agent.fullmatch, headers))
        assert told.groups() == (airflow.__version__, platform.python_version())
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
