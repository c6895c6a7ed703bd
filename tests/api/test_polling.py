"""When to ask next."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_asposeocr.api.exceptions import AsposeOcrSettingsError
from airflow_provider_asposeocr.api.polling import Deadline, PollSchedule, seconds


def middle(low: float, high: float) -> float:
    """Draw the middle of two bounds."""
    return (low + high) / 2


def test_the_default_schedule_backs_off_to_its_ceiling() -> None:
    schedule = PollSchedule()
    delays = [schedule.delay(polls, middle) for polls in range(9)]
    assert delays[:4] == pytest.approx([3.0, 4.5, 6.75, 10.125])
    assert delays[-2:] == [30.0, 30.0]
    assert delays == sorted(delays)


def test_a_day_of_polling_stays_within_a_few_thousand_calls() -> None:
    schedule, waited, polls = PollSchedule(), 0.0, 0
    while waited < 24 * 3600:
        waited += schedule.delay(polls, middle)
        polls += 1
    assert polls < 2_900


def test_a_number_of_seconds_means_that_number() -> None:
    schedule = PollSchedule.of(7.5)
    assert [schedule.delay(polls) for polls in (0, 1, 50, 100_000)] == [7.5] * 4


def test_no_number_means_the_default_schedule() -> None:
    assert PollSchedule.of(None) == PollSchedule()


@given(
    polls=st.integers(0, 10**9),
    first=st.floats(0.01, 1e4),
    factor=st.floats(1, 10),
    ceiling=st.floats(0.01, 1e5),
    jitter=st.floats(0, 0.5),
    draw=st.floats(0, 1),
)
def test_a_delay_is_within_its_bounds_however_long_it_takes(
    polls: int, first: float, factor: float, ceiling: float, jitter: float, draw: float
) -> None:
    schedule = PollSchedule(first, factor, ceiling, jitter)
    delay = schedule.delay(polls, lambda low, high: low + (high - low) * draw)
    least = min(first, ceiling) * (1 - jitter)
    assert least * 0.999 <= delay <= ceiling * (1 + jitter) * 1.001


def test_delays_are_spread_to_both_sides() -> None:
    delays = {PollSchedule().delay(0) for _ in range(200)}
    assert all(2.7 <= delay <= 3.3 for delay in delays)
    assert min(delays) < 3.0 < max(delays)


def test_a_deadline_is_a_moment() -> None:
    deadline = Deadline.after(10, now=100)
    assert deadline == Deadline(110)
    assert [deadline.remaining(now) for now in (100, 109.5, 110, 500)] == [10, 0.5, 0, 0]
    assert [deadline.passed(now) for now in (100, 109.5, 110, 500)] == [False, False, True, True]


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        (None, None),
        ("", None),
        (" None ", None),
        (5, 5.0),
        (0.5, 0.5),
        ("5", 5.0),
        (" 2.5 ", 2.5),
        ("1e3", 1000.0),
        (timedelta(minutes=2), 120.0),
        (timedelta(days=1, milliseconds=500), 86400.5),
    ],
)
def test_a_duration(value: Any, meaning: float | None) -> None:
    assert seconds(value, "timeout") == meaning


@pytest.mark.parametrize(
    "wrong",
    [
        0,
        -1,
        "0",
        "-5",
        "nan",
        "inf",
        float("inf"),
        timedelta(0),
        timedelta(seconds=-1),
        "soon",
        "5m",
        [5],
        {},
    ],
)
def test_what_is_no_duration_is_refused(wrong: Any) -> None:
    with pytest.raises(AsposeOcrSettingsError, match="timeout must be"):
        seconds(wrong, "timeout")
