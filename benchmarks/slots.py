"""Measure for how long an OCR task takes slots of workers of a real Airflow, beside Airflow's tasks for HTTP.

A slot is taken while a task instance is queued or running. Both times come from Airflow's database, where a
trigger of SQLite writes down every change of state with its time. A row of task_instance holds only the last
stay of a task in a worker, where a deferred one has two and a rescheduled one many; looking at it from time
to time would miss short stays; and a listener would change how this provider's sensor ends. What the process
of a worker takes after its task has left is not counted, for none of them.

OCR tasks come one after the other, the ways in turn, so that all ways meet the same load. The HTTP tasks are
given their token: a task that signs in would come on top. HttpSensor defers only without a response_check,
and then takes any answer but a 404 as done, while this service answers 200 at once: with the check that it
takes here, deferrable=True pokes in the worker.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from airflow_provider_asposeocr.emulator.submission import Submission
from airflow_provider_asposeocr.emulator.testing import Emulator
from benchmarks.about import Stopwatch, tell
from benchmarks.gauge import get_token
from benchmarks.program import finish, options
from benchmarks.tables import Table, Target, middle, targets_table
from dags_examples.demo.local_airflow import LocalAirflow
from tests.task_states import Change, changes, write_states_down

SENSOR, FROM_TRIGGER, OPERATOR = OURS = ("sensor", "sensor_from_trigger", "operator")
PEERS = ("http_reschedule", "http_deferrable")
NAMES = {
    SENSOR: "submit, AsposeOcrTaskSensor",
    FROM_TRIGGER: "submit, AsposeOcrTaskSensor(start_from_trigger=True)",
    OPERATOR: "AsposeOcrRecognizeImageOperator(deferrable=True)",
    PEERS[0]: 'HttpOperator, HttpSensor(mode="reschedule")',
    PEERS[1]: "HttpOperator, HttpSensor(deferrable=True)",
}

MAX_RATIO = 0.5
"""The target: slot seconds of an OCR task by those of the best peer."""

_DAGS = Path(__file__).parent / "dags"
_SLOTS = 32
_EVERY = 2.5
"""Seconds from one OCR task to the next: the two processors of a small machine are not to be measured."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write the figures as JSON.

    :param arguments: the command line; None takes the process's own.
    :return: the exit status.
    """
    given = _parser().parse_args(arguments)
    rounds = given.rounds or (1 if given.quick else 3)
    ocr_tasks = given.ocr_tasks or (2 if given.quick else 12)
    service_seconds = [15] if given.quick else [15, 40]
    watch, found = Stopwatch(), []
    with (
        tempfile.TemporaryDirectory(prefix="asposeocr-benchmark-") as name,
        Emulator(ocr=False, service_seconds=_service_seconds, transcript_limit=0) as service,
        _airflow(Path(name), service) as airflow,
    ):
        airflow.start(tell)
        airflow.wait_until_parsed(*(f"slots_{way}" for way in NAMES))
        write_states_down(airflow.home)
        # The first tasks wait for the executor to start its processes.
        _round(airflow, service, 0, [(way, 1) for way in NAMES])
        for turn in range(rounds):
            each = [(way, seconds) for way in NAMES for seconds in service_seconds]
            found += _round(airflow, service, turn, each * ocr_tasks)
    tell("")
    what = {"ocr_tasks": ocr_tasks, "service_seconds": service_seconds, "every": _EVERY}
    data = watch.about(rounds) | what | {"rows": found}
    return finish("slots", given, data, tables, targets)


def _parser() -> argparse.ArgumentParser:
    parser = options("slots", __doc__, "few OCR tasks, once")
    parser.add_argument("--rounds", type=int, help="how often to do all of it (default: 3, with --quick 1)")
    parser.add_argument("--ocr-tasks", type=int, help="of each kind in a round (default: 12, with --quick 2)")
    return parser


def _service_seconds(submission: Submission) -> float:
    return float(submission.settings["seconds"])


def _airflow(folder: Path, service: Emulator) -> LocalAirflow:
    source = folder / "source.png"
    source.write_bytes(b"\x89PNG\r\n\x1a\n" + os.urandom(1000))
    return LocalAirflow(
        _DAGS,
        connections={
            "asposeocr_default": service.connection_json(),
            "service": {"conn_type": "http", "host": service.url},
        },
        env={"BENCHMARK_SOURCE": str(source), "AIRFLOW__CORE__PARALLELISM": str(_SLOTS)},
    )


def _round(
    airflow: LocalAirflow, service: Emulator, turn: int, ocr_tasks: list[tuple[str, int]]
) -> list[dict[str, Any]]:
    """Start all OCR tasks, wait for their ends, and add up what each has taken."""
    random.Random(turn).shuffle(ocr_tasks)
    started = []
    account = {"client_id": service.client_id, "client_secret": service.client_secret}
    token = get_token({"emulator": service.url, **account})
    for place, (way, seconds) in enumerate(ocr_tasks):
        tell(f"round {turn + 1}: OCR task {place + 1} of {len(ocr_tasks)}")
        begun = time.monotonic()
        run_id = airflow.trigger(f"slots_{way}", {"seconds": seconds, "token": token})
        started.append((way, seconds, run_id))
        airflow.check_alive()
        time.sleep(max(0.0, begun + _EVERY - time.monotonic()))
    tell(f"round {turn + 1}: waiting for the last ones")
    ends = airflow.wait_all([(f"slots_{way}", run_id) for way, _, run_id in started], 300)
    if set(ends) != {"success"}:
        raise RuntimeError(f"some OCR tasks failed:\n{airflow.task_logs()}")
    by_run = {one.submission.settings["run_id"]: one for one in service.ocr_tasks.values()}
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    for way, seconds, run_id in started:
        states, ocr_task = changes(airflow.home, f"slots_{way}", run_id), by_run[run_id]
        own = found.setdefault((way, seconds), [])
        own.append(
            {
                **_stays(states),
                "waiting": _slot_seconds(_stays([one for one in states if one.task_id == "wait"])),
                "late": states[-1].at - ocr_task.ready_at,
                "calls": service.calls.by_ocr_task[ocr_task.ocr_task_id].billed,
            }
        )
    return [
        {"turn": turn, "way": way, "service_seconds": seconds, **_means(own)}
        for (way, seconds), own in sorted(found.items())
    ]


def _stays(states: Sequence[Change]) -> dict[str, float]:
    """Count how often tasks were in a worker, and for how many seconds they were running and queued."""
    found: dict[str, float] = {"stays": 0, "running": 0.0, "queued": 0.0}
    for task_id in {one.task_id for one in states}:
        for change, following in pairwise(one for one in states if one.task_id == task_id):
            found["stays"] += change.state == "running"
            if change.state in ("running", "queued"):
                found[change.state] += following.at - change.at
    return found


def _slot_seconds(row: Mapping[str, float]) -> float:
    return row["running"] + row["queued"]


def _means(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: round(statistics.mean(row[name] for row in rows), 3) for name in rows[0]}


def _rounds(data: Mapping[str, Any], way: str, seconds: int) -> list[Mapping[str, Any]]:
    return [row for row in data["rows"] if (row["way"], row["service_seconds"]) == (way, seconds)]


def _whole(data: Mapping[str, Any], way: str, seconds: int) -> float:
    return statistics.median(_slot_seconds(row) for row in _rounds(data, way, seconds))


def _best_peer(data: Mapping[str, Any], seconds: int) -> float:
    return min(_whole(data, peer, seconds) for peer in PEERS)


def targets(data: Mapping[str, Any]) -> list[Target]:
    """Return the targets and what was measured.

    :param data: the figures.
    """
    found = []
    for seconds in data["service_seconds"]:
        best = _best_peer(data, seconds)
        for way in OURS:
            ratio = _whole(data, way, seconds) / best
            what = f"{NAMES[way]}, {seconds} s: slot seconds by those of the best peer"
            found.append(Target.at_most(what, MAX_RATIO, ratio, "{:.2f}"))
        waiting = max(row["waiting"] for row in _rounds(data, FROM_TRIGGER, seconds))
        what = f"sensor started in the triggerer, {seconds} s: its slot seconds"
        found.append(Target.at_most(what, 0, waiting))
    return found


def tables(data: Mapping[str, Any]) -> list[Table]:
    """All figures as tables.

    :param data: the figures.
    """
    return [targets_table(targets(data)), *(_table(data, seconds) for seconds in data["service_seconds"])]


def _table(data: Mapping[str, Any], seconds: int) -> Table:
    best = _best_peer(data, seconds)
    rows = []
    for way, name in NAMES.items():
        own = _rounds(data, way, seconds)
        rows.append(
            (
                name,
                "-" if way == OPERATOR else middle([row["waiting"] for row in own]),
                middle([row["running"] for row in own]),
                middle([_slot_seconds(row) for row in own]),
                f"{_whole(data, way, seconds) / best:.2f}",
                middle([row["stays"] for row in own], "{:.1f}"),
                middle([row["calls"] for row in own], "{:.1f}"),
                middle([row["late"] for row in own], "{:.1f}"),
            )
        )
    return Table(
        f"Slot seconds of an OCR task that takes the service {seconds} s",
        ("way", "waiting", "running", "all", "by best peer", "stays in a worker", "calls", "late, s"),
        rows,
        f"{data['repeats']} rounds of {data['ocr_tasks']} OCR tasks each: the median of their means, and the "
        "range. Waiting: of the task that waits. Running: of all tasks, without the time queued. "
        "Late: seconds from the service's completion to the end of the last task.",
    )


if __name__ == "__main__":
    sys.exit(main())
