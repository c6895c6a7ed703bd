"""Those who watch an Airflow: a StatsD and a collector of OpenTelemetry, on the loopback interface."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

LOOPBACK = "127.0.0.1"


@contextmanager
def statsd() -> Iterator[tuple[int, list[str]]]:
    """Receive what is sent to a StatsD, and yield its port and the lines."""
    lines: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((LOOPBACK, 0))

        def receive() -> None:
            while data := server.recv(65536):
                lines.extend(data.decode().splitlines())

        thread = threading.Thread(target=receive)
        thread.start()
        port = server.getsockname()[1]
        try:
            yield port, lines
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", (LOOPBACK, port))
            thread.join()


@contextmanager
def collector() -> Iterator[tuple[str, list[Any]]]:
    """Receive spans as OTLP sends them, and yield the address and the spans."""
    spans: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            sent = ExportTraceServiceRequest.FromString(body)
            spans.extend(
                span for one in sent.resource_spans for scope in one.scope_spans for span in scope.spans
            )
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            return

    with ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{server.server_port}/v1/traces", spans
        finally:
            server.shutdown()
            thread.join()
