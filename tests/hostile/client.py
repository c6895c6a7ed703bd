"""Tasks against the service that misbehaves, in each way of running, and what came of them."""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import requests
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

from airflow_provider_asposeocr.api.exceptions import AsposeOcrError, AsposeOcrTimeoutError
from airflow_provider_asposeocr.api.retry import RetryPolicy
from airflow_provider_asposeocr.emulator.testing import CONNECTION_VARIABLE
from airflow_provider_asposeocr.hooks import auth, host
from airflow_provider_asposeocr.operators.base import AsposeOcrOperator
from airflow_provider_asposeocr.operators.batch import AsposeOcrBatchOperator
from tests.hostile.table import LATE, PERMANENT, RETRYABLE, SUCCESS, Row
from tests.running import run
from tests.states import StateStore

if AIRFLOW_V_3_0_PLUS:
    from airflow.sdk.bases.operator import ExecutorSafeguard
else:
    from airflow.models.baseoperator import ExecutorSafeguard  # type: ignore[no-redef]

WORKER, TRIGGERER, BATCH = WAYS = ("worker", "triggerer", "batch")

SECRET = "a-secret-that-nobody-may-see"
DEADLINE = 2.0
"""Seconds for which a task waits."""

ANSWER = 1.0
"""Seconds that an answer may take; a connection cannot have less than 60 of them outside of here."""

CANCEL = 1.0
MAX_OVER = 2.0
"""Seconds that a task may take longer than its deadline or the time of its answers."""

MAX_MEMORY = 16 * 1024 * 1024
MAX_RESULT = 8 * 1024 * 1024
_HANGS = 60.0
_CONTROL = re.compile(
    "[\\x00-\\x08\\x0a-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069\\ud800-\\udfff]"
)


@dataclass
class Cell:
    """What came of a row in one way of running.

    :param outcome: of the task, or of the item that was struck.
    :param seconds: how long it took beyond what it may.
    :param memory: bytes by which the process grew meanwhile.
    :param submissions: that the service has seen.
    :param complaints: what is wrong.
    """

    outcome: str = "hangs"
    seconds: float = 0.0
    memory: int = 0
    submissions: int = 0
    complaints: list[str] = field(default_factory=list)


class Told(logging.Handler):
    """Keeps what is logged, and what the process writes to its standard output and error."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        if record.name.startswith(("airflow", "urllib3", "aiohttp", "asyncio", "requests")):
            self.lines.append(record.getMessage())

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Keep all that is told within the block; the log of a task goes around the loggers of Python."""
        logger = logging.getLogger()
        logger.addHandler(self)
        sys.stdout.flush()
        outputs = [os.dup(1), os.dup(2)]
        with tempfile.TemporaryFile() as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            try:
                yield
            finally:
                sys.stdout.flush()
                for number, output in enumerate(outputs, 1):
                    os.dup2(output, number)
                    os.close(output)
                logger.removeHandler(self)
            file.seek(0)
            self.lines += file.read().decode("utf-8", "replace").split("\n")


