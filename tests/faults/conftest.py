"""The report of the faults that were played."""

from __future__ import annotations

import pytest

from tests.faults.playing import HEADING

PLAYED: list[str] = []
"""A line for each fault and way of running."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what has come of each fault."""
    if PLAYED:
        terminalreporter.section("faults")
        for line in (HEADING, *PLAYED):
            terminalreporter.line(line)
