"""Measure what is kept of completion times beyond a process: the cost after a restart, and calls foreseen.

The clock is simulated and the service answers at once; flows, schedules and files are the real ones.
"""

from __future__ import annotations

import logging
import os
import random
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any
from unittest import mock

from airflow_provider_asposeocr.api.latency import LatencyModels, least_cost_times
from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.api.polling import DEFAULT_DELAY_COST
from airflow_provider_asposeocr.hooks import host
from airflow_provider_asposeocr.hooks.latency_store import KeptLatencyModels
from benchmarks.about import Stopwatch, tell
from benchmarks.learning_model import OPERATION, Clock, Drawn, draw, drive
from benchmarks.polling_model import Cost, cost_of
from benchmarks.polling_runs import SHAPES, Shape
from benchmarks.program import finish, options
from benchmarks.tables import Table, Target, middle, targets_table

BEFORE, FIRST, BATCH = 500, 50, 500
"""OCR tasks before the restart; those after it, which count; those of a batch whose calls are foreseen."""

SEEDS, QUICK_SEEDS = 20, 3

MAX_COST, MAX_OFF = 1.1, 0.15
"""The targets: cost by that of the best schedule, and by which part the expected calls may be off."""

TRIGGERER, WORKERS, RUNNER = "triggerer", "synchronous workers, 8 at a time", "batch, 50 at a time"
_AT_A_TIME = {TRIGGERER: 1, WORKERS: 8, RUNNER: 50}
_AWAY = 60.0
_KEPT, _NOTHING, _BEST, _REAL = "kept", "nothing", "best", "real"

