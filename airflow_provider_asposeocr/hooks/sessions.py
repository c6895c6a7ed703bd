"""One session of ``aiohttp`` for each event loop and connection, shared by all and closed with the last user.

A triggerer waits for thousands of tasks on one loop: they share sockets, the connection is looked up once,
and no more than :data:`MAX_CONNECTIONS` of them poll at a time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import aiohttp

from airflow_provider_asposeocr.api.exceptions import AsposeOcrAuthError
from airflow_provider_asposeocr.hooks.connection import ConnectionConfig

MAX_CONNECTIONS = 100
"""Sockets of one session at most; what is more waits for its turn."""

REREAD = 300.0
"""Seconds after which newcomers look the connection up again: its secret may have been changed."""


@dataclass(slots=True)
class SharedSession:
    """A session in use.

    :param settings: the connection that it was made for.
    :param session: the session.
    :param proxies: the proxy of each address that was asked for: to search the environment takes longer
        than to send a poll.
    :param places: taken by each exchange, so that none waits for a socket on its own time.
    :param users: how many use it.
    """

    settings: ConnectionConfig
    session: aiohttp.ClientSession
    proxies: dict[str, str | None] = field(default_factory=dict)
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_CONNECTIONS))
    users: int = 0


@dataclass(slots=True)
class _Place:
    """What those share who use one connection on one event loop, for as long as there is one of them."""

    current: SharedSession | None = None
    read_at: float = 0.0
    users: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


_places: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Place]] = WeakKeyDictionary()


@asynccontextmanager
async def shared_session(
    conn_id: str, load: Callable[[], Awaitable[ConnectionConfig]]
) -> AsyncIterator[SharedSession]:
    """Use the session of the running loop for a connection.

    :param conn_id: the Airflow connection.
    :param load: looks it up.
    """
    loop = asyncio.get_running_loop()
    places = _places.setdefault(loop, {})
    place = places.setdefault(conn_id, _Place())
    place.users += 1
    try:
        shared = await _enter(place, load)
        try:
            yield shared
        except AsposeOcrAuthError:
            place.read_at = 0.0
            raise
        finally:
            await _leave(place, shared)
    finally:
        place.users -= 1
        if not place.users:
            # A lock that was ever waited for refers to its event loop, which would so outlive its end.
            del places[conn_id]
        if not places:
            _places.pop(loop, None)


async def _leave(place: _Place, shared: SharedSession) -> None:
    shared.users -= 1
    if not shared.users:
        if place.current is shared:
            place.current = None
        await shared.session.close()


async def _enter(place: _Place, load: Callable[[], Awaitable[ConnectionConfig]]) -> SharedSession:
    async with place.lock:
        shared = place.current
        if shared is None or time.monotonic() - place.read_at > REREAD:
            settings = await load()
            place.read_at = time.monotonic()
            # While the connection was looked up the last user may have left, and closed the session.
            shared = place.current
            if shared is None or shared.settings != settings:
                shared = place.current = SharedSession(settings, new_async_session(settings))
        shared.users += 1
        return shared


def new_async_session(settings: ConnectionConfig) -> aiohttp.ClientSession:
    """Make a session for the running event loop that takes nothing from the environment or from cookies.

    :param settings: the connection, for its certificates.
    """
    connector = aiohttp.TCPConnector(limit=MAX_CONNECTIONS, ssl=settings.ssl_context())
    session = aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, auto_decompress=False
    )
    # It would repeat a GET by itself where a kept connection turns out to be closed: a call that may be
    # billed and is not counted. There is no public name for this switch.
    session._retry_connection = False
    return session
