"""The hook as a hook of HTTP: ``get_conn``, ``run``, and what is inherited."""

from __future__ import annotations

import json
import logging

import pytest
import requests
import tenacity

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrAuthError,
    AsposeOcrError,
    AsposeOcrRequestError,
    AsposeOcrServerError,
)
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.get_provider_info import get_provider_info
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook

from .conftest import Connect
from .support import IMAGE, OPERATION, Recorder, Reply, serving, within

TEXT = "The quick brown fox jumps over the lazy dog."
STATUS_PATH = "v5.0/ocr/Utilities/GetTaskStatus"
BEARER = f"Bearer {Recorder.TOKEN}"


def test_get_conn_carries_the_token(recorder: Recorder, connect: Connect) -> None:
    session = connect(recorder.url).get_conn({"X-Mine": "yes"})
    reply = within(3, lambda: session.get(f"{recorder.url}/{STATUS_PATH}?id=x", timeout=10))
    assert reply.json()["taskStatus"] == "Completed"
    sign_in, call = recorder.requests
    assert sign_in.target == "/connect/token"
    assert (call.header("authorization"), call.header("x-mine")) == (BEARER, "yes")
    assert sign_in.header("x-mine") is None


def test_get_conn_follows_no_redirect(recorder: Recorder, connect: Connect) -> None:
    elsewhere = Recorder()
    hook = connect(recorder.url)
    hook.get_status("x")
    recorder.answer = lambda seen: Reply(b"", 302, {"Location": f"{elsewhere.url}/"})
    with serving(elsewhere):
        try:
            status = hook.get_conn().get(f"{recorder.url}/{STATUS_PATH}?id=x", timeout=10).status_code
        except requests.TooManyRedirects:
            status = 302
    assert (status, elsewhere.requests) == (302, [])


def test_get_conn_shows_the_token_to_the_service_alone(recorder: Recorder, connect: Connect) -> None:
    elsewhere = Recorder()
    hook = connect(recorder.url)
    hook.get_status("x")
    with serving(elsewhere):
        hook.get_conn().get(f"{elsewhere.url}/page", timeout=10)
    assert [seen.header("authorization") for seen in elsewhere.requests] == [None]


@pytest.mark.usefixtures("brisk")
def test_get_conn_renews_a_token_that_was_refused(hook: AsposeOcrHook, emulator: Emulator) -> None:
    """Nothing tells a plain session of a 401; the next operation of the hook renews the token for it too."""
    session = hook.get_conn()
    hook.get_status("x")
    emulator.expire_tokens()
    url = f"{emulator.url}/{STATUS_PATH}?id=x"
    assert session.get(url, timeout=10).status_code == 401
    hook.get_status("x")
    assert session.get(url, timeout=10).status_code == 200


@pytest.mark.parametrize("endpoint", [STATUS_PATH, f"/{STATUS_PATH}"])
def test_run_get(endpoint: str, hook: AsposeOcrHook, emulator: Emulator) -> None:
    ocr_task_id = hook.submit(OPERATION, IMAGE)
    hook.method = "GET"
    reply = hook.run(endpoint, {"id": ocr_task_id}, headers={"Accept": "application/json"})
    assert (reply.status_code, reply.ok, reply.json()["taskStatus"]) == (200, True, "Completed")
    assert emulator.transcript[-1].ocr_task_id == ocr_task_id
    assert hook.api_calls == emulator.calls.billed == 2


def test_run_sends_what_it_is_given(recorder: Recorder, connect: Connect) -> None:
    hook = connect(recorder.url)
    hook.run("v5.0/ocr/One", json={"a": "ü"}, headers={"X-Mine": "yes"})
    hook.run("v5.0/ocr/Two", {"b": "1"})
    hook.run("v5.0/ocr/Three", "text", headers={"Content-Type": "text/plain", "authorization": "Basic x"})
    one, two, three = recorder.requests[1:]
    assert json.loads(one.body) == {"a": "ü"}
    assert (one.header("content-type"), one.header("x-mine")) == ("application/json", "yes")
    assert (two.body, two.header("content-type")) == (b"b=1", "application/x-www-form-urlencoded")
    assert (three.body, three.header("content-type")) == (b"text", "text/plain")
    assert [seen.header("authorization") for seen in recorder.requests] == [None, BEARER, BEARER, BEARER]


def test_run_reads_text_by_its_charset(recorder: Recorder, connect: Connect) -> None:
    recorder.answer = lambda seen: (
        Reply("Größe".encode("iso-8859-1"), headers={"Content-Type": "text/plain; charset=iso-8859-1"})
        if seen.target == "/text"
        else None
    )
    assert connect(recorder.url).run("text").text == "Größe"


