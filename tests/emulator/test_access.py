"""Control endpoints: open to programs on this machine, closed to web pages and to other machines."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest
import requests
from starlette.requests import Request

from airflow_provider_asposeocr.emulator.access import refusal_of
from airflow_provider_asposeocr.emulator.app import EmulatorApp
from airflow_provider_asposeocr.emulator.options import EmulatorOptions
from airflow_provider_asposeocr.emulator.state import EmulatorState
from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.wire import exchange, request

JSON = {"content_type": "application/json"}


FORM = {"content_type": "application/x-www-form-urlencoded"}


CHANGE = b'{"client_secret": "changed"}'


OPENED_BY_THE_PAGE = {"sec_fetch_site": "same-origin"}


ALLOWED: dict[str, Mapping[str, str]] = {
    "a program, with the media type": JSON,
    "a program, with charset": {"content_type": "Application/JSON; charset=utf-8"},
    "a program that names no type": {},
    "by localhost": {**JSON, "host": "localhost:PORT"},
    "by LOCALHOST": {**JSON, "host": "LOCALHOST"},
    "by another address of this machine": {**JSON, "host": "127.1.2.3:PORT"},
    "by IPv6": {**JSON, "host": "[::1]:PORT"},
    "without a port": {**JSON, "host": "127.0.0.1"},
    "a page of the emulator itself": {
        **JSON,
        **OPENED_BY_THE_PAGE,
        "host": "localhost:PORT",
        "origin": "http://localhost:PORT",
    },
    "a typed address": {**JSON, "sec_fetch_site": "none"},
    "behind a proxy": {**JSON, "x_forwarded_for": "8.8.8.8"},
    "behind a proxy that talks nonsense": {**JSON, "x_forwarded_for": "garbage", "forwarded": "for=[::"},
}


REFUSED: dict[str, Mapping[str, str]] = {
    "a page with a name of its own that points here": {
        **JSON,
        **OPENED_BY_THE_PAGE,
        "host": "evil.example:PORT",
        "origin": "http://evil.example:PORT",
    },
    "a name of its own, without a port": {**JSON, "host": "evil.example"},
    "a name that begins like ours": {**JSON, "host": "127.0.0.1.evil.example:PORT"},
    "a name that ends like ours": {**JSON, "host": "evil.localhost:PORT"},
    "an address of another machine": {**JSON, "host": "192.168.0.1:PORT"},
    "0.0.0.0": {**JSON, "host": "0.0.0.0:PORT"},
    "another port": {**JSON, "host": "127.0.0.1:1"},
    "a port that is none": {**JSON, "host": "127.0.0.1:99999999"},
    "a user name": {**JSON, "host": "evil@127.0.0.1:PORT"},
    "no host": {**JSON, "host": ""},
    "a broken host": {**JSON, "host": "[::1"},
    "a form of another page": {**FORM, "origin": "http://evil.example", "sec_fetch_site": "cross-site"},
    "a form of a page of an older browser": {**FORM, "origin": "http://evil.example"},
    "a form of a page that hides its origin": {**FORM, "origin": "null"},
    "text of another page": {"content_type": "text/plain", "origin": "http://evil.example"},
    "a body without a type of another page": {"origin": "http://evil.example"},
    "JSON of another page": {**JSON, "origin": "http://evil.example", "sec_fetch_site": "cross-site"},
    "a page of another port of this machine": {
        **JSON,
        "host": "localhost:PORT",
        "origin": "http://localhost:3000",
        "sec_fetch_site": "same-site",
    },
    "a page by another name of this machine": {
        **JSON,
        "host": "127.0.0.1:PORT",
        "origin": "http://localhost:PORT",
    },
    "a page over TLS": {**JSON, "host": "127.0.0.1:PORT", "origin": "https://127.0.0.1:PORT"},
    "another site, without an origin": {**JSON, "sec_fetch_site": "cross-site"},
    "a file on the disk": {**JSON, "origin": "file://"},
}


OF_ANOTHER_TYPE: dict[str, Mapping[str, str]] = {
    "a form": FORM,
    "a multipart form": {"content_type": "multipart/form-data; boundary=x"},
    "text": {"content_type": "text/plain"},
    "text that claims to be JSON": {"content_type": "text/plain; application/json"},
    "nothing that is a type": {"content_type": ";"},
}


def send(
    emulator: Emulator, headers: Mapping[str, str], method: str = "POST", name: str = "options"
) -> tuple[int, str]:
    """Send a request to a control endpoint; return its status, and the secret that counts afterwards."""
    port = emulator.url.rpartition(":")[2]
    filled = {name: value.replace("PORT", port) for name, value in headers.items()}
    body = CHANGE if name == "options" else b""
    return exchange(
        emulator, request(method, f"/_emulator/{name}", body, **filled)
    ).status, emulator.client_secret


@pytest.mark.parametrize("headers", ALLOWED.values(), ids=ALLOWED.keys())
def test_requests_that_may_change_it(emulator: Emulator, headers: Mapping[str, str]) -> None:
    assert send(emulator, headers) == (200, "changed")


@pytest.mark.parametrize("headers", REFUSED.values(), ids=REFUSED.keys())
def test_requests_that_may_not(emulator: Emulator, headers: Mapping[str, str]) -> None:
    assert send(emulator, headers) == (403, "emulator-client-secret")
    # Nor may they read what others have sent, or do what needs no body.
    for method, name in (
        ("GET", "submissions"),
        ("GET", "transcript"),
        ("POST", "reset"),
        ("DELETE", "faults"),
    ):
        assert send(emulator, headers, method, name)[0] == 403, name


@pytest.mark.parametrize("headers", OF_ANOTHER_TYPE.values(), ids=OF_ANOTHER_TYPE.keys())
def test_bodies_that_a_form_could_send(emulator: Emulator, headers: Mapping[str, str]) -> None:
    assert send(emulator, headers) == (415, "emulator-client-secret")


def test_no_page_is_given_permission(emulator: Emulator) -> None:
    raw = request(
        "OPTIONS",
        "/_emulator/options",
        origin="http://evil.example",
        access_control_request_method="POST",
        access_control_request_headers="content-type",
    )
    answer = exchange(emulator, raw, "OPTIONS")
    assert answer.status == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_requests_sends_what_is_taken(emulator: Emulator) -> None:
    url = emulator.url + "/_emulator/"
    assert requests.post(url + "options", json={"gzip": True}, timeout=5).ok
    assert emulator.options.gzip
    for method, name in (
        ("POST", "reset"),
        ("POST", "expire-tokens"),
        ("DELETE", "faults"),
        ("GET", "calls"),
    ):
        assert requests.request(method, url + name, timeout=5).ok
    form = requests.post(url + "options", data={"gzip": False}, timeout=5)
    assert (form.status_code, emulator.options.gzip) == (415, True)
    assert "application/json" in form.json()["detail"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_curl_sends_what_is_taken(emulator: Emulator) -> None:
    def curl(name: str, *arguments: str) -> str:
        command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", *arguments]
        url = f"{emulator.url}/_emulator/{name}"
        return subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout

    assert curl("options", "-H", "Content-Type: application/json", "-d", '{"gzip": true}') == "200"
    assert emulator.options.gzip
    assert curl("options", "-d", '{"gzip": false}') == "415"
    assert curl("reset", "-X", "POST") == "200"
    assert curl("reset", "-d", "") == "200"
    assert curl("calls") == "200"


@pytest.mark.parametrize(
    ("client", "is_refused"),
    [
        (("127.0.0.1", 5), False),
        (("127.8.8.8", 5), False),
        (("::1", 5), False),
        (("::ffff:127.0.0.1", 5), False),
        (("::ffff:8.8.8.8", 5), True),
        (("192.168.0.1", 5), True),
        (("garbage", 5), True),
        (("", 5), True),
        (None, True),
    ],
)
def test_only_clients_on_this_machine_are_answered(client: tuple[str, int] | None, is_refused: bool) -> None:
    scope = {
        "type": "http",
        "method": "GET",
        "headers": [(b"host", b"127.0.0.1:8787")],
        "client": client,
        "server": ("127.0.0.1", 8787),
    }
    assert (refusal_of(Request(scope)) is not None) == is_refused


def test_a_request_without_an_address_is_answered() -> None:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    state = EmulatorState(EmulatorOptions(ocr=False))
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/_emulator/reset",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")],
        "client": None,
        "server": None,
    }
    asyncio.run(EmulatorApp(state)(scope, receive, send))
    state.close()
    assert sent[0]["status"] == 403
