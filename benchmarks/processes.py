"""The processes of a benchmark: the emulator, and the client that is measured, each one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.about import REPOSITORY

CONNECTION = "AIRFLOW_CONN_ASPOSEOCR_DEFAULT"


class Service:
    """An emulator in a process of its own.

    :param service: how long OCR tasks take, as :mod:`.emulator` has it.
    :param options: of the emulator.
    """

    def __init__(self, service: Any, **options: Any) -> None:
        self._spec = {"service": service, "options": options}
        self._process: subprocess.Popen[str] | None = None
        self.connection: dict[str, str] = {}

    def __enter__(self) -> Self:
        """Start it; return when it answers."""
        self._process = subprocess.Popen(
            _command("emulator", self._spec),
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.connection = self._read()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it."""
        assert self._process is not None
        self._process.communicate()

    @property
    def url(self) -> str:
        """Its base address."""
        return self.connection["host"]

    @property
    def port(self) -> int:
        """Its port."""
        return int(self.url.rpartition(":")[2])

    def seen(self, **question: Any) -> dict[str, Any]:
        """Return what it has seen so far.

        :param question: ``ocr_tasks`` for times and calls of each, ``between`` two moments for its polls.
        """
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the emulator has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Return the environment of a measured process.

    :param folder: a directory for Airflow's files.
    :param more: further variables.
    """
    # What processes of one host share must not be that of other runs.
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    return {
        **os.environ,
        "TMPDIR": str(temporary),
        "PYTHONPATH": str(REPOSITORY),
        "NO_PROXY": "127.0.0.1",
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        **more,
    }


def start(module: str, spec: dict[str, Any], variables: dict[str, str]) -> subprocess.Popen[str]:
    """Start a measured process.

    :param module: of this package.
    :param spec: what it is to do.
    :param variables: its environment.
    """
    return subprocess.Popen(
        _command(module, spec),
        cwd=REPOSITORY,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def report(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a measured process, and return the JSON in the last line of its output.

    :param process: from :func:`start`.
    """
    output, errors = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{process.args!r} failed:\n{output}{errors}")
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


def _command(module: str, spec: dict[str, Any]) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.{module}", json.dumps(spec)]
