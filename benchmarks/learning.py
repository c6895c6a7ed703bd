"""Measure what is kept of completion times beyond a process: cost after a restart, and calls foreseen.

The clock is simulated and the service answers at once; flows, schedules and files are the real ones.
"""

from __future__ import annotations

import argparse
import logging
import random
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from airflow_provider_asposeocr.api.flows import OcrApi
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
"""OCR tasks before the restart; those after it that count; those of a batch."""

SEEDS, QUICK_SEEDS = 20, 3
IN_FLIGHT, WORKERS = 50, 8
"""OCR tasks at a time of a batch, by default, and of synchronous tasks in workers of one host."""

MAX_COST, MAX_OFF = 1.1, 0.15
"""The targets: cost by that of the best schedule, and how far off the calls foreseen may be."""

AWAY = 60.0
"""Seconds from the end of the process, which is killed, to the next one."""

TRIGGERER, WORKER, BATCH_WAY = "triggerer", "synchronous workers", "batch"
WAYS = (TRIGGERER, WORKER, BATCH_WAY)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write the figures as JSON.

    :param arguments: the command line; None takes the process's own.
    :return: the exit status.
    """
    given = _parser().parse_args(arguments)
    watch, seeds = Stopwatch(), QUICK_SEEDS if given.quick else SEEDS
    logging.disable(logging.INFO)
    figures: dict[str, list[dict[str, Any]]] = {"restarts": [], "batches": []}
    for key, shape in SHAPES.items():
        for way in WAYS:
            tell(f"{shape.title}, {way}")
            found = [_restart(shape, way, seed) for seed in range(seeds)]
            figures["restarts"].append({"shape": key, "way": way, "seeds": found})
        figures["batches"].append({"shape": key, "seeds": [_batch(shape, seed) for seed in range(seeds)]})
    tell("")
    what = {"seeds": seeds, "before": BEFORE, "first": FIRST, "batch": BATCH, "delay_cost": DEFAULT_DELAY_COST}
    return finish("learning", given, watch.about(seeds) | what | figures, tables, targets)


def _parser() -> argparse.ArgumentParser:
    return options("learning", __doc__, f"{QUICK_SEEDS} seeds")


def _run(
    clock: Clock, way: str, shape: Shape, ocr_tasks: Sequence[Drawn], new: Callable[[], LatencyModels], *,
    killed: bool = False,
) -> None:
    """Let processes wait for all OCR tasks; new ones, as after a restart."""
    todo = iter(ocr_tasks)
    models = new()

    def one() -> None:
        if (drawn := next(todo, None)) is None:
            if killed:
                clock.kill()
        elif way == "triggerer":
            clock.wait_for(drawn, clock.api(models))
            clock.at(clock.time + clock.chance.expovariate(shape.in_flight / shape.mean), one)
        else:
            clock.wait_for(drawn, clock.api(models if way == "batch" else new()), then=one)

    for _ in range({"triggerer": 1, "batch": IN_FLIGHT}.get(way, WORKERS)):
        one()
    clock.run()


def _restart(shape: Shape, way: str, seed: int) -> dict[str, dict[str, float]]:
    chance = random.Random(f"{shape.title} {way} {seed}")
    before, first = draw(shape.kinds, BEFORE, chance), draw(shape.kinds, FIRST, chance)
    known = {kind: least_cost_times(kind.shares(), DEFAULT_DELAY_COST).next for kind in shape.kinds}
    best = [cost_of([one.seconds], known[one.kind]) for one in first]
    found = {"best": _mean(best)}
    with _new_host():
        clock = Clock(chance)
        _run(clock, way, shape, before, lambda: KeptLatencyModels(clock.now), killed=True)
        clock.time += AWAY
        for name, new in (("kept", lambda: KeptLatencyModels(clock.now)), ("nothing", LatencyModels)):
            _run(clock, way, shape, first, new)
            found[name] = _mean(first)
    return found


def _mean(costs: Sequence[Cost | Drawn]) -> dict[str, float]:
    return {name: statistics.fmean(getattr(one, name) for one in costs) for name in ("calls", "delay")}


@contextmanager
def _new_host() -> Iterator[None]:
    """Let processes inside the block keep what they learn in a folder of their own."""
    with (
        tempfile.TemporaryDirectory(prefix="asposeocr-benchmark-") as folder,
        mock.patch.object(host, "folder", return_value=Path(folder)),
    ):
        yield


def _batch(shape: Shape, seed: int) -> dict[str, float]:
    """Return how many calls a batch makes, and how many were expected: before it, and of an empty model."""
    chance = random.Random(f"{shape.title} batch {seed}")
    with _new_host():
        clock = Clock(chance)
        new = partial(KeptLatencyModels, clock.now)
        _run(clock, BATCH_WAY, shape, draw(shape.kinds, BEFORE, chance), new)
        ocr_tasks = draw(shape.kinds, BATCH, chance)
        expected = {
            name: sum(_expected(clock.api(models), one) for one in ocr_tasks)
            for name, models in (("kept", new()), ("nothing", LatencyModels()))
        }
        _run(clock, BATCH_WAY, shape, ocr_tasks, new)
    # Each is fetched once.
    return {**expected, "real": sum(one.calls + 1 for one in ocr_tasks)}


def _expected(api: OcrApi, one: Drawn) -> float:
    flow = api.expected_calls(get_operation(OPERATION), one.kind.source_bytes, fetched=True)
    return drive(flow)


def targets(data: Mapping[str, Any]) -> list[Target]:
    """Return the targets and what was measured.

    :param data: the figures.
    """
    found = []
    for one in data["restarts"]:
        what = f"cost after a restart by that of the best schedule ({_about(one)})"
        found.append(Target.at_most(what, MAX_COST, _cost(one, "kept", data) / _cost(one, "best", data), "{:.2f}"))
    for one in data["batches"]:
        what = f"expected calls of a batch, off by, mean of the seeds ({SHAPES[one['shape']].title})"
        found.append(Target.at_most(what, MAX_OFF, statistics.fmean(_off(seed, "kept") for seed in one["seeds"]), "{:.3f}"))
    return found


def tables(data: Mapping[str, Any]) -> list[Table]:
    """All figures as tables.

    :param data: the figures.
    """
    return [targets_table(targets(data)), _restarts(data), _batches(data)]


def _about(one: Mapping[str, Any]) -> str:
    return f"{SHAPES[one['shape']].title}, {one['way']}"


def _cost(one: Mapping[str, Any], name: str, data: Mapping[str, Any]) -> float:
    calls, delay = (statistics.fmean(seed[name][of] for seed in one["seeds"]) for of in ("calls", "delay"))
    return calls + data["delay_cost"] * delay


def _off(seed: Mapping[str, float], name: str) -> float:
    return abs(seed[name] / seed["real"] - 1)


def _restarts(data: Mapping[str, Any]) -> Table:
    rows = []
    for one in data["restarts"]:
        def cell(name: str, one=one) -> str:
            calls, delay = (statistics.fmean(seed[name][of] for seed in one["seeds"]) for of in ("calls", "delay"))
            return f"{calls:.2f} at {delay:.2f} s"
        best = _cost(one, "best", data)
        rows.append((_about(one), cell("best"), cell("kept"), cell("nothing"), *(f"{_cost(one, name, data) / best:.2f}" for name in ("kept", "nothing"))))
    return Table(
        f"The first {data['first']} OCR tasks after a restart, mean of {data['seeds']} seeds",
        ("who waits", "best schedule, known in advance", "kept", "learned from nothing", "cost by the best schedule's: kept", "from nothing"),
        rows,
    )


def _batches(data: Mapping[str, Any]) -> Table:
    rows = []
    for one in data["batches"]:
        rows.append((SHAPES[one["shape"]].title, middle([s["real"] for s in one["seeds"]], "{:.0f}"), *(f for name in ("kept", "nothing") for f in (middle([s[name] for s in one["seeds"]], "{:.0f}"), middle([100 * _off(s, name) for s in one["seeds"]], "{:.1f}")))))
    return Table(
        f"Calls of a batch of {data['batch']}, submissions and fetches among them, medians of {data['seeds']} seeds",
        ("batch", "real", "expected, kept", "off, %", "expected from nothing", "off, %"),
        rows,
    )


if __name__ == "__main__":
    sys.exit(main())
