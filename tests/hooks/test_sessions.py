"""One session for all who wait on one loop with one connection; connections that would take too long."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import socket
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any

import aiohttp
import psutil
import pytest
import urllib3
from airflow.providers.common.compat.connection import get_async_connection

from airflow_provider_asposeocr.api.exceptions import AsposeOcrAuthError
from airflow_provider_asposeocr.api.http import FailureKind
from airflow_provider_asposeocr.emulator.testing import CONNECTION_VARIABLE, Emulator
from airflow_provider_asposeocr.hooks import asposeocr, sessions
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from airflow_provider_asposeocr.hooks.transport_errors import transport_failure

Addresses = list[tuple[Any, ...]]


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the connections that were looked up."""
    seen: list[str] = []
    original = get_async_connection

    async def counting(conn_id: str, **more: Any) -> Any:
        seen.append(conn_id)
        await asyncio.sleep(0.01)
        return await original(conn_id, **more)

    monkeypatch.setattr(asposeocr, "get_async_connection", counting)
    return seen


def sockets(emulator: Emulator) -> int:
    """Open connections of this process to a service."""
    port = int(emulator.url.rpartition(":")[2])
    remotes = [connection.raddr for connection in psutil.Process().net_connections("tcp")]
    return sum(bool(remote) and remote.port == port for remote in remotes)


async def test_many_share_one_session_one_lookup_and_one_token(
    emulator: Emulator, png: bytes, lookups: list[str]
) -> None:
    ocr_task_id = await AsposeOcrHook().asubmit("RecognizeImage", png)
    lookups.clear()
    most = 0

    async def ask(number: int) -> aiohttp.ClientSession:
        nonlocal most
        hook = AsposeOcrHook()
        async with hook.async_session() as session:
            await hook.aget_task("RecognizeImage", ocr_task_id)
            if number % 30 == 0:
                most = max(most, await asyncio.to_thread(sockets, emulator))
            return session

    seen = await asyncio.gather(*map(ask, range(300)))

    assert len({id(session) for session in seen}) == 1
    assert seen[0].closed
    assert lookups == ["asposeocr_default"]
    assert emulator.calls.token == 1
    assert 0 < most <= sessions.MAX_CONNECTIONS


async def test_it_lives_as_long_as_its_last_user(emulator: Emulator, lookups: list[str]) -> None:
    hook = AsposeOcrHook()
    async with hook.async_session() as first:
        async with hook.async_session() as second:
            assert second is first
        assert not first.closed
    assert first.closed
    async with hook.async_session() as third:
        assert third is not first
    assert len(lookups) == 2


async def test_a_user_that_is_cancelled_leaves_no_session_open(emulator: Emulator, png: bytes) -> None:
    emulator.inject("never_finish", on="submit")
    ocr_task_id = await AsposeOcrHook().asubmit("RecognizeImage", png)
    emulator.inject("slow", on="poll", seconds=5.0)
    seen: list[aiohttp.ClientSession] = []

    async def ask() -> None:
        hook = AsposeOcrHook()
        async with hook.async_session() as session:
            seen.append(session)
            await hook.aget_task("RecognizeImage", ocr_task_id)

    asking = asyncio.create_task(ask())
    while not emulator.calls.poll:
        await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert seen[0].closed


async def test_a_leader_that_is_cancelled_at_the_lookup_hands_over(
    emulator: Emulator, lookups: list[str]
) -> None:
    async def enter() -> bool:
        async with AsposeOcrHook().async_session() as session:
            return not session.closed

    leader, follower = asyncio.create_task(enter()), asyncio.create_task(enter())
    await asyncio.sleep(0)
    leader.cancel()
    assert await follower
    assert len(lookups) == 2


@pytest.mark.parametrize("conn_ids", [["asposeocr_default"], ["asposeocr_default", "other"]])
def test_a_loop_that_has_ended_leaves_nothing_behind(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, conn_ids: list[str]
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", emulator.connection_json())
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def enter_all() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))

        async def enter(conn_id: str) -> None:
            async with AsposeOcrHook(conn_id).async_session():
                await asyncio.sleep(0)

        # Many at once: the lock is waited for, and remembers its loop then.
        await asyncio.gather(*(enter(conn_id) for conn_id in conn_ids * 20))

    for _ in range(4):
        asyncio.run(enter_all())
    gc.collect()
    # Python itself may still know the last one.
    assert [loop() for loop in loops[:-1]] == [None] * 3
    assert len(sessions._places) == 0


