"""Nothing that arrives ends in a 500, and the next honest request is served at once."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.client import API
from tests.emulator.wire import Answer, address_of, connected, exchange, read_answers, request, submission

Build = Callable[[str], bytes]
"""Makes the bytes of a request; it is given a valid token."""

MAX_SECONDS = 5.0
"""Honest requests take milliseconds; what blocks the server takes longer than this, on any machine."""

MULTIPART = "multipart/form-data; boundary=edge"
PART = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\nimage\r\n'
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def token(emulator: Emulator, caplog: pytest.LogCaptureFixture) -> Iterator[str]:
    """A valid token; at the end nothing may have been logged as an error."""
    with caplog.at_level(logging.WARNING):
        yield sign_in(emulator)
    unhandled = [record for record in caplog.records if record.levelno >= logging.ERROR or record.exc_info]
    assert unhandled == [], caplog.text


def sign_in(emulator: Emulator) -> str:
    form = (
        f"grant_type=client_credentials&client_id={emulator.client_id}&client_secret={emulator.client_secret}"
    )
    answer = exchange(emulator, request("POST", "/connect/token", form.encode(), content_type=FORM))
    return str(json.loads(answer.body)["access_token"])


def check(answer: Answer, *statuses: int) -> None:
    """An answer is one of those that are wanted, and JSON where it says so."""
    assert answer.status in statuses, answer
    if "json" in answer.headers.get("content-type", "") and answer.body:
        strict(answer.body)


def strict(body: bytes) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(body.decode("utf-8"), parse_constant=refuse)


def check_honest(emulator: Emulator, token: str) -> None:
    """Honest requests are served at once, and all that the emulator tells of itself is JSON."""
    started = time.monotonic()
    image = b'{"image": "aW1hZ2U=", "settings": {}}'
    submitted = exchange(emulator, submission(token, image, accept="text/plain"))
    check(submitted, 200)
    path = f"{API}RecognizeImage?id={submitted.body.decode()}"
    polled = exchange(emulator, request("GET", path, authorization=f"Bearer {token}"))
    assert strict(polled.body)["taskStatus"] == "Completed"
    for name in ("calls", "ocr-tasks", "submissions", "transcript", "health"):
        check(exchange(emulator, request("GET", f"/_emulator/{name}")), 200)
    assert time.monotonic() - started < MAX_SECONDS


def posted(body: bytes, operation: str = "RecognizeImage", **headers: str) -> Build:
    return lambda token: submission(token, body, operation, **headers)


def with_settings(text: bytes) -> Build:
    return posted(b'{"image": "aW1hZ2U=", "settings": ' + text + b"}")


def multipart(body: bytes, content_type: str = MULTIPART) -> Build:
    return posted(body, "ImageProcessing/PostBinarizationFile", content_type=content_type)


def signing_in(body: bytes, content_type: str = FORM, **headers: str) -> Build:
    return lambda _: request("POST", "/connect/token", body, content_type=content_type, **headers)


def polling(query: str, **headers: str) -> Build:
    return lambda token: request(
        "GET", f"{API}RecognizeImage{query}", authorization=f"Bearer {token}", **headers
    )


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


def control(name: str, body: bytes, content_type: str = "application/json") -> Build:
    return lambda _: request("POST", f"/_emulator/{name}", body, content_type=content_type)


def nested(depth: int) -> bytes:
    return b'{"a": ' + b"[" * depth + b"]" * depth + b"}"


JSON_BODIES: dict[str, Build] = {
    "settings nested 100 deep": with_settings(nested(100)),
    "settings nested 900 deep": with_settings(nested(900)),
    "settings nested 100,000 deep": with_settings(nested(100_000)),
    "settings never closed": with_settings(b"[" * 100_000),
    "objects nested 900 deep": with_settings(b'{"a":' * 900 + b"1" + b"}" * 900),
    "a language nested 500 deep": with_settings(b'{"language": ' + b"[" * 500 + b"]" * 500 + b"}"),
    "half a character in the image": posted(b'{"image": "aW1h\\ud800", "settings": {}}'),
    "half a character in the language": with_settings(b'{"language": "\\ud800"}'),
    "half a character in a note": with_settings(b'{"note": "\\udfff"}'),
    "half a character in a name": with_settings(b'{"\\ud800": 1}'),
    "half a character in bytes": with_settings(b'{"note": "\xed\xa0\x80"}'),
    "no UTF-8": with_settings(b'{"note": "\xff\xfe"}'),
    "UTF-16": posted('{"image": "aW1hZ2U=", "settings": {}}'.encode("utf-16")),
    "1e999": with_settings(b'{"Rotate": 1e999}'),
    "-1e999 where nobody looks": with_settings(b'{"note": -1e999}'),
    "NaN": with_settings(b'{"note": NaN}'),
    "Infinity": with_settings(b'{"note": [Infinity]}'),
    "5,000 digits": with_settings(b'{"Rotate": ' + b"1" * 5_000 + b"}"),
    "4,000 digits": with_settings(b'{"note": ' + b"1" * 4_000 + b"}"),
    "300 digits": with_settings(b'{"Rotate": ' + b"1" * 300 + b"}"),
    "more than 32 bits": with_settings(b'{"Rotate": 2147483648}'),
    "settings that are a list": with_settings(b"[]"),
    "settings that are a number": with_settings(b"5"),
    "a list": posted(b'["image", "aW1hZ2U="]'),
    "a list with a colon": posted(b'["image": "aW1hZ2U="]'),
    "text": posted(b'"image"'),
    "an image that is a list": posted(b'{"image": ["aW1hZ2U="], "settings": {}}'),
    "an image that is an object": posted(b'{"image": {"image": "aW1hZ2U="}, "settings": {}}'),
    "an image that is a number": posted(b'{"image": 5, "settings": {}}'),
    "two images": posted(b'{"image": "aW1h", "IMAGE": "Z2U=", "settings": {}}'),
    "an image with an escaped line break": posted(b'{"image": "aW1h\\nZ2U", "settings": {}}'),
    "an image with an escape that is none": posted(b'{"image": "aW1hZ2U\\q", "settings": {}}'),
    "an image with an escaped quote": posted(b'{"image": "aW1hZ2U\\"", "settings": {}}'),
    "an image with half an escape": posted(b'{"image": "aW1hZ2U\\u00'),
    "an image with NUL": posted(b'{"image": "aW1h\x00Z2U=", "settings": {}}'),
    "an image with an escaped NUL": posted(b'{"image": "aW1h\\u0000", "settings": {}}'),
    "settings with NUL": with_settings(b'{"note": "\x00"}'),
    "control characters": with_settings(b'{"note": "\x01\x1f\n"}'),
    "nothing but quotes": posted(b'"' * 100_000),
    "nothing but commas": posted(b"{" + b"," * 2_000_000),
    "nothing but backslashes": posted(b'{"image": "' + b"\\" * 1_000_000),
    "more than one object": posted(b'{"image": "aW1hZ2U=", "settings": {}}{}'),
    "a body too large beside its image": with_settings(b'{"a": "' + b"x" * 2_000_000 + b'"}'),
    "closing brackets": posted(b"}" * 1_000),
}

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

FORMS: dict[str, Build] = {
    "no boundary": multipart(PART, "multipart/form-data"),
    "an empty boundary": multipart(PART, "multipart/form-data; boundary="),
    "a boundary of 2,000 characters": multipart(PART, "multipart/form-data; boundary=" + "x" * 2_000),
    "a boundary that is no ASCII": multipart(PART, "multipart/form-data; boundary=\xe9"),
    "another boundary": multipart(PART + b"--edge--", "multipart/form-data; boundary=other"),
    "a part that never ends": multipart(b"--edge\r\nContent-Disposition: form-data"),
    "no part": multipart(b"--edge--\r\n"),
    "nothing": multipart(b""),
    "thousands of files": multipart(PART.replace(b'"file"', b'"other"') * 3_000 + b"--edge--\r\n"),
    "thousands of fields": multipart(
        b'--edge\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n' * 3_000 + b"--edge--\r\n"
    ),
    "headers without end": multipart(b"--edge\r\n" + b"A: b\r\n" * 100_000),
    "a header without end": multipart(b"--edge\r\nA: " + b"b" * 2_000_000),
    "a header's name without end": multipart(b"--edge\r\n" + b"b" * 2_000_000),
    "a part without a name": multipart(b"--edge\r\nContent-Disposition: form-data\r\n\r\nx\r\n--edge--\r\n"),
    "a part without headers": multipart(b"--edge\r\n\r\nx\r\n--edge--\r\n"),
    "a field of 2 MB": multipart(
        b'--edge\r\nContent-Disposition: form-data; name="file"\r\n\r\n'
        + b"x" * 2_000_000
        + b"\r\n--edge--\r\n"
    ),
    "a form of another type": multipart(b"file=image", FORM),
    "no media type": multipart(PART, ""),
    **{
        f"the charset {name}": multipart(
            b'--edge\r\nContent-Disposition: form-data; name="\\ud800"\r\n\r\n\\ud800\xff\r\n--edge--\r\n',
            f"{MULTIPART}; charset={name}",
        )
        for name in (
            "undefined",
            "punycode",
            "idna",
            "unicode_escape",
            "utf-7",
            "utf-16",
            "zlib",
            "%00",
            "\xff",
        )
    },
}

SIGN_INS: dict[str, Build] = {
    "multipart without a boundary": signing_in(PART, "multipart/form-data"),
    "broken multipart": signing_in(b"x", MULTIPART),
    "multipart": signing_in(PART + b"--edge--\r\n", MULTIPART),
    "multipart in no charset": signing_in(PART + b"--edge--\r\n", f"{MULTIPART}; charset=undefined"),
    "JSON": signing_in(b'{"grant_type": "client_credentials"}', "application/json"),
    "no media type": signing_in(b"grant_type=client_credentials", ""),
    "a media type that is none": signing_in(b"grant_type=client_credentials", ";;\xff=,"),
    "nothing": signing_in(b""),
    "no UTF-8": signing_in(b"client_id=\xff\xfe%ff%zz&&&;===%ed%a0%80"),
    "NUL": signing_in(b"grant_type=client_credentials&client_id=%00&client_secret=\x00"),
    "half a character": signing_in(
        b"grant_type=client_credentials&client_id=\xed\xa0\x80&client_secret=%ed%a0%80"
    ),
    "thousands of fields": signing_in(b"a=b&" * 5_000),
}

CONTROLS: dict[str, Build] = {
    "nested 200,000 deep": control("options", b"[" * 200_000),
    "an option nested 900 deep": control("options", b'{"client_id": ' + b"[" * 900 + b"]" * 900 + b"}"),
    "half a character": control("options", b'{"client_id": "\\ud800"}'),
    "half a character in a name": control("options", b'{"\\ud800": 1}'),
    "no UTF-8": control("options", b'{"client_id": "\xff"}'),
    "not JSON": control("options", b"{"),
    "a list": control("options", b"[]"),
    "no body": control("options", b""),
    "faults without a body": control("faults", b""),
    "faults that are a number": control("faults", b"[5]"),
    "2,000 faults": control("faults", json.dumps([{"kind": "slow", "times": None}] * 2_000).encode()),
    "a reset with a body that is no JSON": control("reset", b"{"),
    **{
        f"the option {text}": control("options", text.encode())
        for text in (
            '{"token_lifetime": "x"}',
            '{"token_lifetime": 1e400}',
            '{"token_lifetime": -1}',
            '{"lockout_failures": 1.5}',
            '{"retention_seconds": NaN}',
            '{"retention_seconds": -1}',
            '{"result_bytes": 999999999999999999999999999}',
            '{"client_id": 5}',
            '{"client_secret": null}',
            '{"service_seconds": {"median": 0}}',
            '{"service_seconds": {"median": 1, "sigma": 1e308}}',
            '{"service_seconds": {"median": 1, "seed": []}}',
            '{"service_seconds": {"mean": 1}}',
            '{"service_seconds": [1, "2"]}',
            '{"service_seconds": [[1]]}',
            '{"service_seconds": 1e300}',
            '{"service_seconds": null}',
            '{"block_get_seconds": "x"}',
            '{"scripted_text": 5}',
            '{"max_body_bytes": "x"}',
            '{"warnings": 5}',
            '{"warnings": "x"}',
            '{"messages": [5]}',
            '{"transcript_limit": 1e12}',
            '{"gzip": "yes"}',
            '{"id_style": ["guid"]}',
            '{"delete_status": true}',
            '{"unknown_status": 5}',
            '{"completed_after_reads": "x"}',
        )
    },
    **{
        f"the fault {text}": control("faults", text.encode())
        for text in (
            '{"kind": ["status"]}',
            '{"kind": "status", "on": 5}',
            '{"kind": "status", "on": [["poll"]]}',
            '{"kind": "status", "status": 99999}',
            '{"kind": "status", "status": 100}',
            '{"kind": "status", "status": "x"}',
            '{"kind": "slow", "seconds": "x"}',
            '{"kind": "slow", "seconds": -1}',
            '{"kind": "slow", "seconds": 1e300}',
            '{"kind": "status", "after": "x"}',
            '{"kind": "status", "times": 1.5}',
            '{"kind": "status", "probability": 2}',
            '{"kind": "status", "headers": 5}',
            '{"kind": "status", "headers": {"a\\nb": "c"}}',
            '{"kind": "status", "headers": {"a": "b\\r\\nc: d"}}',
            '{"kind": "status", "headers": {"a": "\\u20ac"}}',
            '{"kind": "status", "headers": {"a": 5}}',
            '{"kind": "status", "headers": {"Content-Length": "5"}}',
            '{"kind": "status", "headers": {"transfer-encoding": "chunked"}}',
            '{"kind": "status", "body": 5}',
            '{"kind": "redirect", "location": "\\n"}',
            '{"kind": "status", "early": "x"}',
            '{"kind": "finish_with_error", "messages": 5}',
        )
    },
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

NO_HTTP = {
    "no request line": b"\r\n\r\n\r\n",
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
    "no version": b"GET /\r\n\r\n",
    "HTTP/3.99": b"GET / HTTP/3.99\r\nHost: x\r\n\r\n",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "a header without a name": b"GET / HTTP/1.1\r\nHost: x\r\n: x\r\n\r\n",
    "a header with NUL": b"GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n",
    "a path that is no ASCII": b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    "a path with NUL": b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a negative length": request("POST", "/connect/token", b"", content_length="-1"),
    "a length that is no number": request("POST", "/connect/token", b"", content_length="0x10"),
    "a length of 30 digits": request("POST", "/connect/token", b"", content_length="9" * 30),
    "two lengths": request("POST", "/connect/token", b"", content_length="5, 6"),
    "another transfer encoding": request("POST", "/connect/token", transfer_encoding="gzip"),
}

CHUNKS = {
    "no number": b"zz\r\n",
    "a negative number": b"-1\r\nx\r\n",
    "a number of 25 digits": b"f" * 25 + b"\r\n",
    "more than was said": b"5\r\nabcdeXX",
    "an extension without end": b"5;" + b"x" * 100_000,
    "a trailer that is none": b"0\r\n\x00: x\r\n\r\n",
}


def parametrized(cases: dict[str, Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


@parametrized(JSON_BODIES)
def test_bodies_that_are_refused(emulator: Emulator, token: str, case: Build) -> None:
    check(exchange(emulator, case(token)), 400)
    assert emulator.submissions == []
    check_honest(emulator, token)


@parametrized(HARMLESS)
def test_odd_requests_that_are_served(emulator: Emulator, token: str, case: Build) -> None:
    check(exchange(emulator, case(token)), 200)
    check_honest(emulator, token)


@parametrized(FORMS)
def test_forms_that_are_refused(emulator: Emulator, token: str, case: Build) -> None:
    check(exchange(emulator, case(token)), 400)
    assert emulator.submissions == []
    check_honest(emulator, token)


@parametrized(SIGN_INS)
def test_sign_ins_that_are_refused(emulator: Emulator, token: str, case: Build) -> None:
    answer = exchange(emulator, case(token))
    check(answer, 400)
    assert set(json.loads(answer.body)) == {"error"}
    check_honest(emulator, token)
    assert sign_in(emulator)


@pytest.mark.parametrize("size", [1 << 17, 1 << 22])
def test_a_huge_sign_in(emulator: Emulator, token: str, size: int) -> None:
    raw = signing_in(b"client_id=" + b"x" * size)(token)
    # The answer comes before the body is read; a client that is still sending then may see a reset instead.
    with contextlib.suppress(ConnectionError):
        check(exchange(emulator, raw), 413)
    check_honest(emulator, token)


@parametrized(CONTROLS)
def test_control_bodies_that_are_refused(emulator: Emulator, token: str, case: Build) -> None:
    before = repr(emulator.options)
    check(exchange(emulator, case(token)), 400)
    assert repr(emulator.options) == before
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


@parametrized(NO_HTTP)
def test_what_is_not_http(emulator: Emulator, token: str, case: bytes) -> None:
    check(exchange(emulator, case), 400)
    check_honest(emulator, token)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    "path", [f"{API}RecognizeImage?id=x", "/_emulator/options", "/nothing", "/connect/token"]
)
@parametrized(CHUNKS)
def test_broken_chunks(emulator: Emulator, token: str, case: bytes, path: str, method: str) -> None:
    authorization = f"Bearer {token}"
    head = request(method, path, transfer_encoding="chunked", authorization=authorization)
    with connected(emulator) as connection:
        connection.sendall(head + case)
        # What does not need its body may have been answered before that was seen to be broken.
        check(read_answers(connection, 1)[0], 200, 400, 404, 405)
    check_honest(emulator, token)


def test_a_broken_chunk_after_the_answer(emulator: Emulator, token: str) -> None:
    head = request(
        "GET", f"{API}RecognizeImage?id=x", transfer_encoding="chunked", authorization=f"Bearer {token}"
    )
    with connected(emulator) as connection:
        connection.sendall(head)
        check(read_answers(connection, 1)[0], 200)
        connection.sendall(b"zz\r\n")
        assert connection.recv(100) == b""
    check_honest(emulator, token)


@pytest.mark.parametrize("size", [100_000, 5_000_000])
@pytest.mark.parametrize(
    "start", [b"GET /", b"GET / HTTP/1.1\r\nHost: x\r\nA: ", b"GET / HTTP/1.1\r\nHost: x\r\n"]
)
def test_heads_without_end(emulator: Emulator, token: str, start: bytes, size: int) -> None:
    with connected(emulator) as connection:
        # The server is not expected to take it all: it ends the connection.
        with contextlib.suppress(ConnectionError):
            connection.sendall(start + (b"a:b\r\n" if start.endswith(b"\n") else b"aaaaa") * (size // 5))
        with contextlib.suppress(ConnectionError):
            assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
    check_honest(emulator, token)


def test_pipelined_requests(emulator: Emulator, token: str) -> None:
    one = submission(token, b'{"image": "aW1hZ2U=", "settings": {}}', accept="text/plain")
    with connected(emulator) as connection:
        connection.sendall(one * 200)
        answers = read_answers(connection, 200)
    assert {answer.status for answer in answers} == {200}
    assert [answer.body.decode() for answer in answers] == [one.ocr_task_id for one in emulator.submissions]
    check_honest(emulator, token)


def test_pipelined_garbage(emulator: Emulator, token: str) -> None:
    one = polling("?id=x")(token)
    with connected(emulator) as connection:
        connection.sendall(one + b"\x00garbage\r\n\r\n")
        first, second = read_answers(connection, 2)
    assert (first.status, second.status) == (200, 400)
    check_honest(emulator, token)


def test_a_length_that_promises_too_much(emulator: Emulator, token: str) -> None:
    raw = request(
        "POST", f"{API}RecognizeImage", authorization=f"Bearer {token}", content_length=str(1 << 63)
    )
    with connected(emulator) as connection:
        connection.sendall(raw + b'{"image": "aW1h')
        check_honest(emulator, token)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100)[9:12] in (b"", b"400")
    emulator.options.max_body_bytes = 1_000
    check(exchange(emulator, raw), 413)
    check_honest(emulator, token)


def test_slow_clients_hold_nothing_but_their_connections(emulator: Emulator, token: str) -> None:
    whole = submission(token, b'{"image": "aW1hZ2U=", "settings": {}}', accept="text/plain")
    # Each stops at another place: before the head, in its lines, at its end, in the body.
    places = list(range(0, len(whole), 12))
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(connected(emulator)) for _ in places]
        for connection, place in zip(slow, places, strict=True):
            connection.sendall(whole[:place])
        for step in range(3):
            check_honest(emulator, token)
            for connection, place in zip(slow, places, strict=True):
                connection.sendall(whole[place + step : place + step + 1])
        for connection, place in zip(slow, places, strict=True):
            connection.sendall(whole[place + 3 :])
            check(read_answers(connection, 1)[0], 200)


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("where", [10, 60, 250, -5, -1])
def test_clients_that_leave(emulator: Emulator, token: str, where: int, how: str) -> None:
    raw = submission(token, b'{"image": "' + b"QUFB" * 100 + b'", "settings": {}}')
    for _ in range(5):
        with connected(emulator) as connection:
            connection.sendall(raw[:where])
            if how == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    check_honest(emulator, token)
    assert len(emulator.submissions) == 1


def test_clients_that_leave_while_they_are_answered(emulator: Emulator, token: str) -> None:
    emulator.options.result_bytes = 50_000_000
    answer = exchange(
        emulator, submission(token, b'{"image": "aW1hZ2U=", "settings": {}}', accept="text/plain")
    )
    emulator.options.block_get_seconds = 1_000
    for _ in range(5):
        with connected(emulator) as connection:
            connection.sendall(polling(f"?id={answer.body.decode()}")(token))
            assert connection.recv(1_000).startswith(b"HTTP/1.1 200 ")
    emulator.options.result_bytes = None
    check_honest(emulator, token)


def test_a_blocked_poll_ends_when_its_client_leaves(emulator: Emulator, token: str) -> None:
    emulator.options.service_seconds = emulator.options.block_get_seconds = 1_000
    answer = exchange(
        emulator, submission(token, b'{"image": "aW1hZ2U=", "settings": {}}', accept="text/plain")
    )
    with connected(emulator) as connection:
        connection.sendall(polling(f"?id={answer.body.decode()}")(token))
        wait_for(lambda: emulator.calls.poll == 1)
    wait_for(lambda: emulator.transcript[-1].status is not None)
    emulator.options.service_seconds = 0
    check_honest(emulator, token)


def test_drops_on_connections_that_are_gone(emulator: Emulator, token: str) -> None:
    emulator.inject("slow", on="poll", seconds=0.2, times=None)
    emulator.inject("drop_before", on="poll", times=5)
    for _ in range(5):
        with connected(emulator) as connection:
            connection.sendall(polling("?id=x")(token))
    wait_for(lambda: emulator.calls.poll == 5)
    emulator.clear_faults()
    check_honest(emulator, token)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(st.binary(max_size=40), max_size=6),
    body=st.binary(max_size=200),
    mutated=st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=3)), max_size=4),
)
def test_any_bytes(
    emulator: Emulator, token: str, lines: list[bytes], body: bytes, mutated: list[tuple[int, bytes]]
) -> None:
    """Whatever is sent, the connection is answered or ended, and the server goes on."""
    raw = bytearray(
        submission(token, b'{"image": "aW1hZ2U=", "settings": {"note": "%s"}}' % body.hex().encode())
    )
    for place, piece in mutated:
        raw[place : place + len(piece)] = piece
    raw += b"\r\n".join(lines) + b"\r\n\r\n"
    with socket.create_connection(address_of(emulator), timeout=MAX_SECONDS) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(bytes(raw))
            connection.shutdown(socket.SHUT_WR)
        received = b""
        with contextlib.suppress(ConnectionError):
            while chunk := connection.recv(65536):
                received += chunk
    for status in statuses_in(received):
        assert status < 500 or status == 501, received
    check(exchange(emulator, polling("?id=x")(token)), 200)


def statuses_in(received: bytes) -> list[int]:
    return [int(line[9:12]) for line in received.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)
