"""Fixtures of the emulator tests."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.client import Client
from tests.emulator.hostile import sign_in


@pytest.fixture(scope="session")
def real() -> Iterator[Client]:
    """Return a client of a real emulator, which all tests of a process share: its engine loads slowly."""
    with Emulator(warm_up=True) as emulator, Client(emulator) as client:
        yield client


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """Run a scripted emulator."""
    with Emulator(ocr=False) as running:
        yield running


@pytest.fixture
def client(emulator: Emulator) -> Iterator[Client]:
    """Return a signed-in client of it."""
    with Client(emulator) as signed_in:
        yield signed_in


@pytest.fixture
def token(emulator: Emulator, caplog: pytest.LogCaptureFixture) -> Iterator[str]:
    """Return a valid token; check at the end that no error was logged."""
    with caplog.at_level(logging.WARNING):
        yield sign_in(emulator)
    unhandled = [record for record in caplog.records if record.levelno >= logging.ERROR or record.exc_info]
    assert unhandled == [], caplog.text
