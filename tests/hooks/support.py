"""Both drivers behind one face, and small servers on 127.0.0.1: a recorder, a forward proxy, a TLS front."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.client
import json
import select
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import pytest

from airflow_provider_asposeocr.api.task import OcrTask, TaskStatus
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook

T = TypeVar("T")

WAYS = ("sync", "async")
both_ways = pytest.mark.parametrize("way", WAYS)

OPERATION = "RecognizeImage"
IMAGE = b"\x89PNG\r\n\x1a\n" + bytes(range(64))


class Client:
    """The hook's operations through one of its drivers; the asynchronous ones share a loop and a session.

    :param hook: the hook.
    :param way: ``sync`` or ``async``.
    """

    def __init__(self, hook: AsposeOcrHook, way: str) -> None:
        self.hook = hook
        self.way = way
        self._runner: asyncio.Runner | None = None
        self._session: Any = None

    def __enter__(self) -> Self:
        if self.way == "async":
            self._runner = asyncio.Runner()
            self._session = self.hook.async_session()
            try:
                self._runner.run(self._session.__aenter__())
            except BaseException:
                self._runner.close()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._runner:
            self._runner.run(self._session.__aexit__(None, None, None))
            self._runner.close()

    def submit(self, source: Any = IMAGE, operation: str = OPERATION, **settings: Any) -> str:
        return str(self._call("submit", operation, source, settings or None))

    def submit_pages(self, source: bytes, *, allow_multipage: bool) -> str:
        return str(self._call("submit", OPERATION, source, allow_multipage=allow_multipage))

    def get(self, ocr_task_id: str, operation: str = OPERATION) -> OcrTask:
        task = self._call("get_task", operation, ocr_task_id)
        assert isinstance(task, OcrTask)
        return task

    def status(self, ocr_task_id: str) -> TaskStatus:
        status = self._call("get_status", ocr_task_id)
        assert isinstance(status, TaskStatus)
        return status

    def cancel(self, ocr_task_id: str, operation: str = OPERATION) -> None:
        self._call("cancel", operation, ocr_task_id)

    def wait(self, ocr_task_id: str, *, timeout: float = 20.0, poll_interval: float = 0.02) -> OcrTask:
        return self.wait_by(ocr_task_id, timeout=timeout, poll_interval=poll_interval)

    def wait_by(self, ocr_task_id: str, **durations: Any) -> OcrTask:
        """Wait with durations in any form."""
        if self._runner is None:
            return self.hook.wait(OPERATION, ocr_task_id, **durations)
        return self._runner.run(self.hook.await_task(OPERATION, ocr_task_id, **durations))

    def fetch(self, ocr_task_id: str) -> tuple[OcrTask, list[bytes]]:
        """Return the task, and its results as they are read while the reply is kept."""
        if self._runner is None:
            with self.hook.fetch(OPERATION, ocr_task_id) as task:
                return task, [b"".join(result.chunks()) for result in task.results]
        return self._runner.run(self._afetch(ocr_task_id))

    async def _afetch(self, ocr_task_id: str) -> tuple[OcrTask, list[bytes]]:
        async with self.hook.afetch(OPERATION, ocr_task_id) as task:
            return task, [b"".join(result.chunks()) for result in task.results]

    def flow(self, make: Callable[[Any], Any]) -> Any:
        """Run any flow of the API."""
        if self._runner is None:
            return self.hook.run_flow(make)
        return self._runner.run(self.hook.arun_flow(make))

    def _call(self, name: str, *args: Any, **more: Any) -> Any:
        if self._runner is None:
            return getattr(self.hook, name)(*args, **more)
        return self._runner.run(getattr(self.hook, f"a{name}")(*args, **more))


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def until(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.005)


def within(seconds: float, work: Callable[[], T]) -> T:
    """Do something that must not hang, in a thread of its own; its result, or the error it ends with."""
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        return done.result(seconds)
    except TimeoutError:
        if done.done():
            raise
        raise AssertionError(f"hangs: not done after {seconds:g} s") from None


@contextlib.contextmanager
def serving(server: socketserver.TCPServer) -> Iterator[None]:
    """Serve from a thread."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True)
class Seen:
    """A request that a small server was sent.

    :param method: the HTTP method.
    :param target: the request target, as it stood.
    :param headers: as they came, in their order.
    :param body: the body.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str | None:
        """Return the value of a header; several are joined."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None


