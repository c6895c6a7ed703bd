"""Send every odd and bad file to a real emulator: ``python -m tests.emulator.bad_files``.

Each is followed by an honest page of somebody else, who is not to wait for it. The memory of the recognition
processes is watched. The table says what became of each; the exit status is 1 when one is not as expected.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.client import Client
from tests.emulator.odd_file import MAX_SECONDS, TEXT, OddFile, encoded, page
from tests.emulator.odd_files import HONEST_FILES, ODD_FILES

MAX_MEMORY = 1.2 * (1 << 30)
SLACK = 10.0
"""Seconds beyond its limit that a file may keep others waiting, because a new process loads its engine."""

_PAUSE = 0.02
_WATCH_PAUSE = 0.1
_RESET_PEAK = "5"


@dataclass(frozen=True)
class Seen:
    """Outcome of a file.

    :param status: the last status of its task.
    :param text: what was read, None when there is no text.
    :param messages: of a task that failed.
    :param seconds: from its submission to its end.
    :param bystander: the seconds that the page after it took.
    :param peak: the most memory that a recognition process had meanwhile, in bytes.
    """

    status: str
    text: str | None
    messages: str
    seconds: float
    bystander: float
    peak: int

    def complaints(self, file: OddFile) -> list[str]:
        """Return what is not as expected."""
        found = []
        if file.text is not None and (self.status, self.text) != ("Completed", file.text):
            found.append("not read")
        if file.error is not None and (self.status != "Error" or file.error not in self.messages):
            found.append("another error was expected")
        if self.seconds > file.seconds + SLACK:
            found.append("took too long")
        if self.bystander > file.seconds + SLACK:
            found.append("kept others waiting")
        if self.peak > MAX_MEMORY:
            found.append("took too much memory")
        return found


class Trial:
    """Send files, one at a time.

    :param client: a client of the emulator.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._bystander = encoded(page(), "PNG")

    def send(self, file: OddFile) -> Seen:
        """Send a file and a page after it, and wait for both."""
        data = file.make()
        with watched_memory() as peaks:
            started = time.monotonic()
            bad = self._client.submit(data, file.operation, **file.settings)
            good = self._client.submit(self._bystander)
            bystander, honest = self._wait(good, started)
            seconds, answer = self._wait(bad, started, file.operation)
        assert text_of(honest) == TEXT, honest
        messages = " ".join((answer["error"] or {}).get("messages") or [])
        return Seen(
            answer["taskStatus"], text_of(answer), messages, seconds, bystander, max(peaks, default=0)
        )

    def _wait(
        self, ocr_task_id: str, started: float, operation: str = "RecognizeImage"
    ) -> tuple[float, dict[str, Any]]:
        until = time.monotonic() + 4 * MAX_SECONDS
        while time.monotonic() < until:
            answer: dict[str, Any] = self._client.get(ocr_task_id, operation).json()
            if answer["taskStatus"] not in ("Pending", "Processing"):
                return time.monotonic() - started, answer
            time.sleep(_PAUSE)
        raise AssertionError("a task does not end")


def text_of(answer: dict[str, Any]) -> str | None:
    """Return the text of a task."""
    for result in answer["results"] or ():
        if result["type"] == "Text":
            return base64.b64decode(result["data"]).decode()
    return None


@contextlib.contextmanager
def watched_memory() -> Iterator[list[int]]:
    """Record the peak memory of each recognition process from now on, in bytes."""
    peaks: dict[int, int] = {}
    most: list[int] = []
    over = threading.Event()
    for process in recognition_processes():
        with contextlib.suppress(OSError):
            Path(f"/proc/{process}/clear_refs").write_text(_RESET_PEAK)

    def watch() -> None:
        while True:
            ended = over.wait(_WATCH_PAUSE)
            for process in recognition_processes():
                peaks[process] = max(peaks.get(process, 0), peak_of(process))
            if ended:
                return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()
        most.extend(peaks.values())


def recognition_processes() -> list[int]:
    """Return the ids of the recognition processes of this process's emulators."""
    found = []
    for process in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if process.cmdline()[-1:] == ["airflow_provider_asposeocr.emulator.worker"]:
                found.append(process.pid)
    return found


def peak_of(process: int) -> int:
    """Return the most memory that a process has had, in bytes."""
    with contextlib.suppress(OSError, IndexError):
        return int(Path(f"/proc/{process}/status").read_text().split("VmHWM:")[1].split()[0]) * 1024
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run.

    :param arguments: the command line; None takes the process's own.
    :return: the exit status.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.emulator.bad_files", description=__doc__)
    parser.add_argument("--only", default="", metavar="WORDS", help="files with these words in their name")
    parser.add_argument("--bad", action="store_true", help="leave out the odd but honest ones")
    given = parser.parse_args(arguments)
    files = [
        file for file in ODD_FILES if given.only in file.name and not (given.bad and file in HONEST_FILES)
    ]
    with Emulator(warm_up=True) as emulator, Client(emulator) as client:
        return report(files, Trial(client))


def report(files: Iterable[OddFile], trial: Trial) -> int:
    """Send files and print what became of them; return the exit status."""
    print(f"{'file':52} {'end':9} {'seconds':>7} {'others':>7} {'MiB':>5}  complaints, or the message")
    seen, wrong = [], 0
    for file in files:
        one = trial.send(file)
        complaints = one.complaints(file)
        wrong += bool(complaints)
        seen.append(one)
        says = "; ".join(complaints).upper() + (f" {one.text!r}" if complaints else "") or one.messages
        figures = f"{one.seconds:7.1f} {one.bystander:7.1f} {one.peak >> 20:5}"
        print(f"{file.name[:52]:52} {one.status:9} {figures}  {says[:170]}", flush=True)
    longest, highest = (
        max((getattr(one, name) for one in seen), default=0) for name in ("bystander", "peak")
    )
    print(
        f"{len(seen)} files, {wrong} not as expected; nobody waited longer than {longest:.1f} s,"
        f" no process had more than {int(highest) >> 20} MiB"
    )
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
