"""The moment at which waiting ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

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
