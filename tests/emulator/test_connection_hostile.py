"""Hostile connections: nothing that arrives ends in a 500 or keeps others waiting."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.client import API
from tests.emulator.hostile import (
    MAX_SECONDS,
    check,
    check_honest,
    parametrized,
    polling,
)
from tests.emulator.wire import address_of, connected, exchange, read_answers, request, submission

NO_HTTP = {
    "no request line": b"\r\n\r\n\r\n",
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
    "no version": b"GET /\r\n\r\n",
    "HTTP/3.99": b"GET / HTTP/3.99\r\nHost: x\r\n\r\n",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "a header without a name": b"GET / HTTP/1.1\r\nHost: x\r\n: x\r\n\r\n",
    "a header with NUL": b"GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n",
    "a path that is no ASCII": b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    "a path with NUL": b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a negative length": request("POST", "/connect/token", b"", content_length="-1"),
    "a length that is no number": request("POST", "/connect/token", b"", content_length="0x10"),
    "a length of 30 digits": request("POST", "/connect/token", b"", content_length="9" * 30),
    "two lengths": request("POST", "/connect/token", b"", content_length="5, 6"),
    "another transfer encoding": request("POST", "/connect/token", transfer_encoding="gzip"),
}


CHUNKS = {
    "no number": b"zz\r\n",
    "a negative number": b"-1\r\nx\r\n",
    "a number of 25 digits": b"f" * 25 + b"\r\n",
    "more than was said": b"5\r\nabcdeXX",
    "an extension without end": b"5;" + b"x" * 100_000,
    "a trailer that is none": b"0\r\n\x00: x\r\n\r\n",
}


@parametrized(NO_HTTP)
def test_what_is_not_http(emulator: Emulator, token: str, case: bytes) -> None:
    check(exchange(emulator, case), 400)
    check_honest(emulator, token)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    "path", [f"{API}RecognizeImage?id=x", "/_emulator/options", "/nothing", "/connect/token"]
)
@parametrized(CHUNKS)
def test_broken_chunks(emulator: Emulator, token: str, case: bytes, path: str, method: str) -> None:
    authorization = f"Bearer {token}"
    head = request(method, path, transfer_encoding="chunked", authorization=authorization)
    with connected(emulator) as connection:
        connection.sendall(head + case)
        # What does not need its body may have been answered before that was seen to be broken.
        check(read_answers(connection, 1)[0], 200, 400, 404, 405)
    check_honest(emulator, token)


def test_a_broken_chunk_after_the_answer(emulator: Emulator, token: str) -> None:
    head = request(
        "GET", f"{API}RecognizeImage?id=x", transfer_encoding="chunked", authorization=f"Bearer {token}"
    )
    with connected(emulator) as connection:
        connection.sendall(head)
        check(read_answers(connection, 1)[0], 200)
        connection.sendall(b"zz\r\n")
        assert connection.recv(100) == b""
    check_honest(emulator, token)


@pytest.mark.parametrize("size", [100_000, 5_000_000])
@pytest.mark.parametrize(
    "start", [b"GET /", b"GET / HTTP/1.1\r\nHost: x\r\nA: ", b"GET / HTTP/1.1\r\nHost: x\r\n"]
)
def test_heads_without_end(emulator: Emulator, token: str, start: bytes, size: int) -> None:
    with connected(emulator) as connection:
        # The server is not expected to take it all: it ends the connection.
        with contextlib.suppress(ConnectionError):
            connection.sendall(start + (b"a:b\r\n" if start.endswith(b"\n") else b"aaaaa") * (size // 5))
        with contextlib.suppress(ConnectionError):
            assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
    check_honest(emulator, token)


def test_pipelined_requests(emulator: Emulator, token: str) -> None:
    one = submission(token, b'{"image": "aW1hZ2U=", "settings": {}}', accept="text/plain")
    with connected(emulator) as connection:
        connection.sendall(one * 200)
        answers = read_answers(connection, 200)
    assert {answer.status for answer in answers} == {200}
    assert [answer.body.decode() for answer in answers] == [one.ocr_task_id for one in emulator.submissions]
    check_honest(emulator, token)


def test_pipelined_garbage(emulator: Emulator, token: str) -> None:
    one = polling("?id=x")(token)
    with connected(emulator) as connection:
        connection.sendall(one + b"\x00garbage\r\n\r\n")
        first, second = read_answers(connection, 2)
    assert (first.status, second.status) == (200, 400)
    check_honest(emulator, token)


def test_a_length_that_promises_too_much(emulator: Emulator, token: str) -> None:
    raw = request(
        "POST", f"{API}RecognizeImage", authorization=f"Bearer {token}", content_length=str(1 << 63)
    )
    with connected(emulator) as connection:
        connection.sendall(raw + b'{"image": "aW1h')
        check_honest(emulator, token)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100)[9:12] in (b"", b"400")
    emulator.options.max_body_bytes = 1_000
    check(exchange(emulator, raw), 413)
    check_honest(emulator, token)


def test_slow_clients_hold_nothing_but_their_connections(emulator: Emulator, token: str) -> None:
    whole = submission(token, b'{"image": "aW1hZ2U=", "settings": {}}', accept="text/plain")
    # Each stops at another place: before the head, in its lines, at its end, in the body.
    places = list(range(0, len(whole), 12))
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(connected(emulator)) for _ in places]
        for connection, place in zip(slow, places, strict=True):
            connection.sendall(whole[:place])
        for step in range(3):
            check_honest(emulator, token)
            for connection, place in zip(slow, places, strict=True):
                connection.sendall(whole[place + step : place + step + 1])
        for connection, place in zip(slow, places, strict=True):
            connection.sendall(whole[place + 3 :])
            check(read_answers(connection, 1)[0], 200)


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("where", [10, 60, 250, -5, -1])
def test_clients_that_leave(emulator: Emulator, token: str, where: int, how: str) -> None:
    raw = submission(token, b'{"image": "' + b"QUFB" * 100 + b'", "settings": {}}')
    for _ in range(5):
        with connected(emulator) as connection:
            connection.sendall(raw[:where])
            if how == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    check_honest(emulator, token)
    assert len(emulator.submissions) == 1


def test_clients_that_leave_while_they_are_answered(emulator: Emulator, token: str) -> None:
    emulator.options.result_bytes = 50_000_000
    answer = exchange(
        emulator, submission(token, b'{"image": "aW1hZ2U=", "settings": {}}', accept="text/plain")
    )
    emulator.options.block_get_seconds = 1_000
    for _ in range(5):
        with connected(emulator) as connection:
            connection.sendall(polling(f"?id={answer.body.decode()}")(token))
            assert connection.recv(1_000).startswith(b"HTTP/1.1 200 ")
    emulator.options.result_bytes = None
    check_honest(emulator, token)


def test_a_blocked_poll_ends_when_its_client_leaves(emulator: Emulator, token: str) -> None:
    emulator.options.service_seconds = emulator.options.block_get_seconds = 1_000
    answer = exchange(
        emulator, submission(token, b'{"image": "aW1hZ2U=", "settings": {}}', accept="text/plain")
    )
    with connected(emulator) as connection:
        connection.sendall(polling(f"?id={answer.body.decode()}")(token))
        wait_for(lambda: emulator.calls.poll == 1)
    wait_for(lambda: emulator.transcript[-1].status is not None)
    emulator.options.service_seconds = 0
    check_honest(emulator, token)


def test_drops_on_connections_that_are_gone(emulator: Emulator, token: str) -> None:
    emulator.inject("slow", on="poll", seconds=0.2, times=None)
    emulator.inject("drop_before", on="poll", times=5)
    for _ in range(5):
        with connected(emulator) as connection:
            connection.sendall(polling("?id=x")(token))
    wait_for(lambda: emulator.calls.poll == 5)
    emulator.clear_faults()
    check_honest(emulator, token)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(st.binary(max_size=40), max_size=6),
    body=st.binary(max_size=200),
    mutated=st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=3)), max_size=4),
)
def test_any_bytes(
    emulator: Emulator, token: str, lines: list[bytes], body: bytes, mutated: list[tuple[int, bytes]]
) -> None:
    """Check that any bytes are answered or their connection closed, and that the server continues."""
    raw = bytearray(
        submission(token, b'{"image": "aW1hZ2U=", "settings": {"note": "%s"}}' % body.hex().encode())
    )
    for place, piece in mutated:
        raw[place : place + len(piece)] = piece
    raw += b"\r\n".join(lines) + b"\r\n\r\n"
    with socket.create_connection(address_of(emulator), timeout=MAX_SECONDS) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(bytes(raw))
            connection.shutdown(socket.SHUT_WR)
        received = b""
        with contextlib.suppress(ConnectionError):
            while chunk := connection.recv(65536):
                received += chunk
    for status in statuses_in(received):
        assert status < 500 or status == 501, received
    check(exchange(emulator, polling("?id=x")(token)), 200)


def statuses_in(received: bytes) -> list[int]:
    return [int(line[9:12]) for line in received.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)
