"""What waiting for tasks costs: calls for each job, and seconds until its end is known.

Every run is a process of its own, in which all jobs wait in the trigger on one event loop, beside an
emulator of its own whose tasks take times drawn beforehand. Runs share the machine, since they mostly sleep.
"""

from __future__ import annotations

import argparse
import inspect
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from airflow_provider_asposeocr.api.polling import DELAY_COST
from tests.benchmarks.about import Stopwatch, json_path, tell, write_json
from tests.benchmarks.polling_model import Cost, Kind, fixed, optimum
from tests.benchmarks.processes import CONNECTION, Service, environment, report, start
from tests.benchmarks.tables import Table, Target, middle, targets_table

MOST_CALLS, MOST_DELAY = 2.75, 0.9
"""The targets: per job of the first shape, with nothing configured."""

LEARNING = 50
"""Jobs at the begin of each run that do not count."""

PHASES = (0, LEARNING, 100, 200)
"""Places in a run, each the begin of a phase, for the table that shows how fast is learned."""

SENSOR = "sensor started in the triggerer"
OPERATOR = "deferred operator"
LOADS = (25, 60)
"""Tasks under way at a time, in further runs of the first shape: the more, the later is what is learned."""

FIXED = (1.0, 2.0, 3.0, 5.0)
_CALCULATED = (*FIXED, 10.0)
_DELAY_COSTS = (0.1, 0.2, 0.3, 0.5, 0.75, 1.0, DELAY_COST, 2.0, 3.0, 5.0, 8.0)
_TOGETHER = 8
_BOTH = ("calls", "delay")
_SMALL, _LARGE = 20_000, 400_000


