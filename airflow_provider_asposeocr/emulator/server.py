"""The emulator's HTTP server: uvicorn on an event loop in a thread, started and stopped in milliseconds."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading

import uvicorn
from starlette.types import ASGIApp

from airflow_provider_asposeocr.emulator.connection import ConnectionProtocol

_STOP_SECONDS = 0.5
_WAITING_CONNECTIONS = 512
_ACCEPTED_AT_ONCE = 8
"""Connections that are taken before the first of them is looked at, and can make room for the others."""

_KEEP_ALIVE_SECONDS = 75


class ServerThread:
    """Serve an application from a thread.

    :param app: the ASGI application.
    :param host: the address to listen on.
    :param port: the port to listen on; 0 picks a free one.
    """

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        self._app = app
        # Bound here and not in the thread: a port in use is an exception where the emulator is started.
        self._socket = socket.create_server((host, port), backlog=_WAITING_CONNECTIONS)
        self.host, self.port = self._socket.getsockname()[:2]
        self._server: _Server | None = None
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="asposeocr-emulator", daemon=True)

    def start(self) -> None:
        """Start serving; return when requests are answered."""
        self._thread.start()
        self._started.wait()
        if self._server is None:
            raise RuntimeError("the server's thread has ended")
        # asyncio has one number for both, and has set it for its own purpose.
        self._socket.listen(_WAITING_CONNECTIONS)

    def stop(self) -> None:
        """End all connections, whatever they are doing, and the thread."""
        if self._server:
            self._server.stop()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._started.set()

    async def _serve(self) -> None:
        config = uvicorn.Config(
            self._app,
            http=ConnectionProtocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            # Behind a proxy or not, what a header says of the client is not to be believed.
            proxy_headers=False,
            workers=1,
            backlog=_ACCEPTED_AT_ONCE,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            date_header=False,
            server_header=False,
        )
        self._server = _Server(config, self._started)
        await self._server.serve(sockets=[self._socket])


class _Server(uvicorn.Server):
    """A uvicorn server that stops when told, not at its next tick, and does not wait for its clients."""

    def __init__(self, config: uvicorn.Config, started: threading.Event) -> None:
        super().__init__(config)
        self._on_started = started
        self._loop = asyncio.get_running_loop()
        self._stop_requested = asyncio.Event()

    def stop(self) -> None:
        """Ask for the end, from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop may have ended by itself
            self._loop.call_soon_threadsafe(self._stop_requested.set)

    async def main_loop(self) -> None:
        """Serve until the end is asked for."""
        await self.on_tick(0)
        self._on_started.set()
        await self._stop_requested.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End all connections and the requests that are in progress on them."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            if isinstance(connection, ConnectionProtocol):
                connection.abort()
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP_SECONDS)
