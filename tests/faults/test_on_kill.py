"""A user ends a waiting task: Airflow 3.3 cancels the trigger's ``on_kill`` anew each second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from tests.running import new_trigger


async def until(condition: Callable[[], bool]) -> bool:
    """Tell whether a condition comes to pass within some seconds."""
    end = time.monotonic() + 5
    while not condition() and time.monotonic() < end:
        await asyncio.sleep(0.05)
    return condition()


async def test_the_ocr_task_is_cancelled_though_on_kill_is_cancelled_itself(
    emulator: Emulator, scan: Path
) -> None:
    ocr_task_id = await asyncio.to_thread(AsposeOcrHook().submit, "RecognizeImage", scan)
    trigger = new_trigger(ocr_task_id)
    # The first attempt fails, so the cancellation is still under way when the next sync comes.
    emulator.inject("drop_before", on="cancel")
    killing = asyncio.create_task(asyncio.wait_for(trigger.on_kill(), 30))
    assert await until(lambda: emulator.calls.cancel == 1)
    killing.cancel("__airflow_user_action__")
    with pytest.raises(asyncio.CancelledError):
        await killing

    assert await until(lambda: ocr_task_id not in emulator.ocr_tasks)
