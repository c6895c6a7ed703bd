"""When to ask next. Pure: clock and randomness are passed in."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from airflow_provider_asposeocr.api.exceptions import AsposeOcrSettingsError


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

    def remaining(self, now: float) -> float:
        """Seconds left; never negative."""
        return max(0.0, self.at - now)

    def passed(self, now: float) -> bool:
        """Whether it is over."""
        return now >= self.at


@dataclass(frozen=True, slots=True)
class PollSchedule:
    """How long to wait before each poll.

    Every poll is billed, so the first one comes when most jobs are done; later ones back off.

    :param first: seconds before the first poll.
    :param factor: each later wait is this many times the one before.
    :param ceiling: the longest wait, in seconds.
    :param jitter: the fraction by which each wait is spread to both sides, so that jobs that were
        submitted together are not polled together.
    """

    first: float = 3.0
    factor: float = 1.5
    ceiling: float = 30.0
    jitter: float = 0.1

    @classmethod
    def of(cls, poll_interval: float | None) -> PollSchedule:
        """A fixed schedule for a number of seconds, the default one for None."""
        if poll_interval is None:
            return cls()
        return cls(first=poll_interval, factor=1.0, ceiling=poll_interval, jitter=0.0)

    def delay(self, polls: int, uniform: Callable[[float, float], float] = random.uniform) -> float:
        """Seconds to wait before the next poll.

        :param polls: how many polls have been made.
        :param uniform: draws a number between two bounds.
        """
        # The exponent is bounded: a job polled for a day must not overflow the power.
        wait = min(self.ceiling, self.first * self.factor ** min(polls, 64))
        return wait * uniform(1 - self.jitter, 1 + self.jitter)


def seconds(value: float | str | timedelta | None, name: str) -> float | None:
    """Read a duration.

    :param value: seconds as a number or as a rendered string, or a timedelta; None stays None.
    :param name: what it is called, for the error.
    :raises AsposeOcrSettingsError: if it is not a positive duration.
    """
    if value is None or (isinstance(value, str) and value.strip() in ("", "None")):
        return None
    try:
        number = value.total_seconds() if isinstance(value, timedelta) else float(value)
    except (TypeError, ValueError):
        raise AsposeOcrSettingsError(f"{name} must be seconds or a timedelta, not {value!r}") from None
    if not 0 < number < float("inf"):
        raise AsposeOcrSettingsError(f"{name} must be positive, not {number:g} s")
    return number
