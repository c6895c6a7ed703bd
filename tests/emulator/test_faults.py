"""Fault injection: every kind, and the rules by which faults apply."""

from __future__ import annotations

import socket
from typing import Any

import pytest
import requests

from airflow_provider_asposeocr.emulator.faults import FAULT_KINDS, MAX_FAULTS, Fault, InjectedFaults
from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.client import API, Client


@pytest.mark.parametrize("status", [402, 413, 429, 500, 502, 503, 599])
def test_any_status_once(emulator: Emulator, client: Client, status: int) -> None:
    emulator.inject("status", on="submit", status=status, body="no", headers={"Retry-After": "2"})
    answer = client.post()
    assert (answer.status_code, answer.text, answer.headers["Retry-After"]) == (status, "no", "2")
    assert not emulator.submissions
    assert client.post().status_code == 200


def test_the_default_error_is_a_web_page(emulator: Emulator, client: Client) -> None:
    emulator.inject("status", status=502)
    answer = client.get("any")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "502 Bad Gateway" in answer.text


def test_a_problem_body_keeps_its_type(emulator: Emulator, client: Client) -> None:
    headers = {"Content-Type": "application/problem+json"}
    emulator.inject("status", status=402, body='{"status": 402}', headers=headers)
    answer = client.get("any")
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.json() == {"status": 402}


def test_an_early_answer_does_not_read_the_body(emulator: Emulator, client: Client) -> None:
    emulator.inject("status", on="submit", status=413, early=True)
    address = ("127.0.0.1", int(emulator.url.rpartition(":")[2]))
    head = f"POST {API}RecognizeImage HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(head.encode())
        received = b""
        while chunk := connection.recv(4096):
            received += chunk
    assert received.startswith(b"HTTP/1.1 413 ")
    assert emulator.transcript[-1].body_bytes == 0


def test_html_with_200(emulator: Emulator, client: Client) -> None:
    emulator.inject("html_200", on="poll")
    answer = client.get(client.submit())
    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (200, "text/html")


def test_truncated_json_is_a_whole_http_answer(emulator: Emulator, client: Client) -> None:
    ocr_task_id = client.submit()
    emulator.inject("truncated_json", on="poll")
    answer = client.get(ocr_task_id)
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert client.get(ocr_task_id).json()["taskStatus"] == "Completed"


@pytest.mark.parametrize(("kind", "accepted"), [("drop_before", 0), ("drop_after_accept", 1)])
def test_dropped_submissions(emulator: Emulator, client: Client, kind: str, accepted: int) -> None:
    emulator.inject(kind, on="submit")
    with pytest.raises(requests.ConnectionError, match="Connection aborted"):
        client.post()
    assert len(emulator.submissions) == accepted
    assert (emulator.transcript[-1].status, emulator.calls.submit) == (None, 1)
    assert client.post().status_code == 200


def test_a_drop_is_a_reset(emulator: Emulator, client: Client) -> None:
    emulator.inject("drop_before", on="poll")
    with pytest.raises(requests.ConnectionError, match="reset"):
        client.get("any")


def test_drop_after_accept_leaves_a_running_task(emulator: Emulator, client: Client) -> None:
    emulator.inject("drop_after_accept", on="submit")
    with pytest.raises(requests.ConnectionError):
        client.post()
    assert client.get(emulator.submissions[0].ocr_task_id).json()["taskStatus"] == "Completed"


def test_an_answer_that_breaks_off(emulator: Emulator, client: Client) -> None:
    ocr_task_id = client.submit()
    emulator.inject("reset_mid_body", on="poll")
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        client.get(ocr_task_id)
    assert client.get(ocr_task_id).status_code == 200


def test_a_dropped_large_upload(emulator: Emulator, client: Client) -> None:
    emulator.inject("drop_before", on="submit")
    with pytest.raises(requests.ConnectionError):
        client.post(b"x" * 5_000_000)
    assert client.post(b"x" * 5_000_000).status_code == 200


def test_slow(emulator: Emulator, client: Client) -> None:
    emulator.inject("slow", on="poll", seconds=0.3)
    ocr_task_id = client.submit()
    assert client.get(ocr_task_id).elapsed.total_seconds() >= 0.3
    assert client.get(ocr_task_id).elapsed.total_seconds() < 0.3


def test_unauthorized_once(emulator: Emulator, client: Client) -> None:
    emulator.inject("unauthorized", on="submit")
    assert [client.post().status_code for _ in range(2)] == [401, 200]


