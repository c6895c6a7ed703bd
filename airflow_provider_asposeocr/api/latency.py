"""Learn how long OCR tasks take, and find the least-cost moments to poll. Pure: no clock, no randomness.

A poll tells only that an OCR task had ended by then, and the one before it that it had not: every observation
is an interval. That of one which is still running has no upper end, and counts as well: of many that were
submitted together the quick ones end first, and must not pass for all. The distribution is estimated on a
logarithmic grid by expectation, maximization and smoothing (Silverman et al., "A smoothed EM approach to
indirect estimation problems", 1990). It starts from a prior, which counts as a few OCR tasks more. Inside an
interval the prior's shape is kept: where the first poll always finds the OCR task done, the estimate leans to
earlier times, and so do the next polls.

A poll costs one call; a second between the end of an OCR task and the poll that finds it costs ``delay_cost``
calls. Over the grid the best schedule follows backwards, by dynamic programming.
"""

from __future__ import annotations

import math
import threading
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

_SHORT, _LONG, _RATIO = 0.25, 4 * 3600.0, 1.06

GRID = tuple(_SHORT * _RATIO**step for step in range(math.ceil(math.log(_LONG / _SHORT, _RATIO)) + 1))
"""Seconds. Bin ``k`` holds the times after ``GRID[k - 1]`` up to ``GRID[k]``; bin 0 those up to the first."""

WINDOW = 200
"""Ended OCR tasks remembered where few are running: enough to know the distribution, few enough to follow a
service that changes."""

_MAX_LATE = 10
"""Ended OCR tasks remembered of those whose wait began late: what is known of them is too vague to take the
place of others, and enough where all waits begin late."""

_ENDED_BY_RUNNING = 4
"""Ended OCR tasks remembered for each running one, where those are more: beside fewer, the slow ones that are
still running would pass for all."""

MIN_GAP = 0.5
"""Seconds between two learned polls of an OCR task at least."""

MAX_GAP = 60.0
"""Seconds between two learned polls at most: a service that has become much faster is noticed within them."""

RELEARN = 12
"""Poll times are found anew after one new observation for every so many OCR tasks known."""

_TAIL = 0.02
_BACKOFF = 1.35
_PRIOR_MEDIAN, _PRIOR_SIGMA, _PRIOR_TASKS = 4.0, 0.9, 2.0
_PRIOR_ANY = 0.03
_ITERATIONS, _PASSES = 12, 4


Ended = tuple[int, int]
"""The bins between which an OCR task has ended: the first and the last that it can have been."""

Kind = tuple[str, int | None]
"""The operation and the class of sizes, or None: OCR tasks that share both share a model."""


def _normalized(weights: list[float]) -> list[float]:
    total = sum(weights)
    return [weight / total for weight in weights]


def _log_normal(median: float, sigma: float) -> list[float]:
    below = [0.5 * (1 + math.erf(math.log(edge / median) / sigma / math.sqrt(2))) for edge in GRID]
    return _normalized([below[0], *(upper - lower for lower, upper in pairwise(below))])


PRIOR = tuple(
    (1 - _PRIOR_ANY) * share + _PRIOR_ANY / len(GRID) for share in _log_normal(_PRIOR_MEDIAN, _PRIOR_SIGMA)
)
"""The share of OCR tasks in each bin before any has been seen: log-normal with a median of 4 s, but for 3 %
that take any time, so that one which takes longer than expected is waited for in proportion."""


def bin_of(seconds: float) -> int:
    """Return the bin of a time; the last one for anything longer than the grid.

    :param seconds: the time.
    """
    return min(len(GRID) - 1, bisect_left(GRID, seconds))


