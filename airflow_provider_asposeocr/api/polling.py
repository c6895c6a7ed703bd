"""When to ask next. Pure: clock and randomness are passed in."""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from airflow_provider_asposeocr.api.latency import LatencyEstimator, PollTimes, least_cost_times

DEFAULT_DELAY_COST = 1.5
"""Calls that a second between the end of a task and our knowing it is worth, by default."""

JITTER = 0.05
"""The fraction by which each wait is spread to both sides."""

CROWD = 0.5
"""Seconds over which polls are spread that are overdue, or held back until an answer is of use: thousands of
them are due at the same moment when a triggerer has restarted."""

MIN_INTERVAL = 0.1
"""Seconds between two polls at least, whatever is asked for: each of them is billed."""

_MAX_DOUBLINGS = 40

RELEARN = 12
"""A plan is made anew after one new observation for every so many tasks known. A poll that finds a task under
way is one."""


class Pace(Protocol):
    """When to poll one task."""

    def delay(self, now: float) -> float:
        """Seconds to wait before the next poll.

        :param now: seconds since the epoch.
        """

    def polled(self, at: float, *, done: bool | None) -> None:
        """Hear what a poll has shown.

        :param at: when the task was seen, seconds since the epoch.
        :param done: whether it had ended; None where there was no answer.
        """


@dataclass(slots=True)
class FixedSchedule:
    """Poll at fixed intervals, spread a little: tasks whose waits began together do not stay together.

    :param interval: seconds.
    :param uniform: draws a number between two bounds.
    :param at_once: whether the task may have ended long ago, so that the first poll is due now.
    :param backoff: whether the interval doubles with each poll, as that of BaseSensorOperator does with
        ``exponential_backoff``.
    :param max_wait: seconds to which it grows at most.
    :param earliest: seconds since the epoch before which nobody could make use of an answer.
    """

    interval: float
    uniform: Callable[[float, float], float] = random.uniform
    at_once: bool = False
    backoff: bool = False
    max_wait: float = math.inf
    earliest: float = 0.0
    polls: int = field(default=0, init=False)

    def delay(self, now: float) -> float:
        """Return the seconds until the next poll."""
        if self.at_once and not self.polls:
            wait = self.uniform(0.0, CROWD)
        elif self.backoff:
            # Airflow's own rule: whole seconds, from half of the interval after the first poll.
            least = max(1, int(self.interval * 2.0 ** min(self.polls - 2, _MAX_DOUBLINGS)))
            wait = min(self.max_wait, least + self.uniform(0, least - 1))
        else:
            wait = self.interval * self.uniform(1 - JITTER, 1 + JITTER)
        return max(wait, MIN_INTERVAL, self.earliest - now)

    def polled(self, at: float, *, done: bool | None) -> None:
        """Count the poll; nothing is learned."""
        self.polls += 1


class LearnedSchedule:
    """Poll one task when tasks of its kind tend to be done.

    :param model: what is known of such tasks.
    :param submitted_at: seconds since the epoch.
    :param delay_cost: calls that a second between the end of the task and our knowing it is worth.
    :param earliest: seconds since the epoch before which nobody could make use of an answer.
    :param uniform: draws a number between two bounds.
    """

    def __init__(
        self,
        model: LatencyModel,
        *,
        submitted_at: float,
        delay_cost: float = DEFAULT_DELAY_COST,
        earliest: float = 0.0,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._model = model
        self._submitted_at = submitted_at
        self._delay_cost = delay_cost
        self._earliest = earliest
        self._uniform = uniform
        self._polled: float | None = None
        self._under_way = 0.0

    def delay(self, now: float) -> float:
        """Seconds until the moment that the plan names, spread to both sides, or until soon if it has passed.

        Jobs that were submitted together are so not polled together.
        """
        before = self._polled or 0.0
        planned = self._model.poll_times(self._delay_cost).next(self._polled)
        spread = (planned - before) * self._uniform(1 - JITTER, 1 + JITTER)
        due, soonest = self._submitted_at + before + spread, max(self._earliest, now)
        return (due if due > soonest else soonest + self._uniform(0.0, CROWD)) - now

    def polled(self, at: float, *, done: bool | None) -> None:
        """Remember when the task was under way last, and learn when it was done."""
        self._polled = max(0.0, at - self._submitted_at)
        if done:
            self._model.observe(self, self._under_way, self._polled)
        elif done is False:
            self._under_way = self._polled
            self._model.observe(self, self._under_way, math.inf)


class LatencyModel:
    """What is known of the completion times of one kind of task, with the poll plan that follows from it."""

    def __init__(self) -> None:
        self._estimator = LatencyEstimator()
        self._times: dict[float, tuple[int, PollTimes]] = {}
        # Several threads may wait for tasks of one kind.
        self._lock = threading.Lock()

    def observe(self, task: object, after: float, by: float) -> None:
        """Learn of one task, as :meth:`.LatencyEstimator.observe`."""
        with self._lock:
            self._estimator.observe(task, after, by)

    def poll_times(self, delay_cost: float) -> PollTimes:
        """The plan; made anew when enough has been learned since the last one.

        :param delay_cost: calls that a second of delay is worth.
        """
        with self._lock:
            seen = self._estimator.observations
            made_at, made = self._times.get(delay_cost, (0, None))
            if made is None or seen - made_at >= max(1, self._estimator.tasks // RELEARN):
                made = least_cost_times(self._estimator.shares(), delay_cost)
                self._times[delay_cost] = seen, made
            return made


class LatencyModels:
    """The completion times of all kinds of tasks that have passed through this process."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[Hashable, ...], LatencyModel] = {}

    def forget(self) -> None:
        """Forget everything, as a forked child must: a thread that held a lock does not live on in it."""
        self._kinds.clear()

    def of(self, service: str, operation: str, source_bytes: int | None) -> LatencyModel:
        """What is known of one kind.

        :param service: the address of the service.
        :param operation: the operation's name.
        :param source_bytes: the size of the source, or None where it is not known: neither is then when
            the task was submitted, and times count from the begin of the wait. Sizes within a factor of
            four are of one kind.
        """
        size_class = None if source_bytes is None else source_bytes.bit_length() // 2
        return self._kinds.setdefault((service, operation, size_class), LatencyModel())


DEFAULT_TIMEOUT = 3600.0
"""Seconds that the hook and the operators wait for a task by default."""

_MAX_SHOWN = datetime.max.replace(tzinfo=UTC).timestamp() - 1


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment after which waiting ends.

    :param at: seconds since the epoch, so that it survives a restart and travels between machines.
    """

    at: float

    @classmethod
    def after(cls, seconds: float, now: float) -> Deadline:
        """The moment so many seconds from now."""
        return cls(now + seconds)

    def __str__(self) -> str:
        """Name the moment to the second, in UTC."""
        return datetime.fromtimestamp(min(self.at, _MAX_SHOWN), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")

    def remaining(self, now: float) -> float:
        """Seconds left; never negative."""
        return max(0.0, self.at - now)

    def passed(self, now: float) -> bool:
        """Whether it is over."""
        return now >= self.at
