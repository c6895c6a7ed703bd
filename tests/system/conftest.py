"""A real Airflow and an emulator with real recognition: they start and end once for all system tests."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_asposeocr.emulator.testing import Emulator
from dags_examples.demo.local_airflow import LocalAirflow
from tests.system.servers import S3Server, SftpServer, s3_server, sftp_server

ROOT = Path(__file__).parents[2]
SECRET = "secret-of-the-system-test-4711"
HAS_STATE_STORE = (3, 3)
"""The release of Airflow from which on it keeps the records of submissions itself."""


@pytest.fixture(scope="package")
def airflow_python() -> Path:
    """Return the interpreter whose Airflow the tests of crashes run, ``AIRFLOW_PYTHON`` or this one."""
    return Path(os.environ.get("AIRFLOW_PYTHON") or sys.executable)


@pytest.fixture(scope="package")
def service() -> Iterator[Emulator]:
    with Emulator(client_secret=SECRET, min_processing_seconds=4) as running:
        yield running


@pytest.fixture(scope="package")
def s3() -> Iterator[S3Server]:
    """Return what the connection ``aws_default`` of the local Airflow leads to."""
    with s3_server() as running:
        yield running


@pytest.fixture(scope="package")
def sftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpServer]:
    """Return what the connection ``sftp_default`` of the local Airflow leads to."""
    with sftp_server(tmp_path_factory.mktemp("sftp")) as running:
        yield running


@pytest.fixture(scope="package")
def airflow(
    service: Emulator, s3: S3Server, sftp: SftpServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalAirflow]:
    folder = tmp_path_factory.mktemp("dags")
    for path in (*(ROOT / "dags_examples").glob("*.py"), *(ROOT / "tests" / "system" / "dags").glob("*.py")):
        shutil.copy(path, folder)
    connections = {
        "asposeocr_default": service.connection_json(),
        "aws_default": s3.connection(),
        "sftp_default": sftp.connection(),
    }
    # No DAG of the tests has a schedule but that which waits for an asset. No file of them changes: to parse
    # them every few seconds, and to look ten times a second for what is due, takes a third of a processor.
    env = {
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "True",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
        "AIRFLOW__SCHEDULER__MIN_FILE_PROCESS_INTERVAL": "600",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
    }
    with LocalAirflow(folder, connections=connections, env=env) as running:
        running.start()
        running.wait_until_parsed(
            "asposeocr_quickstart", "asposeocr_submit_and_wait", "eight_waiting", "trial"
        )
        yield running
