"""Thousands of waiters on one event loop, as a measured process."""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.bare import sign_in
from tests.running import new_trigger

_PATIENCE = 24 * 3600.0
_TICK = 0.01

Wait = Callable[[str], Coroutine[Any, Any, None]]


def main(spec: dict[str, Any]) -> None:
    """Let all of them wait, and print what that takes.

    :param spec: ``connection``, ``ids`` (a file of ids of OCR tasks), ``waiters`` (how many), ``variant``,
        ``interval`` (seconds between polls, or None for learned moments), ``at_once`` (start all at the same
        moment, as a restarted triggerer does) and ``windows`` (each the seconds after the start from and to
        which it is measured).
    """
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    ids = json.loads(Path(spec["ids"]).read_text())
    print(json.dumps(asyncio.run(_measure(spec, ids))), flush=True)


async def _measure(spec: dict[str, Any], ids: list[str]) -> dict[str, Any]:
    count, interval = spec["waiters"], spec["interval"]
    async with aiohttp.ClientSession() as shared:
        wait = await _variant(spec, shared)
        # What is loaded or opened once is there before anything is measured.
        first = asyncio.create_task(wait(ids.pop()))
        await asyncio.sleep(1.0)
        lags: list[float] = []
        heartbeat = asyncio.create_task(_heartbeat(lags))
        gc.collect()
        before = _resident()
        started = time.time()
        gap = 0.0 if spec["at_once"] else interval / count
        begun = (_later(gap * place, wait, ocr_task_id) for place, ocr_task_id in enumerate(ids))
        waiters = [asyncio.create_task(one) for one in begun]
        windows = []
        for start, end in spec["windows"]:
            await asyncio.sleep(started + start - time.time())
            lags.clear()
            began, cpu = time.time(), time.process_time()
            await asyncio.sleep(started + end - time.time())
            windows.append(
                {
                    "between": [began, time.time()],
                    "cpu_seconds": time.process_time() - cpu,
                    "lag_p99": sorted(lags)[int(0.99 * len(lags))],
                    "lag_max": max(lags),
                }
            )
        after = _resident()
        if any(waiter.done() for waiter in waiters):
            raise RuntimeError("a waiter has ended")
        tasks = [first, heartbeat, *waiters]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return {"started": started, "windows": windows, "bytes_each": (after - before) / count}


async def _variant(spec: dict[str, Any], shared: aiohttp.ClientSession) -> Wait:
    """Return the function by which one of them waits."""
    account, interval = spec["connection"], spec["interval"]
    if spec["variant"] == "triggers":
        submitted_at = time.time()

        async def ours(ocr_task_id: str) -> None:
            trigger = new_trigger(
                ocr_task_id,
                deadline=None,  # no worker waits, so that nothing holds the first poll back
                timeout=_PATIENCE,
                poll_interval=interval,
                max_inline_bytes=32 * 1024,
                source_bytes=20_000,
                submitted_at=submitted_at - 60.0,
            )
            async for _ in trigger.run():
                return

        return ours

    async def poll(session: aiohttp.ClientSession, headers: dict[str, str], ocr_task_id: str) -> bool:
        async with session.get(
            f"{account['host']}/v5.0/ocr/RecognizeImage",
            params={"id": ocr_task_id},
            headers=headers,
        ) as answer:
            return bool((await answer.json())["taskStatus"] == "Completed")

    shared_headers = {} if spec["variant"] == "session each trigger" else await sign_in(shared, account)

    async def bare(ocr_task_id: str) -> None:
        while not await poll(shared, shared_headers, ocr_task_id):
            await asyncio.sleep(interval)

    async def session_each_request(ocr_task_id: str) -> None:
        while True:
            async with aiohttp.ClientSession() as session:
                if await poll(session, shared_headers, ocr_task_id):
                    return
            await asyncio.sleep(interval)

    async def session_each_trigger(ocr_task_id: str) -> None:
        async with aiohttp.ClientSession() as session:
            own = await sign_in(session, account)
            while not await poll(session, own, ocr_task_id):
                await asyncio.sleep(interval)

    variants: dict[str, Wait] = {
        "bare": bare,
        "session each request": session_each_request,
        "session each trigger": session_each_trigger,
    }
    return variants[spec["variant"]]


async def _later(seconds: float, wait: Wait, ocr_task_id: str) -> None:
    await asyncio.sleep(seconds)
    await wait(ocr_task_id)


async def _heartbeat(lags: list[float]) -> None:
    """Note by how much the event loop is late, for each tick: one that it slept through counts as well."""
    loop = asyncio.get_running_loop()
    due = loop.time() + _TICK
    while True:
        await asyncio.sleep(due - loop.time())
        while due <= (now := loop.time()):
            lags.append(now - due)
            due += _TICK


def _resident() -> int:
    """Bytes of resident memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
