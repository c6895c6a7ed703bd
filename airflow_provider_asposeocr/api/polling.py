"""Decide when to ask next. Pure: clock and randomness are passed in."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from airflow_provider_asposeocr.api.http import MAX_ANSWER_BYTES
from airflow_provider_asposeocr.api.latency import LatencyModel

DEFAULT_TIMEOUT = 3600.0
"""Seconds that the hook and the operators wait for an OCR task by default."""

DEFAULT_DELAY_COST = 1.5
"""Calls that a second between the end of an OCR task and our knowing it is worth, by default."""

DEFAULT_MAX_OUTAGE = 300.0
"""Seconds for which polling goes on after a first failure without a single good answer: the OCR task is paid
for, so a short outage of the service is waited out rather than handed to Airflow's retries."""

JITTER = 0.05
"""The fraction by which each wait is spread to both sides."""

CROWD = 0.5
"""Seconds over which polls are spread that are overdue, or held back until an answer is of use: thousands of
them are due at the same moment when a triggerer has restarted."""

MIN_INTERVAL = 0.1
"""Seconds between two polls at least, whatever is asked for: each of them is billed."""

_MAX_DOUBLINGS = 40
_MAX_SHOWN = datetime.max.replace(tzinfo=UTC).timestamp() - 1


@dataclass(frozen=True, slots=True)
class Wait:
    """Say how to wait for an OCR task: until when, how often to ask, and how much of a reply to read.

    :param deadline: when to stop, seconds since the epoch, so that it survives a restart and travels between
        machines; None where ``timeout`` counts from the begin of the wait.
    :param timeout: seconds to wait where there is no deadline.
    :param poll_interval: seconds between polls; None for a learned schedule.
    :param backoff: whether the interval doubles with each poll, as that of BaseSensorOperator does with
        ``exponential_backoff``.
    :param max_wait: seconds to which it grows at most.
    :param max_outage: seconds for which polling goes on without a good answer, be it that the service or
        its token endpoint cannot be reached.
    :param earliest: seconds since the epoch before which nobody could make use of an answer.
    :param limit: the most bytes of a reply to read; of a longer one the results come back ``unread``.
    :param status_only: poll the status endpoint while it knows the OCR task; the results stay there.
    """

    deadline: float | None = None
    timeout: float = DEFAULT_TIMEOUT
    poll_interval: float | None = None
    backoff: bool = False
    max_wait: float | None = None
    max_outage: float | None = None
    earliest: float = 0.0
    limit: int = MAX_ANSWER_BYTES
    status_only: bool = False

    def until(self, now: float) -> float:
        """Return when the wait ends, if it begins now."""
        return now + self.timeout if self.deadline is None else self.deadline


def utc(moment: float) -> str:
    """Name a moment to the second, in UTC.

    :param moment: seconds since the epoch.
    """
    return datetime.fromtimestamp(min(moment, _MAX_SHOWN), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


class PollSchedule(Protocol):
    """Decide when to poll one OCR task."""

    def delay(self, now: float) -> float:
        """Return the seconds to wait before the next poll.

        :param now: seconds since the epoch.
        """

    def polled(self, at: float, *, done: bool | None) -> None:
        """Hear what a poll has shown.

        :param at: when the OCR task was seen, seconds since the epoch.
        :param done: whether it had ended; None where there was no answer.
        """

    def close(self) -> None:
        """Hear that nobody waits any more."""


@dataclass(slots=True)
class FixedSchedule:
    """Poll at fixed intervals, spread a little: waits that began together do not stay together.

    :param interval: seconds.
    :param uniform: draws a number between two bounds.
    :param at_once: whether the OCR task may have ended long ago, so that the first poll is due now.
    :param backoff: as that of :class:`Wait`.
    :param max_wait: seconds to which the interval grows at most.
    :param earliest: as that of :class:`Wait`.
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

    def close(self) -> None:
        """Do nothing."""


class LearnedSchedule:
    """Poll one OCR task when such tend to be done.

    :param model: of the completion times of such OCR tasks.
    :param submitted_at: seconds since the epoch.
    :param delay_cost: calls that a second between the end of the OCR task and our knowing it is worth.
    :param earliest: as that of :class:`Wait`.
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
        self._seen_running = 0.0

    def delay(self, now: float) -> float:
        """Return the seconds until the best moment, spread to both sides, or until soon if it has passed.

        OCR tasks that were submitted together are so not polled together.
        """
        before = self._polled or 0.0
        best = self._model.poll_times(self._delay_cost).next(self._polled)
        spread = (best - before) * self._uniform(1 - JITTER, 1 + JITTER)
        due, soonest = self._submitted_at + before + spread, max(self._earliest, now)
        return (due if due > soonest else soonest + self._uniform(0.0, CROWD)) - now

    def polled(self, at: float, *, done: bool | None) -> None:
        """Remember when the OCR task was seen running last, and learn when it was done."""
        self._polled = max(0.0, at - self._submitted_at)
        if done:
            self._model.observe(self, self._seen_running, self._polled)
        elif done is False:
            self._seen_running = self._polled
            self._model.observe(self, self._seen_running, math.inf)

    def close(self) -> None:
        """Let the model forget an OCR task that was seen running, and that nobody waits for any more."""
        self._model.forget(self)
