"""Retry-After: what the service asks for is kept to."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from airflow_provider_asposeocr.api.exceptions import AsposeOcrRateLimitError
from tests.api.kinds_of_calls import ATTEMPTS, EVERY, GOOD, call, is_result

from .flow_runner import START, response


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
