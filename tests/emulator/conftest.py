"""Fixtures of the emulator's own tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.client import Client


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """A scripted service."""
    with Emulator(ocr=False) as running:
        yield running


@pytest.fixture
def client(emulator: Emulator) -> Iterator[Client]:
    """A signed-in client of it."""
    with Client(emulator) as signed_in:
        yield signed_in
