"""Fixtures for operators."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.batch.support import images


@pytest.fixture(autouse=True)
def _events_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a scheduler there is no report of a worker to wait for."""
    monkeypatch.setattr("airflow_provider_asposeocr.triggers.asposeocr.MIN_SECONDS", 0)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """Return a folder with twelve images."""
    images(tmp_path / "in", 12)
    return tmp_path / "in"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"
