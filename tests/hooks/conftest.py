"""A clean environment, and connections made on the spot."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_asposeocr.api.retry import RetryPolicy
from airflow_provider_asposeocr.emulator.testing import CONNECTION_VARIABLE, Emulator
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook

from .support import ForwardProxy, Recorder, serving
from .tls import Pki, issue

_FOREIGN = (
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "netrc",
    "requests_ca_bundle",
    "curl_ca_bundle",
)

Connect = Callable[..., AsposeOcrHook]
"""Makes a hook whose connection has this host, login, password and extra."""


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _FOREIGN:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    def make(
        host: str,
        login: str | None = "emulator-client-id",
        password: str | None = "emulator-client-secret",
        *,
        repeat_ambiguous_submit: bool = True,
        **extra: Any,
    ) -> AsposeOcrHook:
        connection = {
            "conn_type": "asposeocr",
            "host": host,
            "login": login,
            "password": password,
            "extra": extra,
        }
        monkeypatch.setenv(CONNECTION_VARIABLE, json.dumps(connection))
        return AsposeOcrHook(repeat_ambiguous_submit=repeat_ambiguous_submit)

    return make


@pytest.fixture
def hook(emulator: Emulator) -> AsposeOcrHook:
    """Return a hook on the emulator."""
    return AsposeOcrHook()


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the waits of the retry table fiftyfold; what the service asks for with Retry-After stays."""
    original = RetryPolicy.wait

    def wait(self: RetryPolicy, failures: int, asked: float | None) -> float:
        return original(self, failures, asked) / (50.0 if asked is None else 1.0)

    monkeypatch.setattr(RetryPolicy, "wait", wait)


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    folder = tmp_path_factory.mktemp("pki")
    ca = issue("test CA", None)
    here = ("127.0.0.1", "localhost")
    return Pki(
        ca=ca.write(folder / "ca")[0],
        server=issue("server", ca, here).write(folder / "server"),
        elsewhere=issue("elsewhere", ca, ("ocr.example.com",)).write(folder / "elsewhere"),
        expired=issue("expired", ca, here, days=-1).write(folder / "expired"),
        client=issue("client", ca).write(folder / "client"),
    )


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    server = Recorder()
    with serving(server):
        yield server


@pytest.fixture
def proxy() -> Iterator[ForwardProxy]:
    server = ForwardProxy()
    with serving(server):
        yield server
