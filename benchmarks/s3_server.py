"""moto's server of S3 as a process; it prints its address and serves until it is ended."""

from __future__ import annotations

import threading
from typing import Any

from moto.s3.models import FakeKey
from moto.server import ThreadedMotoServer


def keep_objects_in_memory() -> None:
    """Make a read of a range cost what the range does.

    moto reads the whole object from its file for every range of it: an object read in ranges would take a
    time that grows with the square of its size, and moto alone would be measured.
    """
    stored: Any = FakeKey.value

    def read(self: Any) -> bytes:
        if self.__dict__.get("kept") is None:
            self.kept = stored.fget(self)
        kept: bytes = self.kept
        return kept

    def write(self: Any, value: bytes) -> None:
        self.kept = None
        stored.fset(self, value)

    FakeKey.value = property(read, write)  # type: ignore[assignment]


def main() -> None:
    """Serve."""
    keep_objects_in_memory()
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    print(f"http://{host}:{port}", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