@dataclass(frozen=True)
class Shape:
    """A distribution of service times.

    :param title: what it is called.
    :param kinds: equally frequent kinds of tasks.
    :param in_flight: tasks under way at a time, about.
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
    :param way: how the jobs come to wait.
    :param seed: of service times and arrivals.
    :param poll_interval: seconds between polls; None for learned moments.
    :param delay_cost: of the connection; None for the default.
    :param heartbeat: Airflow's ``[workers] min_heartbeat_interval``.
    :param in_flight: tasks under way at a time, about.
    """

    shape: str
    way: str
    seed: int
    poll_interval: float | None = None
    delay_cost: float | None = None
    heartbeat: int = 1
    in_flight: int = 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write the figures as JSON.

    :param arguments: the command line; None takes the process's own.
    :return: the exit status.
    """
    given = _parser().parse_args(arguments)
    jobs = given.jobs or (150 if given.quick else 500)
    watch = Stopwatch()
    # The longest first: they decide when all is done.
    runs = sorted(_quick_runs() if given.quick else _runs(), key=lambda run: -_seconds(run, jobs))
    with tempfile.TemporaryDirectory(prefix="asposeocr-benchmark-") as name:
        measured = _measure_all(runs, jobs, Path(name))
    data = watch.about(1) | {"jobs": jobs, "not_counted": LEARNING} | _figures(measured)
    for table in tables(data):
        print(f"{table.text()}\n")
    write_json(given.json or json_path("polling", given.quick), data)
    return 1 if given.check and not all(target.met for target in targets(data)) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.polling", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one shape, few runs: for work on this program")
    parser.add_argument("--jobs", type=int, help="jobs of each run (default: 500, with --quick 150)")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed")
    parser.add_argument("--json", type=Path, metavar="PATH")
    return parser


def _runs() -> Iterator[Run]:
    for seed in range(1, 6):
        yield Run("3", SENSOR, seed)
    for seed in range(1, 4):
        for in_flight in LOADS:
            yield Run("3", SENSOR, seed, in_flight=in_flight)
        yield Run("3", OPERATOR, seed)
        yield Run("20", OPERATOR, seed)
        yield Run("2+30", OPERATOR, seed)
        for delay_cost in (0.3, 0.75, 3.0):
            yield Run("3", SENSOR, seed, delay_cost=delay_cost)
    yield Run("3", OPERATOR, 1, heartbeat=5)
    for interval in FIXED:
        yield Run("3", SENSOR, 1, poll_interval=interval)


def _quick_runs() -> Iterator[Run]:
    for seed in (1, 2):
        yield Run("3", SENSOR, seed)
    yield Run("3", OPERATOR, 1)
    yield Run("3", SENSOR, 1, delay_cost=0.3)
    yield Run("3", SENSOR, 1, poll_interval=2.0)


def _rate(run: Run) -> float:
    shape = SHAPES[run.shape]
    return (run.in_flight or shape.in_flight) / shape.mean


def _seconds(run: Run, jobs: int) -> float:
    return jobs / _rate(run) + 3 * SHAPES[run.shape].mean


def _measure_all(runs: Sequence[Run], jobs: int, folder: Path) -> dict[Run, list[dict[str, float]]]:
    done = 0

    def measure(numbered: tuple[int, Run]) -> list[dict[str, float]]:
        nonlocal done
        found = _measure(numbered[1], jobs, folder / str(numbered[0]))
        done += 1
        tell(f"{done} of {len(runs)} runs")
        return found

    tell(f"{len(runs)} runs, about {sum(_seconds(run, jobs) for run in runs) / _TOGETHER / 60:.0f} minutes")
    with ThreadPoolExecutor(_TOGETHER) as pool:
        found = dict(zip(runs, pool.map(measure, enumerate(runs)), strict=True))
    tell("")
    return found


def _measure(run: Run, jobs: int, folder: Path) -> list[dict[str, float]]:
    """What became of each job, in the order of submission."""
    shape = SHAPES[run.shape]
    times = [{"median": kind.median, "sigma": kind.sigma, "seed": run.seed} for kind in shape.kinds]
    with Service(times, transcript_limit=1) as service:
        extra = {} if run.delay_cost is None else {"delay_cost": run.delay_cost}
        variables = {
            CONNECTION: json.dumps({**service.connection, "extra": extra}),
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": str(run.heartbeat),
        }
        spec = {
            "jobs": jobs,
            "rate": _rate(run),
            "sizes": [kind.source_bytes for kind in shape.kinds],
            "seed": run.seed,
            "deferred": run.way == OPERATOR,
            "poll_interval": run.poll_interval,
        }
        client = report(start("polling_client", spec, environment(folder, **variables)))
        seen = service.seen(jobs=True)
    if seen["calls"]["token"] != 1 or len(seen["jobs"]) != jobs:
        raise RuntimeError(f"not the calls that a run makes: {seen['calls']}")
    return [
        {
            "seconds": job["ready_at"] - job["submitted_at"],
            "size": job["size"],
            "calls": job["calls"],
            "delay": client["known"][ocr_task_id] - job["ready_at"],
            "began": job["submitted_at"],
            "ended": client["known"][ocr_task_id],
            "cpu_seconds": client["cpu_seconds"] / jobs,
        }
        for ocr_task_id, job in sorted(seen["jobs"].items(), key=lambda item: item[1]["index"])
    ]


def _figures(measured: Mapping[Run, Sequence[Mapping[str, float]]]) -> dict[str, Any]:
    shapes = [key for key in SHAPES if any(run.shape == key for run in measured)]
    # What was drawn for the jobs that count, so that the calculated cost of fixed intervals is of the same.
    drawn = {key: [job["seconds"] for job in measured[_reference(key)][LEARNING:]] for key in shapes}
    return {
        "runs": [
            asdict(run) | _summary(jobs) for run, jobs in sorted(measured.items(), key=lambda i: str(i[0]))
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
    return Run(shape, SENSOR if shape == "3" else OPERATOR, 1)


def _summary(jobs: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    counted = jobs[LEARNING:]
    delays = sorted(job["delay"] for job in counted)
    phases = [jobs[begin:end] for begin, end in zip_longest(PHASES, PHASES[1:])]
    return {
        "calls": statistics.fmean(job["calls"] for job in counted),
        "delay": statistics.fmean(delays),
        "delay_median": statistics.median(delays),
        "delay_p95": delays[int(0.95 * len(delays))],
        "phases": [
            [statistics.fmean(job[name] for job in part) for name in _BOTH] for part in phases if part
        ],
        "most_in_flight": max(sum(a["began"] <= b["began"] < a["ended"] for a in jobs) for b in jobs),
        "cpu_ms": 1000 * jobs[0]["cpu_seconds"],
    }


def http_defaults() -> dict[str, float]:
    """How often the waiting classes of Airflow's HTTP provider ask by default, in seconds."""
    from airflow.providers.http.triggers.http import HttpEventTrigger, HttpSensorTrigger
    from airflow.sdk import BaseSensorOperator

    def default(of: type, name: str) -> float:
        return float(inspect.signature(of.__init__).parameters[name].default)  # type: ignore[misc]

    return {
        "HttpSensor": default(BaseSensorOperator, "poke_interval"),
        "HttpEventTrigger": default(HttpEventTrigger, "poll_interval"),
        "HttpSensorTrigger": default(HttpSensorTrigger, "poke_interval"),
    }


