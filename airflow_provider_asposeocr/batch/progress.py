"""How far a batch has come. Pure: the clock is passed in."""

from __future__ import annotations

from dataclasses import dataclass

INTERVAL = 30.0
"""Seconds between two lines of progress in the log."""


@dataclass(slots=True)
class Progress:
    """Counts what becomes of the items.

    :param items: how many there are.
    :param succeeded: delivered, by this try or an earlier one.
    :param failed: failed, in this try or for good in an earlier one.
    :param retryable: those of the failed ones that a retry may help.
    :param skipped: those that an earlier try has brought to an end.
    :param resumed: jobs of an earlier try that this one went on with.
    :param retry_after: the most seconds that the service asked to wait.
    """

    items: int
    succeeded: int = 0
    failed: int = 0
    retryable: int = 0
    skipped: int = 0
    resumed: int = 0
    retry_after: float | None = None

    @property
    def ended(self) -> int:
        """Items that have come to an end."""
        return self.succeeded + self.failed

    def line(self, seconds: float, api_calls: int) -> str:
        """One line for the log.

        :param seconds: since the start of this try.
        :param api_calls: billed calls made by it.
        """
        worked = self.ended - self.skipped
        rate = worked / seconds if seconds > 0 else 0.0
        parts = [f"{self.ended} of {self.items} items", f"{self.failed} failed", f"{rate * 60:.0f} a minute"]
        if rate and self.ended < self.items:
            parts.append(f"{_duration((self.items - self.ended) / rate)} left")
        if worked:
            parts.append(f"{api_calls / worked:.2f} calls per item")
        return ", ".join(parts)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
