"""Options and end that the programs share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.about import json_path, write_json
from benchmarks.tables import Table, Target


def options(name: str, about: str | None, quick: str) -> argparse.ArgumentParser:
    """Return the options of a benchmark; each has some of its own besides.

    :param name: of the benchmark.
    :param about: what it does.
    :param quick: what ``--quick`` makes of it.
    """
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=about)
    parser.add_argument("--quick", action="store_true", help=f"{quick}: for work on this program")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed")
    parser.add_argument("--json", type=Path, metavar="PATH")
    return parser


def finish(
    name: str,
    given: argparse.Namespace,
    data: Mapping[str, Any],
    tables: Callable[[Mapping[str, Any]], Sequence[Table]],
    targets: Callable[[Mapping[str, Any]], Sequence[Target]],
) -> int:
    """Print the tables, write the figures as JSON.

    :param name: of the benchmark.
    :param given: its options.
    :param data: the figures.
    :param tables: makes the tables.
    :param targets: makes the targets.
    :return: the exit status.
    """
    for table in tables(data):
        print(f"{table.text()}\n")
    write_json(given.json or json_path(name, given.quick), data)
    return 1 if given.check and not all(target.met for target in targets(data)) else 0
