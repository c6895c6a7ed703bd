"""Sessions of ``requests`` that take nothing from the environment, and wait no longer than a time limit says.

The client's own timeouts begin anew with every byte, so a service that sends one a second, or nothing but
``100 Continue``, would be waited for without end.
"""

from __future__ import annotations

import contextlib
import io
import socket
from collections.abc import Iterator
from contextvars import ContextVar
from http.client import HTTPResponse
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from airflow_provider_asposeocr.hooks.exchange import TimeLimit

_LIMIT: ContextVar[TimeLimit | None] = ContextVar("asposeocr_time_limit", default=None)
_KEEP_ALIVE = {"TCP_KEEPIDLE": 120, "TCP_KEEPINTVL": 30, "TCP_KEEPCNT": 20}


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
def within(limit: TimeLimit) -> Iterator[None]:
    """Hold what sessions of this module read inside the block to a time limit.

    :param limit: the limit of one exchange.
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
    """Makes pools whose connections hold to the time limit, and keep alive through firewalls."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, socket_options=_socket_options())
        _limit(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs, socket_options=_socket_options())
        _limit(manager)
        return manager


def _limit(manager: urllib3.PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


def _socket_options() -> list[tuple[int, int, int]]:
    # Some systems know other options than Linux does.
    known = {getattr(socket, name): value for name, value in _KEEP_ALIVE.items() if hasattr(socket, name)}
    return [
        *HTTPConnection.default_socket_options,
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        *((socket.IPPROTO_TCP, option, value) for option, value in known.items()),
    ]


class _LimitedStream(io.RawIOBase):
    """What a socket sends, as long as the time limit allows it."""

    def __init__(self, connection: socket.socket, limit: TimeLimit) -> None:
        self._connection = connection
        # The socket stays open until this is closed, also where its connection lets go of it before.
        self._stream = connection.makefile("rb", buffering=0)
        self._limit = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._limit.left
        if left <= 0:
            raise TimeoutError("the time limit of the exchange has passed")
        self._connection.settimeout(min(left, self._limit.seconds))
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()


class _LimitedSocket:
    """The one method of a socket that a response uses."""

    def __init__(self, connection: socket.socket, limit: TimeLimit) -> None:
        self._connection = connection
        self._limit = limit

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(_LimitedStream(self._connection, self._limit))


class _Response(HTTPResponse):
    """A response, be it the service's or a proxy's to CONNECT, whose status, headers and body are limited."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        limit = _LIMIT.get()
        super().__init__(_LimitedSocket(sock, limit) if limit else sock, *args, **kwargs)  # type: ignore[arg-type]


class _Connection(HTTPConnection):
    response_class = _Response


class _TlsConnection(HTTPSConnection):
    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection
