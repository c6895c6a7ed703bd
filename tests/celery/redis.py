"""A Redis server of Debian's, or of any other make, on the loopback interface."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from dags_examples.demo.processes import LOOPBACK, end, free_port, spawn

PATIENCE = 20.0
"""Seconds that the server has to start."""


class NoRedisError(RuntimeError):
    """Say that there is no server on this machine."""


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """Run an empty server that keeps nothing on disk; yield its address.

    :raises NoRedisError: if none is installed.
    """
    program = shutil.which(os.environ.get("REDIS_SERVER") or "redis-server")
    if program is None:
        raise NoRedisError(
            "redis-server is needed; on Debian: apt-get install redis-server. REDIS_SERVER names it where it "
            "is another one."
        )
    port, password = free_port(), secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="redis-") as name:
        folder = Path(name)
        settings = folder / "redis.conf"
        # In a file, since arguments are seen by everyone.
        settings.write_text(
            f'bind {LOOPBACK}\nport {port}\nrequirepass {password}\nsave ""\nappendonly no\ndir {folder}\n'
        )
        settings.chmod(0o600)
        log = folder / "log"
        server = spawn([program, str(settings)], env=os.environ, cwd=folder, log=log)
        try:
            deadline = time.monotonic() + PATIENCE
            while "Ready to accept connections" not in log.read_text():
                if server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"Redis does not start:\n{log.read_text()[-2000:]}")
                time.sleep(0.1)
            yield f"redis://:{password}@{LOOPBACK}:{port}/0"
        finally:
            end([server])
