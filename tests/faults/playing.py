"""Let a fault strike a task in one way of running, against an emulator in this process."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from airflow_provider_asposeocr.api.retry import RetryPolicy
from airflow_provider_asposeocr.emulator.testing import CONNECTION_VARIABLE, Emulator
from airflow_provider_asposeocr.hooks import auth, host
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator
from airflow_provider_asposeocr.sensors.asposeocr import AsposeOcrTaskSensor
from tests.faults.table import DEFERRABLE, DEFERRED, OK, OPERATORS, SENSORS, Fault
from tests.running import run
from tests.states import StateStore

MAX_SECONDS = 12.0
"""Seconds after which a cell counts as one that hangs."""
HEADING = f"{'fault':36} {'way':20} {'outcome':28} submits calls tokens seconds"
TEXT = "The quick brown fox jumps over the lazy dog."


@dataclass
class Cell:
    """What came of a fault in one way of running."""

    outcome: str = "hangs"
    submissions: int = 0
    calls: int = 0
    tokens: int = 0
    seconds: float = 0.0
    cancels: int = 0
    second: str = OK
    message: str = field(default="", repr=False)

    def complaint(self, fault: Fault, way: str) -> str:
        """Return what is wrong, or nothing."""
        outcome, tokens = fault.expected(way), fault.expected_tokens(way)
        submissions = fault.submissions if way in OPERATORS else 0
        told = " ".join(self.message.split())[:200]
        if self.outcome != outcome:
            return f"expected {outcome}; {told}"
        if fault.says not in self.message:
            return f"says nothing of {fault.says!r}; {told}"
        if self.submissions != submissions:
            return f"expected {submissions} submissions"
        if tokens is not None and self.tokens != tokens:
            return f"expected {tokens} token calls, not {self.tokens}"
        if fault.kept and (self.cancels or self.second != OK):
            return f"not left for the second try, which ends with {self.second}"
        return ""


def line_of(name: str, way: str, cell: Cell) -> str:
    """Return the line of a cell under :data:`HEADING`."""
    figures = f"{cell.submissions:7} {cell.calls:5} {cell.tokens:6} {cell.seconds:7.2f}"
    return f"{name:36} {way:20} {cell.outcome:28} {figures}"


@contextlib.contextmanager
def service(**options: Any) -> Iterator[Emulator]:
    """Run an emulator that is the default connection, and remember no rejected credentials after it."""
    auth.forget_all()
    with (
        Emulator(**{"ocr": False, **options}) as emulator,
        tempfile.TemporaryDirectory() as folder,
        mock.patch.dict(os.environ, {CONNECTION_VARIABLE: emulator.connection_json()}),
        mock.patch.object(host, "folder", return_value=Path(folder)),
    ):
        yield emulator


@contextlib.contextmanager
def hurried() -> Iterator[None]:
    """Shorten the waits of retries; what the service asks for with Retry-After stays."""
    original = RetryPolicy.wait

    def wait(policy: RetryPolicy, failures: int, asked: float | None) -> float:
        return original(policy, failures, asked) / (50.0 if asked is None else 1.0)

    with mock.patch.object(RetryPolicy, "wait", wait):
        yield


@contextlib.contextmanager
def short_outages(seconds: float) -> Iterator[None]:
    """Wait out outages of a length, and let triggers fire at once."""
    with (
        mock.patch("airflow_provider_asposeocr.triggers.asposeocr.MIN_SECONDS", 0),
        mock.patch("airflow_provider_asposeocr.api.flows.DEFAULT_MAX_OUTAGE", seconds),
    ):
        yield


def play(fault: Fault, way: str, scan: Path, timeouts: Mapping[str, float] | None = None) -> Cell:
    """Let a fault strike one way of running.

    :param fault: the fault.
    :param way: the way of running.
    :param scan: the source; a file of the fault is written beside it.
    :param timeouts: seconds that a task waits, by way; those of the package if None.
    """
    cell, given = Cell(), dict(fault.given)
    if timeouts:
        given["timeout"] = timeouts[way]
    with service() as emulator:
        make = prepare(fault, way, scan, emulator, **given)
        ours = emulator.calls.submit if way in SENSORS else 0
        billed, tokens = emulator.calls.billed, emulator.calls.token
        # In a thread of its own, which is left behind if it hangs.
        store = StateStore()
        thread = threading.Thread(target=run_task, args=(make, cell, store), daemon=True)
        begun = time.monotonic()
        thread.start()
        thread.join(MAX_SECONDS)
        cell.seconds = time.monotonic() - begun
        cell.cancels = emulator.calls.cancel
        cell.tokens = emulator.calls.token - tokens
        if fault.kept:
            emulator.clear_faults()
            run_task(make, second := Cell(), store)
            cell.second = second.outcome
        cell.submissions = len(emulator.submissions) - ours
        cell.calls = emulator.calls.billed - billed
    return cell


def prepare(fault: Fault, way: str, scan: Path, emulator: Emulator, **given: Any) -> Callable[[], Any]:
    """Let a fault happen, after a sensor's OCR task was submitted, and return what makes the task."""
    if way in OPERATORS:
        fault.prepare(emulator)
        source = source_of(fault, scan)
        arguments = {"source": source, "poll_interval": 0.1, "deferrable": way == DEFERRABLE, **given}
        return partial(AsposeOcrRecognizeImageOperator, task_id="task", **arguments)
    ocr_task_id = AsposeOcrHook().submit("RecognizeImage", scan)
    for ocr_task in emulator.ocr_tasks.values():
        ocr_task.pending_reads = 1
    fault.prepare(emulator)
    arguments = {"ocr_task_id": ocr_task_id, "poke_interval": 0.1, "deferrable": way == DEFERRED, **given}
    return partial(AsposeOcrTaskSensor, task_id="task", operation="RecognizeImage", **arguments)


def source_of(fault: Fault, scan: Path) -> Path:
    """Return the source of an operator, after it has been written if the fault is in there."""
    if fault.file is None:
        return scan
    name, content = fault.file
    if content is not None:
        scan.with_name(name).write_bytes(content)
    return scan.with_name(name)


def run_task(make: Callable[[], Any], cell: Cell, store: StateStore) -> None:
    """Make a task, run it, and note what comes of it."""
    prepare_thread()
    try:
        manifest = run(make(), task_state_store=store)
    except Exception as error:
        cell.outcome, cell.message = type(error).__name__, str(error)
    else:
        cell.outcome = OK if manifest["text"] == TEXT else "another text"


def prepare_thread() -> None:
    """Let operators be executed in this thread: Airflow 2 knows the one alone that has loaded it."""
    with contextlib.suppress(ImportError, AttributeError):
        from airflow.models.baseoperator import ExecutorSafeguard

        ExecutorSafeguard._sentinel.callers = {}
