"""The moment at which waiting ends."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_TIMEOUT = 3600.0
"""Seconds that the hook and the operators wait for a task by default."""


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
