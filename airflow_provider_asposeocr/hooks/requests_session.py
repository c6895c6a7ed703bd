"""Sessions of ``requests`` that take nothing from the environment, and wait no longer than a time limit says.

The client's own timeouts begin anew with every byte, so a service that sends one a second, or nothing but
``100 Continue``, would be waited for without end.
"""

from __future__ import annotations

import contextlib
import io
import logging
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

from airflow_provider_asposeocr.hooks.connecting import CONNECT_TIMEOUT, connect
from airflow_provider_asposeocr.hooks.exchange import TimeLimit

MAX_FRAMING_BYTES = 192 * 1024
"""Bytes of an answer that are not of its body: headers, and what has been read ahead."""

MAX_FRAMING_SHARE = 8
"""More of them are possible by this share of the body: a chunk of one byte has five others around it."""


class Framing:
    """How much of an answer was body, for a bound on the rest of it: headers, chunk sizes and trailers.

    The client holds each of their lines in memory, and bounds neither all of them nor, in some versions, one.
    """

    def __init__(self) -> None:
        self._body = 0
        self._all = 0

    def came(self, size: int) -> None:
        """Note that bytes of the body have come."""
        self._body += size

    def read(self, size: int) -> None:
        """Note that bytes were read from the socket.

        :raises ConnectionAbortedError: if too many of them were none of the body.
        """
        self._all += size
        if self._all - self._body > MAX_FRAMING_BYTES + MAX_FRAMING_SHARE * self._body:
            raise ConnectionAbortedError("the answer has too much around its body")


_EXCHANGE: ContextVar[tuple[TimeLimit, Framing] | None] = ContextVar("asposeocr_exchange", default=None)
_KEEP_ALIVE = {"TCP_KEEPIDLE": 120, "TCP_KEEPINTVL": 30, "TCP_KEEPCNT": 20}


class _Quiet(logging.Filter):
    """Keeps silent what the client says of our exchanges: it names addresses, and so the ids of tasks."""

    def filter(self, record: logging.LogRecord) -> bool:
        return _EXCHANGE.get() is None


for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).addFilter(_Quiet())


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
def within(limit: TimeLimit) -> Iterator[Framing]:
    """Hold what sessions of this module read inside the block to the limits of one exchange.

    :param limit: how long it may take.
    :return: what has to be told of each part of the body.
    """
    framing = Framing()
    token = _EXCHANGE.set((limit, framing))
    try:
        yield framing
    finally:
        _EXCHANGE.reset(token)


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
    """What a socket sends, as long as the limits of the exchange allow it."""

    def __init__(self, connection: socket.socket, limit: TimeLimit, framing: Framing) -> None:
        self._connection = connection
        # The socket stays open until this is closed, also where its connection lets go of it before.
        self._stream = connection.makefile("rb", buffering=0)
        self._limit = limit
        self._framing = framing

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._limit.left
        if left <= 0:
            raise TimeoutError("the time limit of the exchange has passed")
        self._connection.settimeout(min(left, self._limit.seconds))
        size = self._stream.readinto(buffer)
        self._framing.read(size or 0)
        return size

    def close(self) -> None:
        self._stream.close()
        super().close()


class _LimitedSocket:
    """The one method of a socket that a response uses."""

    def __init__(self, connection: socket.socket, limit: TimeLimit, framing: Framing) -> None:
        self._connection = connection
        self._limits = limit, framing

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(_LimitedStream(self._connection, *self._limits))


class _Response(HTTPResponse):
    """A response, be it the service's or a proxy's to CONNECT, whose status, headers and body are limited."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        exchange = _EXCHANGE.get()
        super().__init__(_LimitedSocket(sock, *exchange) if exchange else sock, *args, **kwargs)  # type: ignore[arg-type]


class _Connection(HTTPConnection):
    """Connects in the time that there is for all of it, the look-up of the name included."""

    response_class = _Response

    def _new_conn(self) -> socket.socket:
        seconds = self.timeout if isinstance(self.timeout, int | float) else CONNECT_TIMEOUT
        try:
            return connect(self._dns_host, self.port, seconds, self.socket_options or ())
        except socket.gaierror as error:
            raise urllib3.exceptions.NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise urllib3.exceptions.ConnectTimeoutError(self, "no connection in time") from error
        except OSError as error:
            raise urllib3.exceptions.NewConnectionError(self, f"no connection: {error.strerror}") from error


class _TlsConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection
