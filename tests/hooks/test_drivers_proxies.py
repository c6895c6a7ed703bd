"""Proxies: which calls go through one, what it gets to see, and what happens when it refuses."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrCertificateError,
    AsposeOcrConnectionError,
    AsposeOcrError,
    AsposeOcrRequestError,
    AsposeOcrServerError,
    AsposeOcrSettingsError,
)
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.hooks import auth

from .conftest import Connect
from .support import (
    OPERATION,
    WAYS,
    Client,
    ForwardProxy,
    Recorder,
    Seen,
    TlsFront,
    both_ways,
    free_port,
    serving,
)
from .tls import Pki, server_context

CALLS = ["POST connect/token", f"POST v5.0/ocr/{OPERATION}", f"GET v5.0/ocr/{OPERATION}"]


@pytest.fixture
def front(recorder: Recorder, pki: Pki) -> Iterator[TlsFront]:
    """Return the recorder behind TLS."""
    server = TlsFront(server_context(pki.server), recorder.url)
    with serving(server):
        yield server


def _round_trip(client: Client) -> None:
    assert client.get(client.submit()).text == Recorder.TEXT


def _calls(requests: list[Seen], base: str) -> list[str]:
    """Return the calls in a list of absolute-form requests to a service; any other is shown whole."""
    return [f"{seen.method} {seen.target.removeprefix(base + '/').partition('?')[0]}" for seen in requests]


PROXY = "http://{proxy}"

# fmt: off
FROM_THE_ENVIRONMENT: Mapping[str, tuple[str, bool, Mapping[str, str]]] = {
    # name: (host, through the proxy?, environment: {proxy} is its address, {port} the service's port)
    "HTTP_PROXY": ("127.0.0.1", True, {"HTTP_PROXY": PROXY}),
    "http_proxy": ("127.0.0.1", True, {"http_proxy": PROXY}),
    "ALL_PROXY": ("127.0.0.1", True, {"ALL_PROXY": PROXY}),
    "without scheme": ("127.0.0.1", True, {"HTTP_PROXY": "{proxy}"}),
    "HTTPS_PROXY": ("127.0.0.1", False, {"HTTPS_PROXY": PROXY}),
    "name": ("localhost", True, {"HTTP_PROXY": PROXY}),
    "NO_PROXY address": ("127.0.0.1", False, {"HTTP_PROXY": PROXY, "NO_PROXY": "127.0.0.1"}),
    "no_proxy address": ("127.0.0.1", False, {"http_proxy": PROXY, "no_proxy": "127.0.0.1"}),
    "NO_PROXY network": ("127.0.0.1", False, {"HTTP_PROXY": PROXY, "NO_PROXY": "10.0.0.0/8,127.0.0.0/8"}),
    "NO_PROXY all": ("127.0.0.1", False, {"HTTP_PROXY": PROXY, "NO_PROXY": "*"}),
    "NO_PROXY name": ("localhost", False, {"HTTP_PROXY": PROXY, "NO_PROXY": "example.com, localhost"}),
    "NO_PROXY name and port": ("localhost", False, {"HTTP_PROXY": PROXY, "NO_PROXY": "localhost:{port}"}),
    "NO_PROXY other port": ("localhost", True, {"HTTP_PROXY": PROXY, "NO_PROXY": "localhost:1"}),
    "NO_PROXY other name": ("127.0.0.1", True, {"HTTP_PROXY": PROXY, "NO_PROXY": "example.com,localhost"}),
}
# fmt: on


@both_ways
@pytest.mark.parametrize("case", FROM_THE_ENVIRONMENT)
def test_environment(
    way: str,
    case: str,
    recorder: Recorder,
    proxy: ForwardProxy,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host, proxied, environment = FROM_THE_ENVIRONMENT[case]
    port = recorder.server_address[1]
    for name, value in environment.items():
        monkeypatch.setenv(name, value.format(proxy=proxy.address, port=port))
    with Client(connect(f"http://{host}:{port}"), way) as client:
        _round_trip(client)
    assert _calls(proxy.requests, f"http://{host}:{port}") == (CALLS if proxied else [])
    assert len(recorder.requests) == len(CALLS)


FROM_THE_CONNECTION: Mapping[str, tuple[bool, Any, Mapping[str, str]]] = {
    # name: (through the proxy?, extra proxies, environment: {proxy} is the proxy's address)
    "by scheme": (True, {"http": PROXY}, {}),
    "for all": (True, {"all": PROXY}, {}),
    "as text": (True, PROXY, {}),
    "other scheme": (False, {"https": PROXY}, {}),
    "before the environment": (True, {"http": PROXY}, {"HTTP_PROXY": "http://127.0.0.1:9"}),
    "gap filled from the environment": (True, {"https": "http://127.0.0.1:9"}, {"HTTP_PROXY": PROXY}),
    "own no_proxy": (False, {"http": PROXY, "no_proxy": "127.0.0.1"}, {}),
    "own no_proxy of another host": (True, {"http": PROXY, "no_proxy": "example.com"}, {}),
    "NO_PROXY": (False, {"http": PROXY}, {"NO_PROXY": "127.0.0.1"}),
}


@both_ways
@pytest.mark.parametrize("case", FROM_THE_CONNECTION)
def test_connection(
    way: str,
    case: str,
    recorder: Recorder,
    proxy: ForwardProxy,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxied, proxies, environment = FROM_THE_CONNECTION[case]
    for name, value in environment.items():
        monkeypatch.setenv(name, value.format(proxy=proxy.address))
    if isinstance(proxies, str):
        proxies = proxies.format(proxy=proxy.address)
    else:
        proxies = {name: value.format(proxy=proxy.address) for name, value in proxies.items()}
    with Client(connect(recorder.url, proxies=proxies), way) as client:
        _round_trip(client)
    assert _calls(proxy.requests, recorder.url) == (CALLS if proxied else [])
    assert len(recorder.requests) == len(CALLS)


def test_both_drivers_send_the_same_through_a_proxy(
    recorder: Recorder, proxy: ForwardProxy, connect: Connect
) -> None:
    seen = {}
    for way in WAYS:
        auth.forget_all()
        proxy.requests.clear()
        with Client(connect(recorder.url, proxies=proxy.url), way) as client:
            _round_trip(client)
        seen[way] = [
            (
                request.method,
                request.target,
                request.body,
                {name.lower(): value for name, value in request.headers if name.lower() != "connection"},
            )
            for request in proxy.requests
        ]
    assert seen["sync"] == seen["async"]


@both_ways
def test_https_goes_through_a_tunnel(
    way: str,
    front: TlsFront,
    recorder: Recorder,
    proxy: ForwardProxy,
    pki: Pki,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    with Client(connect(front.url, verify=pki.ca), way) as client:
        _round_trip(client)
    assert {(seen.method, seen.target) for seen in proxy.requests} == {("CONNECT", f"127.0.0.1:{front.port}")}
    assert all(seen.header("authorization") is None for seen in proxy.requests)
    assert len(proxy.requests) == front.connections
    assert len(recorder.requests) == len(CALLS)


@both_ways
def test_the_tunnel_does_not_change_whom_we_trust(
    way: str, front: TlsFront, recorder: Recorder, proxy: ForwardProxy, connect: Connect
) -> None:
    hook = connect(front.url, proxies=proxy.url)
    with Client(hook, way) as client, pytest.raises(AsposeOcrCertificateError):
        client.submit()
    assert (len(proxy.requests), recorder.requests) == (1, [])


@both_ways
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_credentials_of_the_proxy(
    way: str,
    scheme: str,
    front: TlsFront,
    recorder: Recorder,
    proxy: ForwardProxy,
    pki: Pki,
    connect: Connect,
) -> None:
    url = f"http://proxy-user:p%40ss%3Aword@{proxy.address}"
    service = recorder.url if scheme == "http" else front.url
    with Client(connect(service, verify=pki.ca, proxies={scheme: url}), way) as client:
        _round_trip(client)
    expected = "Basic " + base64.b64encode(b"proxy-user:p@ss:word").decode()
    assert proxy.requests
    assert {seen.header("proxy-authorization") for seen in proxy.requests} == {expected}
    assert {seen.header("proxy-authorization") for seen in recorder.requests} == {None}
    sent = [seen.header("authorization") for seen in recorder.requests]
    assert sent == [None, f"Bearer {Recorder.TOKEN}", f"Bearer {Recorder.TOKEN}"]


def _refusal(
    hook: Any, way: str, kind: type[AsposeOcrError], caplog: pytest.LogCaptureFixture
) -> tuple[str, int | None]:
    with Client(hook, way) as client, pytest.raises(kind) as caught:
        client.submit()
    assert type(caught.value) is kind
    assert "p%40ss" not in str(caught.value) + caplog.text
    assert "p@ss" not in str(caught.value) + caplog.text
    return re.sub(r" \((?!HTTP)[^)]*\)", "", str(caught.value)), caught.value.status


@pytest.mark.usefixtures("brisk")
@pytest.mark.parametrize(
    ("scheme", "status", "kind", "attempts"),
    [
        ("http", 407, AsposeOcrRequestError, 1),
        ("http", 502, AsposeOcrServerError, 5),
        ("https", 407, AsposeOcrConnectionError, 5),
        ("https", 502, AsposeOcrConnectionError, 5),
    ],
)
def test_refusing_proxy(
    scheme: str,
    status: int,
    kind: type[AsposeOcrError],
    attempts: int,
    proxy: ForwardProxy,
    connect: Connect,
    caplog: pytest.LogCaptureFixture,
) -> None:
    proxy.refuse = status
    told = {}
    for way in WAYS:
        proxy.requests.clear()
        # No look-up of the name happens here: names behind a proxy are the proxy's to resolve.
        hook = connect(f"{scheme}://ocr.invalid", proxies=f"http://proxy-user:p%40ss@{proxy.address}")
        told[way] = _refusal(hook, way, kind, caplog)
        assert len(proxy.requests) == attempts, way
        assert {seen.target.partition("/connect")[0] for seen in proxy.requests} <= {
            "http://ocr.invalid",
            "ocr.invalid:443",
        }
    assert told["sync"] == told["async"]


@pytest.mark.usefixtures("brisk")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_proxy_that_is_down(scheme: str, connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    proxy = f"http://proxy-user:p%40ss@127.0.0.1:{free_port()}"
    told = {
        way: _refusal(
            connect(f"{scheme}://ocr.invalid", proxies=proxy), way, AsposeOcrConnectionError, caplog
        )
        for way in WAYS
    }
    assert told["sync"] == told["async"] == ("sign in: the service cannot be reached", None)


@pytest.mark.usefixtures("brisk")
@both_ways
def test_error_that_the_proxy_causes_names_the_proxy(way: str, proxy: ForwardProxy, connect: Connect) -> None:
    proxy.refuse = 407
    hook = connect("https://ocr.invalid", proxies=proxy.url)
    with Client(hook, way) as client, pytest.raises(AsposeOcrConnectionError, match=r"(?i)proxy"):
        client.submit()


@pytest.mark.usefixtures("brisk")
@both_ways
@pytest.mark.parametrize("proxy_url", ["socks5://127.0.0.1:9", "ftp://127.0.0.1:9", "http://"])
def test_proxy_that_is_none(way: str, proxy_url: str, recorder: Recorder, connect: Connect) -> None:
    hook = connect(recorder.url, proxies=proxy_url)
    with Client(hook, way) as client, pytest.raises(AsposeOcrSettingsError, match="proxy"):
        client.submit()
    assert recorder.requests == []


def test_get_conn_and_run(recorder: Recorder, proxy: ForwardProxy, connect: Connect) -> None:
    hook = connect(recorder.url, proxies={"http": proxy.url})
    hook.run(f"v5.0/ocr/{OPERATION}", json={"image": ""})
    assert hook.get_conn().get(f"{recorder.url}/v5.0/ocr/{OPERATION}?id=x", timeout=10).ok
    assert _calls(proxy.requests, recorder.url) == CALLS


def test_test_connection(emulator: Emulator, proxy: ForwardProxy, connect: Connect) -> None:
    assert connect(emulator.url, proxies=proxy.url).test_connection()[0]
    assert _calls(proxy.requests, emulator.url) == CALLS[:1]
