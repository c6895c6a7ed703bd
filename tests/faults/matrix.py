"""Every fault in every way of running: ``python -m tests.faults.matrix [--check]``.

Each fault strikes a sync operator, a deferrable operator, a poking and a deferred sensor against an
emulator in this process. The table shows what came of it; what should come of it stands beside each fault.
``--check`` ends with a non-zero status where the two differ.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any
from unittest import mock

from PIL import Image

from airflow_provider_asposeocr.api.retry import RetryPolicy
from airflow_provider_asposeocr.emulator.testing import CONNECTION_VARIABLE, Emulator
from airflow_provider_asposeocr.hooks import auth
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator
from airflow_provider_asposeocr.sensors.asposeocr import AsposeOcrTaskSensor
from tests.faults import weighing
from tests.faults.signing_in import sign_in_with_a_revoked_pair
from tests.faults.striking import Prepare, both, fault
from tests.running import run
from tests.states import StateStore

SYNC, DEFERRABLE, POKE, DEFERRED = WAYS = ("sync operator", "deferrable operator", "poke", "deferred sensor")
OPERATORS = (SYNC, DEFERRABLE)
SENSORS = (POKE, DEFERRED)
LONGEST = 12.0
"""Seconds after which a cell counts as one that hangs."""

OK = "success"
FAILS = "AirflowFailException"
DOWN = "AsposeOcrConnectionError"
BROKEN = "AsposeOcrServerError"
LIMITED = "AsposeOcrRateLimitError"
LATE = "AsposeOcrTimeoutError"
UNREACHED = "AsposeOcrUnreachedTimeoutError"
TEXT = "The quick brown fox jumps over the lazy dog."


@dataclass(frozen=True)
class Row:
    """A fault, and what should come of it.

    :param prepare: makes it happen, after a sensor's job has been submitted.
    :param outcome: of the task: ``success`` or the name of an exception; a mapping where ways differ.
    :param submissions: that an operator makes at most, as the service counts them.
    :param ways: in which it can strike.
    :param kept: whether the job is left alone, and a second try without the fault delivers it.
    """

    prepare: Prepare
    outcome: str | dict[str, str] = OK
    submissions: int = 1
    ways: tuple[str, ...] = WAYS
    kept: bool = False

    def expected(self, way: str) -> str:
        """What should come of it in one way of running."""
        return self.outcome if isinstance(self.outcome, str) else self.outcome[way]


@dataclass
class Cell:
    """What came of a fault in one way of running."""

    outcome: str = "hangs"
    submissions: int = 0
    calls: int = 0
    seconds: float = 0.0
    cancels: int = 0
    second: str = OK
    message: str = field(default="", repr=False)


def option(name: str, value: Any) -> Prepare:
    """A switch of the emulator, in its own right or for jobs that are there already."""

    def prepare(emulator: Emulator) -> None:
        setattr(emulator.options, name, value)

    return prepare


def wrong_secret(emulator: Emulator) -> None:
    """The secret of the connection is wrong."""
    connection = json.loads(emulator.connection_json()) | {"password": "a-wrong-secret"}
    os.environ[CONNECTION_VARIABLE] = json.dumps(connection)
    auth.forget_all()


def signed_out(emulator: Emulator) -> None:
    """No token is kept."""
    auth.forget_all()


def completed(emulator: Emulator) -> None:
    """The jobs that are there already have completed."""
    for job in emulator.ocr_tasks.values():
        job.pending_reads = 0


def refused(emulator: Emulator) -> None:
    """Nothing listens at the address."""
    emulator.stop()


def revoked(emulator: Emulator) -> None:
    """The token that is kept is not valid any more."""
    AsposeOcrHook().get_status("11111111-2222-3333-4444-555555555555")
    emulator.expire_tokens()


def revoked_pair(emulator: Emulator) -> None:
    """The pair was accepted, and is not any more; nor is the token that is kept."""
    revoked(emulator)
    emulator.options.client_secret = "a-rotated-secret"


def soon(seconds: str = "1") -> dict[str, str]:
    """The header that asks to wait."""
    return {"Retry-After": seconds}


def sensor(of_poke: str, of_deferred: str, of_operators: str = OK) -> dict[str, str]:
    """Outcomes that differ between the ways."""
    return {SYNC: of_operators, DEFERRABLE: of_operators, POKE: of_poke, DEFERRED: of_deferred}


REVOKED = "pair revoked, 8 processes"
DOWN_SECONDS = 60.0
NO_TOKENS, LARGE = "token call: 503 for 60 s", "80 MB behind an unknown id"
ALWAYS: dict[str, Any] = {"times": None}
ROWS: dict[str, Row] = {
    # Signing in
    "wrong secret": Row(wrong_secret, FAILS, 0),
    "token call: 500 once": Row(both(signed_out, fault("status", "token"))),
    "token call: 503 always": Row(
        both(signed_out, fault("status", "token", status=503, **ALWAYS)),
        sensor(LIMITED, LIMITED, LIMITED),
        0,
    ),
    "token call: web page always": Row(both(signed_out, fault("html_200", "token", **ALWAYS)), BROKEN, 0),
    "token call: reset once": Row(both(signed_out, fault("drop_before", "token"))),
    "token call: locked for 600 s": Row(
        both(signed_out, fault("status", "token", status=429, headers=soon("600"), **ALWAYS)),
        sensor("AirflowSensorTimeout", "AirflowSensorTimeout", LIMITED),
        0,
    ),
    "token revoked": Row(revoked),
    "pair revoked": Row(revoked_pair, FAILS, 0),
    "401 on a poll": Row(fault("unauthorized", "poll")),
    "401 on every call": Row(fault("unauthorized", ("submit", "poll", "status"), **ALWAYS), FAILS, 0),
    # Submitting
    "submit: 400": Row(fault("status", "submit", status=400), FAILS, 0, OPERATORS),
    "submit: 402": Row(fault("status", "submit", status=402), FAILS, 0, OPERATORS),
    "submit: 413 early": Row(fault("status", "submit", status=413, early=True), FAILS, 0, OPERATORS),
    "submit: 429, Retry-After 1": Row(
        fault("status", "submit", status=429, headers=soon()), OK, 1, OPERATORS
    ),
    "submit: 429, Retry-After 300": Row(
        fault("status", "submit", status=429, headers=soon("300")), LIMITED, 0, OPERATORS
    ),
    "submit: 503 twice": Row(fault("status", "submit", status=503, times=2), OK, 1, OPERATORS),
    "submit: 503 always": Row(fault("status", "submit", status=503, **ALWAYS), LIMITED, 0, OPERATORS),
    "submit: 500 once": Row(fault("status", "submit", status=500), OK, 1, OPERATORS),
    "submit: 500 always": Row(fault("status", "submit", status=500, **ALWAYS), BROKEN, 0, OPERATORS),
    "submit: reset before": Row(fault("drop_before", "submit"), OK, 1, OPERATORS),
    "submit: reset after, once": Row(fault("drop_after_accept", "submit"), OK, 2, OPERATORS),
    "submit: reset after, always": Row(fault("drop_after_accept", "submit", **ALWAYS), DOWN, 2, OPERATORS),
    "submit: answer cut off": Row(fault("reset_mid_body", "submit"), OK, 2, OPERATORS),
    "submit: half an id": Row(fault("truncated_json", "submit"), "AsposeOcrTaskNotFoundError", 1, OPERATORS),
    "submit: web page in a 200": Row(fault("html_200", "submit"), OK, 1, OPERATORS),
    "submit: redirect": Row(fault("redirect", "submit"), FAILS, 0, OPERATORS),
    "submit: job ends in Error": Row(fault("finish_with_error", "submit"), FAILS, 1, OPERATORS),
    # Waiting
    "service gone": Row(refused, sensor(DOWN, DOWN, DOWN), 0),
    "poll: 500 three times": Row(fault("status", "poll", status=500, times=3)),
    "poll: 500 always": Row(fault("status", "poll", status=500, **ALWAYS), BROKEN),
    "poll: 429, Retry-After 1": Row(fault("status", "poll", status=429, headers=soon())),
    "poll: 503, Retry-After 3600, once": Row(
        both(fault("status", "poll", status=503, headers=soon("3600")), completed)
    ),
    "poll: 503, Retry-After 3600, always": Row(
        fault("status", "poll", status=503, headers=soon("3600"), **ALWAYS),
        sensor("AirflowSensorTimeout", "AirflowSensorTimeout", UNREACHED),
        kept=True,
    ),
    "poll: 403": Row(fault("status", "poll", status=403), FAILS),
    "poll: reset before, twice": Row(fault("drop_before", "poll", times=2)),
    "poll: reset after, always": Row(fault("drop_after_accept", "poll", **ALWAYS), DOWN),
    "poll: answer cut off": Row(fault("reset_mid_body", "poll")),
    "poll: truncated JSON": Row(fault("truncated_json", "poll")),
    "poll: web page always": Row(fault("html_200", "poll", **ALWAYS), BROKEN),
    "poll: redirect": Row(fault("redirect", "poll"), FAILS),
    "poll: slow": Row(fault("slow", "poll", seconds=1.0)),
    "job ends in Error": Row(fault("finish_with_error", "poll"), FAILS),
    "job never ends": Row(
        fault("never_finish", "poll"), sensor("AirflowSensorTimeout", "AirflowSensorTimeout", LATE)
    ),
    "job forgotten": Row(
        fault("forget_ocr_tasks", "poll"), sensor(FAILS, FAILS, "AsposeOcrTaskNotFoundError")
    ),
    # Oddities that are no faults
    "unknown status, then done": Row(
        both(option("unknown_status", "Queued"), option("completed_after_reads", 2))
    ),
    "plain text for Base64": Row(option("plain_data", True)),
    "id in quotes": Row(option("id_style", "quoted"), OK, 1, OPERATORS),
}


@contextlib.contextmanager
def hurried() -> Iterator[None]:
    """Shorten all waits that are ours; what the service asks for with Retry-After stays."""
    original = RetryPolicy.wait

    def wait(policy: RetryPolicy, failures: int, asked: float | None) -> float:
        return original(policy, failures, asked) / (50.0 if asked is None else 1.0)

    with (
        mock.patch.object(RetryPolicy, "wait", wait),
        mock.patch("airflow_provider_asposeocr.triggers.asposeocr.MIN_SECONDS", 0),
        mock.patch("airflow_provider_asposeocr.api.flows.DEFAULT_MAX_OUTAGE", 0.3),
    ):
        yield


def play(row: Row, way: str, scan: Path) -> Cell:
    """Let a fault strike one way of running."""
    auth.forget_all()
    cell = Cell()
    with Emulator(ocr=False) as emulator, tempfile.TemporaryDirectory() as folder:
        os.environ[CONNECTION_VARIABLE] = emulator.connection_json()
        with mock.patch.object(auth, "_folder", return_value=Path(folder)):
            task = _task(row, way, scan, emulator)
            ours = emulator.calls.submit if way in SENSORS else 0
            before = emulator.calls.billed
            # In a thread of its own, which is left behind if it hangs.
            store = StateStore()
            thread = threading.Thread(target=_run, args=(task, cell, store), daemon=True)
            begun = time.monotonic()
            thread.start()
            thread.join(LONGEST)
            cell.seconds = time.monotonic() - begun
            cell.cancels = emulator.calls.cancel
            if row.kept:
                emulator.clear_faults()
                _run(task, second := Cell(), store)
                cell.second = second.outcome
            cell.submissions = len(emulator.submissions) - ours
            cell.calls = emulator.calls.billed - before
    return cell


def _task(row: Row, way: str, scan: Path, emulator: Emulator) -> Any:
    if way in OPERATORS:
        row.prepare(emulator)
        return AsposeOcrRecognizeImageOperator(
            task_id="task", source=scan, poll_interval=0.1, timeout=4, deferrable=way == DEFERRABLE
        )
    ocr_task_id = AsposeOcrHook().submit("RecognizeImage", scan)
    for job in emulator.ocr_tasks.values():
        job.pending_reads = 1
    row.prepare(emulator)
    return AsposeOcrTaskSensor(
        task_id="task",
        operation="RecognizeImage",
        ocr_task_id=ocr_task_id,
        poke_interval=0.1,
        timeout=3,
        deferrable=way == DEFERRED,
    )


def _run(task: Any, cell: Cell, store: StateStore) -> None:
    try:
        manifest = run(task, task_state_store=store)
    except Exception as error:
        cell.outcome, cell.message = type(error).__name__, str(error)
    else:
        cell.outcome = OK if manifest["text"] == TEXT else "another text"


def without_tokens(scan: Path, cells: dict[str, Cell]) -> None:
    """Take the token endpoint away for a minute while all ways wait at once, each at its real schedule."""
    with Emulator(ocr=False, service_seconds=5.0) as emulator, tempfile.TemporaryDirectory() as folder:
        os.environ[CONNECTION_VARIABLE] = emulator.connection_json()
        with mock.patch.object(auth, "_folder", return_value=Path(folder)):
            row = Row(signed_out)
            tasks = {way: _task(row, way, scan, emulator) for way in reversed(WAYS)}
            threads = [
                threading.Thread(target=_run, args=(task, cells[way], StateStore()), daemon=True)
                for way, task in tasks.items()
            ]
            begun = time.monotonic()
            for task, thread in zip(tasks.values(), threads, strict=True):
                task.timeout = 4 * DOWN_SECONDS
                thread.start()
            while len(emulator.submissions) < len(tasks) and time.monotonic() - begun < LONGEST:
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
    """Play the rows whose names hold a text, as :func:`in_real_time` does."""
    with hurried():
        for name, row in ROWS.items():
            for way in row.ways if only in name else ():
                cell = play(row, way, scan)
                yield name, way, cell, _complaint(row, way, cell)


def in_real_time(scan: Path) -> Iterator[tuple[str, str, Cell, str]]:
    """Play what takes its time or a process of its own: name, way, what came of it, and what is wrong."""
    cells = {way: Cell() for way in WAYS}
    without_tokens(scan, cells)
    for way, cell in cells.items():
        yield NO_TOKENS, way, cell, _complaint(Row(signed_out), way, cell)
    for way in weighing.WAYS:
        with tempfile.TemporaryDirectory() as folder:
            begun = time.monotonic()
            extra, outcome, calls = weighing.weigh(way, Path(folder), scan)
            cell = Cell(f"{outcome.split(',')[0]}, {extra:.1f} MiB", calls=calls)
            cell.seconds = time.monotonic() - begun
            yield LARGE, way, cell, "  WRONG: too much" if extra > weighing.MAX_EXTRA_MIB else ""


def main() -> int:
    """Play all, print the table, and return the status to end with."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.matrix", description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="end with status 1 where an outcome is wrong")
    parser.add_argument("--only", default="", metavar="TEXT", help="faults whose name holds this")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    begun, wrong, cells = time.monotonic(), 0, 0
    print(f"{'fault':36} {'way':20} {'outcome':28} submits calls seconds")
    with tempfile.TemporaryDirectory() as folder:
        scan = Path(folder) / "scan.png"
        Image.new("L", (120, 40), 255).save(scan)
        slow = arguments.only in NO_TOKENS or arguments.only in LARGE
        for name, way, cell, complaint in chain(
            in_a_hurry(scan, arguments.only), in_real_time(scan) if slow else ()
        ):
            wrong, cells = wrong + bool(complaint), cells + 1
            figures = f"{cell.submissions:7} {cell.calls:5} {cell.seconds:7.2f}"
            print(f"{name:36} {way:20} {cell.outcome:28} {figures}{complaint}", flush=True)
    if arguments.only in REVOKED:
        wrong, cells = wrong + _many_processes(), cells + 1
    seconds = time.monotonic() - begun
    print(f"{len(ROWS) + 2} faults, {cells} cells, {wrong} of them wrong, in {seconds:.0f} s")
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


def _complaint(row: Row, way: str, cell: Cell) -> str:
    """What is wrong with a cell, or nothing."""
    expected = row.expected(way)
    if cell.outcome != expected:
        return f"  WRONG: expected {expected}; {' '.join(cell.message.split())[:200]}"
    allowed = row.submissions if way in OPERATORS else 0
    if cell.submissions > allowed:
        return f"  WRONG: {allowed} submissions are enough"
    if row.kept and (cell.cancels or cell.second != OK):
        return f"  WRONG: not left for the second try, which ends with {cell.second}"
    return ""


if __name__ == "__main__":
    sys.exit(main())