@dataclass(frozen=True)
class Reply:
    """What the recorder answers.

    :param pause_at: so many bytes are sent first, the rest when the client has had time to read those.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pause_at: int | None = None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def seen(self) -> Seen:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return Seen(self.command, self.path, tuple(self.headers.items()), body)

    def reply(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body[: reply.pause_at])
        if reply.pause_at is not None:
            # Ends at once when the client goes away.
            select.select([self.connection], [], [], 0.3)
            with contextlib.suppress(OSError):
                self.wfile.write(reply.body[reply.pause_at :])


class Recorder(ThreadingHTTPServer):
    """A service that keeps every request whole and answers the same to all.

    :param answer: gives another answer to some requests; None means the regular one.
    """

    daemon_threads = True
    TOKEN = "a-token-that-nobody-may-see"
    TEXT = "Grüße"

    def __init__(self, answer: Callable[[Seen], Reply | None] = lambda seen: None) -> None:
        super().__init__(("127.0.0.1", 0), _RecorderHandler)
        self.requests: list[Seen] = []
        self.answer = answer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def regular(self, seen: Seen) -> Reply:
        if seen.target == "/connect/token":
            grant = {"access_token": self.TOKEN, "expires_in": 3600, "token_type": "Bearer"}
            return Reply(json.dumps(grant).encode())
        if seen.method == "POST":
            return Reply(b"an-id")
        data = base64.b64encode(self.TEXT.encode()).decode()
        task = {"id": "an-id", "taskStatus": "Completed", "results": [{"type": "Text", "data": data}]}
        return Reply(json.dumps(task).encode(), headers={"Content-Type": "application/json"})


class _RecorderHandler(_Handler):
    server: Recorder

    def _serve(self) -> None:
        seen = self.seen()
        self.server.requests.append(seen)
        self.reply(self.server.answer(seen) or self.server.regular(seen))

    do_GET = do_POST = do_DELETE = do_PUT = _serve


class ForwardProxy(ThreadingHTTPServer):
    """An HTTP forward proxy: absolute-form requests, and CONNECT.

    :param refuse: the HTTP status that answers everything, or None to forward.
    """

    daemon_threads = True

    def __init__(self, refuse: int | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _ProxyHandler)
        self.requests: list[Seen] = []
        self.refuse = refuse

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"


class _ProxyHandler(_Handler):
    server: ForwardProxy

    def _forward(self) -> None:
        seen = self.seen()
        self.server.requests.append(seen)
        if self.server.refuse:
            self.reply(Reply(b"refused", self.server.refuse))
            return
        parts = urlsplit(seen.target)
        origin = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        path = parts._replace(scheme="", netloc="").geturl()
        headers = {name: value for name, value in seen.headers if not name.lower().startswith("proxy-")}
        try:
            origin.request(seen.method, path, seen.body or None, headers)
            answer = origin.getresponse()
            kept = {name: value for name, value in answer.getheaders() if name.lower() != "content-length"}
            self.reply(Reply(answer.read(), answer.status, kept))
        finally:
            origin.close()

    do_GET = do_POST = do_DELETE = _forward

    def do_CONNECT(self) -> None:
        self.server.requests.append(Seen("CONNECT", self.path, tuple(self.headers.items())))
        if self.server.refuse:
            self.reply(Reply(b"refused", self.server.refuse))
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=10) as origin:
            self.send_response_only(200)
            self.end_headers()
            self.close_connection = True
            relay(self.connection, origin)


class TlsFront(socketserver.ThreadingTCPServer):
    """TLS before a plain service.

    :param context: the server's side of TLS.
    :param service: the URL of the plain service.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, context: ssl.SSLContext, service: str) -> None:
        super().__init__(("127.0.0.1", 0), _TlsHandler)
        self.context = context
        self.service = ("127.0.0.1", urlsplit(service).port)
        self.connections = 0

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"


class _TlsHandler(socketserver.BaseRequestHandler):
    server: TlsFront

    def handle(self) -> None:
        self.server.connections += 1
        with contextlib.suppress(OSError), socket.create_connection(self.server.service) as service:
            try:
                client = self.server.context.wrap_socket(
                    self.request, server_side=True, do_handshake_on_connect=False
                )
                client.do_handshake()
            except OSError:
                # Read what is on the way: closing would reset the connection, and the alert be lost.
                plain = socket.socket(fileno=client.detach())
                with plain:
                    plain.shutdown(socket.SHUT_WR)
                    while plain.recv(65536):
                        pass
                return
            with client:
                relay(client, service)


def relay(client: socket.socket, service: socket.socket) -> None:
    """Copy both ways until one side ends."""
    with contextlib.suppress(OSError):
        while True:
            if isinstance(client, ssl.SSLSocket) and client.pending():
                ready: list[socket.socket] = [client]
            else:
                ready = select.select([client, service], [], [])[0]
            for source in ready:
                data = source.recv(65536)
                if not data:
                    return
                (service if source is client else client).sendall(data)
