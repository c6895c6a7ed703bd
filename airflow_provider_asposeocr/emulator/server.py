"""HTTP server of the emulator: uvicorn in a thread, started and stopped within milliseconds."""

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
"""Connections accepted in one go, before the first of them can make room for the others."""

_KEEP_ALIVE_SECONDS = 75


class ServerThread:
    """Serve an ASGI application from a thread.

    :param app: the application.
    :param host: the address to listen on.
    :param port: the port to listen on; 0 picks a free one.
    """

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        self._app = app
        # Bound here and not in the thread, so that a port in use raises where the emulator is started.
        self._socket = socket.create_server((host, port), backlog=_WAITING_CONNECTIONS)
        self.host, self.port = self._socket.getsockname()[:2]
        self._server: _Server | None = None
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="asposeocr-emulator", daemon=True)

    def start(self) -> None:
        """Start serving; return once requests are answered."""
        self._thread.start()
        self._started.wait()
        if self._server is None:
            raise RuntimeError("the server's thread has ended")
        # asyncio uses one number for both backlogs and has lowered this one.
        self._socket.listen(_WAITING_CONNECTIONS)

    def stop(self) -> None:
        """Close all connections, whatever they are doing, and end the thread."""
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
            # Headers that claim another client address are never trusted, with or without a proxy.
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
    """uvicorn server that stops at once instead of at its next tick, and does not wait for its clients."""

    def __init__(self, config: uvicorn.Config, started: threading.Event) -> None:
        super().__init__(config)
        self._on_started = started
        self._loop = asyncio.get_running_loop()
        self._stop_requested = asyncio.Event()

    def stop(self) -> None:
        """Request the end from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop may have ended already
            self._loop.call_soon_threadsafe(self._stop_requested.set)

    async def main_loop(self) -> None:
        """Serve until the end is requested."""
        await self.on_tick(0)
        self._on_started.set()
        await self._stop_requested.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close all connections and cancel the requests in progress on them."""
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
