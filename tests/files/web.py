"""A small web server, with the habits that real ones have."""

from __future__ import annotations

import base64
import contextlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


@dataclass
class Web:
    """A web server's files, and the requests that it has had.

    :param files: contents by path.
    :param headers: further headers of every answer.
    :param ranges: whether it serves parts of files.
    :param status: this status instead of any file.
    :param cut: so many bytes less than announced are sent.
    :param moved: where files are instead, by path.
    :param pause: seconds before each byte of an answer, its headers included.
    :param asked: request lines.
    :param logins: what clients signed in with.
    :param announced: the length that every answer is said to have.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    status: int | None = None
    cut: int = 0
    moved: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0
    asked: list[str] = field(default_factory=list)
    logins: set[str] = field(default_factory=set)
    announced: int | None = None
    url: str = ""


@contextmanager
def serve() -> Iterator[Web]:
    """Serve on a free port until the end of the block."""
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def log_message(self, *args: object) -> None:
            return

        def _answer(self, with_body: bool) -> None:
            web.asked.append(f"{self.command} {self.path}")
            if login := self.headers.get("Authorization"):
                web.logins.add(base64.b64decode(login.partition(" ")[2]).decode())
            path = unquote(urlsplit(self.path).path)
            if path in web.moved:
                self.send_response(302)
                self.send_header("Location", web.moved[path])
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if web.pause:
                with contextlib.suppress(OSError):
                    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + bytes(9999):
                        self.wfile.write(bytes([byte]))
                        time.sleep(web.pause)
                self.close_connection = True
                return
            data = web.files.get(path)
            if web.status is not None or data is None:
                self.send_response(web.status or 404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            part, asked = data, self.headers.get("Range")
            if web.ranges and asked:
                first, _, last = asked.removeprefix("bytes=").partition("-")
                part = data[int(first) : int(last) + 1 if last else None]
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}")
            else:
                self.send_response(200)
            for name, value in web.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(web.announced or len(part)))
            self.end_headers()
            if with_body:
                self.wfile.write(part[: len(part) - web.cut])
            if web.cut:
                self.close_connection = True

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            # A client that has seen enough hangs up, which is its right.
            return

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    web.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
