"""Measure the import of this provider, as every process that parses a DAG does it, beside Airflow's for HTTP.

Every import is a fresh process, and they take turns. Bytecode is compiled before.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.about import REPOSITORY, Stopwatch, tell
from benchmarks.processes import environment
from benchmarks.program import finish, options
from benchmarks.tables import Table, Target, middle, targets_table

HTTP = "airflow.providers.http.operators.http"
OURS = ("airflow_provider_asposeocr.operators.asposeocr", "airflow_provider_asposeocr.sensors.asposeocr")

MAX_MS = 30.0
"""The target: what importing our operators takes longer than importing those of HTTP."""

_PROFILES = 5
_SHOWN = 10

_TIMED = """
import importlib, sys, time
began = time.perf_counter()
for name in sys.argv[1:]:
    before = time.perf_counter()
    importlib.import_module(name)
print(1000 * (time.perf_counter() - began), 1000 * (time.perf_counter() - before))
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write the figures as JSON.

    :param arguments: the command line; None takes the process's own.
    :return: the exit status.
    """
    given = _parser().parse_args(arguments)
    repeats = given.repeats or (3 if given.quick else 31)
    watch = Stopwatch()
    with tempfile.TemporaryDirectory(prefix="asposeocr-benchmark-") as name:
        variables = environment(Path(name))
        variables.pop("PYTHONDONTWRITEBYTECODE", None)
        data = _measure(variables, repeats) | {"modules": _only_ours(variables)}
    data = watch.about(repeats) | data
    return finish("imports", given, data, tables, targets)


def _parser() -> argparse.ArgumentParser:
    parser = options("imports", __doc__, "few processes")
    parser.add_argument("--repeats", type=int, help="processes of each kind (default: 31, with --quick 3)")
    return parser


def _measure(variables: dict[str, str], repeats: int) -> dict[str, Any]:
    """Milliseconds of each import alone, and of ours after that of HTTP."""
    alone: dict[str, list[float]] = defaultdict(list)
    after: dict[str, list[float]] = defaultdict(list)
    for turn in range(-1, repeats):
        tell(f"imports: round {turn + 1} of {repeats}")
        for name in (HTTP, *OURS):
            whole, _ = _times(variables, name)
            # The first round compiles, and reads from the disk.
            if turn >= 0:
                alone[name].append(whole)
        for name in OURS:
            _, last = _times(variables, HTTP, name)
            if turn >= 0:
                after[name].append(last)
    tell("")
    return {"alone_ms": dict(alone), "after_http_ms": dict(after)}


def _times(variables: dict[str, str], *names: str) -> tuple[float, float]:
    done = subprocess.run(
        [sys.executable, "-c", _TIMED, *names],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
        env=variables,
    )
    whole, last = done.stdout.split()[-2:]
    return float(whole), float(last)


def _only_ours(variables: dict[str, str]) -> list[dict[str, Any]]:
    """Return the most expensive modules that our operators load and those of HTTP do not."""
    own: dict[str, list[float]] = defaultdict(list)
    nested: dict[str, list[float]] = defaultdict(list)
    for _ in range(_PROFILES):
        for name, (alone, whole) in _profile(variables, OURS[0]).items():
            own[name].append(alone)
            nested[name].append(whole)
    known = _profile(variables, HTTP)
    found = [
        {"module": name, "ms": statistics.median(times), "with_nested_ms": statistics.median(nested[name])}
        for name, times in own.items()
        if name not in known
    ]
    return sorted(found, key=lambda one: -float(one["ms"]))


def _profile(variables: dict[str, str], name: str) -> dict[str, tuple[float, float]]:
    """Milliseconds of each module that an import loads: by itself, and with what it loads in turn."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"import {name}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
        env=variables,
    )
    found = {}
    for line in done.stderr.splitlines():
        head, *rest = line.split("|")
        if head.startswith("import time:") and len(rest) == 2 and head.split(":")[1].strip().isdigit():
            alone, whole = int(head.split(":")[1]), int(rest[0])
            found[rest[1].strip()] = (alone / 1000, whole / 1000)
    return found


def _longer(data: Mapping[str, Any], name: str) -> list[float]:
    """By how much each import took longer than that of HTTP in the same round."""
    return [ours - http for ours, http in zip(data["alone_ms"][name], data["alone_ms"][HTTP], strict=True)]


def targets(data: Mapping[str, Any]) -> list[Target]:
    """Return the target and what was measured.

    :param data: the figures.
    """
    return [
        Target.at_most(
            f"importing our {name.split('.')[1]} takes longer than HTTP's operators, ms, median",
            MAX_MS,
            statistics.median(_longer(data, name)),
            "{:.0f}",
        )
        for name in OURS
    ]


def tables(data: Mapping[str, Any]) -> list[Table]:
    """All figures as tables.

    :param data: the figures.
    """
    form = "{:.0f}"
    rows = [
        (
            f"`{name}`",
            middle(data["alone_ms"][name], form),
            "" if name == HTTP else middle(_longer(data, name), form),
            "" if name == HTTP else middle(data["after_http_ms"][name], form),
        )
        for name in (HTTP, *OURS)
    ]
    shown = data["modules"][:_SHOWN]
    modules = [(f"`{one['module']}`", f"{one['ms']:.1f}", f"{one['with_nested_ms']:.1f}") for one in shown]
    rest = data["modules"][_SHOWN:]
    modules.append((f"{len(rest)} others", f"{sum(one['ms'] for one in rest):.1f}", ""))
    return [
        targets_table(targets(data)),
        Table(
            f"Import in a fresh process, {data['repeats']} of each in turn",
            (
                "module",
                "ms",
                "longer than HTTP's, same round, ms",
                "after HTTP's, same process, ms",
            ),
            rows,
        ),
        Table(
            "What our operators load and those of HTTP do not, by `-X importtime`, which slows it",
            ("module", "ms by itself", "ms with what it loads"),
            modules,
        ),
    ]


if __name__ == "__main__":
    sys.exit(main())
