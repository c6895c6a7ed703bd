"""Measure what waiting costs: calls for each OCR task, and seconds until its end is known.

Every run is a process of its own, in which triggers wait for all OCR tasks on one event loop, beside an
emulator of its own, in which they take times drawn beforehand. Runs share the machine: they mostly sleep.
"""

from __future__ import annotations

import argparse
import inspect
import json
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path
from typing import Any

from airflow_provider_asposeocr.api.polling import DEFAULT_DELAY_COST
from benchmarks.about import Stopwatch, tell
from benchmarks.polling_model import fixed, optimum
from benchmarks.polling_runs import FIXED, OPERATOR, SEED, SENSOR, SHAPES, Run, all_runs, quick_runs
from benchmarks.polling_tables import tables, targets
from benchmarks.processes import CONNECTION, Service, environment, report, start
from benchmarks.program import finish, options

__all__ = ["main", "tables", "targets"]

LEARNING = 50
"""OCR tasks at the begin of each run that do not count."""

PHASES = (0, LEARNING, 100, 200)
"""Places in a run, each the begin of a phase, for the table that shows how fast is learned."""

_CALCULATED = (*FIXED, 10.0)
_DELAY_COSTS = sorted({0.1, 0.2, 0.3, 0.5, 0.75, 1.0, DEFAULT_DELAY_COST, 1.5, 2.0, 3.0, 5.0, 8.0})
_TOGETHER = 8


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write the figures as JSON.

    :param arguments: the command line; None takes the process's own.
    :return: the exit status.
    """
    given = _parser().parse_args(arguments)
    ocr_tasks = given.ocr_tasks or (150 if given.quick else 500)
    watch = Stopwatch()
    # The longest first: they decide when all is done.
    runs = sorted(quick_runs() if given.quick else all_runs(), key=lambda run: -run.seconds(ocr_tasks))
    with tempfile.TemporaryDirectory(prefix="asposeocr-benchmark-") as name:
        measured = _measure_all(runs, ocr_tasks, Path(name))
    what = {
        "ocr_tasks": ocr_tasks,
        "not_counted": LEARNING,
        "phases": PHASES,
        "delay_cost": DEFAULT_DELAY_COST,
    }
    data = watch.about(1) | what | _figures(measured)
    return finish("polling", given, data, tables, targets)


def _parser() -> argparse.ArgumentParser:
    parser = options("polling", __doc__, "one shape, few runs")
    parser.add_argument("--ocr-tasks", type=int, help="of each run (default: 500, with --quick 150)")
    return parser


def _measure_all(runs: Sequence[Run], ocr_tasks: int, folder: Path) -> dict[Run, list[dict[str, float]]]:
    done = 0

    def measure(numbered: tuple[int, Run]) -> list[dict[str, float]]:
        nonlocal done
        found = _measure(numbered[1], ocr_tasks, folder / str(numbered[0]))
        done += 1
        tell(f"{done} of {len(runs)} runs")
        return found

    seconds = sum(run.seconds(ocr_tasks) for run in runs) / _TOGETHER
    tell(f"{len(runs)} runs, about {seconds / 60:.0f} minutes")
    with ThreadPoolExecutor(_TOGETHER) as pool:
        found = dict(zip(runs, pool.map(measure, enumerate(runs)), strict=True))
    tell("")
    return found


def _measure(run: Run, ocr_tasks: int, folder: Path) -> list[dict[str, float]]:
    """Return what became of each OCR task, in the order of submission."""
    shape = SHAPES[run.shape]
    times = [{"median": kind.median, "sigma": kind.sigma, "seed": run.seed} for kind in shape.kinds]
    with Service(times, transcript_limit=1) as service:
        extra = {} if run.delay_cost is None else {"delay_cost": run.delay_cost}
        variables = {
            CONNECTION: json.dumps({**service.connection, "extra": extra}),
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": str(run.heartbeat),
        }
        spec = {
            "ocr_tasks": ocr_tasks,
            "rate": run.rate,
            "sizes": [kind.source_bytes for kind in shape.kinds],
            "seed": run.seed,
            "deferred": run.way == OPERATOR,
            "poll_interval": run.poll_interval,
        }
        client = report(start("polling_client", spec, environment(folder, **variables)))
        seen = service.seen(ocr_tasks=True)
    if seen["calls"]["token"] != 1 or len(seen["ocr_tasks"]) != ocr_tasks:
        raise RuntimeError(f"not the calls that a run makes: {seen['calls']}")
    return [
        {
            "seconds": one["ready_at"] - one["submitted_at"],
            "size": one["size"],
            "calls": one["calls"],
            "delay": client["known"][ocr_task_id] - one["ready_at"],
            "began": one["submitted_at"],
            "ended": client["known"][ocr_task_id],
            "cpu_seconds": client["cpu_seconds"] / ocr_tasks,
        }
        for ocr_task_id, one in sorted(seen["ocr_tasks"].items(), key=lambda item: item[1]["index"])
    ]


def _figures(measured: Mapping[Run, Sequence[Mapping[str, float]]]) -> dict[str, Any]:
    shapes = [key for key in SHAPES if any(run.shape == key for run in measured)]
    # Drawn for the OCR tasks that count, so that the calculated cost of fixed intervals is of the same.
    drawn = {key: [one["seconds"] for one in measured[_reference(key)][LEARNING:]] for key in shapes}
    return {
        "runs": [
            asdict(run) | _summary(found) for run, found in sorted(measured.items(), key=lambda i: str(i[0]))
        ],
        "fixed": [
            {"shape": key, "poll_interval": interval} | asdict(fixed(drawn[key], interval))
            for key in shapes
            for interval in _CALCULATED
        ],
        "optimum": [
            {"shape": key, "delay_cost": cost} | asdict(optimum(SHAPES[key].kinds, cost))
            for key in shapes
            for cost in _DELAY_COSTS
        ],
        "http": [
            {"shape": key, "poll_interval": interval} | asdict(fixed(drawn[key], interval, at_once=True))
            for key in shapes
            for interval in sorted(set(http_defaults().values()))
        ],
        "http_defaults": http_defaults(),
    }


def _reference(shape: str) -> Run:
    return Run(shape, SENSOR if shape == "3" else OPERATOR, SEED)


def _summary(ocr_tasks: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    counted = ocr_tasks[LEARNING:]
    delays = sorted(one["delay"] for one in counted)
    phases = [ocr_tasks[begin:end] for begin, end in zip_longest(PHASES, PHASES[1:])]
    return {
        "calls": statistics.fmean(one["calls"] for one in counted),
        "delay": statistics.fmean(delays),
        "delay_median": statistics.median(delays),
        "delay_p95": delays[int(0.95 * len(delays))],
        "phases": [
            [statistics.fmean(one[name] for one in part) for name in ("calls", "delay")]
            for part in phases
            if part
        ],
        "most_in_flight": max(
            sum(a["began"] <= b["began"] < a["ended"] for a in ocr_tasks) for b in ocr_tasks
        ),
        "cpu_ms": 1000 * ocr_tasks[0]["cpu_seconds"],
    }


def http_defaults() -> dict[str, float]:
    """Return how often the waiting classes of Airflow's HTTP provider ask by default, in seconds."""
    from airflow.providers.http.triggers.http import HttpEventTrigger, HttpSensorTrigger
    from airflow.sdk import BaseSensorOperator

    def default(of: type, name: str) -> float:
        return float(inspect.signature(of.__init__).parameters[name].default)  # type: ignore[misc]

    return {
        "HttpSensor": default(BaseSensorOperator, "poke_interval"),
        "HttpEventTrigger": default(HttpEventTrigger, "poll_interval"),
        "HttpSensorTrigger": default(HttpSensorTrigger, "poke_interval"),
    }


if __name__ == "__main__":
    sys.exit(main())
