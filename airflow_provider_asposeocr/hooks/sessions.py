"""Sessions of both clients, which take nothing from the environment and end what takes too long or too much.

The timeouts of ``requests`` begin anew with every byte, and with every address of a host, so a service that
sends a byte a second, or nothing but ``100 Continue``, would be waited for without end.

A triggerer waits for thousands of tasks on one event loop: they share one session of ``aiohttp`` for each
connection, which is looked up once and closed with its last user.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import logging
import math
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextvars import ContextVar
from dataclasses import dataclass, field
from http.client import HTTPResponse
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import aiohttp
import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from airflow_provider_asposeocr.api.exceptions import AsposeOcrAuthError
from airflow_provider_asposeocr.hooks.connection import ConnectionConfig
from airflow_provider_asposeocr.hooks.exchange import ExchangeLimit

CONNECT_TIMEOUT = 10.0
"""Seconds that a connection may take to be made."""

MAX_CONNECTIONS = 100
"""Sockets of a shared session at most; what is more waits for its turn."""

REREAD = 300.0
"""Seconds after which newcomers look the connection up again: its secret may have been changed."""


_LIMIT: ContextVar[ExchangeLimit | None] = ContextVar("asposeocr_limit", default=None)
# Some systems know other options than Linux does.
_SOCKET_OPTIONS = [
    *HTTPConnection.default_socket_options,
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in {"TCP_KEEPIDLE": 120, "TCP_KEEPINTVL": 30, "TCP_KEEPCNT": 20}.items()
        if hasattr(socket, name)
    ),
]

for _name in ("urllib3.connection", "urllib3.connectionpool"):
    # What it says of our exchanges names addresses, and so the ids of tasks.
    logging.getLogger(_name).addFilter(lambda record: _LIMIT.get() is None)


def new_session() -> requests.Session:
    """Make a session that keeps connections alive and takes nothing from the environment or from cookies."""
    session = _Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = _Adapter()
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


@contextlib.contextmanager
def within(limit: ExchangeLimit) -> Iterator[None]:
    """Hold what sessions of ``requests`` read inside the block to the limit of one exchange.

    :param limit: how long it may take.
    """
    token = _LIMIT.set(limit)
    try:
        yield
    finally:
        _LIMIT.reset(token)


class _Session(requests.Session):
    """A session that follows no redirect, whoever uses it: the token would travel along."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


class _Adapter(HTTPAdapter):
    """Makes pools whose connections hold to the limit of an exchange."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


class _LimitedStream(io.RawIOBase):
    """Reads from a socket, as long as the limit of the exchange allows it."""

    def __init__(self, connection: socket.socket, stream: io.RawIOBase, limit: ExchangeLimit) -> None:
        self._connection = connection
        # The socket stays open until this is closed, also where its connection lets go of it before.
        self._stream = stream
        self._limit = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._limit.left
        if left <= 0:
            raise TimeoutError("the time limit of the exchange has passed")
        self._connection.settimeout(min(left, self._limit.seconds))
        size: int | None = self._stream.readinto(buffer)
        self._limit.read(size or 0)
        return size

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Response(HTTPResponse):
    """A response, be it the service's or a proxy's to CONNECT, whose status, headers and body are limited."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        if limit := _LIMIT.get():
            self.fp = io.BufferedReader(_LimitedStream(sock, self.fp.detach(), limit))


class _Connection(HTTPConnection):
    """Connects within one time, look-up and all addresses included, and keeps alive through firewalls."""

    response_class = _Response

    def _new_conn(self) -> socket.socket:
        self.socket_options = _SOCKET_OPTIONS
        made: Future[socket.socket] = Future()
        # In a thread that may be left behind: a look-up cannot be ended, and may take minutes.
        threading.Thread(target=_fulfil, args=(made, super()._new_conn), daemon=True).start()
        try:
            return made.result(self.timeout if isinstance(self.timeout, int | float) else CONNECT_TIMEOUT)
        except TimeoutError:
            made.add_done_callback(_drop)
            raise urllib3.exceptions.ConnectTimeoutError(self, "no connection in time") from None


def _fulfil(made: Future[socket.socket], connect: Callable[[], socket.socket]) -> None:
    try:
        made.set_result(connect())
    except Exception as error:
        made.set_exception(error)


def _drop(made: Future[socket.socket]) -> None:
    if made.exception() is None:
        made.result().close()


class _TlsConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS = {"http": _Pool, "https": _TlsPool}


@dataclass(slots=True)
class SharedSession:
    """A session of ``aiohttp`` in use.

    :param config: the connection that it was made for.
    :param session: the session.
    :param proxy_for: finds the proxy of an address; kept, since to search the environment takes longer than a
        poll.
    :param places: taken by each exchange, so that none waits for a socket on its own time.
    :param users: how many use it.
    """

    config: ConnectionConfig
    session: aiohttp.ClientSession
    proxy_for: Callable[[str], str | None]
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_CONNECTIONS))
    users: int = 0


@dataclass(slots=True)
class _Place:
    """Shared by those who use one connection on one event loop, for as long as there is one of them."""

    current: SharedSession | None = None
    read_at: float = -math.inf
    users: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


_places: dict[tuple[asyncio.AbstractEventLoop, str], _Place] = {}


@contextlib.asynccontextmanager
async def shared_session(
    conn_id: str, load: Callable[[], Awaitable[ConnectionConfig]]
) -> AsyncIterator[SharedSession]:
    """Use the session of the running loop for a connection.

    :param conn_id: the Airflow connection.
    :param load: looks it up.
    """
    key = asyncio.get_running_loop(), conn_id
    place = _places.setdefault(key, _Place())
    place.users += 1
    try:
        shared = await _enter(place, load)
        try:
            yield shared
        except AsposeOcrAuthError:
            place.read_at = -math.inf
            raise
        finally:
            shared.users -= 1
            if not shared.users:
                if place.current is shared:
                    place.current = None
                await shared.session.close()
    finally:
        place.users -= 1
        if not place.users:
            del _places[key]


async def _enter(place: _Place, load: Callable[[], Awaitable[ConnectionConfig]]) -> SharedSession:
    async with place.lock:
        if place.current is None or time.monotonic() - place.read_at > REREAD:
            config = await load()
            # To read the bundle of a connection takes 20 ms, in which the loop would do nothing else.
            context = await asyncio.to_thread(config.ssl_context)
            place.read_at = time.monotonic()
            # While the connection was looked up the last user may have left, and closed the session.
            if place.current is None or place.current.config != config:
                session = _new_async_session(config, context)
                place.current = SharedSession(config, session, functools.cache(config.proxy_for))
        place.current.users += 1
        return place.current


def _new_async_session(config: ConnectionConfig, context: ssl.SSLContext) -> aiohttp.ClientSession:
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS, ssl=context),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_TIMEOUT, sock_read=config.read_timeout
        ),
        trust_env=False,
        auto_decompress=False,
    )
    # It would repeat a GET by itself where a kept connection turns out to be closed: a call that may be
    # billed and is not counted. There is no public name for this switch.
    session._retry_connection = False
    return session
