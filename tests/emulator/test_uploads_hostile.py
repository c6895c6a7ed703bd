"""Hostile bodies: they are refused, and the next honest request is served at once."""

from __future__ import annotations

import contextlib
import json

import pytest

from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.hostile import (
    FORM,
    Build,
    check,
    check_honest,
    nested,
    parametrized,
    posted,
    sign_in,
    with_settings,
)
from tests.emulator.wire import exchange, request

MULTIPART = "multipart/form-data; boundary=edge"


PART = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\nimage\r\n'


def multipart(body: bytes, content_type: str = MULTIPART) -> Build:
    return posted(body, "ImageProcessing/PostBinarizationFile", content_type=content_type)


def signing_in(body: bytes, content_type: str = FORM, **headers: str) -> Build:
    return lambda _: request("POST", "/connect/token", body, content_type=content_type, **headers)


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


@parametrized(JSON_BODIES)
def test_bodies_that_are_refused(emulator: Emulator, token: str, case: Build) -> None:
    check(exchange(emulator, case(token)), 400)
    assert emulator.submissions == []
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