def test_redirect(emulator: Emulator, client: Client) -> None:
    emulator.inject("redirect", location="http://127.0.0.1:9/there", status=307)
    answer = client.post()
    assert (answer.status_code, answer.headers["Location"]) == (307, "http://127.0.0.1:9/there")


def test_forget_ocr_tasks(emulator: Emulator, client: Client) -> None:
    ocr_task_id = client.submit()
    emulator.inject("forget_ocr_tasks", on="poll")
    assert client.get(ocr_task_id).json()["taskStatus"] == "NotExist"


@pytest.mark.parametrize("on", ["submit", "poll"])
def test_never_finish(emulator: Emulator, client: Client, on: str) -> None:
    emulator.inject("never_finish", on=on)
    ocr_task_id = client.submit()
    states = [client.get(ocr_task_id).json()["taskStatus"] for _ in range(3)]
    assert states == ["Pending", "Processing", "Processing"]


@pytest.mark.parametrize("on", ["submit", "poll", "status"])
def test_finish_with_error(emulator: Emulator, client: Client, on: str) -> None:
    emulator.inject("finish_with_error", on=on, messages=["too dark"])
    ocr_task_id = client.submit()
    client.status(ocr_task_id)
    body = client.get(ocr_task_id).json()
    assert (body["taskStatus"], body["error"]["messages"], body["results"]) == ("Error", ["too dark"], None)


def test_faults_on_the_token(emulator: Emulator, client: Client) -> None:
    emulator.inject("status", on="token", status=503)
    assert [client.token().status_code for _ in range(2)] == [503, 200]


def test_several_faults_of_one_call(emulator: Emulator, client: Client) -> None:
    emulator.inject("slow", on="submit", seconds=0.2)
    emulator.inject("status", on="submit", status=503)
    answer = client.post()
    assert answer.status_code == 503
    assert answer.elapsed.total_seconds() >= 0.2


def test_after_times_and_clear(emulator: Emulator, client: Client) -> None:
    emulator.inject("status", on=("poll", "status"), status=500, after=1, times=2)
    assert [client.get("x").status_code for _ in range(4)] == [200, 500, 500, 200]
    emulator.inject("status", times=None)
    assert {client.get("x").status_code for _ in range(4)} == {500}
    emulator.clear_faults()
    assert client.get("x").status_code == 200


def test_probability_is_repeatable() -> None:
    def struck() -> list[bool]:
        plan = InjectedFaults([Fault("status", times=None, probability=0.3)])
        return [bool(plan.strike("poll")) for _ in range(1000)]

    assert struck() == struck()
    assert 200 < sum(struck()) < 400


def test_misspelt_faults_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown fault"):
        Fault("explode")
    with pytest.raises(ValueError, match="unknown kind of call"):
        Fault("slow", on="fetch")


def test_every_kind_has_a_test() -> None:
    tested = {
        "status",
        "html_200",
        "truncated_json",
        "drop_before",
        "drop_after_accept",
        "reset_mid_body",
        "slow",
    }
    assert (
        tested | {"unauthorized", "redirect", "forget_ocr_tasks", "never_finish", "finish_with_error"}
        == FAULT_KINDS
    )


def test_faults_that_are_used_up_are_forgotten() -> None:
    plan = InjectedFaults()
    for _ in range(3 * MAX_FAULTS):
        plan.add(Fault("slow", seconds=0))
        assert len(plan.strike("poll")) == 1
    assert len(plan._rules) <= 1
    plan.add(*(Fault("slow", times=None) for _ in range(MAX_FAULTS)))
    with pytest.raises(ValueError, match="at most"):
        plan.add(Fault("slow"))


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_that_has_no_body(emulator: Emulator, client: Client, status: int) -> None:
    emulator.inject("status", status=status, body="no", headers={"X-Any": "yes"})
    answer = client.get("x")
    assert (answer.status_code, answer.content, answer.headers["X-Any"]) == (status, b"", "yes")
    assert client.get("x").status_code == 200


@pytest.mark.parametrize(
    "values",
    [
        {"status": 199},
        {"status": 600},
        {"status": True},
        {"after": -1},
        {"times": "1"},
        {"probability": 1.5},
        {"seconds": float("nan")},
        {"seconds": float("inf")},
        {"body": b"bytes"},
        {"body": "\ud800"},
        {"headers": {"a": "\n"}},
        {"headers": {"a b": "c"}},
        {"headers": [("a", "b")]},
        {"location": "/\u20ac"},
        {"messages": "text"},
        {"on": 5},
    ],
)
def test_faults_that_could_not_strike(values: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        Fault("status", **values)
