"""Repeats and failures are told, but neither pages nor credentials."""

from __future__ import annotations

import json
import logging
from typing import Any
from urllib.parse import quote_plus

import pytest

from .flow_runner import ID, NOT_SENT, api, drive, response
from .kinds_of_calls import CALLS, EVERY, GOOD, PAGE, SECRET, call


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 404, 413, 429, 500, 502, 503])
def test_no_page_and_no_credential_is_told(kind: str, status: int, caplog: pytest.LogCaptureFixture) -> None:
    echo = f"{PAGE}<p>token-1 token-2 {SECRET}</p>"
    with caplog.at_level(logging.DEBUG):
        run = call(kind, response(status, echo, content_type="text/html", location=f"https://x/{SECRET}"))
    told = f"{run.error!r} {run.result!r} {caplog.text}"
    for hidden in ("4711", "<html", SECRET, "token-1", "token-2"):
        assert hidden not in told


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500])
@pytest.mark.parametrize("kind", EVERY)
def test_a_problem_is_told_without_the_credentials_that_it_repeats(
    kind: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    hidden = SECRET if kind == "token" else "token-1"
    problem = json.dumps({"title": "It failed", "detail": f"{hidden} was sent"})
    with caplog.at_level(logging.DEBUG):
        run = call(kind, response(status, problem, content_type="application/problem+json"))
    told = f"{run.error!r} {run.result!r} {caplog.text}"
    assert hidden not in told


def test_a_secret_is_not_told_as_a_form_spells_it_either() -> None:
    secret = f"{SECRET} +&"
    problem = json.dumps({"title": f"got {secret}", "detail": f"client_secret={quote_plus(secret)}&x=1"})
    run = drive(api().token("id", secret), response(422, problem))
    assert "got ***: client_secret=***&x=1" in str(run.error)


def test_a_long_token_is_not_told_in_part_either() -> None:
    token = "eyJhbGciOiJSUzI1NiJ9." + "k" * 900
    problem = json.dumps({"title": f"Token {token}-1 expired"})
    run = drive(CALLS["submit"](api()), response(403, problem), token=token)
    assert run.requests[0].token == f"{token}-1"
    assert token[:21] not in str(run.error)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"title": "Bad Request", "detail": "The image is broken."}, "Bad Request: The image is broken."),
        ({"title": "One or more\n  errors"}, "One or more errors"),
        (
            {"title": "T", "errors": {"image": ["is required", "is empty"], "x": "no list"}},
            "T: is required: is empty",
        ),
        ({"title": 5, "detail": None}, "(HTTP 403)"),
        ([], "(HTTP 403)"),
        ("text", "(HTTP 403)"),
        ({"title": "y" * 1000}, "y" * 299 + "\u2026)"),
        ({"title": "a\u0000b\u001b[31m\ud800\u2028c", "detail": "\u202ed"}, "(HTTP 403, a b [31m c: d)"),
    ],
)
def test_what_a_problem_document_says_is_told_in_one_line(body: Any, said: str) -> None:
    message = str(call("submit", response(403, json.dumps(body))).error)
    assert said in message
    assert message.isprintable()
    assert len(message) < 500


def test_a_nested_problem_document_says_nothing() -> None:
    assert "(HTTP 403)" in str(call("submit", response(403, "[" * 200_000)).error)


def test_each_repeat_is_logged_with_its_cause(caplog: pytest.LogCaptureFixture) -> None:
    call("get", response(503, retry_after="7"), NOT_SENT, GOOD["get"])
    first, second = (record.getMessage() for record in caplog.records)
    assert "HTTP 503" in first
    assert "asks to wait 7 s" in first
    assert "attempt 2 of 5 follows in 7.7 s" in first
    assert "Connection refused" in second
    assert "attempt 3 of 5" in second
    assert ID not in caplog.text
