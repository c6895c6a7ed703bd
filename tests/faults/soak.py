"""Many OCR tasks on a bad day: ``python -m tests.faults.soak --minutes 10``.

300 OCR tasks pass through the hook and through the trigger while 2 % of all calls fail, in each of the ways
that leave an OCR task alive. At the end every text is there and is the right one, none was submitted twice
unless its first answer was lost, and the memory has not grown.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import psutil
import requests
from PIL import Image

from airflow_provider_asposeocr.api.exceptions import AsposeOcrError
from airflow_provider_asposeocr.api.submission import WaitEvent
from airflow_provider_asposeocr.api.task import OcrTask
from airflow_provider_asposeocr.emulator.options import LogNormal
from airflow_provider_asposeocr.emulator.submission import Submission
from airflow_provider_asposeocr.emulator.testing import CONNECTION_VARIABLE, Emulator
from airflow_provider_asposeocr.hooks import host
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from tests.running import new_trigger, rebuilt

OCR_TASKS = 300
THREADS = 16
TRIES = 3
"""Tries of each OCR task: Airflow's retries."""
SHARE = 0.02
POLL_SECONDS = 0.25
GROWTH = 1.10
"""Memory at the end, as a share of that at 20 %, that still counts as flat."""
SLACK_MIB = 8.0

ANY = ("submit", "poll", "status", "token")
FAULTS: tuple[dict[str, Any], ...] = (
    *({"kind": "status", "on": ANY, "status": status} for status in (408, 500, 502, 503, 504)),
    {"kind": "status", "on": ANY, "status": 429, "headers": {"Retry-After": "1"}},
    {"kind": "html_200", "on": ANY},
    {"kind": "unauthorized", "on": ("submit", "poll", "status")},
    {"kind": "drop_before", "on": ANY},
    {"kind": "drop_after_accept", "on": ANY},
    {"kind": "reset_mid_body", "on": ANY},
    {"kind": "truncated_json", "on": ("poll", "status", "token")},
    {"kind": "slow", "on": ANY, "seconds": 2.0},
)
"""All that leaves an OCR task alive: one that the service loses or fails has no right result."""
LOST_ANSWER = {"kind": "drop_after_accept", "on": "submit", "times": None, "probability": SHARE}
"""Submissions are few, so that one kind of fault strikes them more often: the one that may pay twice."""


def text_of(number: Any) -> str:
    """Return the text of an OCR task."""
    return f"This is the text of OCR task {number}. " * 20


@dataclass
class Totals:
    """What has come of the OCR tasks."""

    wrong: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    retries: Counter[str] = field(default_factory=Counter)
    done: int = 0
    rss: dict[int, float] = field(default_factory=dict)

    def finish(self, number: int, task: OcrTask) -> None:
        """Check a result."""
        if task.text != text_of(number):
            self.wrong.append(f"OCR task {number} has a wrong text")
        self.done += 1
        share = self.done * 100 // OCR_TASKS
        if share not in self.rss:
            self.rss[share] = psutil.Process().memory_info().rss / 2**20

    def retry(self, number: int, error: AsposeOcrError, attempt: int) -> None:
        """Count an error that Airflow's retries would mend, and raise one that they would not."""
        self.retries[type(error).__name__] += 1
        if attempt == TRIES or not error.retryable:
            self.wrong.append(f"OCR task {number} is lost: {type(error).__name__}: {error}")


class Duplicates(logging.Handler):
    """Counts the warnings of a possible duplicate."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Count a record."""
        self.count += "a possible duplicate" in record.getMessage()