@contextlib.contextmanager
def hostile_service() -> Iterator[str]:
    """Run the service in a process of its own; its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.hostile.server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def hurried(url: str) -> Iterator[None]:
    """Shorten all times to what the table has room for, and make the service the connection."""
    original = RetryPolicy.wait

    def wait(policy: RetryPolicy, failures: int, asked: float | None) -> float:
        return original(policy, failures, asked) / (50.0 if asked is None else 1.0)

    connection = {
        "conn_type": "asposeocr",
        "host": url,
        "login": "an-id",
        "password": SECRET,
        "extra": {"timeout": ANSWER, "max_result_bytes": MAX_RESULT},
    }
    package = "airflow_provider_asposeocr"
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(RetryPolicy, "wait", wait),
        mock.patch.object(host, "folder", return_value=Path(folder)),
        # Operators are not run by Airflow here, which it would say each time.
        mock.patch.object(ExecutorSafeguard, "test_mode", True),
        mock.patch(f"{package}.hooks.connection.MIN_READ_TIMEOUT", 0.0),
        mock.patch(f"{package}.triggers.asposeocr.MIN_SECONDS", 0),
        mock.patch(f"{package}.api.flows.MAX_CANCEL_SECONDS", CANCEL),
        mock.patch.dict(os.environ, {CONNECTION_VARIABLE: json.dumps(connection)}),
    ):
        yield


def play(name: str, row: Row, way: str, url: str, scans: list[Path]) -> Cell:
    """Let a row strike one way of running.

    :param name: of the row.
    :param row: the row.
    :param way: the way.
    :param url: the address of the service.
    :param scans: three images.
    """
    item = 2 if way == BATCH else 1
    requests.post(f"{url}/_row", data=f"{item}\n{name}".encode(), timeout=60).raise_for_status()
    auth.forget_all()
    for remembered in host.folder().iterdir():
        remembered.unlink()
    cell, told = Cell(), Told()
    with told.listening(), tempfile.TemporaryDirectory() as folder:
        task = _task(row, way, scans, Path(folder))
        gc.collect()
        before = _reset_peak()
        begun = time.monotonic()
        # In a thread of its own, which is left behind if it hangs.
        thread = threading.Thread(target=_run, args=(task, row, way, cell, Path(folder)), daemon=True)
        thread.start()
        thread.join(_HANGS)
        cell.seconds = time.monotonic() - begun - _allowed(row, way)
        cell.memory = _peak() - before
    calls = requests.get(f"{url}/_calls", timeout=60).json()
    cell.submissions = max(0, calls.get("submit", 0) - (2 if way == BATCH else 0))
    _judge(row, way, cell, told)
    return cell


def _allowed(row: Row, way: str) -> float:
    """Return the seconds that a task may take: its deadline, and the time of answers beside it."""
    attempts = 5
    if way == BATCH and row.call == "token again":
        # The next items have no deadline yet when they need a token.
        return DEADLINE + 2 * attempts * ANSWER
    before = {"token": attempts * ANSWER, "submit": 2 * ANSWER}.get(row.call, 0.0)
    waiting = DEADLINE if row.call in ("poll", "status", "token again", "cancel", "fetch") else 0.0
    after = {"fetch": attempts * ANSWER, "cancel": CANCEL}.get(row.call, 0.0)
    items = 3 if way == BATCH and row.ends_batch else 1
    return (before + waiting + after) * items


def _task(row: Row, way: str, scans: list[Path], folder: Path) -> Any:
    common: dict[str, Any] = {
        "task_id": "task",
        "poll_interval": 0.1,
        "timeout": DEADLINE,
        # A short text would come with the poll that finds it.
        "operation": "BinarizeImage" if row.stores else "RecognizeImage",
    }
    if way == BATCH:
        return AsposeOcrBatchOperator(
            sources=[str(scan) for scan in scans],
            destination=f"{folder}/out/",
            max_in_flight=1,
            fail_on="any" if row.ends_batch else "none",
            **common,
        )
    destination = f"{folder}/out/" if row.stores else None
    return AsposeOcrOperator(
        source=str(scans[0]), destination=destination, deferrable=way == TRIGGERER, **common
    )


def _run(task: Any, row: Row, way: str, cell: Cell, folder: Path) -> None:
    if not AIRFLOW_V_3_0_PLUS:
        # Airflow 2 knows the thread alone in which it was loaded.
        ExecutorSafeguard._sentinel.callers = {}  # type: ignore[attr-defined]
    try:
        returned = run(task, task_state_store=StateStore())
    except AirflowFailException as error:
        cell.outcome = PERMANENT
        _check_shown(cell, "the error", str(error))
    except AsposeOcrTimeoutError as error:
        cell.outcome = LATE
        _check_shown(cell, "the error", str(error))
    except AsposeOcrError as error:
        cell.outcome = RETRYABLE if error.retryable else PERMANENT
        _check_shown(cell, "the error", str(error))
    except BaseException as error:
        cell.outcome = type(error).__name__
        cell.complaints.append(f"raises {type(error).__name__}: {' '.join(str(error).split())[:200]!r}")
    else:
        cell.outcome = SUCCESS
        _check_xcom(cell, returned)
    if way == BATCH:
        _look_at_items(row, cell, folder)


def _look_at_items(row: Row, cell: Cell, folder: Path) -> None:
    """Judge a batch by its report: one item was struck, the others must be done."""
    lines = [json.loads(line) for line in (folder / "out" / "report.jsonl").read_text().splitlines()]
    statuses = [line["status"] for line in lines]
    if row.ends_batch:
        return
    struck = lines[1]
    if struck["status"] == "succeeded":
        cell.outcome = SUCCESS
    elif struck["status"] == "failed":
        late = struck["error"].endswith("TimeoutError")
        cell.outcome = LATE if late else RETRYABLE if struck["retryable"] else PERMANENT
        _check_shown(cell, "the report", struck["message"])
    else:
        cell.outcome = struck["status"]
    if statuses[0] != "succeeded" or statuses[2] != "succeeded":
        cell.complaints.append(f"items of a batch ended as {statuses}")
    for line in lines:
        _check_xcom(cell, line)


def _check_xcom(cell: Cell, value: Any) -> None:
    text = json.dumps(value)
    if "\\u0000" in text or re.search(r"\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f])", text):
        cell.complaints.append("an XCom holds U+0000 or a lone surrogate")
    if isinstance(value, dict):
        for notice in value.get("warnings") or ():
            _check_shown(cell, "a warning", notice)
        if len(value.get("warnings") or ()) > 20:
            cell.complaints.append("more than 20 warnings")


def _check_shown(cell: Cell, what: str, text: str) -> None:
    if _CONTROL.search(text):
        cell.complaints.append(f"{what} holds control characters: {text[:300]!r}")
    if len(text) > 12_000:
        cell.complaints.append(f"{what} has {len(text)} characters")
    if SECRET in text or re.search(r"token-\d", text):
        cell.complaints.append(f"{what} tells a secret")


def _judge(row: Row, way: str, cell: Cell, told: Told) -> None:
    for line in told.lines:
        _check_shown(cell, "the log", line)
        if line.startswith("[2026-01-01] ERROR forged"):
            cell.complaints.append("a line of the log is forged")
    if cell.outcome not in row.allowed and not cell.complaints:
        cell.complaints.append(f"expected {' or '.join(sorted(row.allowed))}")
    if cell.seconds > MAX_OVER:
        cell.complaints.append(f"{cell.seconds:.1f} s too late")
    if cell.memory > MAX_MEMORY:
        cell.complaints.append(f"{cell.memory / 1024 / 1024:.0f} MiB more memory")
    if cell.submissions > row.submissions:
        cell.complaints.append(f"{cell.submissions} submissions")


def _reset_peak() -> int:
    """Forget the peak of this process's memory; return what it has now, in bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _peak() -> int:
    return _status("VmHWM")


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))
