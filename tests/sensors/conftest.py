"""Fixtures for sensors."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _events_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a scheduler there is no report of a worker to wait for."""
    monkeypatch.setattr("airflow_provider_asposeocr.triggers.asposeocr.MIN_SECONDS", 0)
