"""Calculate what polling costs: at fixed intervals, and at best where the distribution is known."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from airflow_provider_asposeocr.api.latency import GRID, least_cost_times

_DRAWS = 20_000


@dataclass(frozen=True)
class Kind:
    """OCR tasks of one kind: their service times are log-normal.

    :param median: in seconds.
    :param sigma: the standard deviation of the natural logarithm.
    :param source_bytes: the size of their sources.
    """

    median: float
    sigma: float
    source_bytes: int

    def shares(self) -> list[float]:
        """Return the share of OCR tasks in each bin of the grid of which schedules are made."""
        width = self.sigma * math.sqrt(2)
        below = [0.5 * (1 + math.erf(math.log(edge / self.median) / width)) for edge in GRID]
        shares = [below[0], *(upper - lower for lower, upper in pairwise(below))]
        return [share / sum(shares) for share in shares]

    def draws(self) -> list[float]:
        """Many service times, the same at each call."""
        chance = random.Random(0)
        return [chance.lognormvariate(math.log(self.median), self.sigma) for _ in range(_DRAWS)]

    def mean(self) -> float:
        """Return the mean service time."""
        return self.median * math.exp(self.sigma**2 / 2)


@dataclass(frozen=True)
class Cost:
    """Mean cost of an OCR task.

    :param calls: to the service, the submission among them.
    :param delay: seconds between its end and our knowing it, the mean.
    """

    calls: float
    delay: float


def fixed(times: Iterable[float], interval: float, *, at_once: bool = False) -> Cost:
    """Return the cost of polling at fixed intervals.

    :param times: service times, in seconds.
    :param interval: seconds between polls.
    :param at_once: whether the first poll comes at once, rather than after one interval.
    """
    first = 0.0 if at_once else interval
    return cost_of(times, lambda before: first if before is None else before + interval)


def optimum(kinds: Sequence[Kind], delay_cost: float) -> Cost:
    """Return the cost of the best schedule, where distribution and kind of each OCR task are known before.

    :param kinds: equally frequent kinds of OCR tasks.
    :param delay_cost: calls that a second of delay is worth.
    """
    costs = [cost_of(kind.draws(), least_cost_times(kind.shares(), delay_cost).next) for kind in kinds]
    return Cost(statistics.fmean(c.calls for c in costs), statistics.fmean(c.delay for c in costs))


def cost_of(times: Iterable[float], following: Callable[[float | None], float]) -> Cost:
    """Return the cost of a schedule.

    :param times: service times, in seconds.
    :param following: returns the moment of a poll by that of the one before it, both since the submission.
    """
    calls, delays = [], []
    for time in times:
        moment, polls = None, 0
        while moment is None or moment < time:
            moment, polls = following(moment), polls + 1
        calls.append(1 + polls)
        delays.append(moment - time)
    return Cost(statistics.fmean(calls), statistics.fmean(delays))
