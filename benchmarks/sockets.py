"""Count the connections of a server, from outside so that it costs the client nothing."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

_ESTABLISHED = "01"


class SocketWatch:
    """Counts open connections to a port of this machine, many times a second; use as a context manager.

    :param port: the port.
    :param every: seconds between two counts.
    """

    def __init__(self, port: int, every: float = 0.1) -> None:
        self.most = 0
        self._remote = f":{port:04X}"
        self._every = every
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        """Begin to count."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End counting."""
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(self._every):
            lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
            fields = (line.split(maxsplit=4) for line in lines)
            counted = sum(f[2].endswith(self._remote) and f[3] == _ESTABLISHED for f in fields)
            self.most = max(self.most, counted)
