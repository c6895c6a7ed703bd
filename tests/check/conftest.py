"""Fixtures of the tests of the command."""

from __future__ import annotations

import pytest

from tests.check.running import Checker


@pytest.fixture
def checker(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Checker:
    """Return what runs the command."""
    return Checker(monkeypatch, capsys)