class LatencyEstimator:
    """Estimate the distribution of the seconds between submission and completion of one kind of OCR task."""

    def __init__(self) -> None:
        self._ended: deque[Ended] = deque()
        self._late: deque[Ended] = deque(maxlen=_MAX_LATE)
        self._running: dict[Hashable, Ended] = {}
        self._news: deque[Ended] = deque(maxlen=WINDOW)
        self.observations = 0

    @property
    def tasks(self) -> int:
        """The number of OCR tasks that it goes by."""
        return len(self._ended) + len(self._late) + len(self._running)

    def observe(self, task: Hashable, after: float, by: float, *, late: bool = False) -> None:
        """Learn of one OCR task, or learn more of it.

        :param task: stands for the OCR task, until it has ended or :meth:`forget` is called.
        :param after: seconds at which it was last seen running; 0 if it never was.
        :param by: seconds at which it was first seen done; infinity while it is running.
        :param late: whether the wait began when it may have ended long ago, as after a restart.
        """
        self.observations += 1
        last = bin_of(by)
        first = min(last, bin_of(after) + 1 if after > 0 else 0)
        if late:
            # Of those that still ran the slow ones are left: they must not pass for all.
            self._late.extend([(first, last)] if by < math.inf else ())
            return
        if by == math.inf:
            self._running[task] = first, last
            return
        self.forget(task)
        self._ended.append((first, last))
        self._news.append((first, last))
        while len(self._ended) > max(WINDOW, _ENDED_BY_RUNNING * len(self._running)):
            self._ended.popleft()

    def forget(self, task: Hashable) -> None:
        """Forget an OCR task that was seen running, and that nobody waits for any more."""
        self._running.pop(task, None)

    def recall(self, ended: Sequence[Ended]) -> None:
        """Learn of OCR tasks that ended before all that were observed.

        :param ended: the earliest first.
        """
        self._ended.extendleft(reversed(ended))
        self.observations += len(ended)

    def news(self) -> list[Ended]:
        """Return the OCR tasks that have ended since the last call, the latest :data:`WINDOW` at most.

        Those whose wait began late are not among them.
        """
        news = list(self._news)
        self._news.clear()
        return news

    def shares(self) -> list[float]:
        """Return the share of OCR tasks in each bin of :data:`GRID`."""
        intervals = Counter([*self._ended, *self._late, *self._running.values()])
        shares = list(PRIOR)
        for _ in range(_ITERATIONS if intervals else 0):
            expected = [_PRIOR_TASKS * share for share in PRIOR]
            for (first, last), tasks in intervals.items():
                inside = shares[first : last + 1]
                # Bins that the prior holds to be impossible by rounding still count for what was seen there.
                scale = tasks / (sum(inside) or 1.0)
                for place, share in enumerate(inside, first):
                    expected[place] += scale * share
            shares = _normalized(_smoothed(expected))
        return shares


def _smoothed(weights: list[float]) -> list[float]:
    """Spread each weight over its neighbours; a bin is 6 % wide, so what is told apart is some 10 % apart."""
    for _ in range(_PASSES):
        padded = [weights[0], *weights, weights[-1]]
        weights = [
            (left + 2 * middle + right) / 4
            for left, middle, right in zip(padded, padded[1:], padded[2:], strict=False)
        ]
    return weights


@dataclass(frozen=True, slots=True)
class PollTimes:
    """The best moment of the next poll, whatever the moment of the last one.

    :param following: for each bin of the grid the moment of the next poll after one in that bin, in seconds
        since the submission. It ends where hardly one is left.
    :param first: the moment of the first poll.
    """

    following: tuple[float, ...]
    first: float

    def next(self, polled: float | None) -> float:
        """Return the moment of the next poll, in seconds since the submission.

        :param polled: the moment of the last one, or None before the first.
        """
        if polled is None:
            return min(self.first, MAX_GAP)
        place = bin_of(polled)
        # What takes longer than nearly all others tells nothing about its end: wait in proportion.
        moment = self.following[place] if place < len(self.following) else polled * _BACKOFF
        return polled + min(MAX_GAP, max(MIN_GAP, moment - polled))


def least_cost_times(shares: Sequence[float], delay_cost: float) -> PollTimes:
    """Find the schedule with the least expected cost.

    :param shares: the share of OCR tasks that end in each bin of the grid.
    :param delay_cost: calls that a second of delay is worth.
    """
    middles = [GRID[0] / 2, *((a + b) / 2 for a, b in pairwise(GRID))]
    done = [0.0, *accumulate(shares)]
    moments = [0.0, *accumulate(share * middle for share, middle in zip(shares, middles, strict=True))]
    edges = [0.0, *GRID]
    last = next(place for place, share in enumerate(done) if share >= 1 - _TAIL or place == len(GRID))
    # Place k stands for a last poll at edges[k], place 0 for none; costs are per submission.
    costs = [0.0] * (last + 1)
    best = [last] * (last + 1)
    for here in range(last - 1, -1, -1):
        costs[here] = math.inf
        for there in range(here + 1, last + 1):
            gap = edges[there] - edges[here]
            if gap > MAX_GAP and there > here + 1:
                break
            if here and gap < MIN_GAP and there < last:
                continue
            delay = edges[there] * (done[there] - done[here]) - (moments[there] - moments[here])
            cost = 1 - done[here] + delay_cost * delay + costs[there]
            if cost < costs[here]:
                costs[here], best[here] = cost, there
    return PollTimes(tuple(edges[best[here]] for here in range(1, last)), edges[best[0]])


