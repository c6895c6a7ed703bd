"""When to ask next."""

from __future__ import annotations

import math
import random
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseSensorOperator

from airflow_provider_asposeocr.api.coerce import seconds
from airflow_provider_asposeocr.api.exceptions import AsposeOcrSettingsError
from airflow_provider_asposeocr.api.flows import OcrApi
from airflow_provider_asposeocr.api.latency import (
    MAX_GAP,
    WINDOW,
    LatencyEstimator,
    LatencyModel,
    LatencyModels,
)
from airflow_provider_asposeocr.api.polling import (
    CROWD,
    MIN_INTERVAL,
    FixedSchedule,
    LearnedSchedule,
    Wait,
    utc,
)
from airflow_provider_asposeocr.api.retry import RetryPolicy
from airflow_provider_asposeocr.api.submission import Submission


def middle(low: float, high: float) -> float:
    """Draw the middle of two bounds."""
    return (low + high) / 2


def least(low: float, high: float) -> float:
    """Draw the lower of two bounds."""
    return low


def polls(schedule: LearnedSchedule, ends: float, start: float = 0.0) -> list[float]:
    """Return when a schedule polls an OCR task that ends some seconds after its submission at 0."""
    now, made = start, []
    while True:
        now += schedule.delay(now)
        made.append(now)
        if now >= ends:
            schedule.polled(now, done=True)
            return made
        schedule.polled(now, done=False)


def test_a_number_of_seconds_means_that_number() -> None:
    schedule = FixedSchedule(7.5, uniform=middle)
    assert [schedule.delay(now) for now in (0.0, 7.5, 1e6)] == [7.5] * 3


def test_waits_that_began_together_do_not_stay_together() -> None:
    delays = [FixedSchedule(10.0).delay(0.0) for _ in range(500)]
    assert 9.5 <= min(delays) < 9.6
    assert 10.4 < max(delays) <= 10.5


def of_airflow(interval: float, poke: int, max_wait: float | None) -> float:
    """Return the seconds that Airflow's own sensor waits after a poke."""
    sensor = BaseSensorOperator(
        task_id="s", poke_interval=interval, timeout=1e9, max_wait=max_wait, exponential_backoff=True
    )
    return float(sensor._get_next_poke_interval(0.0, lambda: 0.0, poke))


@pytest.mark.parametrize("interval", [0.5, 1.0, 5.0, 60.0, 300.0])
@pytest.mark.parametrize("max_wait", [None, 0.5, 30.0, 600.0])
def test_exponential_backoff_is_that_of_airflow(interval: float, max_wait: float | None) -> None:
    schedules = [
        FixedSchedule(interval, bound, at_once=True, backoff=True, max_wait=max_wait or math.inf)
        for bound in (least, lambda low, high: high)
    ]
    assert all(schedule.delay(0.0) <= CROWD for schedule in schedules)
    for poke in range(1, 12):
        for schedule in schedules:
            schedule.polled(0.0, done=False)
        shortest, longest = (schedule.delay(0.0) for schedule in schedules)
        assert shortest <= of_airflow(interval, poke, max_wait) <= longest
        assert longest < 2 * shortest or longest == max_wait


def test_backoff_ends_in_no_overflow() -> None:
    schedule = FixedSchedule(60.0, backoff=True)
    schedule.polls = 100_000
    assert 60.0 < schedule.delay(0.0) < math.inf


@pytest.mark.parametrize("interval", [1e-9, 0.01])
@pytest.mark.parametrize("more", [{}, {"at_once": True}, {"backoff": True, "max_wait": 1e-9}])
def test_no_interval_is_short_enough_to_pay_for_polls_without_end(
    interval: float, more: dict[str, Any]
) -> None:
    schedule = FixedSchedule(interval, **more)
    for _ in range(5):
        assert schedule.delay(0.0) >= MIN_INTERVAL
        schedule.polled(0.0, done=False)


