"""When to poll tasks whose completion times are known: the schedule with the least expected cost.

A poll costs one call; a second between the end of a task and the poll that finds it costs ``delay_cost``
calls. Over a grid of moments the best schedule follows backwards, by dynamic programming.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from airflow_provider_asposeocr.api.latency import GRID, bin_of

FLOOR = 0.5
"""Seconds between two polls of a task, at least."""

CEILING = 60.0
"""Seconds between two polls, at most: a service that has become much faster is noticed within them."""

_TAIL = 0.02
_BACKOFF = 1.35


@dataclass(frozen=True, slots=True)
class PollPlan:
    """The best moment of the next poll, whatever the moment of the last one.

    :param following: for each bin of the grid the moment of the next poll after one in that bin, in seconds
        since the submission. It ends where hardly a task is left.
    :param first: the moment of the first poll.
    """

    following: tuple[float, ...]
    first: float

    def next(self, polled: float | None) -> float:
        """The moment of the next poll, in seconds since the submission.

        :param polled: the moment of the last one, or None before the first.
        """
        if polled is None:
            return min(self.first, CEILING)
        place = bin_of(polled)
        # What takes longer than nearly all others tells nothing about its end: wait in proportion.
        moment = self.following[place] if place < len(self.following) else polled * _BACKOFF
        return polled + min(CEILING, max(FLOOR, moment - polled))


def plan(shares: Sequence[float], delay_cost: float) -> PollPlan:
    """Find the schedule with the least expected cost.

    :param shares: the share of tasks that end in each bin of the grid.
    :param delay_cost: calls that a second of delay is worth.
    """
    middles = [GRID[0] / 2, *((a + b) / 2 for a, b in pairwise(GRID))]
    done = [0.0, *accumulate(shares)]
    moments = [0.0, *accumulate(share * middle for share, middle in zip(shares, middles, strict=True))]
    edges = [0.0, *GRID]
    last = next(place for place, share in enumerate(done) if share >= 1 - _TAIL or place == len(GRID))
    # Place k stands for a last poll at edges[k], place 0 for none; costs are per task submitted.
    costs = [0.0] * (last + 1)
    best = [last] * (last + 1)
    for here in range(last - 1, -1, -1):
        costs[here] = math.inf
        for there in range(here + 1, last + 1):
            gap = edges[there] - edges[here]
            if gap > CEILING and there > here + 1:
                break
            if here and gap < FLOOR and there < last:
                continue
            delay = edges[there] * (done[there] - done[here]) - (moments[there] - moments[here])
            cost = 1 - done[here] + delay_cost * delay + costs[there]
            if cost < costs[here]:
                costs[here], best[here] = cost, there
    return PollPlan(tuple(edges[best[here]] for here in range(1, last)), edges[best[0]])
