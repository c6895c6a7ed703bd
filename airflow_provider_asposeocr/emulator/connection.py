"""The client's TCP connection: how much of it is taken, and the faults that no HTTP answer can express."""

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
"""Largest piece of data that is searched for the head of a request; a head may have twice as much."""

MAX_CONNECTIONS = 4_000
"""Open connections; fewer where the process may not open so many files."""

_STATE_KEY = "asposeocr_connection"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Connection:
    """Cut a connection in the ways that a network does.

    :param transport: the connection's transport.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    @property
    def is_gone(self) -> bool:
        """Whether nobody will see an answer any more."""
        return self._transport.is_closing()

    def reset(self) -> None:
        """Send a reset: the peer sees its request or its answer break off at once."""
        if not self.is_gone:
            connection: socket.socket = self._transport.get_extra_info("socket")
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()

    def close(self) -> None:
        """Send what has been written and end the connection, be the answer complete or not."""
        self._transport.close()


class ConnectionProtocol(H11Protocol):
    """The server's HTTP protocol; it lets each request reach its connection through the ASGI ``state``."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Note the new connection, and make room for it."""
        super().connection_made(transport)
        with contextlib.suppress(OSError):  # the peer may be gone already
            # asyncio does this only for sockets that name their protocol; else each answer is 40 ms late.
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state = {**self.app_state, _STATE_KEY: Connection(transport)}
        self._waiting_since = self.loop.time()
        if len(self.connections) > _max_connections():
            self._most_dispensable().abort()

    def data_received(self, data: bytes) -> None:
        """Take data, in small pieces as long as a head is to be found in them."""
        while len(data) > MAX_HEAD_BYTES and self.conn.their_state is h11.IDLE:
            super().data_received(data[:MAX_HEAD_BYTES])
            data = data[MAX_HEAD_BYTES:]
            if self.transport.is_closing():
                return
        super().data_received(data)

    def on_response_complete(self) -> None:
        """Note that the connection waits for its next request."""
        self._waiting_since = self.loop.time()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, unless an answer has begun already: then the connection ends."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()
        if self.cycle:
            # Else the request that this was a part of would be answered a second time.
            self.cycle.disconnected = True

    def abort(self) -> None:
        """End the connection without waiting for a request in progress."""
        self.transport.abort()

    def _most_dispensable(self) -> ConnectionProtocol:
        """Return the connection that has waited longest for the rest of a request, else this new one."""
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
    # The other half is for uploads and for all that the process does besides.
    return MAX_CONNECTIONS if files == resource.RLIM_INFINITY else min(MAX_CONNECTIONS, files // 2)


def connection_of(scope: Scope) -> Connection:
    """Return the connection that a request came by."""
    connection = scope["state"][_STATE_KEY]
    assert isinstance(connection, Connection)
    return connection


async def wait_until_gone(receive: Receive) -> None:
    """Wait until the server has noticed the end of the connection, so that it does not answer on it."""
    while (await receive())["type"] != "http.disconnect":
        pass