def test_fixed_intervals_wait_as_well_until_an_answer_is_of_use() -> None:
    for at_once in (False, True):
        assert FixedSchedule(2.0, at_once=at_once, earliest=106.0).delay(100.0) == 6.0
        assert FixedSchedule(10.0, middle, earliest=106.0).delay(100.0) == 10.0


def submitted(at: float) -> Submission:
    """Return an OCR task that was submitted at a moment."""
    return Submission("RecognizeImage", "an-id", source_bytes=1000, submitted_at=at)


@pytest.mark.parametrize("ahead", [-0.5, 0.0, 5.0, 300.0, 86_400.0])
def test_a_clock_of_the_submitter_that_is_ahead_makes_no_poll_late(ahead: float) -> None:
    now = 1_800_000_000.0
    api = OcrApi(retry=RetryPolicy(now=lambda: now, uniform=middle))
    usual = api.schedule(submitted(now), Wait()).delay(now)
    skewed = api.schedule(submitted(now + ahead), Wait()).delay(now)
    assert 0 < skewed <= usual


def test_a_clock_of_the_submitter_that_is_behind_makes_the_first_poll_early() -> None:
    now = 1_800_000_000.0
    api = OcrApi(retry=RetryPolicy(now=lambda: now, uniform=middle))
    schedule = api.schedule(submitted(now - 300.0), Wait())
    assert 0 < schedule.delay(now) <= CROWD
    schedule.polled(now, done=False)
    assert schedule.delay(now) <= MAX_GAP


def test_before_anything_is_known_it_backs_off() -> None:
    made = polls(LearnedSchedule(LatencyModel(), submitted_at=0, uniform=middle), ends=600)
    waits = [after - before for before, after in pairwise([0.0, *made])]
    assert 2 < made[0] < 5
    assert 10 <= len(made) <= 25
    assert 30 < max(waits) <= MAX_GAP
    assert all(later > 0.75 * earlier for earlier, later in pairwise(waits[1:10]))
    assert all(wait > 0.05 * moment for wait, moment in zip(waits, made, strict=True))


@pytest.mark.no_cover
def test_hours_of_polling_stay_within_some_calls_an_hour() -> None:
    made = polls(LearnedSchedule(LatencyModel(), submitted_at=0), ends=5 * 3600)
    assert len(made) < 5 * 65


def test_it_aims_at_the_end_of_ocr_tasks_that_take_as_long_as_ever() -> None:
    model = LatencyModel()
    for _ in range(100):
        polls(LearnedSchedule(model, submitted_at=0), ends=20.0)
    made = [polls(LearnedSchedule(model, submitted_at=0), ends=20.0) for _ in range(100)]
    assert sum(map(len, made)) / 100 < 2.5
    assert sum(moments[-1] - 20.0 for moments in made) / 100 < 2.5


@pytest.mark.parametrize(("before", "now"), [(30.0, 3.0), (3.0, 30.0)])
def test_it_follows_a_service_that_changes(before: float, now: float) -> None:
    model, chance = LatencyModel(), random.Random(0)
    for median in [before] * 150 + [now] * 150:
        polls(LearnedSchedule(model, submitted_at=0), ends=median * chance.lognormvariate(0, 0.2))
    late = [
        polls(LearnedSchedule(model, submitted_at=0), ends)[-1] - ends
        for ends in (now * chance.lognormvariate(0, 0.2) for _ in range(100))
    ]
    assert sum(late) / 100 < 0.35 * now


@pytest.mark.no_cover
def test_what_a_second_is_worth_moves_along_the_curve() -> None:
    calls, delays = [], []
    for worth in (0.1, 0.5, 1.5, 5.0):
        model, chance = LatencyModel(), random.Random(1)
        made = []
        for _ in range(400):
            ends = 10 * chance.lognormvariate(0, 0.4)
            made.append((polls(LearnedSchedule(model, submitted_at=0, delay_cost=worth), ends), ends))
        calls.append(sum(len(moments) for moments, _ in made[100:]) / 300)
        delays.append(sum(moments[-1] - ends for moments, ends in made[100:]) / 300)
    assert calls == sorted(calls)
    assert delays == sorted(delays, reverse=True)
    assert calls[-1] > 2 * calls[0]


