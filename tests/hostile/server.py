"""A service that misbehaves, in a process of its own: ``python -m tests.hostile.server`` prints its port.

What it does wrong is a row of the table, which the client names over ``POST /_row``; it then strikes one kind
of call. All other calls are answered as they should be. ``GET /_calls`` tells how many of each kind came.
"""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import socketserver
import sys
import threading
import time
from collections import Counter
from urllib.parse import parse_qs, urlsplit

from tests.hostile.table import ROWS
from tests.hostile.wire import Answer, Sent, regular

TEXT = "Grüße aus der Küche"
JSON = {"Content-Type": "application/json"}


class Service:
    """What the service knows, and what it answers."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.play("1\n")

    def play(self, said: str) -> None:
        """Begin anew with a row.

        :param said: the number of the submission that is meant, and the name of the row in a line of its own.
        """
        item, _, name = said.partition("\n")
        self.item = int(item)
        self.row = ROWS.get(name)
        self.calls: Counter[str] = Counter()
        self.bodies: dict[bytes, int] = {}
        self.struck = 0

    def answer(self, method: str, target: str, body: bytes) -> Sent:
        """Answer a request, or misbehave."""
        kind, ident = call_of(method, target)
        with self.lock:
            self.calls[kind] += 1
            # A submission that is repeated is the same one.
            number = self.bodies.setdefault(body, len(self.bodies) + 1) if kind == "submit" else 0
            answer = self._regular(kind, ident, number)
            row = self.row
            if row is None or not row.strikes(kind, ident, number, self.calls[kind], self.struck, self.item):
                refused = row is not None and row.spoils_token and self.calls["token"] < 2
                return regular(Answer(b"", 401) if refused and kind in ("poll", "status") else answer)
            self.struck += 1
        return row.behaviour(answer)

    def control(self, target: str, body: bytes) -> bytes:
        """Answer a call of the tests."""
        if target == "/_row":
            self.play(body.decode())
        return json.dumps(self.calls).encode()

    def _regular(self, kind: str, ident: str, number: int) -> Answer:
        row = self.row
        never = row is not None and row.never_ends and ident == f"task-{self.item}"
        return regular_answer(kind, ident or f"task-{number}", f"token-{self.calls['token']}", done=not never)


def regular_answer(kind: str, ident: str, token: str, *, done: bool) -> Answer:
    """Return what a service that does nothing wrong answers.

    :param kind: of the call.
    :param ident: the id of the task.
    :param token: to be given.
    :param done: whether the task is.
    """
    if kind == "token":
        return Answer(json.dumps({"access_token": token, "expires_in": 3600}).encode(), headers=JSON)
    if kind == "submit":
        return Answer(ident.encode(), headers={"Content-Type": "text/plain"})
    if kind == "cancel":
        return Answer(b"")
    task: dict[str, object] = {
        "id": ident,
        "taskStatus": "Completed" if done else "Processing",
        "responseStatusCode": "Ok",
        "results": None,
        "error": None,
    }
    if kind == "poll" and done:
        task["results"] = [{"type": "Text", "data": base64.b64encode(TEXT.encode()).decode()}]
    return Answer(json.dumps(task).encode(), headers=JSON)


def call_of(method: str, target: str) -> tuple[str, str]:
    """Return the kind of a call, and the id that it asks for."""
    parts = urlsplit(target)
    ident = parse_qs(parts.query).get("id", [""])[0]
    if method == "POST":
        return ("token" if parts.path == "/connect/token" else "submit"), ident
    if method == "DELETE":
        return "cancel", ident
    return ("status" if parts.path.endswith("GetTaskStatus") else "poll"), ident


class _Handler(socketserver.StreamRequestHandler):
    server: HostileServer

    def handle(self) -> None:
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError, ValueError):
            while request := self._request():
                method, target, body = request
                if not self._send(self._answer(method, target, body)):
                    return

    def _request(self) -> tuple[str, str, bytes] | None:
        line = self.rfile.readline(65536).decode("latin-1").split()
        if len(line) != 3:
            return None
        length = 0
        while (header := self.rfile.readline(65536)) not in (b"\r\n", b""):
            name, _, value = header.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        return line[0], line[1], self.rfile.read(length)

    def _answer(self, method: str, target: str, body: bytes) -> Sent:
        if target.startswith("/_"):
            return regular(Answer(self.server.service.control(target, body)))
        return self.server.service.answer(method, target, body)

    def _send(self, sent: Sent) -> bool:
        """Send all of it; tell whether the connection may be used again."""
        pieces = 0
        for piece in sent:
            if isinstance(piece, float):
                time.sleep(piece)
            else:
                pieces += 1
                self.connection.sendall(piece)
        return pieces == 1


class HostileServer(socketserver.ThreadingTCPServer):
    """Serves on a free port of the loopback interface.

    :param service: answers.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, service: Service) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.service = service
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        """Return where it listens."""
        return int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that goes away is no error."""


def main() -> None:
    """Serve until standard input ends."""
    with HostileServer(Service()) as server:
        print(server.port, flush=True)
        sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    main()
