"""Estimate what an OCR task will take, before it is submitted. Pure, as what it was learned from."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, count

from airflow_provider_asposeocr.api.latency import GRID, LatencyModel, LatencyModels
from airflow_provider_asposeocr.api.polling import LearnedSchedule

_WAYS = 16
_MAX_LEFT = 0.02
"""The share of OCR tasks whose further polls are not counted: of the last ones hardly anything is known."""


def expected_polls(model: LatencyModel, delay_cost: float) -> float:
    """Return how many polls an OCR task is expected to take, if it is waited for from its submission on.

    :param model: of the completion times of such OCR tasks.
    :param delay_cost: calls that a second of delay is worth.
    """
    done = [0.0, *accumulate(model.shares())]
    # Polls are spread, which makes them later rather than earlier: no single way stands for all.
    return math.fsum(_polls(model, delay_cost, done, way) for way in range(_WAYS)) / _WAYS


def expected_polls_of(
    models: LatencyModels, service: str, operation: str, sizes: Iterable[int | None], delay_cost: float
) -> Iterator[float]:
    """Yield how many polls each of several OCR tasks is expected to take.

    :param models: of all kinds.
    :param service: the address of the service.
    :param operation: the operation's name.
    :param sizes: bytes of each source; None, where they are not known, is the mean of all that were seen.
    :param delay_cost: calls that a second of delay is worth.
    """
    known: dict[LatencyModel, float] = {}

    def of(model: LatencyModel) -> float:
        if model not in known:
            known[model] = expected_polls(model, delay_cost)
        return known[model]

    seen = models.seen(service, operation)
    for size in sizes:
        if size is None and seen:
            yield sum(tasks * of(model) for model, tasks in seen.items()) / sum(seen.values())
        else:
            yield of(models.of(service, operation, size))


def _polls(model: LatencyModel, delay_cost: float, done: Sequence[float], way: int) -> float:
    schedule = LearnedSchedule(model, submitted_at=0.0, delay_cost=delay_cost, uniform=_evenly(way))
    polls, left, now = 0.0, 1.0, 0.0
    while left > _MAX_LEFT and now < GRID[-1]:
        polls += left
        now += schedule.delay(now)
        schedule.polled(now, done=None)
        left = 1.0 - _share_by(now, done)
    return polls


def _share_by(seconds: float, done: Sequence[float]) -> float:
    """Return the share of OCR tasks that have ended by then."""
    place = bisect_left(GRID, seconds)
    if place >= len(GRID):
        return 1.0
    begin = GRID[place - 1] if place else 0.0
    part = (seconds - begin) / (GRID[place] - begin)
    return done[place] + part * (done[place + 1] - done[place])


def _evenly(way: int) -> Callable[[float, float], float]:
    """Return what draws numbers that lie evenly between their bounds, and differ from way to way."""
    golden = (math.sqrt(5) - 1) / 2
    draws = count(1)
    return lambda low, high: low + (high - low) * ((way / _WAYS + next(draws) * golden) % 1)