def main() -> int:
    """Run, print the figures, and return the status to end with."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve()
        return 0
    with service() as connection, tempfile.TemporaryDirectory() as folder:
        os.environ[CONNECTION_VARIABLE] = connection
        control = f"{json.loads(connection)['host']}/_emulator"
        source = Path(folder) / "scan.png"
        Image.new("L", (120, 40), 255).save(source)
        rules = [{**fault, "times": None, "probability": SHARE / len(FAULTS)} for fault in FAULTS]
        requests.post(f"{control}/faults", json=[*rules, LOST_ANSWER], timeout=10).raise_for_status()
        with mock.patch.object(host, "folder", return_value=Path(folder)):
            begun = time.monotonic()
            totals, duplicates = asyncio.run(soak(source, arguments.minutes * 60))
            seconds = time.monotonic() - begun
        calls = requests.get(f"{control}/calls", timeout=30).json()
        submissions = requests.get(f"{control}/submissions", timeout=30).json()
        transcript = requests.get(f"{control}/transcript", timeout=30).json()
    return judge(totals, duplicates, calls, submissions, transcript, seconds)


async def soak(source: Path, seconds: float) -> tuple[Totals, int]:
    """Start the OCR tasks, evenly over the time, and wait for all of them."""
    totals, chance = Totals(), random.Random(0)
    handler = Duplicates()
    log = logging.getLogger("airflow_provider_asposeocr")
    log.addHandler(handler)
    log.setLevel(logging.WARNING)
    log.propagate = False
    starts = sorted(chance.uniform(0, seconds * 0.9) for _ in range(OCR_TASKS))
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            ways = (through_the_hook, through_the_trigger)
            ocr_tasks = [ways[n % 2](n, source, start, pool, totals) for n, start in enumerate(starts)]
            await asyncio.gather(*ocr_tasks)
    finally:
        log.removeHandler(handler)
    return totals, handler.count


async def through_the_hook(
    number: int, source: Path, start: float, pool: ThreadPoolExecutor, totals: Totals
) -> None:
    """Submit and wait as a worker does."""
    await asyncio.sleep(start)

    async def wait(ocr_task_id: str) -> OcrTask:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            pool,
            lambda: AsposeOcrHook().wait("RecognizeImage", ocr_task_id, poll_interval=POLL_SECONDS),
        )

    await take(number, source, pool, totals, wait)


async def through_the_trigger(
    number: int, source: Path, start: float, pool: ThreadPoolExecutor, totals: Totals
) -> None:
    """Submit as a worker does, and wait as the triggerer does."""
    await asyncio.sleep(start)

    async def wait(ocr_task_id: str) -> OcrTask:
        trigger = new_trigger(
            ocr_task_id,
            deadline=time.time() + 600,
            poll_interval=POLL_SECONDS,
            max_inline_bytes=32 * 1024,
        )
        async for event in rebuilt(trigger).run():
            return WaitEvent.of_event(json.loads(json.dumps(event.payload))).unwrap()
        raise AssertionError("the trigger ended without an event")

    await take(number, source, pool, totals, wait)


async def take(
    number: int,
    source: Path,
    pool: ThreadPoolExecutor,
    totals: Totals,
    wait: Callable[[str], Awaitable[OcrTask]],
) -> None:
    """Take one OCR task to its end, with the retries that Airflow would make."""
    loop = asyncio.get_running_loop()
    submit = partial(AsposeOcrHook().submit, "RecognizeImage", source, {"scenario": str(number)})
    ocr_task_id = None
    for attempt in range(1, TRIES + 1):
        try:
            if ocr_task_id is None:
                ocr_task_id = await loop.run_in_executor(pool, submit)
                totals.ids.append(ocr_task_id)
            totals.finish(number, await wait(ocr_task_id))
        except AsposeOcrError as error:
            totals.retry(number, error, attempt)
            if not error.retryable:
                return
        else:
            return


def judge(
    totals: Totals,
    duplicates: int,
    calls: dict[str, Any],
    submissions: list[dict[str, Any]],
    transcript: list[dict[str, Any]],
    seconds: float,
) -> int:
    """Print the figures and what is wrong with them."""
    accepted = Counter(submission["settings"].get("scenario") for submission in submissions)
    extra = sum(accepted.values()) - len(accepted)
    broken = Counter(str(entry["status"]) for entry in transcript if entry["status"] not in (200, 201))
    at_20 = next((rss for share, rss in sorted(totals.rss.items()) if share >= 20), 0.0)
    at_end = totals.rss[max(totals.rss)] if totals.rss else 0.0
    wrong = list(totals.wrong)
    if len(accepted) != OCR_TASKS or totals.done != OCR_TASKS:
        wrong.append(f"{totals.done} of {OCR_TASKS} OCR tasks are done, {len(accepted)} reached the service")
    # A try that fails after an ambiguous answer is repeated by Airflow, whose log says so.
    allowed = duplicates + sum(totals.retries.values())
    if extra > allowed:
        wrong.append(f"{extra} OCR tasks were submitted twice, but only {allowed} answers were lost")
    if at_end > at_20 * GROWTH + SLACK_MIB:
        wrong.append("the memory grows")
    counted = f"{calls['billed']} billed calls, {calls['token']} sign-ins"
    print(f"{totals.done} OCR tasks in {seconds:.0f} s, {counted}")
    print(f"answers that were not 200: {dict(broken)} (None: no answer)")
    print(
        f"possible duplicates announced {duplicates}, submitted twice {extra}, retries {dict(totals.retries)}"
    )
    print(f"memory: {at_20:.0f} MiB at 20 %, {at_end:.0f} MiB at the end")
    for line in wrong:
        print(f"WRONG: {line}")
    return 1 if wrong else 0


@contextlib.contextmanager
def service() -> Iterator[str]:
    """Return an emulator in a process of its own, whose memory does not count; yields the connection."""
    argv = [sys.executable, "-m", "tests.faults.soak", "--serve"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield next(line for line in process.stdout if line.startswith("{"))
        finally:
            process.stdin.close()


def serve() -> None:
    """Serve until the standard input ends."""

    def text(submission: Submission) -> str:
        return text_of(submission.settings.get("scenario"))

    options: dict[str, Any] = {"service_seconds": LogNormal(4.0), "transcript_limit": 1_000_000}
    with Emulator(ocr=False, scripted_text=text, **options) as emulator:
        print(emulator.connection_json(), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    sys.exit(main())
