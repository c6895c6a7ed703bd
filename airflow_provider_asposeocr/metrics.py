"""Metrics and spans: through Airflow's Stats and the tracer that Airflow configures.

Tags have few values: operations and statuses, never an id, a name or a URI. Whatever a backend raises, no
task fails of it.

.. seealso:: https://airflow.apache.org/docs/apache-airflow/stable/administration-and-deployment/logging-monitoring/metrics.html
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import Stats
from opentelemetry import trace

log = logging.getLogger(__name__)

PREFIX = "asposeocr"

COUNTERS = {
    "submissions": "OCR tasks submitted; a repeated submission counts again",
    "polls": "billed calls for the status or the results of an OCR task",
    "cancels": "billed calls that cancel an OCR task, or delete its results",
    "sent_bytes": "bytes of submissions, as they were sent",
    "reused": "sources whose results of an earlier run were delivered, without a call",
    "reattachments": "OCR tasks of an earlier try that were resumed instead of submitted anew",
}
"""Counters; tag ``operation``."""

TIMERS = {
    "wait": "from the submission of an OCR task to the poll that found its end; tags `operation`, `status`",
    "delay": (
        "at most, from the end of an OCR task to the poll that found it: since the poll before, which found "
        "it running; tag `operation`"
    ),
}
"""Timers, in milliseconds where the backend is StatsD."""

GAUGES = {
    "batch.items": "items of the batch that is running",
    "batch.succeeded": "those that have succeeded",
    "batch.failed": "those that have failed",
    "batch.running": "those that are submitted and not finished",
}
"""Gauges, each 30 seconds and at the end of a batch; tag `operation`."""


_BY_METHOD = {"POST": "submissions", "GET": "polls", "DELETE": "cancels"}


def called(method: str, operation: str, sent_bytes: int) -> None:
    """Count a billed call that has arrived at the service.

    :param method: of HTTP.
    :param operation: the operation that it concerns.
    :param sent_bytes: the length of its body.
    """
    count(_BY_METHOD[method], operation=operation)
    if sent_bytes:
        count("sent_bytes", sent_bytes, operation=operation)


def ended(operation: str, status: str, wait: float | None, delay: float) -> None:
    """Report the end of an OCR task that was waited for.

    :param operation: the operation that it was submitted to.
    :param status: its final status.
    :param wait: seconds since its submission, where that is known.
    :param delay: seconds since it was seen running last.
    """
    if wait is not None:
        took("wait", wait, operation=operation, status=status)
    took("delay", delay, operation=operation)


def count(name: str, number: int = 1, **tags: str) -> None:
    """Count something.

    :param name: one of :data:`COUNTERS`.
    :param number: how many.
    :param tags: of few values.
    """
    with _harmless():
        Stats.incr(f"{PREFIX}.{name}", number, tags=tags)


def took(name: str, seconds: float, **tags: str) -> None:
    """Report how long something took.

    :param name: one of :data:`TIMERS`.
    :param seconds: how long.
    :param tags: of few values.
    """
    with _harmless():
        Stats.timing(f"{PREFIX}.{name}", timedelta(seconds=max(0.0, seconds)), tags=tags)


def gauge(name: str, value: int, **tags: str) -> None:
    """Report how many there are now.

    :param name: one of :data:`GAUGES`.
    :param value: how many.
    :param tags: of few values.
    """
    with _harmless():
        Stats.gauge(f"{PREFIX}.{name}", value, tags=tags)


@contextmanager
def span(name: str, **attributes: Any) -> Iterator[None]:
    """Run a block in a span of OpenTelemetry, as a part of that of the task where Airflow has one.

    :param name: such as ``submit``.
    :param attributes: what may be seen.
    """
    tracer = trace.get_tracer(__package__)
    known = {f"{PREFIX}.{key}": value for key, value in attributes.items()}
    # An error is named by its class alone: messages may hold what others must not see.
    started = tracer.start_as_current_span(
        f"{PREFIX}.{name}", attributes=known, record_exception=False, set_status_on_exception=False
    )
    with started as current:
        try:
            yield
        except BaseException as error:
            with _harmless():
                current.set_attribute("error.type", type(error).__name__)
                current.set_status(trace.StatusCode.ERROR)
            raise


@contextmanager
def _harmless() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        _warn_once(type(error).__name__)


@functools.cache
def _warn_once(error: str) -> None:
    log.warning("Metrics are not reported: %s", error)
