"""A real Airflow and an emulator with real recognition, started once for all system tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_asposeocr.emulator.testing import Emulator
from dags_examples.demo.local_airflow import LocalAirflow

ROOT = Path(__file__).parents[2]
SECRET = "secret-of-the-system-test-4711"


@pytest.fixture(scope="session")
def service() -> Iterator[Emulator]:
    with Emulator(client_secret=SECRET, min_processing_seconds=4) as running:
        yield running


@pytest.fixture(scope="session")
def airflow(service: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAirflow]:
    folder = tmp_path_factory.mktemp("dags")
    for path in (*(ROOT / "dags_examples").glob("*.py"), *(ROOT / "tests" / "system" / "dags").glob("*.py")):
        shutil.copy(path, folder)
    connections = {"asposeocr_default": service.connection_json()}
    with LocalAirflow(folder, connections=connections) as running:
        running.start()
        running.wait_until_parsed(
            "asposeocr_quickstart", "asposeocr_submit_and_wait", "eight_waiting", "trial"
        )
        yield running
