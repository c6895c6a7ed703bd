"""Control endpoints: reading and changing the emulator by HTTP."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import requests

from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.client import Client


class Control:
    def __init__(self, emulator: Emulator) -> None:
        self.base = emulator.url + "/_emulator/"

    def __call__(self, method: str, name: str, **arguments: Any) -> requests.Response:
        return requests.request(method, self.base + name, timeout=10, **arguments)


@pytest.fixture
def control(emulator: Emulator) -> Control:
    return Control(emulator)


def test_counters_ocr_tasks_and_transcript(client: Client, control: Control) -> None:
    ocr_task_id = client.submit(b"hello")
    client.get(ocr_task_id)
    calls = control("GET", "calls").json()
    assert (calls["token"], calls["submit"], calls["poll"], calls["billed"]) == (1, 1, 1, 2)
    assert calls["by_ocr_task"][ocr_task_id]["poll"] == 1
    (ocr_task,) = control("GET", "ocr-tasks").json()
    assert (ocr_task["ocr_task_id"], ocr_task["status"], ocr_task["size"]) == (ocr_task_id, "Completed", 5)
    assert control("GET", "submissions").json()[0]["sha256"] == ocr_task["sha256"]
    transcript = control("GET", "transcript").json()
    assert [entry["kind"] for entry in transcript] == ["token", "submit", "poll"]


def test_control_calls_are_not_counted(emulator: Emulator, control: Control) -> None:
    control("GET", "calls")
    assert emulator.calls.billed == 0
    assert emulator.transcript == []


def test_faults(client: Client, control: Control) -> None:
    rules = [{"kind": "status", "on": "poll", "status": 503}, {"kind": "unauthorized", "on": ["submit"]}]
    assert control("POST", "faults", json=rules).json() == {"injected": 2}
    assert (client.get("x").status_code, client.post().status_code) == (503, 401)
    control("POST", "faults", json={"kind": "status", "times": None})
    control("DELETE", "faults")
    assert client.get("x").status_code == 200


@pytest.mark.parametrize("rule", [{"kind": "explode"}, {"kind": "slow", "speed": 3}, {"on": "poll"}, 5])
def test_faults_that_are_none(control: Control, rule: object) -> None:
    assert control("POST", "faults", json=rule).status_code == 400


def test_options(emulator: Emulator, control: Control) -> None:
    changes = {"gzip": True, "unknown_id": "404", "service_seconds": {"median": 2, "seed": 4}}
    assert control("POST", "options", json=changes).json()["changed"] == sorted(changes)
    assert emulator.options.gzip
    assert callable(emulator.options.service_seconds)


@pytest.mark.parametrize(
    "changes", [{"nothing": 1}, {"gzip": True, "unknown_id": "maybe"}, {"state_dir": "/x"}, [], "gzip"]
)
def test_options_that_cannot_be_set(emulator: Emulator, control: Control, changes: object) -> None:
    assert control("POST", "options", json=changes).status_code == 400
    assert not emulator.options.gzip


def test_reset_and_expire_tokens(emulator: Emulator, client: Client, control: Control) -> None:
    client.submit()
    control("POST", "expire-tokens")
    assert client.post().status_code == 401
    control("POST", "reset")
    assert emulator.calls.submit == 0
    assert emulator.ocr_tasks == {}


def test_health_and_wrong_paths(control: Control) -> None:
    assert control("GET", "health").json() == {"status": "ok", "mode": "scripted", "ocr_tasks": 0}
    assert control("GET", "nothing").status_code == 404
    assert control("GET", "reset").status_code == 405
    assert control("POST", "options", data=b"{").status_code == 400


def test_lists_are_read_while_tasks_arrive(emulator: Emulator, client: Client) -> None:
    ended = threading.Event()
    failures: list[BaseException] = []

    def read() -> None:
        try:
            while not ended.is_set():
                _ = emulator.ocr_tasks, emulator.submissions, emulator.transcript, emulator.tokens
                emulator.calls.to_dict()
                client.call("GET", "/_emulator/ocr-tasks").json()
        except BaseException as error:
            failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    with Client(emulator) as other:
        for _ in range(300):
            other.submit()
    ended.set()
    reader.join()
    assert failures == []
    for name in ("ocr-tasks", "submissions", "transcript"):
        assert len(client.call("GET", f"/_emulator/{name}").json()) >= 300
    assert client.call("GET", "/_emulator/calls").json()["by_ocr_task"].keys() == emulator.ocr_tasks.keys()
