"""Requests byte by byte over real sockets, and their answers read by the rules of HTTP."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import h11

from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.client import API

_TIMEOUT = 20.0


@dataclass(frozen=True)
class Answer:
    """Complete and well-formed response."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def address_of(emulator: Emulator) -> tuple[str, int]:
    """Return where an emulator listens."""
    host, _, port = emulator.url.removeprefix("http://").rpartition(":")
    return host, int(port)


@contextlib.contextmanager
def connected(emulator: Emulator) -> Iterator[socket.socket]:
    """Open a connection to an emulator."""
    with socket.create_connection(address_of(emulator), timeout=_TIMEOUT) as connection:
        yield connection


def request(
    method: str,
    path: str,
    body: bytes | None = None,
    /,
    *,
    version: str = "1.1",
    **headers: str,
) -> bytes:
    """Write a request; headers are given by their names with underscores, ``host`` has a default."""
    lines = [f"{method} {path} HTTP/{version}", f"Host: {headers.pop('host', '127.0.0.1')}"]
    if body is not None:
        headers.setdefault("content_length", str(len(body)))
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def read_answers(connection: socket.socket, count: int, method: str = "GET") -> list[Answer]:
    """Read answers; each has to be whole and well-formed.

    :param connection: the connection, on which the requests have been sent.
    :param count: how many answers to read.
    :param method: of the requests.
    """
    answers = []
    protocol = h11.Connection(h11.CLIENT)
    for number in range(count):
        if number:
            protocol.start_next_cycle()
        protocol.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
        protocol.send(h11.EndOfMessage())
        answers.append(_read_answer(connection, protocol))
    return answers


def exchange(emulator: Emulator, raw: bytes, method: str = "GET") -> Answer:
    """Send the bytes of one request on a connection of its own; return the answer."""
    with connected(emulator) as connection:
        connection.sendall(raw)
        return read_answers(connection, 1, method)[0]


def _read_answer(connection: socket.socket, protocol: h11.Connection) -> Answer:
    head: h11.Response | None = None
    body = b""
    while True:
        event = protocol.next_event()
        if event is h11.NEED_DATA:
            protocol.receive_data(connection.recv(65536))
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None
            headers = {name.decode().lower(): value.decode("latin-1") for name, value in head.headers}
            return Answer(head.status_code, headers, body)
        elif not isinstance(event, h11.InformationalResponse):
            raise AssertionError(f"no answer: {event!r}")


def submission(token: str, body: bytes, operation: str = "RecognizeImage", **headers: str) -> bytes:
    """Write a submission with any body."""
    headers.setdefault("content_type", "application/json")
    return request("POST", API + operation, body, authorization=f"Bearer {token}", **headers)
