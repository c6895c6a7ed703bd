"""Runs of polling that are measured: distributions of service times, and many OCR tasks for each."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.polling_model import Kind

SENSOR = "sensor started in the triggerer"
OPERATOR = "deferred operator"
LOADS = (25, 60)
"""OCR tasks at a time, in further runs of the first shape: the more, the later is what is learned."""

FIXED = (1.0, 2.0, 3.0, 5.0)
"""Seconds between polls of the runs at fixed intervals."""

SEED = 101
_SMALL, _LARGE = 20_000, 400_000


@dataclass(frozen=True)
class Shape:
    """A distribution of service times.

    :param title: what it is called.
    :param kinds: equally frequent kinds of OCR tasks.
    :param in_flight: OCR tasks at a time, about.
    """

    title: str
    kinds: Sequence[Kind]
    in_flight: int

    @property
    def mean(self) -> float:
        """The mean service time."""
        return statistics.fmean(kind.mean() for kind in self.kinds)


SHAPES = {
    "3": Shape("median 3 s", [Kind(3, 0.4, _SMALL)], 40),
    "20": Shape("median 20 s", [Kind(20, 0.4, _SMALL)], 100),
    "2+30": Shape(
        "median 2 s of small, 30 s of large sources", [Kind(2, 0.4, _SMALL), Kind(30, 0.4, _LARGE)], 100
    ),
}


@dataclass(frozen=True)
class Run:
    """One run.

    :param shape: the key of its shape.
    :param way: how the OCR tasks come to be waited for.
    :param seed: of service times and arrivals.
    :param poll_interval: seconds between polls; None for learned moments.
    :param delay_cost: of the connection; None for the default.
    :param heartbeat: Airflow's ``[workers] min_heartbeat_interval``.
    :param in_flight: OCR tasks at a time, about.
    """

    shape: str
    way: str
    seed: int
    poll_interval: float | None = None
    delay_cost: float | None = None
    heartbeat: int = 1
    in_flight: int = 0

    @property
    def rate(self) -> float:
        """OCR tasks that are submitted each second."""
        shape = SHAPES[self.shape]
        return (self.in_flight or shape.in_flight) / shape.mean

    def seconds(self, ocr_tasks: int) -> float:
        """Estimate for how long it runs.

        :param ocr_tasks: how many.
        """
        return ocr_tasks / self.rate + 3 * SHAPES[self.shape].mean


def all_runs() -> Iterator[Run]:
    """Everything."""
    for seed in range(SEED, SEED + 5):
        yield Run("3", SENSOR, seed)
    for seed in range(SEED, SEED + 3):
        for in_flight in LOADS:
            yield Run("3", SENSOR, seed, in_flight=in_flight)
        yield Run("3", OPERATOR, seed)
        yield Run("20", OPERATOR, seed)
        yield Run("2+30", OPERATOR, seed)
        for delay_cost in (0.3, 0.75, 3.0):
            yield Run("3", SENSOR, seed, delay_cost=delay_cost)
    yield Run("3", OPERATOR, SEED, heartbeat=5)
    for interval in FIXED:
        yield Run("3", SENSOR, SEED, poll_interval=interval)


def quick_runs() -> Iterator[Run]:
    """Return a few, for work on the program."""
    for seed in (SEED, SEED + 1):
        yield Run("3", SENSOR, seed)
    yield Run("3", OPERATOR, SEED)
    yield Run("3", SENSOR, SEED, delay_cost=0.3)
    yield Run("3", SENSOR, SEED, poll_interval=2.0)
