"""TCP connections of clients: limits on number and input, and faults below the level of HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import struct

import h11
from starlette.types import Receive, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_HEAD_BYTES = 1 << 14
"""Maximum size of a piece of data that is parsed for a request head; a head may be twice as long."""

MAX_CONNECTIONS = 4_000
"""Open connections; fewer where the process may not open as many files."""

_STATE_KEY = "asposeocr_connection"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Connection:
    """Break a connection the way a network does.

    :param transport: the transport of the connection.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    @property
    def is_gone(self) -> bool:
        """True once no response can reach the client any more."""
        return self._transport.is_closing()

    def reset(self) -> None:
        """Send a reset: the client sees its request or its response break off at once."""
        if not self.is_gone:
            connection: socket.socket = self._transport.get_extra_info("socket")
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()

    def close(self) -> None:
        """Send the data written so far and close the connection, even if the response is incomplete."""
        self._transport.close()


class ConnectionProtocol(H11Protocol):
    """HTTP protocol of the server, which gives each request its connection through the ASGI ``state``."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Register the new connection and make room for it."""
        super().connection_made(transport)
        with contextlib.suppress(OSError):  # the client may be gone already
            # asyncio does this only for sockets that name their protocol; else each response is 40 ms late.
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state = {**self.app_state, _STATE_KEY: Connection(transport)}
        self._waiting_since = self.loop.time()
        if len(self.connections) > _max_connections():
            self._most_dispensable().abort()

    def data_received(self, data: bytes) -> None:
        """Pass data on, in small pieces while a request head is expected."""
        while len(data) > MAX_HEAD_BYTES and self.conn.their_state is h11.IDLE:
            super().data_received(data[:MAX_HEAD_BYTES])
            data = data[MAX_HEAD_BYTES:]
            if self.transport.is_closing():
                return
        super().data_received(data)

    def on_response_complete(self) -> None:
        """Note the time from which the connection waits for its next request."""
        self._waiting_since = self.loop.time()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Respond to invalid HTTP; close the connection instead if a response has already begun."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()
        if self.cycle:
            # Otherwise the request that this was part of would be answered a second time.
            self.cycle.disconnected = True

    def abort(self) -> None:
        """Close the connection without waiting for a request in progress."""
        self.transport.abort()

    def _most_dispensable(self) -> ConnectionProtocol:
        """Return the connection that has waited longest for the rest of a request, or else this new one."""
        others = [
            other
            for other in self.connections
            if isinstance(other, ConnectionProtocol)
            and other is not self
            and not other.transport.is_closing()
        ]
        for state in (h11.IDLE, h11.SEND_BODY):
            waiting = [other for other in others if other.conn.their_state is state]
            if waiting:
                return min(waiting, key=lambda other: other._waiting_since)
        return self


def _max_connections() -> int:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    # The other half is for uploads and everything else that the process opens.
    return MAX_CONNECTIONS if files == resource.RLIM_INFINITY else min(MAX_CONNECTIONS, files // 2)


def connection_of(scope: Scope) -> Connection:
    """Return the connection of a request."""
    connection = scope["state"][_STATE_KEY]
    assert isinstance(connection, Connection)
    return connection


async def wait_until_gone(receive: Receive) -> None:
    """Wait until the server has noticed that the connection is closed, so that it sends nothing on it."""
    while (await receive())["type"] != "http.disconnect":
        pass
