"""Sign-ins at once: the service locks a pair of credentials out after five failures."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from tests.faults.signing_in import sign_in_at_once, sign_in_with_a_revoked_pair

PROCESSES = 50
COROUTINES = 500
THREADS = 20


def test_a_wrong_secret_in_fifty_processes_costs_one_token_call(emulator: Emulator, tmp_path: Path) -> None:
    lines = sign_in_at_once(emulator, tmp_path, PROCESSES, password="a-wrong-secret")

    assert all(line.startswith("AsposeOcrAuthError: ") and "was rejected" in line for line in lines)
    assert emulator.calls.token == 1
    assert emulator.calls.billed == 0


def test_the_right_secret_works_at_once_after_the_wrong_one(emulator: Emulator, tmp_path: Path) -> None:
    sign_in_at_once(emulator, tmp_path, PROCESSES, password="a-wrong-secret")
    lines = sign_in_at_once(emulator, tmp_path, PROCESSES)

    assert lines == ["NotExist"] * PROCESSES
    assert emulator.calls.status == PROCESSES
    assert emulator.calls.token == 1 + PROCESSES


def test_a_pair_that_was_accepted_and_is_revoked_signs_in_twice_at_most(
    emulator: Emulator, tmp_path: Path
) -> None:
    lines = sign_in_with_a_revoked_pair(emulator, tmp_path, 8)

    assert all(line.startswith("AsposeOcrAuthError: ") and "was rejected" in line for line in lines)
    assert emulator.calls.token <= 1 + 2
    assert sign_in_at_once(emulator, tmp_path, 8) == ["NotExist"] * 8


@pytest.mark.parametrize("end", ["revoked", "expired"])
async def test_a_token_that_ends_under_load_is_renewed_once(emulator: Emulator, scan: Path, end: str) -> None:
    if end == "expired":
        emulator.options.token_lifetime = 1
    ocr_task_id = await asyncio.to_thread(AsposeOcrHook().submit, "RecognizeImage", scan)
    emulator.options.token_lifetime = 3600
    if end == "revoked":
        emulator.expire_tokens()
    else:
        over = time.monotonic() + 1
        while time.monotonic() < over:
            await asyncio.sleep(0.05)
    asked = emulator.calls.token
    start = threading.Barrier(THREADS + 1)

    def in_a_thread() -> str:
        hook = AsposeOcrHook()
        start.wait(30)
        return hook.get_task("RecognizeImage", ocr_task_id).status.value

    hook = AsposeOcrHook()
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(THREADS) as pool:
        threads = [loop.run_in_executor(pool, in_a_thread) for _ in range(THREADS)]
        async with hook.async_session():
            await asyncio.to_thread(start.wait, 30)
            calls = [hook.aget_task("RecognizeImage", ocr_task_id) for _ in range(COROUTINES)]
            tasks = await asyncio.gather(*calls)
        states = await asyncio.gather(*threads)

    assert {task.status.value for task in tasks} | set(states) == {"Completed"}
    assert emulator.calls.token == asked + 1
