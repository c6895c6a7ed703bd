"""Odd requests: harmless ones are served, wrong paths and methods are refused."""

from __future__ import annotations

import pytest

from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.client import API
from tests.emulator.hostile import (
    Build,
    check,
    check_honest,
    nested,
    parametrized,
    polling,
    posted,
    with_settings,
)
from tests.emulator.wire import exchange, request


def chunked(body: bytes, **headers: str) -> Build:
    def build(token: str) -> bytes:
        head = request(
            "POST",
            f"{API}RecognizeImage",
            authorization=f"Bearer {token}",
            transfer_encoding="chunked",
            **headers,
        )
        return head + body

    return build


HARMLESS: dict[str, Build] = {
    "NUL by its escape": with_settings(b'{"note": "\\u0000\\u001f"}'),
    "a pair by its escapes": with_settings(b'{"note": "\\ud83d\\ude00"}'),
    "a name that is given twice": with_settings(b'{"note": 1, "note": "\\n", "NOTE": []}'),
    "the smallest fraction": with_settings(b'{"note": 1e-999}'),
    "60 levels": with_settings(nested(60)),
    "a byte order mark": posted(b'\xef\xbb\xbf{"image": "aW1hZ2U=", "settings": {}}'),
    "another media type": posted(b'{"image": "aW1hZ2U=", "settings": {}}', content_type="text/xml; x"),
    "a strange Accept": posted(
        b'{"image": "aW1hZ2U=", "settings": {}}', accept=",;;q=nan,application/json;q=1e999,*/*;q=-1"
    ),
    "Expect": posted(b'{"image": "aW1hZ2U=", "settings": {}}', expect="100-continue"),
    "an Upgrade": posted(b'{"image": "aW1hZ2U=", "settings": {}}', connection="upgrade", upgrade="websocket"),
    "HTTP/1.0": posted(b'{"image": "aW1hZ2U=", "settings": {}}', version="1.0"),
    "chunks of one byte": chunked(
        b"".join(b"1\r\n%c\r\n" % byte for byte in b'{"image": "aW1hZ2U=", "settings": {}}') + b"0\r\n\r\n"
    ),
    "chunks with extensions and a trailer": chunked(
        b'25;a="b"\r\n{"image": "aW1hZ2U=", "settings": {}}\r\n0\r\nA: b\r\n\r\n'
    ),
    "an id with NUL": polling("?id=%00%0d%0a"),
    "an id that is no UTF-8": polling("?id=%ff%ed%a0%80"),
    "an id of 10,000 characters": polling("?id=" + "x" * 10_000),
    "two ids": polling("?id=a&ID=b&id=c"),
    "a body with a GET": polling("?id=x", content_length="0"),
    "a foreign Host": polling("?id=x", host="[::1"),
    "a Host that is no name": polling("?id=x", host="\xe9:99999999999999"),
    "a thousand headers": polling("?id=x", **{f"h{number}": "x" for number in range(1_000)}),
    "a header that is no UTF-8": polling("?id=x", user_agent="\xff\xfe\x01"),
    "X-Forwarded-For": polling("?id=x", x_forwarded_for="garbage", x_forwarded_proto="\xff"),
}


PATHS = {
    "NUL": "/%00",
    "no UTF-8": "/%ff%fe",
    "slashes": "///",
    "a bracket": "//[",
    "a whole URL": "http://[::1/x",
    "an asterisk": "*",
    "dots": "/v5.0/ocr/../../_emulator/../x",
    "10,000 characters": "/v5.0/ocr/" + "x" * 10_000,
    "a Kelvin sign": "/v5.0/ocr/%e2%84%aa",
    "a capital that grows": "/v5.0/ocr/%c4%b0",
    "a control endpoint that is none": "/_emulator/%ff%00%0d%0a",
    "no control endpoint": "/_emulator/",
    "too many slashes": "//_emulator/calls",
    "a line break in an operation": "/v5.0/ocr/Recognize%0AImage",
}


@parametrized(HARMLESS)
def test_odd_requests_that_are_served(emulator: Emulator, token: str, case: Build) -> None:
    check(exchange(emulator, case(token)), 200)
    check_honest(emulator, token)


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "x-y"])
@parametrized(PATHS)
def test_paths_where_nothing_is(emulator: Emulator, token: str, case: str, method: str) -> None:
    check(exchange(emulator, request(method, case), method), 403, 404, 405)
    check_honest(emulator, token)


@pytest.mark.parametrize(
    "method", ["HEAD", "OPTIONS", "PUT", "TRACE", "CONNECT", "PATCH", "get", "x" * 1_000]
)
@pytest.mark.parametrize("path", [f"{API}RecognizeImage", "/connect/token", "/_emulator/options"])
def test_other_methods(emulator: Emulator, token: str, method: str, path: str) -> None:
    check(exchange(emulator, request(method, path, b"x"), method), 405)
    check_honest(emulator, token)
