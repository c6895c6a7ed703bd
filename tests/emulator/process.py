"""Start the emulator's console script as a process."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from collections.abc import Mapping
from types import MappingProxyType

COMMAND = (sys.executable, "-m", "airflow_provider_asposeocr.emulator", "--port", "0")


def start_emulator(
    *arguments: str, limits: Mapping[int, int] = MappingProxyType({})
) -> tuple[subprocess.Popen[str], str]:
    """Start the emulator on a free port.

    :param arguments: its command line, ``--no-ocr`` when there is none.
    :param limits: what the operating system allows the process, by the constants of :mod:`resource`.
    :return: the process and its base address.
    """

    def limit() -> None:
        for kind, most in limits.items():
            resource.setrlimit(kind, (most, most))

    process = subprocess.Popen(
        [*COMMAND, *(arguments or ("--no-ocr",))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit if limits else None,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.match(r"asposeocr-emulator at (http://[\d.:]+); ", line)
    assert found, (line, process.communicate())
    return process, found.group(1)
