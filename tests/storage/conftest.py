"""Fixtures of all tests of storage."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _fire_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_asposeocr.triggers.asposeocr.MIN_SECONDS", 0)