@pytest.mark.usefixtures("brisk")
@pytest.mark.parametrize(
    ("status", "kind", "calls"),
    [
        (302, AsposeOcrRequestError, 1),
        (400, AsposeOcrRequestError, 1),
        (401, AsposeOcrAuthError, 2),
        (404, AsposeOcrRequestError, 1),
        (500, AsposeOcrServerError, 5),
    ],
)
def test_run_raises_and_logs_no_body(
    status: int,
    kind: type[AsposeOcrError],
    calls: int,
    recorder: Recorder,
    connect: Connect,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = Reply(b"<html>a text that nobody may see</html>", status, {"Location": "/elsewhere"})
    recorder.answer = lambda seen: None if seen.target == "/connect/token" else page
    hook = connect(recorder.url)
    hook.method = "GET"
    with caplog.at_level(logging.DEBUG), pytest.raises(kind) as caught:
        hook.run(STATUS_PATH, {"id": "x"})
    assert caught.value.status == status
    assert "nobody may see" not in caplog.text + str(caught.value) + "".join(capsys.readouterr())
    assert [seen.target for seen in recorder.requests if seen.method == "GET"] == [
        f"/{STATUS_PATH}?id=x"
    ] * calls


def test_post_by_run_is_repeated_as_a_submission(hook: AsposeOcrHook, emulator: Emulator) -> None:
    emulator.inject("drop_after_accept", on="submit", times=None)
    with pytest.raises(AsposeOcrError, match="whether the service accepted it is not known"):
        hook.run(f"v5.0/ocr/{OPERATION}", json={"image": "AAAA", "settings": {}})
    assert emulator.calls.submit == hook.api_calls == 2


def test_inherited_methods_send_no_basic_auth_and_no_extras(recorder: Recorder, connect: Connect) -> None:
    hook = connect(recorder.url, "an-id", "a-secret", timeout=70, X_Extra="extra", verify=False)
    hook.method = "GET"
    hook.get_status("x")
    session = hook.get_conn()
    prepared = session.prepare_request(requests.Request("GET", f"{recorder.url}/{STATUS_PATH}?id=x"))
    retry = {"stop": tenacity.stop_after_attempt(2)}
    assert hook.run_with_advanced_retry(retry, STATUS_PATH, {"id": "x"}).ok
    assert hook.run_and_check(session, prepared, {}).ok
    assert hook.run(STATUS_PATH, {"id": "x"}, extra_options={"headers": {"X_Extra": "extra"}}).ok
    assert hook.test_connection()[0]
    expected = {"host", "user-agent", "accept", "accept-encoding", "connection", "authorization"}
    for seen in recorder.requests:
        if seen.target == "/connect/token":
            assert seen.header("authorization") is None
        else:
            assert seen.header("authorization") == BEARER
            assert {name.lower() for name, _ in seen.headers} <= expected
        assert "extra" not in str(seen.headers)
    assert len(recorder.requests) == 6


def test_inherited_error_handling_logs_no_body(
    recorder: Recorder,
    connect: Connect,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    hook = connect(recorder.url)
    hook.method = "GET"
    hook.get_status("x")
    recorder.answer = lambda seen: Reply(b"a text that nobody may see", 500)
    session = hook.get_conn()
    prepared = session.prepare_request(requests.Request("GET", f"{recorder.url}/{STATUS_PATH}?id=x"))
    with caplog.at_level(logging.DEBUG), pytest.raises(Exception, match="500"):
        hook.run_and_check(session, prepared, {})
    assert "nobody may see" not in caplog.text + "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("ocr.example.com", "https://ocr.example.com/v5.0/ocr/X"),
        ("", "https://api.aspose.cloud/v5.0/ocr/X"),
        ("http://localhost:8080/", "http://localhost:8080/v5.0/ocr/X"),
    ],
)
def test_inherited_addresses_are_those_of_the_drivers(host: str, expected: str, connect: Connect) -> None:
    """The default scheme of the parent is plain http, over which no token should travel."""
    assert connect(host).url_from_endpoint("v5.0/ocr/X") == expected


def test_names_of_the_connection_type() -> None:
    (declared,) = get_provider_info()["connection-types"]
    assert declared["connection-type"] == AsposeOcrHook.conn_type == "asposeocr"
    assert declared["hook-name"] == AsposeOcrHook.hook_name
    assert declared["hook-class-name"] == f"{AsposeOcrHook.__module__}.{AsposeOcrHook.__qualname__}"
    behaviour = AsposeOcrHook.get_ui_field_behaviour()
    assert declared["ui-field-behaviour"]["relabeling"] == behaviour["relabeling"]
