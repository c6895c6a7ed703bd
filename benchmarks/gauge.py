"""Tools of measured processes: of the standard library alone, since one of them has nothing else."""

from __future__ import annotations

import gc
import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Gauge:
    """Measure operations, as in ``with gauge: operation()``; what is in memory before them counts as idle."""

    def __init__(self) -> None:
        gc.collect()
        self._idle = _kilobytes("VmRSS")
        self._seconds: list[float] = []
        self._started = 0.0
        # From here on the system notes a new peak of resident memory.
        Path("/proc/self/clear_refs").write_text("5")

    def __enter__(self) -> None:
        """Begin an operation."""
        self._started = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        """End an operation."""
        self._seconds.append(time.perf_counter() - self._started)

    def report(self) -> dict[str, Any]:
        """Return what was measured."""
        peak = _kilobytes("VmHWM")
        return {
            "idle_mib": self._idle / 1024,
            "extra_mib": max(0, peak - self._idle) / 1024,
            "seconds": self._seconds,
        }

    def print_report(self) -> None:
        """Print what was measured as the last line of the output."""
        print(json.dumps(self.report()), flush=True)


def measure_submit(submit: Callable[[str], object], spec: dict[str, Any]) -> None:
    """Submit a small file, then the one to be measured, and print what that took.

    :param submit: takes a path or a URI.
    :param spec: what to do.
    """
    submit(spec["warm_up"])
    gauge = Gauge()
    for _ in range(spec["times"]):
        with gauge:
            submit(spec["target"])
    gauge.print_report()


def measure_fetch(fetch: Callable[[], object], spec: dict[str, Any]) -> None:
    """Fetch and store a small result, then the one to be measured, and print what that took.

    :param fetch: fetches and stores what the emulator answers.
    :param spec: what to do.
    """
    set_options(spec["emulator"], result_bytes=spec["warm_up_bytes"])
    fetch()
    set_options(spec["emulator"], result_bytes=spec["bytes"])
    gauge = Gauge()
    for _ in range(spec["times"]):
        with gauge:
            fetch()
    gauge.print_report()


def get_token(spec: dict[str, Any]) -> str:
    """Sign in at the emulator."""
    form = {
        "grant_type": "client_credentials",
        "client_id": spec["client_id"],
        "client_secret": spec["client_secret"],
    }
    data = urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(f"{spec['emulator']}/connect/token", data, timeout=30) as answer:
        token: str = json.load(answer)["access_token"]
    return token


def set_options(emulator: str, **options: Any) -> None:
    """Change switches of the emulator.

    :param emulator: its base address.
    :param options: the switches.
    """
    url = f"{emulator}/_emulator/options"
    request = urllib.request.Request(url, json.dumps(options).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=30).close()


def _kilobytes(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise LookupError(name)
