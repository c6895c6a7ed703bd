"""The batch operator beside a bare loop that makes the same calls: throughput, memory, and what a kill costs.

Both submit the same small files, so many at a time, poll at the same interval and write each text to a file.
Every measurement is a process of its own beside an emulator of its own, and they take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.about import Stopwatch, tell
from benchmarks.processes import CONNECTION, Service, environment, report, start
from benchmarks.program import finish, options
from benchmarks.tables import Table, Target, middle, targets_table

OURS, BARE = "operator", "bare"
NAMES = {OURS: "AsposeOcrBatchOperator", BARE: "bare loop of aiohttp"}

IN_FLIGHT = 50
MIN_RATIO = 0.9
MAX_GROWTH_MIB = 8.0
"""The targets: throughput by that of the bare loop; resident memory at the end over that at a tenth."""

_PNG = b"\x89PNG\r\n\x1a\n"
_SOURCE_BYTES = 20_000
_LOOK = 0.02


@dataclass(frozen=True)
class Setting:
    """Conditions under which both are measured.

    :param title: what it is called.
    :param service: how long OCR tasks take, as :mod:`.emulator` has it.
    :param poll_interval: seconds between polls.
    """

    title: str
    service: Any
    poll_interval: float


USUAL = Setting("OCR tasks take 0.5 s, median", [{"median": 0.5, "sigma": 0.4, "seed": 1}], 0.25)
INSTANT = Setting("OCR tasks take no time: only the work of the client is left", 0.0, 0.01)
SETTINGS = {"usual": USUAL, "instant": INSTANT}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write the figures as JSON.

    :param arguments: the command line; None takes the process's own.
    :return: the exit status.
    """
    given = _parser().parse_args(arguments)
    items = 200 if given.quick else 2000
    rounds = given.rounds or (1 if given.quick else 3)
    watch, found = Stopwatch(), []
    with tempfile.TemporaryDirectory(prefix="asposeocr-benchmark-") as name:
        folder = Path(name)
        _write_sources(folder / "sources", items)
        for turn in range(rounds):
            for key in SETTINGS:
                # Whoever comes first finds a colder machine: not always the same one.
                for client in (OURS, BARE) if turn % 2 else (BARE, OURS):
                    tell(f"round {turn + 1} of {rounds}: {key}, {NAMES[client]}")
                    found.append(_measure(key, client, folder, turn))
        tell("killed and tried again")
        killed = _kill(folder, items)
    tell("")
    data = watch.about(rounds) | {"items": items, "in_flight": IN_FLIGHT, "runs": found, "killed": killed}
    return finish("batch", given, data, tables, targets)


def _parser() -> argparse.ArgumentParser:
    parser = options("batch", __doc__, "few files, once")
    parser.add_argument("--rounds", type=int, help="processes of each kind (default: 3, with --quick 1)")
    return parser


def _write_sources(folder: Path, items: int) -> None:
    folder.mkdir()
    for number in range(items):
        noise = os.urandom(_SOURCE_BYTES - len(_PNG))
        (folder / f"page-{number:05}.png").write_bytes(_PNG + noise)


def _start(
    service: Service, client: str, folder: Path, destination: Path, poll_interval: float
) -> subprocess.Popen[str]:
    spec = {
        "client": client,
        "connection": service.connection,
        "sources": str(folder / "sources"),
        "destination": str(destination),
        "in_flight": IN_FLIGHT,
        "poll_interval": poll_interval,
    }
    variables = environment(folder, **{CONNECTION: json.dumps(service.connection)})
    return start("batch_client", spec, variables)


def _measure(key: str, client: str, folder: Path, turn: int) -> dict[str, Any]:
    setting, destination = SETTINGS[key], folder / f"results-{key}-{client}-{turn}"
    with Service(setting.service, transcript_limit=1) as service:
        process = _start(service, client, folder, destination, setting.poll_interval)
        memory = _watch(process, destination)
        taken = report(process)
        calls = service.seen()["calls"]
    items, stored = calls["submit"], _stored(destination)
    if stored != items:
        raise RuntimeError(f"{client} submitted {items} files and stored {stored}")
    return {
        "setting": key,
        "client": client,
        "turn": turn,
        "items_per_second": items / taken["seconds"],
        "cpu_ms_per_item": 1000 * taken["cpu_seconds"] / items,
        "calls_per_item": calls["billed"] / items,
        "mib_at_a_tenth": _mib_at(memory, items // 10),
        "mib_at_the_end": memory[-1][1],
    }


def _watch(process: subprocess.Popen[str], destination: Path) -> list[tuple[int, float]]:
    """Note the number of results and the resident memory of the process in MiB, until it ends."""
    found: list[tuple[int, float]] = []
    while process.poll() is None:
        if mib := _mib(process.pid):
            found.append((_stored(destination), mib))
        time.sleep(10 * _LOOK)
    return found


def _mib(pid: int) -> float | None:
    """Resident memory of a process; None if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), None)


def _mib_at(memory: Sequence[tuple[int, float]], results: int) -> float:
    return next(mib for stored, mib in memory if stored >= results)


def _stored(destination: Path) -> int:
    try:
        return sum(name.endswith(".txt") for name in os.listdir(destination))  # noqa: PTH208 (thousands of them)
    except FileNotFoundError:
        return 0


def _kill(folder: Path, items: int) -> dict[str, Any]:
    """Kill the operator when half of the results are there, and let a retry resume."""
    destination = folder / "results-killed"
    with Service(USUAL.service, transcript_limit=1) as service:
        process = _start(service, OURS, folder, destination, USUAL.poll_interval)
        while _stored(destination) < items // 2:
            if process.poll() is not None:
                raise RuntimeError(f"the operator has ended too early:\n{process.communicate()[1]}")
            time.sleep(_LOOK)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        before, stored = service.seen()["calls"], _stored(destination)
        retry = report(_start(service, OURS, folder, destination, USUAL.poll_interval))
        after = service.seen()["calls"]
    return {
        "results_at_the_kill": stored,
        "submissions_at_the_kill": before["submit"],
        "submissions": after["submit"],
        "duplicates": after["submit"] - items,
        "results": _stored(destination),
        "summary_of_the_retry": retry["summary"] | {"report": "", "destination": ""},
    }


def _of(data: Mapping[str, Any], setting: str, client: str) -> list[Mapping[str, Any]]:
    return [run for run in data["runs"] if run["setting"] == setting and run["client"] == client]


def _ratios(data: Mapping[str, Any], setting: str) -> list[float]:
    """Throughput by that of the bare loop in the same round."""
    pairs = zip(_of(data, setting, OURS), _of(data, setting, BARE), strict=True)
    return [ours["items_per_second"] / bare["items_per_second"] for ours, bare in pairs]


def targets(data: Mapping[str, Any]) -> list[Target]:
    """Return the targets and what was measured.

    :param data: the figures.
    """
    ratio, killed = statistics.median(_ratios(data, "usual")), data["killed"]
    growth = statistics.median(
        run["mib_at_the_end"] - run["mib_at_a_tenth"] for run in _of(data, "usual", OURS)
    )
    return [
        Target.at_least("files per second by those of the bare loop", MIN_RATIO, ratio, "{:.2f}"),
        Target.at_most(
            f"MiB more at file {data['items']:,} than at {data['items'] // 10:,}",
            MAX_GROWTH_MIB,
            growth,
            "{:.1f}",
        ),
        Target.at_most("submitted twice after a kill at 50 %", data["in_flight"], killed["duplicates"]),
        Target.at_least("results after the retry", data["items"], killed["results"]),
    ]


def tables(data: Mapping[str, Any]) -> list[Table]:
    """All figures as tables.

    :param data: the figures.
    """
    return [targets_table(targets(data)), *(_table(data, key) for key in SETTINGS), _killed(data)]


def _table(data: Mapping[str, Any], key: str) -> Table:
    rows = []
    for client, name in NAMES.items():
        runs = _of(data, key, client)
        rows.append(
            (
                name,
                middle([run["items_per_second"] for run in runs], "{:.1f}"),
                middle(_ratios(data, key)) if client == OURS else "1",
                middle([run["calls_per_item"] for run in runs]),
                middle([run["cpu_ms_per_item"] for run in runs], "{:.1f}"),
                middle([run["mib_at_a_tenth"] for run in runs], "{:.0f}"),
                middle([run["mib_at_the_end"] for run in runs], "{:.0f}"),
            )
        )
    setting, tenth = SETTINGS[key], data["items"] // 10
    return Table(
        f"{data['items']:,} files, {data['in_flight']} at a time, a poll every {setting.poll_interval:g} s; "
        f"{setting.title}",
        ("who", "files/s", "by bare", "calls/file", "CPU ms/file", f"MiB at {tenth:,}", "MiB at the end"),
        rows,
    )


def _killed(data: Mapping[str, Any]) -> Table:
    killed = data["killed"]
    summary = killed["summary_of_the_retry"]
    rows = [
        ("results when it was killed", f"{killed['results_at_the_kill']:,}"),
        ("submissions when it was killed", f"{killed['submissions_at_the_kill']:,}"),
        ("done before, skipped by the retry", f"{summary['skipped']:,}"),
        ("OCR tasks that the retry resumed", f"{summary['resumed']:,}"),
        ("submissions in all", f"{killed['submissions']:,}"),
        ("results in all", f"{killed['results']:,}"),
    ]
    return Table("`kill -9` when half of the results are there, and a retry", ("what", "number"), rows)


if __name__ == "__main__":
    sys.exit(main())
