"""What is made of an Airflow connection, and the Test button."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from airflow.models import Connection

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrAuthError,
    AsposeOcrError,
    AsposeOcrSettingsError,
)
from airflow_provider_asposeocr.api.flows import DEFAULT_BASE_URL
from airflow_provider_asposeocr.api.http import HttpRequest
from airflow_provider_asposeocr.api.retry import RetryPolicy
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.hooks import auth
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from airflow_provider_asposeocr.hooks.connection import ConnectionConfig

from .conftest import Connect
from .support import IMAGE, OPERATION, Client, Recorder, Reply, both_ways

SECRET = "do-not-show-this-secret"


def settings(extra: dict[str, Any] | None = None, **fields: Any) -> ConnectionConfig:
    connection = Connection(conn_id="ocr", conn_type="asposeocr", extra=json.dumps(extra or {}), **fields)
    return ConnectionConfig.of(connection, connection.extra_dejson)


# fmt: off
BASE_URLS: dict[str, tuple[dict[str, Any], str]] = {
    # name: (fields of the connection, base URL)
    "nothing": ({}, "https://api.aspose.cloud"),
    "blank": ({"host": "  "}, "https://api.aspose.cloud"),
    "name": ({"host": "ocr.example.com"}, "https://ocr.example.com"),
    "name and port in one": ({"host": "ocr.example.com:8443"}, "https://ocr.example.com:8443"),
    "name and port apart": ({"host": "ocr.example.com", "port": 8443}, "https://ocr.example.com:8443"),
    "port twice": ({"host": "ocr.example.com:8443", "port": 9}, "https://ocr.example.com:8443"),
    "port alone": ({"port": 8443}, "https://api.aspose.cloud:8443"),
    "port that the form sends for none": ({"port": 0}, "https://api.aspose.cloud"),
    "schema": ({"host": "ocr.example.com", "schema": "http"}, "http://ocr.example.com"),
    "schema and port": ({"host": "localhost", "schema": "http", "port": 8080}, "http://localhost:8080"),
    "URL": ({"host": "https://ocr.example.com"}, "https://ocr.example.com"),
    "URL and port": ({"host": "https://ocr.example.com", "port": 8443}, "https://ocr.example.com:8443"),
    "URL before schema": ({"host": "http://localhost", "schema": "https"}, "http://localhost"),
    "slash at the end": ({"host": "https://ocr.example.com/"}, "https://ocr.example.com"),
    "path": ({"host": "https://example.com/ocr/"}, "https://example.com/ocr"),
    "path and port": ({"host": "https://example.com/ocr", "port": 8443}, "https://example.com:8443/ocr"),
    "IPv6": ({"host": "http://[::1]:8080"}, "http://[::1]:8080"),
    "IPv6 and port": ({"host": "http://[::1]", "port": 8080}, "http://[::1]:8080"),
    "upper case": ({"host": "HTTPS://OCR.example.com"}, "https://OCR.example.com"),
}

WRONG_HOSTS: dict[str, dict[str, Any]] = {
    "other scheme": {"host": "ftp://ocr.example.com"},
    "other schema": {"host": "ocr.example.com", "schema": "ftp"},
    "file": {"host": "file:///etc/passwd"},
    "scheme alone": {"host": "https://"},
    "port that is none": {"host": "https://ocr.example.com:http"},
    "port out of range": {"host": "https://ocr.example.com:70000"},
    "query": {"host": "https://ocr.example.com/?a=b"},
    "fragment": {"host": "https://ocr.example.com/#top"},
    "IPv6 without brackets": {"host": "https://::1"},
    "user": {"host": "https://someone@ocr.example.com"},
    "user and password": {"host": f"https://someone:{SECRET}@ocr.example.com"},
    "password without scheme": {"host": f"someone:{SECRET}@ocr.example.com"},
    "space": {"host": "ocr example.com"},
}

EXTRAS: dict[str, tuple[dict[str, Any], str, Any]] = {
    # name: (extra, field, value)
    "no prefix": ({}, "prefix", "/v5.0/ocr"),
    "empty prefix": ({"api_prefix": ""}, "prefix", "/v5.0/ocr"),
    "prefix": ({"api_prefix": "v5.0"}, "prefix", "/v5.0"),
    "prefix with slashes": ({"api_prefix": "/v6/ocr/"}, "prefix", "/v6/ocr"),
    "no token_url": ({}, "token_url", None),
    "empty token_url": ({"token_url": ""}, "token_url", None),
    "token_url": ({"token_url": "https://id.example.com/token"}, "token_url", "https://id.example.com/token"),
    "no timeout": ({}, "read_timeout", 100.0),
    "null timeout": ({"timeout": None}, "read_timeout", 100.0),
    "timeout": ({"timeout": 300}, "read_timeout", 300.0),
    "timeout as text": ({"timeout": "90.5"}, "read_timeout", 90.5),
    "short timeout": ({"timeout": 5}, "read_timeout", 60.0),
    "no verify": ({}, "verify", True),
    "null verify": ({"verify": None}, "verify", True),
    "empty verify": ({"verify": ""}, "verify", True),
    "blank verify": ({"verify": "  "}, "verify", True),
    "verify None": ({"verify": "None"}, "verify", True),
    "verify true": ({"verify": "True"}, "verify", True),
    "verify false": ({"verify": False}, "verify", False),
    "verify false as text": ({"verify": "False"}, "verify", False),
    "verify path": ({"verify": "/etc/ca.pem"}, "verify", "/etc/ca.pem"),
    "no cert": ({}, "cert", None),
    "cert": ({"cert": "/etc/client.pem"}, "cert", "/etc/client.pem"),
    "cert and key": ({"cert": ["/c.crt", "/c.key"]}, "cert", ("/c.crt", "/c.key")),
    "no proxies": ({}, "proxies", {}),
    "proxies": ({"proxies": {"https": "http://proxy:3128"}}, "proxies", {"https": "http://proxy:3128"}),
    "proxy": ({"proxies": "http://p:3128"}, "proxies", {"http": "http://p:3128", "https": "http://p:3128"}),
    "null proxy": ({"proxies": {"https": None}}, "proxies", {}),
    "verify off": ({"verify": "off"}, "verify", False),
    "verify on": ({"verify": " On "}, "verify", True),
    "cert None": ({"cert": "None"}, "cert", None),
    "cert and key as JSON": ({"cert": '["/c.crt", "/c.key"]'}, "cert", ("/c.crt", "/c.key")),
    "cert and key as Python": ({"cert": "('/c.crt', '/c.key')"}, "cert", ("/c.crt", "/c.key")),
    "proxies None": ({"proxies": "None"}, "proxies", {}),
    "proxies as JSON": ({"proxies": '{"https": "http://p:3128"}'}, "proxies", {"https": "http://p:3128"}),
    "proxies in capitals": ({"proxies": {"HTTPS": " http://p:1 "}}, "proxies", {"https": "http://p:1"}),
    "proxies without": ({"proxies": {"NO_PROXY": "a,b"}}, "proxies", {"no_proxy": "a,b"}),
    "prefix None": ({"api_prefix": "None"}, "prefix", "/v5.0/ocr"),
    "token_url None": ({"token_url": " None "}, "token_url", None),
    "timeout None": ({"timeout": "None"}, "read_timeout", 100.0),
    "delay_cost as text": ({"delay_cost": " 2 "}, "delay_cost", 2.0),
    "delay_cost None": ({"delay_cost": "None"}, "delay_cost", 1.5),
    "max_result_bytes": ({"max_result_bytes": "1e9"}, "max_result_bytes", 1_000_000_000),
    "max_result_bytes None": ({"max_result_bytes": ""}, "max_result_bytes", 4 * 1024**3),
    "srv_lookup off": ({"srv_lookup": "false"}, "read_timeout", 100.0),
}

WRONG_EXTRAS: dict[str, tuple[dict[str, Any], str]] = {
    # name: (extra, what the message names)
    "srv_lookup": ({"srv_lookup": True}, "srv_lookup"),
    "srv_lookup as text": ({"srv_lookup": "true"}, "srv_lookup"),
    "timeout word": ({"timeout": "soon"}, "timeout"),
    "timeout list": ({"timeout": [60]}, "timeout"),
    "timeout nan": ({"timeout": "nan"}, "timeout"),
    "timeout inf": ({"timeout": "inf"}, "timeout"),
    "timeout negative": ({"timeout": -5}, "timeout"),
    "timeout true": ({"timeout": True}, "timeout"),
    "delay_cost zero": ({"delay_cost": 0}, "delay_cost"),
    "delay_cost large": ({"delay_cost": 101}, "delay_cost"),
    "delay_cost word": ({"delay_cost": "cheap"}, "delay_cost"),
    "max_result_bytes zero": ({"max_result_bytes": 0}, "max_result_bytes"),
    "max_result_bytes fraction": ({"max_result_bytes": 1.5}, "max_result_bytes"),
    "prefix number": ({"api_prefix": 5}, "api_prefix"),
    "prefix list": ({"api_prefix": ["v5.0"]}, "api_prefix"),
    "prefix with query": ({"api_prefix": "/v5.0?a=b"}, "api_prefix"),
    "prefix with address": ({"api_prefix": "https://api.example.com/v5.0"}, "api_prefix"),
    "proxy number": ({"proxies": {"https": 3128}}, "proxies"),
    "proxies odd text": ({"proxies": '{"https": '}, "proxies"),
    "token_url list": ({"token_url": ["https://id.example.com"]}, "token_url"),
    "verify number": ({"verify": 7}, "verify"),
    "verify list": ({"verify": ["/etc/ca.pem"]}, "verify"),
    "cert triple": ({"cert": ["a", "b", "c"]}, "cert"),
    "cert object": ({"cert": {"crt": "a"}}, "cert"),
    "cert number": ({"cert": 5}, "cert"),
    "proxies list": ({"proxies": ["http://proxy:3128"]}, "proxies"),
    "proxies number": ({"proxies": 3128}, "proxies"),
    "token_url word": ({"token_url": "token"}, "token_url"),
    "token_url scheme": ({"token_url": "ftp://id.example.com/token"}, "token_url"),
    "token_url number": ({"token_url": 5}, "token_url"),
    "token_url credentials": ({"token_url": f"https://someone:{SECRET}@id.example.com/token"}, "token_url"),
}
# fmt: on


@pytest.mark.parametrize("case", BASE_URLS)
def test_base_url(case: str) -> None:
    fields, expected = BASE_URLS[case]
    assert settings(**fields).base_url == expected


@pytest.mark.parametrize("case", WRONG_HOSTS)
def test_wrong_host(case: str) -> None:
    with pytest.raises(AsposeOcrSettingsError, match="host") as caught:
        settings(**WRONG_HOSTS[case])
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("case", EXTRAS)
def test_extra(case: str) -> None:
    extra, name, expected = EXTRAS[case]
    assert getattr(settings(extra), name) == expected


@pytest.mark.parametrize("case", WRONG_EXTRAS)
def test_wrong_extra(case: str) -> None:
    extra, named = WRONG_EXTRAS[case]
    with pytest.raises(AsposeOcrSettingsError, match=named) as caught:
        settings(extra)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("prefix", ["/", "v5.0/ocr", "/v5.0/ocr/"])
def test_urls_have_no_empty_segment(prefix: str) -> None:
    api = settings({"api_prefix": prefix}, host="https://ocr.example.com/").api(RetryPolicy())
    assert "//" not in api.url("RecognizeImage", "an-id").removeprefix("https://")
    request = next(api.token("id", "secret"))
    assert isinstance(request, HttpRequest)
    assert request.url == "https://ocr.example.com/connect/token"


def test_unknown_extras_are_named_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    settings({"tiemout": SECRET, "headers": {"X-Key": SECRET}, "timeout": 70})
    assert "headers, tiemout" in caplog.text
    assert SECRET not in caplog.text
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("host", "warned"),
    [
        ("http://ocr.example.com", True),
        ("https://ocr.example.com", False),
        ("http://localhost:8080", False),
        ("http://127.0.0.1:8080", False),
    ],
)
def test_plain_http_is_warned_of(host: str, warned: bool, caplog: pytest.LogCaptureFixture) -> None:
    settings(host=host)
    assert ("unencrypted" in caplog.text) is warned


def test_constructor_looks_no_connection_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AsposeOcrHook, "get_connection", lambda *args: pytest.fail("looked up"))
    assert AsposeOcrHook("somewhere").asposeocr_conn_id == "somewhere"
    assert AsposeOcrHook().asposeocr_conn_id == "asposeocr_default"


@pytest.mark.parametrize("form", ["json", "uri"])
@both_ways
def test_connection_from_the_environment(
    way: str, form: str, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator.options.client_secret = "s:e/c@r#e%t ü"
    given = emulator.connection_json() if form == "json" else emulator.connection_uri()
    monkeypatch.setenv("AIRFLOW_CONN_MY_OCR", given)
    with Client(AsposeOcrHook("my_ocr"), way) as client:
        client.submit()
    assert (emulator.calls.token, emulator.calls.submit) == (1, 1)


@both_ways
def test_token_url_and_prefix_are_used(way: str, recorder: Recorder, connect: Connect) -> None:
    grant = Reply(json.dumps({"access_token": Recorder.TOKEN}).encode())
    recorder.answer = lambda seen: grant if seen.target == "/id/token" else None
    with Client(connect(recorder.url, token_url=f"{recorder.url}/id/token", api_prefix="v9"), way) as client:
        client.submit()
        client.get("an-id")
    assert [seen.target for seen in recorder.requests] == [
        "/id/token",
        f"/v9/{OPERATION}",
        f"/v9/{OPERATION}?id=an-id",
    ]


@pytest.mark.parametrize(("login", "password"), [(None, None), ("", ""), ("an-id", None), (None, SECRET)])
@both_ways
def test_without_credentials_the_trial_works_alone(
    way: str, login: str | None, password: str | None, emulator: Emulator, connect: Connect
) -> None:
    with Client(connect(emulator.url, login, password), way) as client:
        ocr_task_id = client.submit(operation="RecognizeImageTrial")
        assert client.get(ocr_task_id, operation="RecognizeImageTrial").text
        client.cancel(ocr_task_id, operation="RecognizeImageTrial")
        assert [entry.authorized for entry in emulator.transcript] == [False] * 3
        for refused in (
            client.submit,
            lambda: client.get("an-id"),
            lambda: client.status("an-id"),
            lambda: client.cancel("an-id"),
        ):
            with pytest.raises(AsposeOcrAuthError, match="only the trial operations") as caught:
                refused()
            assert not caught.value.retryable
    assert (len(emulator.transcript), client.hook.api_calls) == (3, 3)


def test_button_signs_in_and_bills_nothing(hook: AsposeOcrHook, emulator: Emulator) -> None:
    accepted, message = hook.test_connection()
    assert accepted is True
    assert "Client ID and Client secret are accepted" in message
    assert f"{emulator.url}/v5.0/ocr were not tried" in message
    assert (emulator.calls.token, emulator.calls.billed, hook.api_calls) == (1, 0, 0)


def test_button_asks_again_although_a_token_is_kept(hook: AsposeOcrHook, emulator: Emulator) -> None:
    hook.submit(OPERATION, IMAGE)
    emulator.options.client_secret = "changed"
    assert hook.test_connection()[0] is False
    assert emulator.calls.token == 2


def test_button_with_a_wrong_secret(
    emulator: Emulator, connect: Connect, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        accepted, message = connect(emulator.url, password=SECRET).test_connection()
    assert accepted is False
    assert "the Client ID or the Client secret was rejected" in message
    assert (emulator.calls.token, emulator.calls.billed) == (1, 0)
    assert SECRET not in message + caplog.text + "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"login": None, "password": None}, "no Client ID"),
        ({"srv_lookup": True}, "srv_lookup"),
        ({"timeout": "soon"}, "timeout"),
    ],
)
def test_button_tells_what_is_wrong_with_the_connection(
    fields: dict[str, Any], named: str, emulator: Emulator, connect: Connect
) -> None:
    accepted, message = connect(emulator.url, **fields).test_connection()
    assert (accepted, named in message) == (False, True)
    assert emulator.transcript == []


@pytest.mark.parametrize("kind", ["redirect", "status"])
def test_only_rejected_credentials_are_called_rejected(
    kind: str, emulator: Emulator, hook: AsposeOcrHook
) -> None:
    """A wrong address answers too: to blame the secret sends the user the wrong way."""
    emulator.inject(kind, on="token", **({"status": 404} if kind == "status" else {}))
    accepted, message = hook.test_connection()
    assert accepted is False
    assert "rejected" not in message
    assert ("redirects" if kind == "redirect" else "check host") in message


@pytest.mark.usefixtures("brisk")
@both_ways
def test_nothing_secret_is_shown(
    way: str,
    recorder: Recorder,
    connect: Connect,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Not the secret, not the token, not the document: in no log of any library, no message, no repr."""
    told: list[str] = []
    echo = json.dumps({"title": f"no {Recorder.TOKEN}", "detail": f"{SECRET}"}).encode()
    with caplog.at_level(logging.DEBUG):
        hook = connect(recorder.url, "an-id", SECRET, proxies={"ftp": f"http://u:{SECRET}@proxy"})
        with Client(hook, way) as client:
            task = client.get(client.submit())
            told += [repr(task), str(task), repr(hook), repr(vars(hook)), repr(auth.__dict__)]
            recorder.answer = lambda seen: Reply(echo.replace(SECRET.encode(), b""), 403)
            for call in (client.submit, lambda: client.get("x"), lambda: client.status("x")):
                with pytest.raises(AsposeOcrError) as caught:
                    call()
                told += [str(caught.value), repr(caught.value), repr(vars(caught.value))]
            recorder.answer = lambda seen: Reply(echo, 401)
            auth.forget_all()
            with pytest.raises(AsposeOcrAuthError) as refused:
                client.submit()
            told += [str(refused.value)]
        told += [repr(settings(login="an-id", password=SECRET, extra={"proxies": f"http://u:{SECRET}@p"}))]
    shown = caplog.text + "\n".join([*told, *capsys.readouterr()])
    assert "403" in shown
    for hidden in (SECRET, Recorder.TOKEN, Recorder.TEXT):
        assert hidden not in shown


def test_token_key_tells_nothing_and_tells_pairs_apart() -> None:
    keys = {
        settings(host=host, login=login, password=password).token_key()
        for host in ("https://a.example.com", "https://b.example.com")
        for login, password in (("one", SECRET), ("two", SECRET), ("one", "other"))
    }
    assert len(keys) == 6
    assert not any(SECRET in key for key in keys)


def test_default_host_is_the_vendors() -> None:
    assert settings().base_url == DEFAULT_BASE_URL == "https://api.aspose.cloud"
