"""Refused tokens and refused credentials: what is repeated."""

from __future__ import annotations

import pytest

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrAuthError,
    AsposeOcrCertificateError,
    AsposeOcrRateLimitError,
)
from airflow_provider_asposeocr.api.http import HttpResponse
from airflow_provider_asposeocr.api.operations import get_operation

from .flow_runner import UNTRUSTED, Body, api, drive, response
from .kinds_of_calls import ATTEMPTS, GOOD, NOT_SIGN_IN, PAGE, call, is_result

TRIAL = get_operation("RecognizeImageTrial")


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
