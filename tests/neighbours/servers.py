"""Servers of storages, beside those of the system tests: Azurite for Azure, and an emulator of Google's."""

from __future__ import annotations

import secrets
import shutil
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dags_examples.demo.processes import LOOPBACK, clean_environment, end, free_port, spawn

PLACE = Path(sys.prefix) / "neighbours"
"""Where ``make test-neighbours`` installs what is not in the environment of the tests."""

GOOGLE_PYTHON = PLACE / "google" / "bin" / "python"
"""Interpreter of the environment that has Airflow with the provider of Google, and the emulator of GCS."""

PATIENCE = 30.0
"""Seconds that a server has to start."""

ACCOUNT = "neighbours"
"""The storage account at Azurite."""


class MissingServerError(RuntimeError):
    """Say which server is not installed, and what installs it."""


@contextmanager
def azurite() -> Iterator[str]:
    """Run Azure's Blob Storage as Azurite has it, with one account; yield its connection string.

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
        yield (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={key};"
            f"BlobEndpoint=http://{LOOPBACK}:{port}/{ACCOUNT};"
        )


@contextmanager
def google_storage() -> Iterator[str]:
    """Run an emulator of Google Cloud Storage that keeps its objects in memory; yield its address.

    :raises MissingServerError: if it is not installed.
    """
    if not GOOGLE_PYTHON.exists():
        raise MissingServerError("the emulator of GCS is missing: make test-neighbours installs it")
    port = free_port()
    options = ("--host", LOOPBACK, "--port", str(port), "--in-memory")
    command = [str(GOOGLE_PYTHON), "-m", "gcp_storage_emulator", "start", *options]
    with _server(command, "All services started"):
        yield f"http://{LOOPBACK}:{port}"


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
