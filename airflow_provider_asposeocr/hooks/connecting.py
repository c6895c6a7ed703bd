"""Connections made within a time that counts for all of it.

The clients have one time for each address of a host, and none for the look-up of its name.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Iterable
from typing import Any

CONNECT_TIMEOUT = 10.0
"""Seconds that a connection may take to be made."""


def connect(host: str, port: int, seconds: float, options: Iterable[tuple[Any, ...]] = ()) -> socket.socket:
    """Connect to the first address of a host that answers.

    :param host: its name or address.
    :param port: the port.
    :param seconds: how long it may take with all addresses together.
    :param options: of the socket, for ``setsockopt``.
    :raises TimeoutError: if that does not do.
    :raises OSError: if no address can be connected to; ``socket.gaierror`` if there is none.
    """
    end = time.monotonic() + seconds
    failed: OSError | None = None
    for family, kind, protocol, _, address in _addresses(host, port, seconds):
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError("no connection in time")
        try:
            connection = socket.socket(family, kind, protocol)
        except OSError as error:
            failed = error
            continue
        try:
            for option in options:
                connection.setsockopt(*option)
            connection.settimeout(left)
            connection.connect(address)
            return connection
        except OSError as error:
            connection.close()
            failed = error
    raise failed or OSError("the host has no address")


def _addresses(host: str, port: int, seconds: float) -> list[Any]:
    found: queue.SimpleQueue[list[Any] | OSError | UnicodeError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found.put(socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            found.put(error)

    # In a thread that is left behind: a look-up cannot be ended, and may take minutes.
    threading.Thread(target=look_up, name="asposeocr-look-up", daemon=True).start()
    try:
        answer = found.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError("the name was not found in time") from None
    if isinstance(answer, UnicodeError):
        raise OSError("the name of the host is none") from None
    if isinstance(answer, OSError):
        raise answer
    return answer
