"""Start the emulator's console script as a process."""

from __future__ import annotations

import re
import subprocess
import sys


def start_emulator(*arguments: str) -> tuple[subprocess.Popen[str], str]:
    """Start the emulator on a free port.

    :param arguments: its command line, ``--no-ocr`` when there is none.
    :return: the process and its base address.
    """
    command = [sys.executable, "-m", "airflow_provider_asposeocr.emulator", "--port", "0"]
    process = subprocess.Popen(
        [*command, *(arguments or ("--no-ocr",))], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.match(r"asposeocr-emulator at (http://[\d.:]+); ", line)
    assert found, (line, process.communicate())
    return process, found.group(1)
