"""Real storage servers, and the Airflow connections to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage.stores import S3, Local, Sftp, Store
from tests.system.servers import S3Server, SftpServer, s3_server, sftp_server


@pytest.fixture(autouse=True)
def _fire_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_asposeocr.triggers.asposeocr.LEAST_SECONDS", 0)


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """An S3 server."""
    with s3_server() as server:
        yield server


@pytest.fixture(scope="session")
def sftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpServer]:
    """An SFTP server."""
    with sftp_server(tmp_path_factory.mktemp("sftp")) as server:
        yield server


@pytest.fixture
def s3_store(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty bucket; ``aws_default`` leads to it."""
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", s3.connection())
    return S3(s3)


@pytest.fixture
def sftp_store(sftp: SftpServer, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty folder of the SFTP server; ``sftp_default`` leads to it."""
    monkeypatch.setenv("AIRFLOW_CONN_SFTP_DEFAULT", sftp.connection())
    return Sftp(sftp)


@pytest.fixture
def local_store(tmp_path: Path) -> Store:
    """An empty local folder."""
    return Local(tmp_path / "store")


@pytest.fixture(params=["local", "s3", "sftp"])
def store(request: pytest.FixtureRequest) -> Store:
    """Each of them in turn."""
    found: Store = request.getfixturevalue(f"{request.param}_store")
    return found


@pytest.fixture(params=["s3", "sftp"])
def remote(request: pytest.FixtureRequest) -> Store:
    """Each of those that are reached over a network."""
    found: Store = request.getfixturevalue(f"{request.param}_store")
    return found
