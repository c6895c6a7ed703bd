"""The client's TCP connection, for the faults that no HTTP answer can express."""

from __future__ import annotations

import asyncio
import socket
import struct

from starlette.types import Receive, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

_STATE_KEY = "asposeocr_connection"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Connection:
    """Cut a connection in the ways that a network does.

    :param transport: the connection's transport.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def reset(self) -> None:
        """Send a reset: the peer sees its request or its answer break off at once."""
        connection: socket.socket = self._transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()

    def close(self) -> None:
        """Send what has been written and end the connection, be the answer complete or not."""
        self._transport.close()


class ConnectionProtocol(H11Protocol):
    """The server's HTTP protocol; it lets each request reach its connection through the ASGI ``state``."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Note the new connection."""
        super().connection_made(transport)
        # asyncio does this only for sockets that name their protocol; without it each answer is 40 ms late.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state = {**self.app_state, _STATE_KEY: Connection(transport)}

    def abort(self) -> None:
        """End the connection without waiting for a request in progress."""
        self.transport.abort()


def connection_of(scope: Scope) -> Connection:
    """Return the connection that a request came by."""
    connection = scope["state"][_STATE_KEY]
    assert isinstance(connection, Connection)
    return connection


async def wait_until_gone(receive: Receive) -> None:
    """Wait until the server has noticed the end of the connection, so that it does not answer on it."""
    while (await receive())["type"] != "http.disconnect":
        pass