def targets(data: Mapping[str, Any]) -> list[Target]:
    """The targets and what was measured.

    :param data: the figures.
    """
    found = []
    for like in (*(Run("3", SENSOR, 0, in_flight=load) for load in (0, *LOADS)), Run("3", OPERATOR, 0)):
        if runs := _of(data, like):
            load = like.in_flight or SHAPES["3"].in_flight
            about = f"median 3 s, {load} at a time, {like.way}, runs: {len(runs)}"
            calls, delay = (statistics.median(run[name] for run in runs) for name in _BOTH)
            found.append(Target.at_most(f"calls for each job ({about})", MOST_CALLS, calls, "{:.2f}"))
            found.append(Target.at_most(f"mean delay in seconds ({about})", MOST_DELAY, delay, "{:.2f}"))
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
    """The runs that differ from one in their seeds alone."""
    names = [name for name in asdict(like) if name != "seed"]
    return [run for run in data["runs"] if all(run[name] == getattr(like, name) for name in names)]


def _table(data: Mapping[str, Any], key: str) -> Table:
    ideal = next(o for o in data["optimum"] if o["shape"] == key and o["delay_cost"] == DELAY_COST)
    least = ideal["calls"] + DELAY_COST * ideal["delay"]

    def row(name: str, how: str, found: Sequence[Mapping[str, float]]) -> Sequence[str]:
        costs = [(one["calls"] + DELAY_COST * one["delay"]) / least for one in found]
        late = middle([one["delay_p95"] for one in found]) if "delay_p95" in found[0] else ""
        calls, delays = ([one[name] for one in found] for name in _BOTH)
        return name, how, middle(calls), middle(delays), late, middle(costs)

    rows: list[Sequence[str] | None] = []
    for title, like in _learned(key):
        if runs := _of(data, like):
            rows.append(row(title, f"measured, {len(runs)} run{'s' * (len(runs) > 1)}", runs))
    rows.append(row(f"best plan, known in advance, {DELAY_COST:g}", "calculated", [ideal]))
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
        f"{data['jobs']} jobs, {SHAPES[key].title}",
        (
            "who polls",
            "how",
            "calls per job",
            "mean delay, s",
            "95th percentile, s",
            "cost by the best plan's",
        ),
        rows,
    )


def _learned(key: str) -> Iterator[tuple[str, Run]]:
    yield f"learned, {SENSOR}, {SHAPES[key].in_flight} jobs at a time", Run(key, SENSOR, 0)
    for in_flight in LOADS:
        yield f"the same, {in_flight} jobs at a time", Run(key, SENSOR, 0, in_flight=in_flight)
    yield f"learned, {OPERATOR}, event after 2 s at the earliest", Run(key, OPERATOR, 0)
    yield "the same, after 6 s (Airflow's default)", Run(key, OPERATOR, 0, heartbeat=5)


def _phases(data: Mapping[str, Any]) -> Table:
    """What jobs cost that came early and late in a run."""
    rows = []
    for key, shape in SHAPES.items():
        for title, like in _learned(key):
            if like.heartbeat == 1 and (runs := _of(data, like)):
                parts = zip(*(run["phases"] for run in runs), strict=True)
                means = ([statistics.median(values) for values in zip(*part, strict=True)] for part in parts)
                cells = [f"{calls:.2f} at {delay:.2f} s" for calls, delay in means]
                rows.append((f"{shape.title}; {title}", *cells))
    ends = [f"from job {begin}" for begin in PHASES][: len(rows[0]) - 1]
    return Table(
        "While it is learned: calls per job at mean delay, medians of the runs", ("runs", *ends), rows
    )


def _by_delay_cost(data: Mapping[str, Any]) -> Table:
    rows = []
    for best in data["optimum"]:
        cost = best["delay_cost"]
        given = None if cost == DELAY_COST else cost
        if best["shape"] == "3" and (runs := _of(data, Run("3", SENSOR, 0, delay_cost=given))):
            name = f"{cost:g}, the default" if given is None else f"{cost:g}"
            calls, delays = ([run[name] for run in runs] for name in _BOTH)
            known = Cost(best["calls"], best["delay"])
            rows.append((name, middle(calls), middle(delays), f"{known.calls:.2f}", f"{known.delay:.2f}"))
    return Table(
        f"`delay_cost` of the connection, {SHAPES['3'].title}, {SENSOR}",
        ("delay_cost", "calls per job", "mean delay, s", "best plan: calls", "best plan: delay, s"),
        rows,
    )


if __name__ == "__main__":
    sys.exit(main())
