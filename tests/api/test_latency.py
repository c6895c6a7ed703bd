"""What is learned of completion times, and the schedule that follows from it."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_asposeocr.api.latency import (
    GRID,
    MAX_GAP,
    MIN_GAP,
    PRIOR,
    WINDOW,
    LatencyEstimator,
    PollTimes,
    bin_of,
    least_cost_times,
)

times = st.floats(0, 1e6)


class Task:
    """Stands for a task."""


def median(shares: list[float]) -> float:
    """Return the time by which half of the tasks are done."""
    total = 0.0
    for edge, share in zip(GRID, shares, strict=True):
        total += share
        if total >= 0.5:
            return edge
    raise AssertionError("the shares do not add up to one")


def moments(schedule: PollTimes, until: float) -> list[float]:
    """When a schedule polls."""
    made = [schedule.next(None)]
    while made[-1] < until:
        made.append(schedule.next(made[-1]))
    return made


def test_before_anything_is_seen_it_is_the_prior() -> None:
    assert LatencyEstimator().shares() == list(PRIOR)
    assert 3.5 < median(list(PRIOR)) < 4.5


@given(intervals=st.lists(st.tuples(times, times), max_size=300))
@settings(max_examples=50)
def test_any_intervals_make_a_distribution(intervals: list[tuple[float, float]]) -> None:
    estimator = LatencyEstimator()
    for one, other in intervals:
        estimator.observe(Task(), one, other)
    shares = estimator.shares()
    assert len(shares) == len(GRID)
    assert all(share >= 0 for share in shares)
    assert math.isclose(sum(shares), 1, rel_tol=1e-9)


@pytest.mark.parametrize("true", [0.6, 3.0, 20.0, 600.0])
def test_it_finds_the_median_of_what_it_only_sees_between_polls(true: float) -> None:
    estimator, chance = LatencyEstimator(), random.Random(3)
    for _ in range(WINDOW):
        took = true * chance.lognormvariate(0, 0.3)
        step = true * chance.uniform(0.3, 0.7)
        estimator.observe(Task(), took // step * step, (took // step + 1) * step)
    assert median(estimator.shares()) == pytest.approx(true, rel=0.15)


def test_it_forgets() -> None:
    estimator = LatencyEstimator()
    for _ in range(WINDOW):
        estimator.observe(Task(), 90, 110)
    for _ in range(WINDOW):
        estimator.observe(Task(), 4.5, 5.5)
    assert median(estimator.shares()) == pytest.approx(5, rel=0.1)


def test_of_tasks_that_were_submitted_together_the_quick_ones_do_not_pass_for_all() -> None:
    estimator, chance = LatencyEstimator(), random.Random(4)
    tasks = {Task(): 20 * chance.lognormvariate(0, 0.4) for _ in range(1000)}
    now, quick = 12.0, 0
    for task, took in tasks.items():
        estimator.observe(task, now - 1, now if took <= now else math.inf)
        quick += took <= now
    assert 50 < quick < 150
    assert 13 < median(estimator.shares()) < 27


def test_an_end_takes_the_place_of_what_was_known_of_a_task_under_way() -> None:
    estimator, task = LatencyEstimator(), Task()
    for after in (2.0, 4.0, 6.0):
        estimator.observe(task, after, math.inf)
    assert (estimator.tasks, estimator.observations) == (1, 3)
    estimator.observe(task, 6.0, 7.0)
    assert (estimator.tasks, estimator.observations) == (1, 4)
    once = LatencyEstimator()
    once.observe(task, 6.0, 7.0)
    assert estimator.shares() == once.shares()


def test_a_task_under_way_that_nobody_waits_for_any_more_is_forgotten() -> None:
    estimator, task = LatencyEstimator(), Task()
    estimator.observe(task, 100.0, math.inf)
    assert estimator.shares() != list(PRIOR)
    estimator.forget(task)
    assert estimator.tasks == 0
    assert estimator.shares() == list(PRIOR)


def test_what_is_always_done_at_the_first_poll_is_looked_for_earlier() -> None:
    estimator = LatencyEstimator()
    for _ in range(WINDOW):
        estimator.observe(Task(), 0, 60)
    assert median(estimator.shares()) < 10


def test_two_kinds_of_tasks_in_one_are_seen_as_two() -> None:
    estimator = LatencyEstimator()
    for _ in range(WINDOW // 2):
        estimator.observe(Task(), 1.8, 2.2)
        estimator.observe(Task(), 27, 33)
    shares = estimator.shares()
    assert sum(shares[bin_of(1.5) : bin_of(2.7)]) > 0.4
    assert sum(shares[bin_of(22) : bin_of(40)]) > 0.4
    assert sum(shares[bin_of(5) : bin_of(15)]) < 0.05


@given(seconds=st.floats(0, 1e9))
def test_every_time_has_a_bin(seconds: float) -> None:
    place = bin_of(seconds)
    assert place == len(GRID) - 1 or seconds <= GRID[place]
    assert place == 0 or seconds > GRID[place - 1]


@given(
    weights=st.lists(st.floats(0, 1), min_size=len(GRID), max_size=len(GRID)).filter(lambda w: sum(w) > 0.01),
    worth=st.floats(0.01, 100),
)
@settings(max_examples=30, deadline=None)
def test_a_schedule_always_goes_on_within_its_bounds(weights: list[float], worth: float) -> None:
    schedule = least_cost_times([weight / sum(weights) for weight in weights], worth)
    made = moments(schedule, 3 * GRID[-1])
    assert 0 < made[0] <= MAX_GAP
    assert all(MIN_GAP * 0.999 <= later - earlier <= MAX_GAP * 1.001 for earlier, later in pairwise(made))


def test_a_schedule_is_better_than_every_fixed_interval() -> None:
    chance = random.Random(5)
    took = [3 * chance.lognormvariate(0, 0.4) for _ in range(4000)]
    estimator = LatencyEstimator()
    for seconds in took[:WINDOW]:
        estimator.observe(Task(), seconds * 0.97, seconds * 1.03)
    worth = 1.5
    schedule = moments(least_cost_times(estimator.shares(), worth), 60)

    def cost(made: list[float]) -> float:
        total = 0.0
        for seconds in took:
            polls = next(count for count, moment in enumerate(made, 1) if moment >= seconds)
            total += polls + worth * (made[polls - 1] - seconds)
        return total / len(took)

    fixed = [
        cost([interval * count for count in range(1, 200)]) for interval in (0.5, 1, 1.5, 2, 2.5, 3, 4, 5)
    ]
    assert cost(schedule) < 0.9 * min(fixed)


def test_worth_nothing_it_waits_and_worth_much_it_hurries() -> None:
    shares = list(PRIOR)
    patient, hasty = least_cost_times(shares, 0.01), least_cost_times(shares, 50)
    assert patient.next(None) > 3 * hasty.next(None)
