"""The flows: signing in, and submitting."""

from __future__ import annotations

import json
import math
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrAuthError,
    AsposeOcrServerError,
    AsposeOcrUnusableIdError,
)
from airflow_provider_asposeocr.api.flows import OcrApi
from airflow_provider_asposeocr.api.operations import OPERATIONS, get_operation

from .flow_runner import HOST, ID, IMAGE, START, Answer, Body, Run, api, drive, response


class TestSignIn:
    """The token."""

    def run(self, *answers: Answer, made: OcrApi | None = None) -> Run:
        """Sign in."""
        return drive((made or api()).token("the id", "a+secret&=%"), *answers)

    def test_sends_the_form(self) -> None:
        (request,) = self.run(response(200, '{"access_token": "t"}')).requests
        assert (request.method, request.url) == ("POST", f"{HOST}/connect/token")
        assert request.headers == {"Accept": "application/json"}
        assert request.token is None
        assert not request.billed
        assert request.body is not None
        assert request.body.content_type == "application/x-www-form-urlencoded"
        sent = b"".join(request.body)
        assert len(sent) == len(request.body)
        assert parse_qs(sent.decode(), strict_parsing=True) == {
            "grant_type": ["client_credentials"],
            "client_id": ["the id"],
            "client_secret": ["a+secret&=%"],
        }
        assert "secret" not in repr(request)

    @given(identity=st.text(min_size=1), secret=st.text(min_size=1))
    def test_sends_any_credentials(self, identity: str, secret: str) -> None:
        try:
            identity.encode(), secret.encode()
        except UnicodeEncodeError:
            return
        run = drive(api().token(identity, secret), response(200, '{"access_token": "t"}'))
        assert run.requests[0].body is not None
        form = parse_qs(b"".join(run.requests[0].body).decode("ascii"), keep_blank_values=True)
        assert (form["client_id"], form["client_secret"]) == ([identity], [secret])

    def test_goes_elsewhere_when_told(self) -> None:
        made = OcrApi(HOST, token_url="https://login.example/oauth")
        run = self.run(response(200, '{"access_token": "t"}'), made=made)
        assert run.requests[0].url == "https://login.example/oauth"

    @pytest.mark.parametrize(
        ("expires_in", "lifetime"),
        [
            (3600, 3540),
            (600, 540),
            (100, 90),
            (10, 9),
            ("3600", 3540),
            (0, 540),
            (None, 540),
            (-5, 540),
            (math.nan, 540),
            (1e300, 24 * 3600 - 60),
            (86400, 86340),
        ],
    )
    def test_a_token_counts_as_expired_before_it_does(self, expires_in: Any, lifetime: float) -> None:
        token = self.run(response(200, json.dumps({"access_token": "t", "expires_in": expires_in}))).unwrap()
        assert token.value == "t"
        assert token.expires_at == START + lifetime

    @pytest.mark.parametrize(
        "more", ["", ', "expires_in": "soon"', ', "expires_in": [1]', f', "expires_in": 1{"0" * 400}']
    )
    def test_no_lifetime_means_ten_minutes(self, more: str) -> None:
        token = self.run(response(200, f'{{"access_token": "t"{more}}}')).unwrap()
        assert token.expires_at == START + 540

    @pytest.mark.parametrize(
        "body",
        [
            "",
            "<html></html>",
            "[]",
            "null",
            '"token"',
            "{}",
            '{"access_token": null}',
            '{"access_token": ""}',
            '{"access_token": 5}',
            '{"access_token": "two\\nlines"}',
            '{"access_token": "t\\u00e9"}',
        ],
    )
    def test_what_is_no_token_counts_as_a_failure_of_the_service(self, body: str) -> None:
        run = self.run(response(200, body))
        assert type(run.error) is AsposeOcrServerError
        assert run.error.retryable

    def test_a_token_is_not_shown(self) -> None:
        assert "ticket" not in repr(self.run(response(200, '{"access_token": "ticket"}')).unwrap())

    def test_rejected_credentials_are_not_told(self) -> None:
        error = self.run(response(400, '{"error": "invalid_client"}')).error
        assert type(error) is AsposeOcrAuthError
        assert "a+secret" not in str(error)
        assert "the id" not in str(error)
        assert error.__suppress_context__


class TestSubmit:
    """The start of a task."""

    @pytest.mark.parametrize("name", [name for name, operation in OPERATIONS.items() if operation.submits])
    def test_what_is_sent(self, name: str) -> None:
        body, operation = Body(), get_operation(name)
        run = drive(api().submit(operation, body), response(200, ID))
        (request,) = run.requests
        assert (request.method, request.url) == ("POST", f"{HOST}/v5.0/ocr/{name}")
        assert request.headers == {"Accept": "text/plain"}
        assert request.body is body
        assert request.billed
        assert request.token == ("token-1" if operation.authenticated else None)
        assert "token-1" not in repr(request)

    @pytest.mark.parametrize(
        ("body", "ocr_task_id"),
        [
            (ID, ID),
            (f'"{ID}"', ID),
            (f"{ID}\n", ID),
            (f' \r\n"{ID}"\r\n ', ID),
            (f"\ufeff{ID}", ID),
            (f'\ufeff"{ID}"\n', ID),
            (f'" {ID} "', ID),
            ("TTS01232-9d40-4f2d-8eda-f1fc0b12bce6", "TTS01232-9d40-4f2d-8eda-f1fc0b12bce6"),
            ("5abe66e1-d823-48c1-bcb7-5c05c171997", "5abe66e1-d823-48c1-bcb7-5c05c171997"),
            ("42", "42"),
            ("a/b+c=&?#%", "a/b+c=&?#%"),
        ],
    )
    def test_the_id_is_read_bare_or_quoted(self, body: str, ocr_task_id: str) -> None:
        assert drive(api().submit(IMAGE, Body()), response(200, body)).unwrap() == ocr_task_id

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"  \n",
            b'"',
            b"<html><body>maintenance</body></html>",
            b"Service under maintenance",
            b'{"id": "5abe66e1"}',
            b'["5abe66e1"]',
            b'"5abe66e1-d823',
        ],
    )
    def test_what_is_no_id_counts_as_a_failure_of_the_service(self, body: bytes) -> None:
        run = drive(api().submit(IMAGE, Body()), response(200, body))
        assert type(run.error) is AsposeOcrServerError
        assert len(run.requests) == 2

    @pytest.mark.parametrize(
        "body",
        [
            b'""',
            b'" "',
            b'"my id"',
            b'"Service under maintenance"',
            b"null",
            b"None",
            b'"null"',
            b"undefined",
            b"x" * 201,
            b"\xff\xfe\x00",
            b"an-id\xff",
            b"an\x00id",
            b"an\x1b[31mid",
            b"an\nid",
            b'"an\nid"',
            b'"an\\u0000id"',
            b'"\\ud800"',
            "an\u2028id".encode(),
            "an\u202eid".encode(),
            "an\u00a0id".encode(),
        ],
    )
    def test_an_id_that_cannot_be_used_is_not_paid_for_again(self, body: bytes) -> None:
        run = drive(api().submit(IMAGE, Body()), response(200, body))
        assert type(run.error) is AsposeOcrUnusableIdError
        assert "accepted the submission (HTTP 200)" in str(run.error)
        assert not run.error.retryable
        assert run.error.ambiguous
        assert len(run.requests) == 1
        assert str(run.error).isprintable()

    def test_an_answer_without_end_is_no_id(self) -> None:
        run = drive(api().submit(IMAGE, Body()), response(200, b"x" * 100, complete=False))
        assert type(run.error) is AsposeOcrUnusableIdError
