"""Every misbehaviour in every way of running: ``python -m tests.hostile.matrix [--only TEXT]``.

A service that misbehaves strikes an operator in a worker, a deferrable operator with its trigger, and an item
of a batch. The table shows how each ended, how long after its deadline, and how much memory that took. The
status is non-zero where something is not as it should be.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from PIL import Image

from tests.hostile.client import WAYS, Cell, hostile_service, hurried, play
from tests.hostile.table import ROWS


def main() -> int:
    """Play all, print the table, and return the status to end with."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.hostile.matrix", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="rows whose name holds this")
    parser.add_argument("--way", choices=WAYS, help="this way of running alone")
    parser.add_argument("--every", type=int, metavar="N", help="each N-th row, each in another way")
    arguments = parser.parse_args()
    begun, cells, wrong = time.monotonic(), list[Cell](), 0
    print(f"{'misbehaviour':62} {'way':10} {'outcome':10} {'s over':>7} {'MiB':>6} submits")
    with hostile_service() as url, hurried(url), tempfile.TemporaryDirectory() as folder:
        scans = make_scans(Path(folder))
        for way in WAYS:
            # The first task of a process loads what all need.
            play("", next(iter(ROWS.values())), way, url, scans)
        for name, way in chosen(arguments.only, arguments.way, arguments.every):
            cell = play(name, ROWS[name], way, url, scans)
            cells.append(cell)
            wrong += bool(cell.complaints)
            print(line_of(name, way, cell), flush=True)
    outcomes = Counter(cell.outcome for cell in cells)
    seconds = time.monotonic() - begun
    print(f"{len(ROWS)} misbehaviours, {len(cells)} cells in {seconds:.0f} s: {dict(outcomes)}")
    print(
        f"at most {max(cell.seconds for cell in cells):.2f} s over, "
        f"{max(cell.memory for cell in cells) / 2**20:.1f} MiB more memory, {wrong} wrong"
    )
    return 1 if wrong else 0


def chosen(only: str, way: str | None, every: int | None) -> list[tuple[str, str]]:
    """Return the rows to play, each with a way of running.

    :param only: what the names of rows hold.
    :param way: the one way; None for all.
    :param every: so many rows share one that is played; None plays all.
    """
    names = [name for name in ROWS if only in name]
    ways = [way] if way else list(WAYS)
    if every:
        return list(zip(names[::every], itertools.cycle(ways)))
    return list(itertools.product(names, ways))


def make_scans(folder: Path) -> list[Path]:
    """Make three small images, each with bytes of its own."""
    paths = [folder / f"scan-{number}.png" for number in range(3)]
    for number, path in enumerate(paths):
        Image.new("L", (60 + number, 20), 255).save(path)
    return paths


def line_of(name: str, way: str, cell: Cell) -> str:
    """Return a line of the table."""
    figures = f"{cell.seconds:7.2f} {cell.memory / 2**20:6.1f} {cell.submissions:7}"
    complaint = f"  WRONG: {'; '.join(cell.complaints[:3])}" if cell.complaints else ""
    return f"{name:62.62} {way:10} {cell.outcome:10.10} {figures}{complaint}"


if __name__ == "__main__":
    sys.exit(main())
