"""The figures of polling as tables, and what became of the targets."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.polling_model import Cost
from benchmarks.polling_runs import LOADS, OPERATOR, SENSOR, SHAPES, Run
from benchmarks.tables import Table, Target, middle, targets_table

MAX_CALLS, MAX_DELAY = 2.75, 0.9
"""The targets: per OCR task of the first shape, with nothing configured."""

_BOTH = ("calls", "delay")


def targets(data: Mapping[str, Any]) -> list[Target]:
    """Return the targets and what was measured.

    :param data: the figures.
    """
    found = []
    for like in (*(Run("3", SENSOR, 0, in_flight=load) for load in (0, *LOADS)), Run("3", OPERATOR, 0)):
        if runs := _of(data, like):
            load = like.in_flight or SHAPES["3"].in_flight
            about = f"median 3 s, {load} at a time, {like.way}, runs: {len(runs)}"
            calls, delay = (statistics.median(run[name] for run in runs) for name in _BOTH)
            found.append(Target.at_most(f"calls for each OCR task ({about})", MAX_CALLS, calls, "{:.2f}"))
            found.append(Target.at_most(f"mean delay in seconds ({about})", MAX_DELAY, delay, "{:.2f}"))
    return found


def tables(data: Mapping[str, Any]) -> list[Table]:
    """All figures as tables.

    :param data: the figures.
    """
    shapes = [key for key in SHAPES if any(run["shape"] == key for run in data["runs"])]
    return [
        targets_table(targets(data)),
        *(_table(data, key) for key in shapes),
        _phases(data),
        _by_delay_cost(data),
    ]


def _of(data: Mapping[str, Any], like: Run) -> list[Mapping[str, Any]]:
    """Return the runs that differ from one in their seeds alone."""
    names = [name for name in asdict(like) if name != "seed"]
    return [run for run in data["runs"] if all(run[name] == getattr(like, name) for name in names)]


def _table(data: Mapping[str, Any], key: str) -> Table:
    price = data["delay_cost"]
    ideal = next(o for o in data["optimum"] if o["shape"] == key and o["delay_cost"] == price)
    least = ideal["calls"] + price * ideal["delay"]

    def row(name: str, how: str, found: Sequence[Mapping[str, float]]) -> Sequence[str]:
        costs = [(one["calls"] + price * one["delay"]) / least for one in found]
        late = middle([one["delay_p95"] for one in found]) if "delay_p95" in found[0] else ""
        calls, delays = ([one[name] for one in found] for name in _BOTH)
        return name, how, middle(calls), middle(delays), late, middle(costs)

    rows: list[Sequence[str] | None] = []
    for title, like in _learned(key):
        if runs := _of(data, like):
            rows.append(row(title, f"measured, {len(runs)} run{'s' * (len(runs) > 1)}", runs))
    rows.append(row(f"best schedule, known in advance, {price:g}", "calculated", [ideal]))
    for one in data["fixed"]:
        if one["shape"] == key:
            interval = one["poll_interval"]
            if real := _of(data, Run(key, SENSOR, 0, poll_interval=interval)):
                rows.append(row(f"every {interval:g} s, the same trigger", "measured, 1 run", real))
            else:
                rows.append(row(f"every {interval:g} s", "calculated", [one]))
    for one in data["http"]:
        if one["shape"] == key:
            interval = one["poll_interval"]
            names = [name for name, default in data["http_defaults"].items() if default == interval]
            rows.append(row(f"{', '.join(names)}: {interval:g} s", "calculated", [one]))
    return Table(
        f"{data['ocr_tasks']} OCR tasks, {SHAPES[key].title}",
        (
            "who polls",
            "how",
            "calls per OCR task",
            "mean delay, s",
            "95th percentile, s",
            "cost by the best schedule's",
        ),
        rows,
    )


def _learned(key: str) -> Iterator[tuple[str, Run]]:
    yield f"learned, {SENSOR}, {SHAPES[key].in_flight} OCR tasks at a time", Run(key, SENSOR, 0)
    for in_flight in LOADS:
        yield f"the same, {in_flight} OCR tasks at a time", Run(key, SENSOR, 0, in_flight=in_flight)
    yield f"learned, {OPERATOR}, event after 2 s at the earliest", Run(key, OPERATOR, 0)
    yield "the same, after 6 s (Airflow's default)", Run(key, OPERATOR, 0, heartbeat=5)


def _phases(data: Mapping[str, Any]) -> Table:
    """Return what OCR tasks cost that came early and late in a run."""
    rows = []
    for key, shape in SHAPES.items():
        for title, like in _learned(key):
            if like.heartbeat == 1 and (runs := _of(data, like)):
                parts = zip(*(run["phases"] for run in runs), strict=True)
                means = ([statistics.median(values) for values in zip(*part, strict=True)] for part in parts)
                cells = [f"{calls:.2f} at {delay:.2f} s" for calls, delay in means]
                rows.append((f"{shape.title}; {title}", *cells))
    ends = [f"from OCR task {begin}" for begin in data["phases"]][: len(rows[0]) - 1]
    return Table(
        "While it is learned: calls per OCR task at mean delay, medians of the runs", ("runs", *ends), rows
    )


def _by_delay_cost(data: Mapping[str, Any]) -> Table:
    rows = []
    for best in data["optimum"]:
        cost = best["delay_cost"]
        given = None if cost == data["delay_cost"] else cost
        if best["shape"] == "3" and (runs := _of(data, Run("3", SENSOR, 0, delay_cost=given))):
            name = f"{cost:g}, the default" if given is None else f"{cost:g}"
            calls, delays = ([run[name] for run in runs] for name in _BOTH)
            known = Cost(best["calls"], best["delay"])
            rows.append((name, middle(calls), middle(delays), f"{known.calls:.2f}", f"{known.delay:.2f}"))
    return Table(
        f"`delay_cost` of the connection, {SHAPES['3'].title}, {SENSOR}",
        (
            "delay_cost",
            "calls per OCR task",
            "mean delay, s",
            "best schedule: calls",
            "best schedule: delay, s",
        ),
        rows,
    )
