"""Servers of storages, beside those of the system tests: Azurite for Azure, and an emulator of Google's."""

from __future__ import annotations

import secrets
import shutil
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import requests
from azure.storage.blob import ContainerClient

from dags_examples.demo.processes import LOOPBACK, clean_environment, end, free_port, spawn

PLACE = Path(sys.prefix) / "neighbours"
"""Where ``make test-neighbours`` installs what is not in the environment of the tests."""

GOOGLE_PYTHON = PLACE / "google" / "bin" / "python"
"""Interpreter of the environment that has Airflow with the provider of Google, and the emulator of GCS."""

PATIENCE = 30.0
"""Seconds that a server has to start."""

ACCOUNT, CONTAINER = "neighbours", "scans"
"""The storage account at Azurite; the container, or the bucket, that the examples take by default."""


class MissingServerError(RuntimeError):
    """Say which server is not installed, and what installs it."""


class Storage(Protocol):
    """A running server with one container, and what an Airflow needs to reach it.

    ``conn_id`` and ``connection`` are those of Airflow, ``env`` are further variables of its processes,
    ``python`` is the interpreter of the environment that has its provider, and ``secrets`` are in no log.
    """

    conn_id: str
    connection: Mapping[str, Any]
    env: Mapping[str, str]
    python: Path
    secrets: Sequence[str]

    def put(self, name: str, content: bytes) -> None:
        """Store an object."""

    def objects(self) -> dict[str, bytes]:
        """Return all objects by their names."""


class Azurite:
    """A container of Azurite.

    :param url: the address of the account.
    :param key: its key.
    """

    conn_id = "wasb_default"
    python = Path(sys.executable)

    def __init__(self, url: str, key: str) -> None:
        self.env: Mapping[str, str] = {}
        text = f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={key};BlobEndpoint={url};"
        self.connection: Mapping[str, Any] = {"conn_type": "wasb", "extra": {"connection_string": text}}
        self.secrets: Sequence[str] = (key,)
        self._container = ContainerClient.from_connection_string(text, CONTAINER)
        self._container.create_container()

    def put(self, name: str, content: bytes) -> None:
        self._container.upload_blob(name, content)

    def objects(self) -> dict[str, bytes]:
        names = list(self._container.list_blob_names())
        return {name: self._container.download_blob(name).readall() for name in names}


class GoogleStorage:
    """A bucket of an emulator of Google Cloud Storage.

    Google's provider has no option for another address of the service: its hook takes it from
    ``STORAGE_EMULATOR_HOST`` alone, which gcsfs knows, too.

    :param url: the address of the emulator.
    """

    conn_id = "google_cloud_default"
    python = GOOGLE_PYTHON

    def __init__(self, url: str) -> None:
        self.secrets: Sequence[str] = ()
        extra = {"is_anonymous": True, "project": "neighbours"}
        self.connection: Mapping[str, Any] = {"conn_type": "google_cloud_platform", "extra": extra}
        # Without the second one, gcsfs asks for the kind of bucket by gRPC, which the emulator does not have.
        self.env: Mapping[str, str] = {
            "STORAGE_EMULATOR_HOST": url,
            "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
        }
        self._url = url
        self._call("POST", "/storage/v1/b", json={"name": CONTAINER})

    def put(self, name: str, content: bytes) -> None:
        query = {"uploadType": "media", "name": name}
        self._call("POST", f"/upload/storage/v1/b/{CONTAINER}/o", params=query, data=content)

    def objects(self) -> dict[str, bytes]:
        listed = self._call("GET", f"/storage/v1/b/{CONTAINER}/o").json().get("items", [])
        path = f"/download/storage/v1/b/{CONTAINER}/o"
        names = [entry["name"] for entry in listed]
        return {name: self._call("GET", f"{path}/{quote(name, safe='')}?alt=media").content for name in names}

    def _call(self, method: str, path: str, **more: Any) -> requests.Response:
        reply = requests.request(method, f"{self._url}{path}", timeout=PATIENCE, **more)
        reply.raise_for_status()
        return reply


@contextmanager
def azurite() -> Iterator[Storage]:
    """Run Azure's Blob Storage as Azurite has it, in memory, with an account of its own.

    :raises MissingServerError: if Azurite or Node.js is not installed.
    """
    program = PLACE / "azurite" / "node_modules" / ".bin" / "azurite-blob"
    if not program.exists() or not shutil.which("node"):
        raise MissingServerError("Azurite is missing: make test-neighbours installs it where there is npm")
    key, port = b64encode(secrets.token_bytes(64)).decode(), free_port()
    options = ("--silent", "--disableTelemetry", "--skipApiVersionCheck", "--inMemoryPersistence")
    command = [str(program), *options, "--blobHost", LOOPBACK, "--blobPort", str(port)]
    # In the environment, since arguments are seen by everyone.
    with _server(command, "successfully listens", AZURITE_ACCOUNTS=f"{ACCOUNT}:{key}"):
        yield Azurite(f"http://{LOOPBACK}:{port}/{ACCOUNT}", key)


@contextmanager
def google_storage() -> Iterator[Storage]:
    """Run an emulator of Google Cloud Storage, in memory.

    :raises MissingServerError: if it is not installed.
    """
    if not GOOGLE_PYTHON.exists():
        raise MissingServerError("the emulator of GCS is missing: make test-neighbours installs it")
    port = free_port()
    options = ("--host", LOOPBACK, "--port", str(port), "--in-memory")
    command = [str(GOOGLE_PYTHON), "-m", "gcp_storage_emulator", "start", *options]
    with _server(command, "All services started"):
        yield GoogleStorage(f"http://{LOOPBACK}:{port}")


@contextmanager
def _server(command: Sequence[str], ready: str, **env: str) -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="neighbour-") as name:
        folder = Path(name)
        log = folder / "log"
        server = spawn(command, env=clean_environment() | env, cwd=folder, log=log)
        try:
            deadline = time.monotonic() + PATIENCE
            while ready not in log.read_text():
                if server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{command[0]} does not start:\n{log.read_text()[-2000:]}")
                time.sleep(0.1)
            yield
        finally:
            end([server])
