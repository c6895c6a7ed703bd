"""A PostgreSQL server of Debian's, or of any other make, on the loopback interface."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from dags_examples.demo.processes import LOOPBACK, free_port

PATIENCE = 60
"""Seconds that the server has to start or to stop."""


class NoPostgresError(RuntimeError):
    """Say that there is no server on this machine."""


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Run a server with an empty database; the end of its address, from the user's name on.

    :raises NoPostgresError: if none is installed.
    """
    programs = _programs()
    port, password = free_port(), secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        folder = Path(name)
        (folder / "password").write_text(password)
        # The server refuses to run as root.
        account = "nobody" if os.geteuid() == 0 else None
        if account:
            for path in (folder, folder / "password"):
                os.chown(path, pwd.getpwnam(account).pw_uid, pwd.getpwnam(account).pw_gid)
        with (folder / "log").open("wb") as log:
            subprocess.run(
                [
                    *(programs / "initdb", "--pgdata", folder / "data", "--username", "airflow"),
                    *("--auth", "scram-sha-256", "--pwfile", folder / "password", "--no-sync"),
                    *("--encoding", "UTF8", "--no-locale"),
                ],
                user=account,
                cwd=folder,
                stdout=log,
                stderr=log,
                check=True,
            )
            server = subprocess.Popen(
                [
                    *(programs / "postgres", "-D", folder / "data", "-p", str(port), "-k", folder),
                    *("-c", f"listen_addresses={LOOPBACK}", "-c", "fsync=off", "-c", "max_connections=200"),
                ],
                user=account,
                cwd=folder,
                stdout=log,
                stderr=log,
            )
        try:
            _wait_until_ready(programs, server, port, folder)
            yield f"airflow:{password}@{LOOPBACK}:{port}/postgres"
        finally:
            server.terminate()
            try:
                server.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _programs() -> Path:
    given = os.environ.get("POSTGRES_BIN")
    folders = [
        *sorted(Path("/usr/lib/postgresql").glob("*/bin")),
        # Of the wheel that make test-neighbours installs where there is no other.
        *sorted(Path(sys.prefix).glob("neighbours/postgresql/*/pginstall*/bin"), reverse=True),
    ]
    path = given or os.pathsep.join([os.environ.get("PATH", os.defpath), *map(str, folders)])
    found = shutil.which("initdb", path=path)
    if found is None:
        raise NoPostgresError(
            "PostgreSQL's initdb and postgres are needed; on Debian: apt-get install postgresql. "
            "POSTGRES_BIN names their folder where it is another one."
        )
    return Path(found).resolve().parent


def _wait_until_ready(programs: Path, server: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    end = time.monotonic() + PATIENCE
    command = [str(programs / "pg_isready"), "--quiet", "--host", LOOPBACK, "--port", str(port)]
    while subprocess.run(command, check=False).returncode:
        if server.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"PostgreSQL does not start:\n{(folder / 'log').read_text()[-2000:]}")
        time.sleep(0.1)