def test_loops_do_not_share(emulator: Emulator) -> None:
    async def enter() -> aiohttp.ClientSession:
        async with AsposeOcrHook().async_session() as session:
            return session

    assert asyncio.run(enter()) is not asyncio.run(enter())


async def test_connections_do_not_share(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", emulator.connection_json())
    async with (
        AsposeOcrHook().async_session() as one,
        AsposeOcrHook("other").async_session() as other,
    ):
        assert one is not other


async def test_newcomers_notice_a_changed_connection(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsposeOcrHook().async_session() as old:
        monkeypatch.setattr(sessions, "REREAD", 0.0)
        async with AsposeOcrHook().async_session() as same:
            assert same is old
        changed = json.loads(emulator.connection_json()) | {"password": "another"}
        monkeypatch.setenv(CONNECTION_VARIABLE, json.dumps(changed))
        async with AsposeOcrHook().async_session() as new:
            assert new is not old
            assert not old.closed
        assert new.closed
    assert old.closed


async def test_a_rejected_pair_is_looked_up_again_by_the_next(
    emulator: Emulator, png: bytes, monkeypatch: pytest.MonkeyPatch, lookups: list[str]
) -> None:
    good = emulator.connection_json()
    wrong = json.dumps(json.loads(good) | {"password": "wrong"})
    ocr_task_id = await AsposeOcrHook().asubmit("RecognizeImage", png)
    monkeypatch.setenv(CONNECTION_VARIABLE, wrong)
    async with AsposeOcrHook().async_session():
        with pytest.raises(AsposeOcrAuthError):
            await AsposeOcrHook().aget_task("RecognizeImage", ocr_task_id)
        monkeypatch.setenv(CONNECTION_VARIABLE, good)
        await AsposeOcrHook().aget_task("RecognizeImage", ocr_task_id)


async def test_a_lookup_that_fails_fails_all_but_leaves_nothing_behind(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    good = emulator.connection_json()
    monkeypatch.delenv(CONNECTION_VARIABLE)

    async def enter() -> None:
        async with AsposeOcrHook().async_session():
            raise AssertionError("entered without a connection")

    outcomes = await asyncio.gather(*(enter() for _ in range(5)), return_exceptions=True)
    assert {type(outcome).__name__ for outcome in outcomes} == {"AsposeOcrSettingsError"}
    monkeypatch.setenv(CONNECTION_VARIABLE, good)
    with caplog.at_level(logging.WARNING):
        async with AsposeOcrHook().async_session() as session:
            assert not session.closed
    assert "Unclosed" not in caplog.text


# Connections of requests


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def silent() -> Iterator[tuple[str, int]]:
    """Return an address that answers no attempt to connect: its queue is full."""
    with socket.socket() as server, socket.socket() as first, socket.socket() as second:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield server.getsockname()


def connect(host: str, seconds: float) -> socket.socket:
    """Connect as ``requests`` does, and return the socket."""
    connection = sessions._Connection(host, 1, timeout=seconds)
    connection.connect()
    assert connection.sock
    return connection.sock


def addresses(*found: tuple[str, int]) -> Addresses:
    return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", address) for address in found]


def test_the_first_address_that_answers_is_taken(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        refused = closed.getsockname()
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: addresses(refused, listener.getsockname(), refused)
    )
    with connect("host", 5.0) as connection:
        assert connection.getpeername() == listener.getsockname()
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_all_addresses_share_one_time(silent: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses(*[silent] * 8))
    begun = time.monotonic()
    with pytest.raises(urllib3.exceptions.ConnectTimeoutError):
        connect("host", 0.5)
    assert 0.4 < time.monotonic() - begun < 2.0


def test_a_look_up_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: threading.Event().wait(5) or [])
    begun = time.monotonic()
    with pytest.raises(urllib3.exceptions.ConnectTimeoutError):
        connect("host", 0.3)
    assert time.monotonic() - begun < 2.0


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 300 + ".invalid", "\ud800.invalid", ""])
def test_what_is_no_host_has_not_been_reached(host: str) -> None:
    with pytest.raises((OSError, urllib3.exceptions.HTTPError)) as raised:
        connect(host, 5.0)
    assert transport_failure(raised.value).kind is FailureKind.NOT_SENT


def test_a_connection_that_comes_too_late_is_closed(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: go.wait(10) and addresses(listener.getsockname())
    )
    with pytest.raises(urllib3.exceptions.ConnectTimeoutError):
        connect("host", 0.1)
    go.set()
    late, _ = listener.accept()
    with late:
        late.settimeout(5)
        assert late.recv(1) == b""
