"""Connections and answers that would take too long, or too much."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_asposeocr.hooks import auth
from airflow_provider_asposeocr.hooks.connecting import connect
from airflow_provider_asposeocr.hooks.requests_session import MAX_FRAMING_BYTES, MAX_FRAMING_SHARE, Framing

Addresses = list[tuple[Any, ...]]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def silent() -> Iterator[tuple[str, int]]:
    """An address that answers no attempt to connect: its queue is full."""
    with socket.socket() as server, socket.socket() as first, socket.socket() as second:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield server.getsockname()


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
    options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    with connect("host", 1, 5.0, options) as connection:
        assert connection.getpeername() == listener.getsockname()
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_all_addresses_share_one_time(silent: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses(*[silent] * 8))
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        connect("host", 1, 0.5)
    assert 0.4 < time.monotonic() - begun < 2.0


def test_a_look_up_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(5) or [])
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        connect("host", 1, 0.3)
    assert time.monotonic() - begun < 2.0


@pytest.mark.parametrize("host", ["a host.invalid", "x" * 300 + ".invalid", "\ud800.invalid", ""])
def test_what_is_no_host_is_an_error_of_the_system(host: str) -> None:
    with pytest.raises(OSError):
        connect(host, 1, 5.0)


def test_nothing_but_a_body_may_be_large() -> None:
    framing = Framing()
    framing.read(MAX_FRAMING_BYTES)
    with pytest.raises(ConnectionAbortedError):
        framing.read(1)


def test_a_body_of_tiny_chunks_may_come_with_their_sizes() -> None:
    framing = Framing()
    for _ in range(100_000):
        framing.read(6)
        framing.came(1)
    framing.read(MAX_FRAMING_BYTES)
    with pytest.raises(ConnectionAbortedError):
        framing.read(MAX_FRAMING_SHARE * 100_000)


def test_a_disk_that_takes_nothing_does_not_fail_a_sign_in(caplog: pytest.LogCaptureFixture) -> None:
    auth._warn_once.cache_clear()
    with Path("/dev/full").open("w") as file, caplog.at_level(logging.WARNING):
        auth._write(file, 1.0)
        auth._write(file, 1.0)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("Rejected credentials are not remembered on this host")
