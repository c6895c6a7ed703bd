"""The parts of the retry table: what an answer means, and how long to wait."""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import format_datetime, formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_asposeocr.api.http import HttpResponse
from airflow_provider_asposeocr.api.retry import MAX_SLEEP, AnswerKind, RetryPolicy, classify, retry_after

from .flow_runner import BROKEN, NOT_SENT, START, UNTRUSTED, response


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (102, AnswerKind.AMBIGUOUS),
        (200, AnswerKind.ANSWERED),
        (202, AnswerKind.ANSWERED),
        (204, AnswerKind.ANSWERED),
        (301, AnswerKind.REFUSED),
        (302, AnswerKind.REFUSED),
        (304, AnswerKind.REFUSED),
        (308, AnswerKind.REFUSED),
        (400, AnswerKind.REFUSED),
        (401, AnswerKind.UNAUTHORIZED),
        (402, AnswerKind.REFUSED),
        (403, AnswerKind.REFUSED),
        (404, AnswerKind.REFUSED),
        (405, AnswerKind.REFUSED),
        (407, AnswerKind.REFUSED),
        (408, AnswerKind.AMBIGUOUS),
        (413, AnswerKind.REFUSED),
        (415, AnswerKind.REFUSED),
        (422, AnswerKind.REFUSED),
        (429, AnswerKind.NOT_ACCEPTED),
        (500, AnswerKind.AMBIGUOUS),
        (501, AnswerKind.REFUSED),
        (502, AnswerKind.AMBIGUOUS),
        (503, AnswerKind.NOT_ACCEPTED),
        (504, AnswerKind.AMBIGUOUS),
        (520, AnswerKind.AMBIGUOUS),
        (524, AnswerKind.AMBIGUOUS),
    ],
)
def test_what_a_status_means(status: int, outcome: AnswerKind) -> None:
    assert classify(response(status)) is outcome


def test_what_the_lack_of_an_answer_means() -> None:
    assert classify(NOT_SENT) is AnswerKind.NOT_ACCEPTED
    assert classify(UNTRUSTED) is AnswerKind.REFUSED
    assert classify(BROKEN) is AnswerKind.AMBIGUOUS


@given(status=st.integers(100, 999))
def test_every_status_means_something(status: int) -> None:
    assert isinstance(classify(HttpResponse(status, {}, b"")), AnswerKind)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 600 ", 600.0),
        ("1.5", 1.5),
        ("-5", 0.0),
        (formatdate(START + 12, usegmt=True), 12.0),
        (formatdate(START - 12, usegmt=True), 0.0),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("Fri, 99 Foo 2027 99:99:99 GMT", None),
        ("7, 8", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}, START) == seconds


def test_no_retry_after() -> None:
    assert retry_after({"content-type": "text/plain"}, START) is None


@pytest.fixture
def _far_from_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_far_from_greenwich")
@pytest.mark.parametrize(
    "date",
    [
        time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(START + 90)),
        time.strftime("%A, %d-%b-%y %H:%M:%S GMT", time.gmtime(START + 90)),
        time.strftime("%a %b %d %H:%M:%S %Y", time.gmtime(START + 90)),
    ],
    ids=["IMF-fixdate", "RFC 850", "asctime"],
)
def test_all_three_forms_of_an_http_date_are_in_utc(date: str) -> None:
    # RFC 9110, section 5.6.7: recipients accept all three, and all are in UTC wherever this machine is.
    assert retry_after({"retry-after": date}, START) == 90.0


@given(value=st.text(max_size=40) | st.datetimes().map(format_datetime) | st.floats().map(str))
def test_any_header_is_a_wait_or_nothing(value: str) -> None:
    wait = retry_after({"retry-after": value}, START)
    assert wait is None or 0 <= wait < float("inf")


@given(failures=st.integers(1, 1000), draw=st.floats(0, 1))
def test_a_wait_doubles_within_its_bounds(failures: int, draw: float) -> None:
    policy = RetryPolicy(base=0.5, uniform=lambda low, high: low + (high - low) * draw)
    full = min(MAX_SLEEP, 0.5 * 2.0 ** (failures - 1))
    assert full / 2 <= policy.wait(failures, None) <= full


@given(asked=st.floats(0, 1e6), draw=st.floats(0, 1), failures=st.integers(1, 9))
def test_what_the_service_asks_for_is_never_shortened(asked: float, draw: float, failures: int) -> None:
    policy = RetryPolicy(uniform=lambda low, high: low + (high - low) * draw)
    assert asked <= policy.wait(failures, asked) <= asked + min(1.0, asked * 0.1) + 1e-6


def test_waits_are_spread() -> None:
    assert len({RetryPolicy().wait(3, None) for _ in range(50)}) > 40
    assert len({RetryPolicy().wait(1, 30.0) for _ in range(50)}) > 40