class LatencyModel:
    """Learn the completion times of one kind of OCR task, and say when to poll such. Safe in threads."""

    def __init__(self) -> None:
        self._estimator = LatencyEstimator()
        self._times: dict[float, tuple[int, PollTimes]] = {}
        self._lock = threading.Lock()

    def observe(self, task: Hashable, after: float, by: float, *, late: bool = False) -> None:
        """Learn of one OCR task, as :meth:`.LatencyEstimator.observe`."""
        with self._lock:
            self._estimator.observe(task, after, by, late=late)

    def forget(self, task: Hashable) -> None:
        """Forget an OCR task that nobody waits for any more."""
        with self._lock:
            self._estimator.forget(task)

    def recall(self, ended: Sequence[Ended]) -> None:
        """Learn of earlier OCR tasks, as :meth:`.LatencyEstimator.recall`."""
        with self._lock:
            self._estimator.recall(ended)

    def news(self) -> list[Ended]:
        """Return the OCR tasks that have ended since the last call, as :meth:`.LatencyEstimator.news`."""
        with self._lock:
            return self._estimator.news()

    @property
    def tasks(self) -> int:
        """The number of OCR tasks that it goes by."""
        with self._lock:
            return self._estimator.tasks

    def shares(self) -> list[float]:
        """Return the share of OCR tasks in each bin of :data:`GRID`."""
        with self._lock:
            return self._estimator.shares()

    def poll_times(self, delay_cost: float) -> PollTimes:
        """Return the best moments to poll; found anew when enough has been learned since the last time.

        :param delay_cost: calls that a second of delay is worth.
        """
        with self._lock:
            seen = self._estimator.observations
            found_at, times = self._times.get(delay_cost, (0, None))
            if times is None or seen - found_at >= max(1, self._estimator.tasks // RELEARN):
                times = least_cost_times(self._estimator.shares(), delay_cost)
                self._times[delay_cost] = seen, times
            return times


class LatencyModels:
    """Keep a model for each kind of OCR task that has passed through this process. Safe in threads."""

    def __init__(self) -> None:
        self._models: dict[tuple[str, Kind], LatencyModel] = {}

    def forget(self) -> None:
        """Forget everything, as a forked child must: a thread that held a lock does not live on in it."""
        self._models.clear()

    def of(self, service: str, operation: str, source_bytes: int | None) -> LatencyModel:
        """Return the model of one kind.

        :param service: the address of the service.
        :param operation: the operation's name.
        :param source_bytes: the size of the source, or None where it is not known: neither is then when
            the OCR task was submitted, and times count from the begin of the wait. Sizes within a factor of
            four are of one kind.
        """
        size_class = None if source_bytes is None else source_bytes.bit_length() // 2
        return self._of_kind(service, (operation, size_class))

    def seen(self, service: str, operation: str) -> dict[LatencyModel, int]:
        """Return the models of an operation, each with the number of OCR tasks that it goes by.

        :param service: the address of the service.
        :param operation: the operation's name.
        """
        models = [(kind, model) for (of, kind), model in list(self._models.items()) if of == service]
        return {model: model.tasks for (name, _), model in models if name == operation and model.tasks}

    def recall(self, service: str, ended: Mapping[Kind, Sequence[Ended]]) -> None:
        """Learn of OCR tasks that ended before this process has seen any.

        :param service: the address of the service.
        :param ended: those of each kind, the earliest first.
        """
        for kind, earlier in ended.items():
            self._of_kind(service, kind).recall(earlier)

    def news(self, service: str) -> dict[Kind, list[Ended]]:
        """Return the OCR tasks of each kind that have ended since the last call.

        :param service: the address of the service.
        """
        models = [(kind, model) for (of, kind), model in list(self._models.items()) if of == service]
        return {kind: news for kind, model in models if (news := model.news())}

    def begin(self, service: str) -> Callable[[], None] | None:
        """Hear that a wait begins.

        :param service: the address of the service.
        :return: what is to be called before the first poll, off the event loop; None if nothing is, as where
            models do not outlive their process.
        """
        return None

    def end(self, service: str) -> Callable[[], None] | None:
        """Hear that a wait has ended; as :meth:`begin`, with what is to be called after it."""
        return None

    def _of_kind(self, service: str, kind: Kind) -> LatencyModel:
        return self._models.setdefault((service, kind), LatencyModel())