Figures = dict[str, dict[str, float]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write the figures as JSON.

    :param arguments: the command line; None takes the process's own.
    :return: the exit status.
    """
    given = options("learning", __doc__, f"{QUICK_SEEDS} seeds").parse_args(arguments)
    watch, seeds = Stopwatch(), QUICK_SEEDS if given.quick else SEEDS
    restarts = [(key, way) for key in SHAPES for way in _AT_A_TIME]
    with ProcessPoolExecutor(os.cpu_count(), initializer=logging.disable, initargs=(logging.INFO,)) as pool:
        by_restart = [[pool.submit(_restart, *one, seed) for seed in range(seeds)] for one in restarts]
        by_batch = [[pool.submit(_batch, key, seed) for seed in range(seeds)] for key in SHAPES]
        every: list[Future[Any]] = [*chain(*by_restart), *chain(*by_batch)]
        for done, future in enumerate(every, 1):
            future.result()
            tell(f"{done} of {len(every)} simulated")
    tell("")
    data = watch.about(seeds) | {
        "seeds": seeds,
        "before": BEFORE,
        "first": FIRST,
        "batch": BATCH,
        "delay_cost": DEFAULT_DELAY_COST,
        "restarts": [
            {"shape": key, "way": way} | _means([future.result() for future in futures])
            for (key, way), futures in zip(restarts, by_restart, strict=True)
        ],
        "batches": [
            {"shape": key, "calls": [future.result() for future in futures]}
            for key, futures in zip(SHAPES, by_batch, strict=True)
        ],
    }
    return finish("learning", given, data, tables, targets)


def _means(seeds: Sequence[Figures]) -> Figures:
    return {
        name: {key: statistics.fmean(one[name][key] for one in seeds) for key in seeds[0][name]}
        for name in seeds[0]
    }


def _restart(key: str, way: str, seed: int) -> Figures:
    """Return what the first OCR tasks after a restart cost, as it was learned, from nothing, and at best."""
    shape, chance = SHAPES[key], random.Random(f"{key} {way} {seed}")
    before, first = draw(shape.kinds, BEFORE, chance), draw(shape.kinds, FIRST, chance)
    known = {kind: least_cost_times(kind.shares(), DEFAULT_DELAY_COST).next for kind in shape.kinds}
    found = {_BEST: _mean([cost_of([one.seconds], known[one.kind]) for one in first])}
    with _new_host():
        clock = Clock(chance)
        kept = partial(KeptLatencyModels, clock.now)
        _run(clock, way, shape, before, kept, killed=True)
        clock.time += _AWAY
        for name, new in ((_NOTHING, LatencyModels), (_KEPT, kept)):
            resumed, counted = ([replace(one) for one in ones] for ones in (before, first))
            _run(clock, way, shape, counted, new, [one for one in resumed if one.runs])
            found[name] = _mean(counted)
    return found


def _batch(key: str, seed: int) -> dict[str, float]:
    """Return the calls of a batch, and those expected before it, as it was learned and from nothing."""
    shape, chance = SHAPES[key], random.Random(f"{key} {seed}")
    operation = get_operation(OPERATION)
    with _new_host():
        clock = Clock(chance)
        kept = partial(KeptLatencyModels, clock.now)
        _run(clock, RUNNER, shape, draw(shape.kinds, BEFORE, chance), kept)
        ocr_tasks = draw(shape.kinds, BATCH, chance)
        found = {}
        for name, new in ((_KEPT, kept), (_NOTHING, LatencyModels)):
            sizes = [one.kind.source_bytes for one in ocr_tasks]
            found[name] = drive(clock.api(new()).expected_calls(operation, sizes, fetched=True))
        _run(clock, RUNNER, shape, ocr_tasks, kept)
    return {**found, _REAL: sum(one.calls + 1 for one in ocr_tasks)}


@contextmanager
def _new_host() -> Iterator[None]:
    """Let processes inside the block keep what they learn in a folder of their own."""
    with (
        tempfile.TemporaryDirectory(prefix="asposeocr-benchmark-") as folder,
        mock.patch.object(host, "folder", return_value=Path(folder)),
    ):
        yield


def _run(
    clock: Clock,
    way: str,
    shape: Shape,
    ocr_tasks: Sequence[Drawn],
    new: Callable[[], LatencyModels],
    resumed: Sequence[Drawn] = (),
    *,
    killed: bool = False,
) -> None:
    """Wait for OCR tasks in one process, or in a new one for each.

    :param new: makes what a process has learned when it starts.
    :param resumed: OCR tasks of processes that were killed.
    :param killed: whether that is the end as soon as all are submitted.
    """
    todo, models = iter(ocr_tasks), new()
    for one in resumed:
        clock.wait_for(one, clock.api(new() if way == WORKERS else models))

    def begin() -> None:
        drawn = next(todo, None)
        if drawn is None:
            if killed:
                clock.kill()
        elif way == TRIGGERER:
            clock.wait_for(drawn, clock.api(models))
            clock.at(clock.time + clock.chance.expovariate(shape.in_flight / shape.mean), begin)
        else:
            clock.wait_for(drawn, clock.api(new() if way == WORKERS else models), then=begin)

    for _ in range(_AT_A_TIME[way]):
        begin()
    clock.run()


def _mean(costs: Sequence[Cost | Drawn]) -> dict[str, float]:
    return {name: statistics.fmean(getattr(one, name) for one in costs) for name in ("calls", "delay")}


def targets(data: Mapping[str, Any]) -> list[Target]:
    """Return the targets and what was measured.

    :param data: the figures.
    """
    costs = [
        Target.at_most(
            f"cost after a restart by that of the best schedule ({_about(one)})",
            MAX_COST,
            _by_best(one, _KEPT, data),
            "{:.2f}",
        )
        for one in data["restarts"]
    ]
    calls = [
        Target.at_most(
            f"part by which the expected calls of a batch are off, mean ({SHAPES[one['shape']].title})",
            MAX_OFF,
            statistics.fmean(_off(calls, _KEPT) for calls in one["calls"]),
            "{:.2f}",
        )
        for one in data["batches"]
    ]
    return [*costs, *calls]


def tables(data: Mapping[str, Any]) -> list[Table]:
    """All figures as tables.

    :param data: the figures.
    """
    return [targets_table(targets(data)), _restarts(data), _batches(data)]


def _about(one: Mapping[str, Any]) -> str:
    return f"{SHAPES[one['shape']].title}; {one['way']}"


def _by_best(one: Mapping[str, Any], name: str, data: Mapping[str, Any]) -> float:
    cost, best = (one[of]["calls"] + data["delay_cost"] * one[of]["delay"] for of in (name, _BEST))
    return float(cost / best)


def _off(calls: Mapping[str, float], name: str) -> float:
    return abs(calls[name] / calls[_REAL] - 1)


def _restarts(data: Mapping[str, Any]) -> Table:
    rows = [
        (
            _about(one),
            *(f"{one[of]['calls']:.2f} at {one[of]['delay']:.2f} s" for of in (_BEST, _KEPT, _NOTHING)),
            *(f"{_by_best(one, of, data):.2f}" for of in (_KEPT, _NOTHING)),
        )
        for one in data["restarts"]
    ]
    return Table(
        f"The first {data['first']} OCR tasks after a restart: calls per OCR task at mean delay",
        (
            "who waits",
            "best schedule, known in advance",
            "as it was learned",
            "from nothing",
            "cost by the best schedule's, as it was learned",
            "the same, from nothing",
        ),
        rows,
        f"Means of {data['seeds']} seeds.",
    )


def _batches(data: Mapping[str, Any]) -> Table:
    def cells(calls: Sequence[Mapping[str, float]], name: str) -> tuple[str, str]:
        expected = middle([one[name] for one in calls], "{:,.0f}")
        return expected, middle([100 * _off(one, name) for one in calls], "{:.1f}")

    return Table(
        f"Calls of a batch of {data['batch']} that are fetched: expected before it, and real",
        ("batch", "real", "expected, as it was learned", "off, %", "expected from nothing", "off, %"),
        [
            (
                SHAPES[one["shape"]].title,
                middle([calls[_REAL] for calls in one["calls"]], "{:,.0f}"),
                *cells(one["calls"], _KEPT),
                *cells(one["calls"], _NOTHING),
            )
            for one in data["batches"]
        ],
        f"Medians and ranges of {data['seeds']} seeds.",
    )


if __name__ == "__main__":
    sys.exit(main())
