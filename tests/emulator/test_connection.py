"""Connections are bounded: strangers who keep theirs open do not keep others out."""

from __future__ import annotations

import contextlib
import http.client
import resource
import socket
from collections.abc import Iterator

import pytest
import requests

from tests.emulator.process import start_emulator

MAX_FILES = 128


STARTS = {
    "nothing": b"",
    "half a head": b"GET / HTTP/1.1\r\nHost",
    "half a body": b"POST /connect/token HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
    "a pipe full": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 20,
}


@pytest.fixture
def url() -> Iterator[str]:
    """Run an emulator that may open few files; check at the end that it printed nothing."""
    process, url = start_emulator("--no-ocr", limits={resource.RLIMIT_NOFILE: MAX_FILES})
    try:
        yield url
    finally:
        process.terminate()
        _, err = process.communicate(timeout=10)
    assert err == ""
    assert process.returncode == 0


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS.keys())
def test_open_connections_do_not_keep_others_out(url: str, start: bytes) -> None:
    host, _, port = url.removeprefix("http://").rpartition(":")
    with contextlib.ExitStack() as stack:
        for _ in range(3 * MAX_FILES):
            connection = stack.enter_context(socket.create_connection((host, int(port)), timeout=5))
            with contextlib.suppress(ConnectionError):
                connection.sendall(start)
        for _ in range(3):
            assert requests.get(f"{url}/_emulator/health", timeout=5).json()["status"] == "ok"


def test_a_connection_that_is_used_outlives_idle_ones(url: str) -> None:
    host, _, port = url.removeprefix("http://").rpartition(":")
    with contextlib.ExitStack() as stack:
        # Unlike those of a session it is not opened again when the server ends it.
        used = stack.enter_context(contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=5)))
        for _ in range(2 * MAX_FILES):
            stack.enter_context(socket.create_connection((host, int(port)), timeout=5))
            used.request("GET", "/_emulator/health")
            assert used.getresponse().read()