def test_polls_that_are_overdue_are_made_within_a_moment_but_not_all_at_once() -> None:
    delays = [LearnedSchedule(LatencyModel(), submitted_at=0).delay(100.0) for _ in range(500)]
    assert 0 <= min(delays) < 0.1
    assert 0.4 < max(delays) <= 0.5


def test_no_poll_is_made_before_an_answer_is_of_use() -> None:
    schedule = LearnedSchedule(LatencyModel(), submitted_at=0, earliest=50.0, uniform=least)
    assert schedule.delay(0.0) == 50.0
    assert schedule.delay(49.0) == 1.0


def test_ocr_tasks_of_one_moment_are_spread() -> None:
    model = LatencyModel()
    moments = [LearnedSchedule(model, submitted_at=0).delay(0.0) for _ in range(500)]
    middle_one = sorted(moments)[250]
    assert max(moments) <= middle_one * 1.11
    assert max(moments) - min(moments) > 0.06 * middle_one


def test_a_poll_without_an_answer_tells_nothing_but_is_waited_after() -> None:
    model = LatencyModel()
    schedule = LearnedSchedule(model, submitted_at=0, uniform=middle)
    schedule.polled(4.0, done=False)
    schedule.polled(30.0, done=None)
    assert schedule.delay(30.0) >= 0.5
    schedule.polled(31.0, done=True)
    observed = LatencyEstimator()
    observed.observe(schedule, 4.0, 31.0)
    assert model._estimator.shares() == observed.shares()


def test_a_clock_that_was_set_back_does_no_harm() -> None:
    schedule = LearnedSchedule(LatencyModel(), submitted_at=1000.0)
    schedule.polled(10.0, done=False)
    assert 0 <= schedule.delay(10.0) < 1100
    schedule.polled(12.0, done=True)


def test_sizes_services_and_operations_are_told_apart() -> None:
    models = LatencyModels()
    page = models.of("https://a", "RecognizeImage", 100_000)
    assert models.of("https://a", "RecognizeImage", 120_000) is page
    others = [
        models.of("https://a", "RecognizeImage", 1_000_000),
        models.of("https://a", "RecognizeImage", None),
        models.of("https://a", "BinarizeImage", 100_000),
        models.of("https://b", "RecognizeImage", 100_000),
    ]
    assert len({id(kind) for kind in [page, *others]}) == 5


def test_a_wait_ends_at_its_deadline_or_when_its_time_is_over() -> None:
    assert Wait(deadline=110.0, timeout=5.0).until(100.0) == 110.0
    assert Wait(timeout=5.0).until(100.0) == 105.0
    assert utc(0.0) == "1970-01-01 00:00:00 UTC"
    assert utc(math.inf).startswith("9999-12-31")


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
    assert seconds("timeout", value) == meaning


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
        seconds("timeout", wrong)


@pytest.mark.parametrize(("away", "known"), [(2.0, False), (600.0, True)])
def test_after_a_restart_what_is_found_done_takes_the_place_of_nothing(away: float, *, known: bool) -> None:
    model = LatencyModel()
    for _ in range(WINDOW):
        model.observe(object(), 18.0, 22.0)
    before = model.poll_times(1.5)
    now = 1_800_000_000.0
    for _ in range(2 * WINDOW):
        schedule = LearnedSchedule(model, submitted_at=now - away)
        moment = now + schedule.delay(now)
        schedule.polled(moment, done=True)
    after = model.poll_times(1.5)
    assert (after.first == pytest.approx(before.first, rel=0.2)) is known


def test_where_all_waits_begin_late_they_are_learned_from_all_the_same() -> None:
    model = LatencyModel()
    first = LearnedSchedule(model, submitted_at=0.0, uniform=middle).delay(0.0)
    for _ in range(50):
        polls(LearnedSchedule(model, submitted_at=0.0), ends=50.0, start=40.0)
    assert LearnedSchedule(model, submitted_at=0.0, uniform=middle).delay(0.0) > 1.5 * first
