"""No run makes more billed calls than it says, whatever it is asked to do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from airflow.models.connection import Connection

from airflow_provider_asposeocr.api.exceptions import AsposeOcrError
from airflow_provider_asposeocr.api.flows import OcrApi
from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.api.retry import RetryPolicy
from airflow_provider_asposeocr.check.caller import MAX_CALLS, Caller, shown
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.hooks.auth import sign_in
from airflow_provider_asposeocr.hooks.connection import ConnectionConfig

OPERATION = get_operation("RecognizeImage")


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """Run an emulator."""
    with Emulator(ocr=False) as running:
        yield running


@pytest.fixture
def config(emulator: Emulator) -> ConnectionConfig:
    """Return the connection to it."""
    return ConnectionConfig.of(Connection.from_json(emulator.connection_json()), {})


@pytest.fixture
def api(config: ConnectionConfig) -> OcrApi:
    """Return flows that repeat nothing."""
    return config.api(RetryPolicy(attempts=1))


def test_the_thirteenth_call_is_refused(emulator: Emulator, config: ConnectionConfig, api: OcrApi) -> None:
    caller = Caller(config)
    token = caller.call("sign-in", sign_in(config)).value.value
    for number in range(1, MAX_CALLS + 1):
        assert caller.call("fetch", api.poll(OPERATION, "any"), token).error is None
        assert emulator.calls.billed == number
    for _ in range(2):
        refused = caller.call("fetch", api.poll(OPERATION, "any"), token)
        assert (refused.answer, refused.value) == (None, None)
        assert isinstance(refused.error, AsposeOcrError)
    assert caller.by_kind == {"fetch": MAX_CALLS}
    assert (emulator.calls.billed, emulator.calls.token) == (MAX_CALLS, 1)


def test_repetitions_count_and_stop_as_well(emulator: Emulator, config: ConnectionConfig) -> None:
    emulator.inject("status", on="poll", status=500, times=None)
    repeating = config.api(RetryPolicy(attempts=MAX_CALLS + 5, base=0.0))
    caller = Caller(config)
    token = caller.call("sign-in", sign_in(config)).value.value
    refused = caller.call("fetch", repeating.poll(OPERATION, "any"), token)
    assert str(refused.error) == f"all {MAX_CALLS} billed calls of this run are made"
    assert emulator.calls.billed == caller.by_kind["fetch"] == MAX_CALLS


def test_a_token_that_is_refused_is_not_replaced(
    emulator: Emulator, config: ConnectionConfig, api: OcrApi
) -> None:
    outcome = Caller(config).call("fetch", api.poll(OPERATION, "any"), "made-up")
    assert (outcome.status, outcome.value) == (401, None)
    assert (emulator.calls.billed, emulator.calls.token) == (1, 0)


@pytest.mark.parametrize("word", ["Completed", "application/json", "Ok"])
def test_a_plain_word_is_shown(word: str) -> None:
    assert shown(word) == word


@pytest.mark.parametrize(
    "word", ["9a2c6f1e-0000-4000-8000-000000000000", "two words", "x" * 25, "", None, 5, ["Text"], "a\x1b[2J"]
)
def test_anything_else_is_not(word: object) -> None:
    assert shown(word) == "(no plain word)"
