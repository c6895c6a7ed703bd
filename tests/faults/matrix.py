"""Every fault in every way of running: ``python -m tests.faults.matrix [--check]``.

Each fault strikes a sync operator, a deferrable operator, a poking and a deferred sensor against an
emulator in this process. The table shows what came of it; what should come of it stands in
:mod:`tests.faults.table`. ``--check`` ends with a non-zero status where the two differ.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from PIL import Image

from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.faults import weighing
from tests.faults.playing import (
    HEADING,
    MAX_SECONDS,
    Cell,
    hurried,
    line_of,
    play,
    prepare,
    run_task,
    service,
    short_outages,
)
from tests.faults.signing_in import sign_in_with_a_revoked_pair
from tests.faults.striking import signed_out
from tests.faults.table import FAULTS, OPERATORS, WAYS, Fault, by_way
from tests.states import StateStore

TIMEOUTS = by_way(3.0, 4.0)
"""Seconds that tasks wait."""
MAX_OUTAGE = 0.3
DOWN_SECONDS = 60.0
REVOKED = "pair revoked, 8 processes"
NO_TOKENS, LARGE = "token call: 503 for 60 s", "80 MB behind an unknown id"
APART = (REVOKED, NO_TOKENS, LARGE)
"""Faults that take their time or processes of their own."""


def without_tokens(scan: Path, cells: dict[str, Cell]) -> None:
    """Take the token endpoint away for a minute while all ways wait at once, each at its real schedule."""
    with service(service_seconds=5.0) as emulator:
        fault = Fault(signed_out)
        tasks = {way: prepare(fault, way, scan, emulator, timeout=4 * DOWN_SECONDS) for way in reversed(WAYS)}
        threads = [
            threading.Thread(target=run_task, args=(make, cells[way], StateStore()), daemon=True)
            for way, make in tasks.items()
        ]
        begun = time.monotonic()
        for thread in threads:
            thread.start()
        while len(emulator.submissions) < len(tasks) and time.monotonic() - begun < MAX_SECONDS:
            time.sleep(0.05)
        emulator.inject("status", on="token", status=503, times=None)
        emulator.expire_tokens()
        time.sleep(DOWN_SECONDS)
        emulator.clear_faults()
        for thread in threads:
            thread.join(max(0.0, begun + 2 * DOWN_SECONDS - time.monotonic()))
        for way, cell in cells.items():
            cell.seconds = time.monotonic() - begun
            cell.submissions = max(0, len(emulator.submissions) - len(tasks)) + (way in OPERATORS)


def in_a_hurry(scan: Path, only: str) -> Iterator[tuple[str, str, Cell, str]]:
    """Play the faults whose names hold a text, as :func:`in_real_time` does."""
    with hurried(), short_outages(MAX_OUTAGE):
        for name, fault in FAULTS.items():
            for way in fault.ways if only in name else ():
                cell = play(fault, way, scan, TIMEOUTS)
                yield name, way, cell, cell.complaint(fault, way)


def in_real_time(scan: Path) -> Iterator[tuple[str, str, Cell, str]]:
    """Play what takes its time or a process of its own: name, way, what came of it, and what is wrong."""
    cells = {way: Cell() for way in WAYS}
    without_tokens(scan, cells)
    for way, cell in cells.items():
        yield NO_TOKENS, way, cell, cell.complaint(Fault(signed_out), way)
    for way in weighing.WAYS:
        with tempfile.TemporaryDirectory() as folder:
            begun = time.monotonic()
            extra, outcome, calls = weighing.weigh(way, Path(folder), scan)
            cell = Cell(f"{outcome.split(',')[0]}, {extra:.1f} MiB", calls=calls)
            cell.seconds = time.monotonic() - begun
            yield LARGE, way, cell, "too much" if extra > weighing.MAX_EXTRA_MIB else ""


def main() -> int:
    """Play all, print the table, and return the status to end with."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.matrix", description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="end with status 1 where an outcome is wrong")
    parser.add_argument("--only", default="", metavar="TEXT", help="faults whose name holds this")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    begun, wrong, cells = time.monotonic(), 0, 0
    print(HEADING)
    with tempfile.TemporaryDirectory() as folder:
        scan = Path(folder) / "scan.png"
        Image.new("L", (120, 40), 255).save(scan)
        slow = arguments.only in NO_TOKENS or arguments.only in LARGE
        for name, way, cell, complaint in chain(
            in_a_hurry(scan, arguments.only), in_real_time(scan) if slow else ()
        ):
            wrong, cells = wrong + bool(complaint), cells + 1
            said = f"  WRONG: {complaint}" if complaint else ""
            print(f"{line_of(name, way, cell)}{said}", flush=True)
    if arguments.only in REVOKED:
        wrong, cells = wrong + _many_processes(), cells + 1
    seconds = time.monotonic() - begun
    print(f"{len(FAULTS) + len(APART)} faults, {cells} cells, {wrong} of them wrong, in {seconds:.0f} s")
    return 1 if arguments.check and wrong else 0


def _many_processes() -> bool:
    """Let processes meet a revoked pair all at once, print a line, and tell whether it is wrong."""
    with Emulator(ocr=False) as emulator, tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        outcomes = {line.split(":")[0] for line in sign_in_with_a_revoked_pair(emulator, Path(folder), 8)}
        # The first one was before the pair was revoked.
        sign_ins, seconds = emulator.calls.token - 1, time.monotonic() - begun
    wrong = sign_ins > 2 or outcomes != {"AsposeOcrAuthError"}
    complaint = "  WRONG: 2 sign-ins are enough" if wrong else ""
    print(f"{REVOKED:30} {'hook':20} {' '.join(outcomes):28} {sign_ins:7} sign-ins {seconds:7.2f}{complaint}")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
