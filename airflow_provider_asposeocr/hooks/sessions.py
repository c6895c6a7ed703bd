"""One session for each event loop and connection, shared by all who use it and closed with the last of them.

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
from airflow_provider_asposeocr.hooks.connection import ConnectionSettings
from airflow_provider_asposeocr.hooks.drivers import new_async_session

REREAD = 300.0
"""Seconds after which newcomers look the connection up again: its secret may have been changed."""


@dataclass(slots=True)
class SharedSession:
    """A session in use.

    :param settings: the connection that it was made for.
    :param session: the session.
    :param proxies: the proxies that it has found to be used.
    :param users: how many use it.
    """

    settings: ConnectionSettings
    session: aiohttp.ClientSession
    proxies: dict[str, str | None] = field(default_factory=dict)
    users: int = 0


@dataclass(slots=True)
class _Place:
    current: SharedSession | None = None
    read_at: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


_places: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Place]] = WeakKeyDictionary()


@asynccontextmanager
async def shared_session(
    conn_id: str, load: Callable[[], Awaitable[ConnectionSettings]]
) -> AsyncIterator[SharedSession]:
    """Use the session of the running loop for a connection.

    :param conn_id: the Airflow connection.
    :param load: looks it up.
    """
    place = _places.setdefault(asyncio.get_running_loop(), {}).setdefault(conn_id, _Place())
    shared = await _enter(place, load)
    try:
        yield shared
    except AsposeOcrAuthError:
        place.read_at = 0.0
        raise
    finally:
        shared.users -= 1
        if not shared.users:
            if place.current is shared:
                place.current = None
            await shared.session.close()


async def _enter(place: _Place, load: Callable[[], Awaitable[ConnectionSettings]]) -> SharedSession:
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
