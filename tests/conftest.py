"""Fixtures for all tests: a private Airflow home, and emulators on free ports."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path
from typing import Any

# Before anything imports Airflow, which reads its configuration then.
_HOME = tempfile.TemporaryDirectory(prefix="airflow-home-")
os.environ["AIRFLOW_HOME"] = _HOME.name
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "INFO"

from collections.abc import Iterator

import pytest
from PIL import Image

from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.hooks import auth, connection, host
from airflow_provider_asposeocr.hooks.latency_store import KeptLatencyModels
from tests.storage.fixtures import local_store, remote, s3, s3_store, sftp, sftp_store, store

__all__ = ["local_store", "remote", "s3", "s3_store", "sftp", "sftp_store", "store"]
CONTRACT = Path(__file__).parent / "contract"
"""The API as data: see its README."""

SYSTEM = "tests/system/"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the real Airflow, which takes the longest."""
    items.sort(key=lambda item: not item.nodeid.startswith(SYSTEM))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let tests that share fixtures run in one process: those of a file, and all with the real Airflow."""
    from xdist.scheduler import LoadScopeScheduling

    class SharingScheduling(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return SYSTEM if nodeid.startswith(SYSTEM) else nodeid.partition("::")[0]

    return SharingScheduling(config, log)


@pytest.fixture(autouse=True)
def _nothing_remembered(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Let tests share neither tokens nor what is known of rejected credentials or of completion times."""
    folder = tmp_path_factory.mktemp("host")
    monkeypatch.setattr(host, "folder", lambda: folder)
    monkeypatch.setattr(connection, "LATENCY_MODELS", KeptLatencyModels())
    auth.forget_all()
    yield
    auth.forget_all()


@pytest.fixture(scope="session")
def contract() -> Path:
    """Return the folder with the contract of the API."""
    return CONTRACT


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """Start a service that completes every OCR task at once with scripted text, as default connection."""
    with Emulator(ocr=False) as running:
        monkeypatch.setenv("AIRFLOW_CONN_ASPOSEOCR_DEFAULT", running.connection_json())
        yield running


@pytest.fixture
def png() -> bytes:
    """Return a small image."""
    stream = io.BytesIO()
    Image.new("L", (120, 40), 255).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def scan(tmp_path: Path, png: bytes) -> Path:
    """Return a small image in a file."""
    path = tmp_path / "scan.png"
    path.write_bytes(png)
    return path
