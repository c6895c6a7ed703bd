"""The retry table, row by row: what is sent, how long is slept, what comes of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from email.utils import formatdate
from typing import Any
from urllib.parse import quote_plus

import pytest

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrAuthError,
    AsposeOcrCertificateError,
    AsposeOcrConnectionError,
    AsposeOcrError,
    AsposeOcrRateLimitError,
    AsposeOcrRequestError,
    AsposeOcrServerError,
)
from airflow_provider_asposeocr.api.flows import OcrApi
from airflow_provider_asposeocr.api.http import Flow, HttpResponse, Token
from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.api.task import OcrTask, TaskStatus

from .flow_runner import BROKEN, NOT_SENT, START, UNTRUSTED, Answer, Clock, api, drive, response

ID = "5abe66e1-d823-48c1-bcb7-5c05c1719976"
SECRET = "the-secret-of-the-client"
IMAGE = get_operation("RecognizeImage")
TRIAL = get_operation("RecognizeImageTrial")
PAGE = "<html><head><title>Oops</title></head><body>private page 4711</body></html>"
ATTEMPTS = 5


class Body:
    """A request body."""

    content_type = "application/json"

    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Iterator[bytes]:
        yield b"{}"


CALLS: dict[str, Callable[[OcrApi], Flow[Any]]] = {
    "submit": lambda made: made.submit(IMAGE, Body()),
    "get": lambda made: made.poll(IMAGE, ID),
    "delete": lambda made: made.cancel(IMAGE, ID),
    "token": lambda made: made.token("the-client", SECRET),
}
GOOD: dict[str, HttpResponse] = {
    "submit": response(200, ID),
    "get": response(200, json.dumps({"id": ID, "taskStatus": "Pending"})),
    "delete": response(200),
    "token": response(200, '{"access_token": "t", "expires_in": 3600}'),
}
EVERY = tuple(CALLS)
READS_JSON = ("get", "token")
NOT_SIGN_IN = ("submit", "get", "delete")

AMBIGUOUS: dict[str, Answer] = {
    "broken connection": BROKEN,
    "408": response(408),
    "500": response(500, PAGE),
    "502": response(502, PAGE),
    "504": response(504, PAGE),
    "520": response(520, PAGE),
}
NOT_ACCEPTED: dict[str, Answer] = {
    "connect failure": NOT_SENT,
    "429": response(429, PAGE),
    "503": response(503, PAGE),
}
UNREADABLE: dict[str, HttpResponse] = {
    "200 HTML": response(200, PAGE, content_type="text/html"),
    "200 truncated": response(200, '{"id": "5abe66e1-d823-48'),
    "200 empty": response(200),
    "200 deeply nested": response(200, "[" * 200_000),
}


def call(kind: str, *answers: Answer, **policy: Any) -> Any:
    """Make a call of a kind with these answers, and return what it did."""
    clock = Clock()
    return drive(CALLS[kind](api(clock, **policy)), *answers, clock=clock)


def rows(kinds: tuple[str, ...], answers: dict[str, Any]) -> list[Any]:
    """One row for each kind of call and each answer."""
    return [pytest.param(k, a, id=f"{k}-{n}") for k in kinds for n, a in answers.items()]


def is_result(kind: str, result: Any) -> bool:
    """Whether a result is what a good answer leads to."""
    good: dict[str, bool] = {
        "submit": result == ID,
        "get": isinstance(result, OcrTask) and result.status is TaskStatus.PENDING,
        "delete": result is None,
        "token": isinstance(result, Token) and result.value == "t",
    }
    return good[kind]


@pytest.mark.parametrize("kind", EVERY)
def test_a_good_answer_is_all_it_takes(kind: str) -> None:
    run = call(kind, GOOD[kind])
    assert is_result(kind, run.unwrap())
    assert len(run.requests) == 1
    assert run.sleeps == []


@pytest.mark.parametrize(("kind", "answer"), rows(EVERY, NOT_ACCEPTED))
class TestNotAccepted:
    """The service has surely not acted on the request: it is repeated, whatever it is."""

    def test_once(self, kind: str, answer: Answer) -> None:
        run = call(kind, answer, GOOD[kind])
        assert is_result(kind, run.unwrap())
        assert len(run.requests) == 2
        assert len(run.sleeps) == 1

    @pytest.mark.parametrize(("top", "share"), [(True, 1.0), (False, 0.5)])
    def test_always(self, kind: str, answer: Answer, top: bool, share: float) -> None:
        clock = Clock()
        run = drive(CALLS[kind](api(clock, top=top)), answer, clock=clock)
        assert len(run.requests) == ATTEMPTS
        assert run.sleeps == pytest.approx([share * wait for wait in (0.5, 1, 2, 4)])
        expected = AsposeOcrConnectionError if answer is NOT_SENT else AsposeOcrRateLimitError
        assert type(run.error) is expected
        assert run.error.retryable
        assert run.error.retry_after is None
        assert "not known" not in str(run.error)

    def test_although_ambiguous_submissions_are_not_repeated(self, kind: str, answer: Answer) -> None:
        run = call(kind, answer, GOOD[kind], repeat_ambiguous_submit=False)
        assert is_result(kind, run.unwrap())


@pytest.mark.parametrize(
    ("kind", "answer"), rows(EVERY, AMBIGUOUS) + rows(READS_JSON, UNREADABLE)
    + rows(("submit",), {name: UNREADABLE[name] for name in UNREADABLE} | {"204": response(204)})
    + rows(("token",), {"204": response(204)})
)  # fmt: skip
class TestAmbiguous:
    """The service may have acted on the request: a submission is repeated once, all others like any."""

    def test_once(self, kind: str, answer: Answer) -> None:
        run = call(kind, answer, GOOD[kind])
        assert is_result(kind, run.unwrap())
        assert len(run.requests) == 2
        assert run.sleeps == pytest.approx([0.5])

    def test_always(self, kind: str, answer: Answer) -> None:
        run = call(kind, answer)
        assert len(run.requests) == (2 if kind == "submit" else ATTEMPTS)
        assert len(run.sleeps) == len(run.requests) - 1
        expected = AsposeOcrConnectionError if answer is BROKEN else AsposeOcrServerError
        assert type(run.error) is expected
        assert run.error.retryable
        assert ("whether the service accepted it is not known" in str(run.error)) is (kind == "submit")

    def test_a_submission_is_not_repeated_where_that_is_switched_off(self, kind: str, answer: Answer) -> None:
        run = call(kind, answer, GOOD[kind], repeat_ambiguous_submit=False)
        if kind == "submit":
            assert len(run.requests) == 1
            assert run.sleeps == []
            assert run.error.retryable
        else:
            assert is_result(kind, run.unwrap())

    def test_only_a_submission_is_logged_as_a_possible_duplicate(
        self, kind: str, answer: Answer, caplog: pytest.LogCaptureFixture
    ) -> None:
        call(kind, answer, GOOD[kind])
        told = [record for record in caplog.records if "possible duplicate" in record.getMessage()]
        assert len(told) == (1 if kind == "submit" else 0)
        assert all(record.levelno == logging.WARNING for record in told)


@pytest.mark.parametrize(
    ("answers", "requests", "succeeds"),
    [
        ([BROKEN, NOT_SENT, GOOD["submit"]], 3, True),
        ([BROKEN, response(503), response(429), GOOD["submit"]], 4, True),
        ([NOT_SENT, BROKEN, GOOD["submit"]], 3, True),
        ([response(500), response(503), response(502), GOOD["submit"]], 3, False),
        ([response(200, PAGE), BROKEN, GOOD["submit"]], 2, False),
        ([response(500), response(401), GOOD["submit"]], 3, True),
        ([response(401), response(500), GOOD["submit"]], 3, True),
        ([response(500), response(400), GOOD["submit"]], 2, False),
    ],
)
def test_a_submission_is_repeated_once_in_all_after_ambiguous_answers(
    answers: list[Answer], requests: int, succeeds: bool
) -> None:
    run = call("submit", *answers)
    assert len(run.requests) == requests
    assert (run.result == ID) is succeeds


PERMANENT: dict[str, tuple[Answer, type[AsposeOcrError], str]] = {
    "untrusted certificate": (UNTRUSTED, AsposeOcrCertificateError, "not trusted"),
    "301": (response(301, location="https://elsewhere.example/"), AsposeOcrRequestError, "redirects"),
    "302": (response(302, location="https://elsewhere.example/"), AsposeOcrRequestError, "redirects"),
    "402": (response(402), AsposeOcrRequestError, "quota"),
    "403": (response(403, PAGE), AsposeOcrRequestError, "may not do this"),
    "405": (response(405), AsposeOcrRequestError, "refused"),
    "413": (response(413, PAGE), AsposeOcrRequestError, "larger than the service accepts"),
    "415": (response(415), AsposeOcrRequestError, "kind of input"),
    "422": (response(422), AsposeOcrRequestError, "refused"),
}


@pytest.mark.parametrize(
    ("kind", "row"),
    rows(NOT_SIGN_IN, PERMANENT)
    + rows(
        ("submit",),
        {
            "400": (response(400), AsposeOcrRequestError, "refused"),
            "404": (response(404), AsposeOcrRequestError, "check host and api_prefix"),
        },
    ),
)
def test_what_cannot_help_is_not_repeated(kind: str, row: tuple[Answer, type[AsposeOcrError], str]) -> None:
    answer, expected, said = row
    run = call(kind, answer, GOOD[kind])
    assert len(run.requests) == 1
    assert run.sleeps == []
    assert type(run.error) is expected
    assert not run.error.retryable
    assert said in str(run.error)
    assert run.error.status == (answer.status if isinstance(answer, HttpResponse) else None)
    assert run.error.ocr_task_id == (None if kind == "submit" else ID)


@pytest.mark.parametrize("status", [400, 404])
def test_an_unknown_id_is_an_answer(status: int) -> None:
    for kind in ("get", "delete"):
        run = call(kind, response(status, '{"title": "Not Found"}'))
        assert len(run.requests) == 1
        task = run.unwrap()
        if kind == "get":
            assert task.status is TaskStatus.NOT_EXIST
            assert task.messages == (f"HTTP {status}",)


def test_no_content_is_an_answer_for_get_and_delete() -> None:
    assert call("get", response(204)).unwrap().status is TaskStatus.NOT_EXIST
    assert call("delete", response(204)).unwrap() is None


@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_nobody_reads_the_body_of_a_cancellation(answer: Answer) -> None:
    run = call("delete", answer)
    assert run.unwrap() is None
    assert len(run.requests) == 1


@pytest.mark.parametrize("kind", NOT_SIGN_IN)
class TestUnauthorized:
    """A token that is refused is exchanged once."""

    def test_once(self, kind: str) -> None:
        run = call(kind, response(401), GOOD[kind])
        assert is_result(kind, run.unwrap())
        assert [request.token for request in run.requests] == ["token-1", "token-2"]
        assert run.refused == [None, "token-1"]
        assert run.sleeps == []

    def test_twice(self, kind: str) -> None:
        run = call(kind, response(401), response(401), GOOD[kind])
        assert len(run.requests) == 2
        assert type(run.error) is AsposeOcrAuthError
        assert not run.error.retryable
        assert run.error.status == 401

    def test_does_not_use_up_attempts(self, kind: str) -> None:
        run = call(kind, response(401), *[response(503)] * (ATTEMPTS - 1), GOOD[kind])
        assert is_result(kind, run.unwrap())
        assert len(run.requests) == ATTEMPTS + 1


def test_a_trial_call_carries_no_token_and_exchanges_none() -> None:
    run = drive(api().submit(TRIAL, Body()), response(401))
    assert [request.token for request in run.requests] == [None]
    assert run.refused == []
    assert type(run.error) is AsposeOcrAuthError


@pytest.mark.parametrize("status", [400, 401, 403])
def test_rejected_credentials_are_sent_once(status: int) -> None:
    run = call("token", response(status, '{"error": "invalid_client"}'), GOOD["token"])
    assert len(run.requests) == 1
    assert type(run.error) is AsposeOcrAuthError
    assert not run.error.retryable
    assert run.error.status == status
    assert f"was rejected (HTTP {status})" in str(run.error)
    assert "locks the pair" in str(run.error)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (response(301, location="https://elsewhere.example/"), "redirects"),
        (response(302, location="https://elsewhere.example/"), "redirects"),
        (response(404, PAGE), "check"),
    ],
    ids=["301", "302", "404"],
)
def test_a_wrong_address_to_sign_in_at_is_not_blamed_on_the_credentials(
    answer: HttpResponse, said: str
) -> None:
    run = call("token", answer, GOOD["token"])
    assert len(run.requests) == 1
    assert not run.error.retryable
    assert said in str(run.error)
    assert "was rejected" not in str(run.error)


def test_an_untrusted_certificate_is_not_repeated_when_signing_in() -> None:
    run = call("token", UNTRUSTED, GOOD["token"])
    assert len(run.requests) == 1
    assert type(run.error) is AsposeOcrCertificateError


def test_a_locked_pair_says_so_and_how_long() -> None:
    run = call("token", response(429, retry_after="600"), GOOD["token"])
    assert len(run.requests) == 1
    assert run.sleeps == []
    assert type(run.error) is AsposeOcrRateLimitError
    assert run.error.retry_after == 600
    assert run.error.retryable
    assert "600 s" in str(run.error)
    assert "locked" in str(run.error)


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("status", [429, 503])
class TestRetryAfter:
    """What the service asks for is kept to, never shortened."""

    @pytest.mark.parametrize(
        ("header", "least", "most"),
        [
            ("0", 0, 0),
            ("7", 7, 7.7),
            ("59", 59, 60),
            (formatdate(START + 12, usegmt=True), 12, 13),
            (formatdate(START - 12, usegmt=True), 0, 0),
            ("nonsense", 0.25, 0.5),
        ],
    )
    def test_up_to_a_minute_it_is_slept(
        self, kind: str, status: int, header: str, least: float, most: float
    ) -> None:
        run = call(kind, response(status, retry_after=header), GOOD[kind])
        assert is_result(kind, run.unwrap())
        assert len(run.sleeps) == 1
        assert least <= run.sleeps[0] <= most

    @pytest.mark.parametrize("header", ["61", "600", formatdate(START + 600, usegmt=True)])
    def test_beyond_a_minute_it_leaves_as_an_error(self, kind: str, status: int, header: str) -> None:
        run = call(kind, response(status, retry_after=header), GOOD[kind])
        assert len(run.requests) == 1
        assert run.sleeps == []
        assert type(run.error) is AsposeOcrRateLimitError
        assert run.error.retryable
        assert run.error.retry_after == (61 if header == "61" else 600)

    def test_the_last_error_carries_it(self, kind: str, status: int) -> None:
        run = call(kind, response(status, retry_after="3"))
        assert len(run.requests) == ATTEMPTS
        assert run.error.retry_after == 3
        assert run.sleeps == pytest.approx([3.3] * (ATTEMPTS - 1))


def test_exactly_a_minute_is_slept() -> None:
    run = call("get", response(503, retry_after="60"), GOOD["get"])
    assert is_result("get", run.unwrap())
    assert run.sleeps == [60]


def test_a_failing_service_may_ask_for_time_too() -> None:
    assert call("get", response(500, retry_after="9"), GOOD["get"]).sleeps == pytest.approx([9.9])


@pytest.mark.parametrize("kind", EVERY)
def test_a_refusal_carries_no_time_to_wait(kind: str) -> None:
    assert call(kind, response(403, retry_after="9")).error.retry_after is None


@pytest.mark.parametrize("kind", EVERY)
def test_one_attempt_means_one(kind: str) -> None:
    run = call(kind, response(503), attempts=1)
    assert len(run.requests) == 1
    assert run.sleeps == []
    assert run.error.retryable


@pytest.mark.parametrize("kind", EVERY)
def test_the_same_request_is_sent_again(kind: str) -> None:
    first, second = call(kind, response(503), GOOD[kind]).requests
    assert first == second


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
