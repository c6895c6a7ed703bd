"""How long to wait: durations as users give them, and the moment at which waiting ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from airflow_provider_asposeocr.api.exceptions import AsposeOcrSettingsError

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
