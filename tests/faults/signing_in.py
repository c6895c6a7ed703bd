"""Sign in from many processes at the same moment: ``python -m tests.faults.signing_in 50``.

The processes are forked, as Airflow forks one for each task. Every other one uses an event loop, as a
triggerer does. Each prints what came of it.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from airflow_provider_asposeocr.api.exceptions import AsposeOcrError
from airflow_provider_asposeocr.emulator.testing import CONNECTION_VARIABLE, Emulator
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook

ROOT = Path(__file__).parents[2]
TASK_ID = "11111111-2222-3333-4444-555555555555"


def sign_in_at_once(emulator: Emulator, temporary: Path, processes: int, **connection: str) -> list[str]:
    """Return what comes of a call from each of many processes."""
    values = json.loads(emulator.connection_json()) | connection
    env = os.environ | {CONNECTION_VARIABLE: json.dumps(values), "TMPDIR": str(temporary)}
    argv = [sys.executable, "-m", "tests.faults.signing_in", str(processes)]
    done = subprocess.run(argv, env=env, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith(("Aspose", "NotExist"))]
    assert len(lines) == processes, done.stdout + done.stderr
    return lines


def sign_in_with_a_revoked_pair(emulator: Emulator, temporary: Path, processes: int) -> list[str]:
    """Call from each of many processes after the pair was accepted once and then revoked."""
    password = json.loads(emulator.connection_json())["password"]
    assert sign_in_at_once(emulator, temporary, 1, password=password) == ["NotExist"]
    emulator.options.client_secret = "a-rotated-secret"
    # So that all are there before the first one has its answer.
    emulator.inject("slow", on="token", seconds=0.5, times=None)
    return sign_in_at_once(emulator, temporary, processes, password=password)


def ask(barrier: Any, outcomes: Any, number: int) -> None:
    """Make one call when all processes are there."""
    hook = AsposeOcrHook()
    barrier.wait(60)
    try:
        status = asyncio.run(hook.aget_status(TASK_ID)) if number % 2 else hook.get_status(TASK_ID)
        outcomes.put(status.value)
    except AsposeOcrError as error:
        outcomes.put(f"{type(error).__name__}: {error}")


def main(count: int) -> None:
    """Fork, and print a line for each process."""
    fork = multiprocessing.get_context("fork")
    barrier, outcomes = fork.Barrier(count), fork.SimpleQueue()
    processes = [fork.Process(target=ask, args=(barrier, outcomes, number)) for number in range(count)]
    for process in processes:
        process.start()
    for _ in processes:
        print(outcomes.get(), flush=True)
    for process in processes:
        process.join(60)


if __name__ == "__main__":
    main(int(sys.argv[1]))
