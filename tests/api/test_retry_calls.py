"""The retry table, row by row: what is sent, how long is slept, what comes of it."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrCertificateError,
    AsposeOcrConnectionError,
    AsposeOcrError,
    AsposeOcrRateLimitError,
    AsposeOcrRequestError,
    AsposeOcrServerError,
)
from airflow_provider_asposeocr.api.http import HttpResponse
from airflow_provider_asposeocr.api.task import TaskStatus

from .flow_runner import BROKEN, ID, NOT_SENT, UNTRUSTED, Answer, Clock, api, drive, response
from .kinds_of_calls import ATTEMPTS, CALLS, EVERY, GOOD, NOT_SIGN_IN, PAGE, call, is_result

READS_JSON = ("get", "token")
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


def rows(kinds: tuple[str, ...], answers: dict[str, Any]) -> list[Any]:
    """Return one row for each kind of call and each answer."""
    return [pytest.param(k, a, id=f"{k}-{n}") for k in kinds for n, a in answers.items()]


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
