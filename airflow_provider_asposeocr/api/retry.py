"""The retry table: what each outcome of a request means, and how long to wait before the next one."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import Enum, auto

from airflow_provider_asposeocr.api.http import FailureKind, HttpResponse, TransportFailure

LONGEST_SLEEP = 60.0
"""Seconds that a flow sleeps at most; a longer wait leaves it as an error that carries ``retry_after``."""

MAX_RETRY_AFTER = 24 * 3600.0
"""Seconds of a Retry-After at most: Airflow cannot plan a retry in a thousand years."""


class Outcome(Enum):
    """What to make of an answer."""

    ANSWERED = auto()
    UNAUTHORIZED = auto()
    REFUSED = auto()
    """For good: repeating cannot help."""
    NOT_ACCEPTED = auto()
    """The service has surely not acted on it: repeat, whatever the method."""
    AMBIGUOUS = auto()
    """The service may have acted on it: repeat GET and DELETE, think twice about POST."""


_NOT_ACCEPTED = frozenset({429, 503})
_AMBIGUOUS = frozenset({408, 500, 502, 504})


_FAILURES = {
    FailureKind.NOT_SENT: Outcome.NOT_ACCEPTED,
    FailureKind.UNTRUSTED: Outcome.REFUSED,
    FailureKind.UNKNOWN: Outcome.AMBIGUOUS,
}


def classify(answer: HttpResponse | TransportFailure) -> Outcome:
    """Look an answer up in the table.

    :param answer: the driver's answer; a 2xx counts as answered, whatever its body turns out to be.
    """
    if isinstance(answer, TransportFailure):
        return _FAILURES[answer.kind]
    if 200 <= answer.status < 300:
        return Outcome.ANSWERED
    if answer.status == 401:
        return Outcome.UNAUTHORIZED
    if answer.status in _NOT_ACCEPTED:
        return Outcome.NOT_ACCEPTED
    if answer.status < 200 or answer.status in _AMBIGUOUS or answer.status > 504:
        return Outcome.AMBIGUOUS
    return Outcome.REFUSED


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Read how many seconds a reply asks to wait (RFC 9110, Retry-After: seconds or a date), or None.

    :param headers: found by names in lower case.
    :param now: seconds since the epoch.
    :return: from 0 to a day.
    """
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        wait = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
            # The oldest of the three forms of a date names no zone; it always means UTC.
            wait = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(0.0, wait), MAX_RETRY_AFTER) if math.isfinite(wait) else None


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how fast to repeat.

    :param attempts: how often a request is made at most.
    :param base: seconds of the first wait; each later one is twice as long.
    :param repeat_ambiguous_submit: whether a submission whose fate is unknown is repeated, once. The
        service has no idempotency key, so a repeat may pay for a second task.
    :param until: seconds since the epoch after which nothing is repeated.
    :param now: the clock, seconds since the epoch.
    :param uniform: draws a number between two bounds.
    """

    attempts: int = 5
    base: float = 0.5
    repeat_ambiguous_submit: bool = True
    until: float = math.inf
    now: Callable[[], float] = time.time
    uniform: Callable[[float, float], float] = random.uniform

    def wait(self, failures: int, asked: float | None) -> float:
        """Seconds to wait before the next attempt.

        :param failures: how many attempts have failed.
        :param asked: what the service asked for; spread upwards only, never shortened.
        """
        if asked is not None:
            return min(max(asked, LONGEST_SLEEP), asked + self.uniform(0, min(1.0, asked * 0.1)))
        backoff = min(LONGEST_SLEEP, self.base * 2.0 ** (failures - 1))
        return backoff * self.uniform(0.5, 1.0)
