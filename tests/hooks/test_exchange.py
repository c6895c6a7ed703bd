"""The limits of one exchange: bytes that are not of a body, and time."""

from __future__ import annotations

import math
import time

import pytest

from airflow_provider_asposeocr.hooks.exchange import (
    MAX_FRAMING_BYTES,
    MAX_FRAMING_SHARE,
    MIN_BYTES_PER_SECOND,
    ExchangeLimit,
)


@pytest.fixture
def limit() -> ExchangeLimit:
    """Return a minute without an end."""
    return ExchangeLimit(60.0, math.inf)


def test_nothing_but_a_body_may_be_large(limit: ExchangeLimit) -> None:
    limit.read(MAX_FRAMING_BYTES)
    with pytest.raises(ConnectionAbortedError):
        limit.read(1)


def test_a_body_of_tiny_chunks_may_come_with_their_sizes(limit: ExchangeLimit) -> None:
    for _ in range(100_000):
        limit.read(6)
        limit.came(1)
    limit.read(MAX_FRAMING_BYTES)
    with pytest.raises(ConnectionAbortedError):
        limit.read(MAX_FRAMING_SHARE * 100_000)


def test_a_body_that_moves_earns_time_and_the_answer_has_its_own(limit: ExchangeLimit) -> None:
    limit.moved(100 * MIN_BYTES_PER_SECOND)
    assert 150 < limit.left <= 160
    limit.begin_anew()
    assert 50 < limit.left <= 60


def test_nothing_goes_past_the_end() -> None:
    limit = ExchangeLimit(60.0, time.time() + 5.0)
    limit.moved(100 * MIN_BYTES_PER_SECOND)
    assert 0 < limit.left <= 5
    assert ExchangeLimit(60.0, time.time() - 1.0).left < 0
