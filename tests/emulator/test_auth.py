"""Sign-in: tokens, their lifetime, and the lockout of failing pairs."""

from __future__ import annotations

import pytest

from airflow_provider_asposeocr.emulator import auth
from airflow_provider_asposeocr.emulator.auth import TokenGrant, TokenIssuer
from airflow_provider_asposeocr.emulator.options import EmulatorOptions
from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.client import Client


def test_right_credentials_get_a_bearer_token(client: Client) -> None:
    answer = client.token()
    assert answer.status_code == 200
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
    assert body["access_token"] != client.token().json()["access_token"]


def test_wrong_credentials_are_invalid_client(client: Client) -> None:
    answer = client.token(secret="wrong")
    assert answer.status_code == 400
    assert answer.json() == {"error": "invalid_client"}


def test_a_pair_is_locked_out_after_five_failures(client: Client) -> None:
    assert [client.token(secret="wrong").status_code for _ in range(6)] == [400] * 5 + [429]
    assert client.token(secret="wrong").headers["Retry-After"] == "600"


def test_another_secret_works_at_once_after_a_lock_out(client: Client) -> None:
    for _ in range(6):
        client.token(secret="wrong")
    assert client.token(secret="also wrong").status_code == 400
    assert client.token().status_code == 200


def test_successful_sign_ins_are_not_counted(client: Client) -> None:
    assert {client.token().status_code for _ in range(8)} == {200}


def test_a_lock_out_ends(emulator: Emulator, client: Client) -> None:
    emulator.options.lockout_seconds = 0
    assert [client.token(secret="wrong").status_code for _ in range(7)] == [400] * 7


def test_another_grant_type_is_refused(client: Client) -> None:
    answer = client.call("POST", "/connect/token", data={"grant_type": "password"})
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic Zm9vOmJhcg==", "Bearer"])
def test_calls_without_a_valid_token_are_unauthorized(client: Client, header: str | None) -> None:
    ocr_task_id = client.submit()
    client.session.headers["Authorization"] = header  # type: ignore[assignment]
    for answer in (
        client.post(),
        client.get(ocr_task_id),
        client.status(ocr_task_id),
        client.cancel(ocr_task_id),
    ):
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.json()["status"] == 401


def test_expired_tokens_are_refused(emulator: Emulator, client: Client) -> None:
    emulator.expire_tokens()
    assert client.post().status_code == 401


def test_a_token_expires_by_its_lifetime(emulator: Emulator) -> None:
    emulator.options.token_lifetime = 0
    with Client(emulator) as late:
        assert late.post().status_code == 401


def test_the_scheme_is_compared_without_case(client: Client) -> None:
    client.session.headers["Authorization"] = str(client.session.headers["Authorization"]).replace(
        "Bearer", "bearer"
    )
    assert client.post().status_code == 200


def test_the_trial_needs_no_token(emulator: Emulator) -> None:
    with Client(emulator, sign_in=False) as stranger:
        answer = stranger.wait(stranger.submit(operation="RecognizeImageTrial"), "RecognizeImageTrial")
    assert answer["taskStatus"] == "Completed"


def test_tokens_and_failures_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "MAX_TOKENS", 100)
    monkeypatch.setattr(auth, "MAX_PAIRS", 100)
    options = EmulatorOptions(lockout_failures=2)
    desk = TokenIssuer(options)
    first, *_, last = (
        desk.grant("client_credentials", options.client_id, options.client_secret) for _ in range(250)
    )
    assert isinstance(first, TokenGrant)
    assert isinstance(last, TokenGrant)
    assert len(desk.granted) == 100
    assert not desk.accepts(f"Bearer {first.access_token}")
    assert desk.accepts(f"Bearer {last.access_token}")
    for secret in range(1_000):
        for _ in range(3):
            answer = desk.grant("client_credentials", "a", str(secret))
        assert answer.retry_after == 600  # type: ignore[union-attr]
        desk.grant("client_credentials", "b", str(secret))
    assert len(desk._failures) == len(desk._locked_until) == 100
    desk.expire_all()
    assert not desk.accepts(f"Bearer {last.access_token}")
    assert len(desk.granted) == 100
