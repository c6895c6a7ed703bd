"""Fixtures: real storage servers, and the Airflow connections to them. Each server runs once a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# The servers are loaded by the tests that need them: not every test runs where they are installed.
if TYPE_CHECKING:
    from tests.storage.stores import Store
    from tests.system.servers import S3Server, SftpServer


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """Return an S3 server."""
    from tests.system.servers import s3_server

    with s3_server() as server:
        yield server


@pytest.fixture(scope="session")
def sftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpServer]:
    """Return an SFTP server."""
    from tests.system.servers import sftp_server

    with sftp_server(tmp_path_factory.mktemp("sftp")) as server:
        yield server


@pytest.fixture
def s3_store(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Return an empty bucket; ``aws_default`` leads to it."""
    from tests.storage.stores import S3

    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", s3.connection())
    return S3(s3)


@pytest.fixture
def sftp_store(sftp: SftpServer, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Return an empty folder of the SFTP server; ``sftp_default`` leads to it."""
    from tests.storage.stores import Sftp

    monkeypatch.setenv("AIRFLOW_CONN_SFTP_DEFAULT", sftp.connection())
    return Sftp(sftp)


@pytest.fixture
def local_store(tmp_path: Path) -> Store:
    """Return an empty local folder."""
    from tests.storage.stores import Local

    return Local(tmp_path / "store")


@pytest.fixture(params=["local", "s3", "sftp"])
def store(request: pytest.FixtureRequest) -> Store:
    """Return each of them in turn."""
    found: Store = request.getfixturevalue(f"{request.param}_store")
    return found


@pytest.fixture(params=["s3", "sftp"])
def remote(request: pytest.FixtureRequest) -> Store:
    """Return each of those that are reached over a network."""
    found: Store = request.getfixturevalue(f"{request.param}_store")
    return found
