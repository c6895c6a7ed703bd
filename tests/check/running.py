"""Run the command against an emulator, and read its report."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from airflow_provider_asposeocr.check.__main__ import main
from airflow_provider_asposeocr.check.caller import MAX_CALLS
from airflow_provider_asposeocr.emulator.testing import CONNECTION_VARIABLE, Emulator


@dataclass
class Run:
    """Hold what a run has printed.

    :param status: the exit status.
    :param report: the JSON of the standard output; None if there is none.
    :param printed: all of both streams.
    """

    status: int
    report: dict[str, Any] | None
    printed: str

    @property
    def findings(self) -> dict[str, dict[str, Any]]:
        """The findings by the names of the unknowns."""
        assert self.report is not None
        return {finding["unknown"]: finding for finding in self.report["findings"]}

    def observed(self, verdict: str) -> dict[str, str]:
        """Return what was observed of each unknown with a verdict."""
        return {name: one["observed"] for name, one in self.findings.items() if one["verdict"] == verdict}


class Checker:
    """Run the command in this process, and hold it to its number of calls.

    :param monkeypatch: sets the connection.
    :param capsys: takes what is printed.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def connect(self, emulator: Emulator, **extra: object) -> None:
        """Make an emulator the default connection; ``extra`` is that of the connection."""
        connection = json.loads(emulator.connection_json()) | {"extra": extra}
        self._monkeypatch.setenv(CONNECTION_VARIABLE, json.dumps(connection))

    def run(self, emulator: Emulator, wait: str = "0", **extra: object) -> Run:
        """Check an emulator, without a question."""
        self.connect(emulator, **extra)
        before = emulator.calls.billed
        status, out, err = self.print("--yes", "--json", "--wait", wait)
        report = json.loads(out) if out else None
        assert emulator.calls.billed - before <= MAX_CALLS
        if report:
            # An emulator does not count what is sent to an address that it does not have.
            assert sum(report["billed_calls"].values()) >= emulator.calls.billed - before
        return Run(status, report, out + err)

    def print(self, *arguments: str) -> tuple[int, str, str]:
        """Run the command; return its exit status and what it prints on either stream."""
        self._capsys.readouterr()
        status = main(arguments)
        return status, *self._capsys.readouterr()
