"""Paths and URIs: the part that is shown, and the secrets that none may hold."""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Asset, ObjectStoragePath
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_asposeocr.api.exceptions import AsposeOcrSourceError
from airflow_provider_asposeocr.files.paths import (
    check_uri,
    display_uri,
    password_of,
    reason_of,
    secrets_of,
    shown,
    uris_in,
)
from airflow_provider_asposeocr.files.source import open_source, source_path

PASSWORD = "pa55:w@rd%21"
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("/data/scan.png", "/data/scan.png"),
        ("s3://bucket/a?b#c.png", "s3://bucket/a?b#c.png"),
        ("s3://aws_scans@bucket/key", "s3://bucket/key"),
        (f"sftp://me:{PASSWORD}@host/a", "sftp://host/a"),
        ("s3://KEY:a/b@c/d@bucket/key", "s3://bucket/key"),
        ("s3://KEY%3Aa/b@bucket/key", "s3://bucket/key"),
        ("https://me:a/b@host/a.png?sig=abc", "https://host/a.png"),
        ("sftp://host:2222/a@b.png", "sftp://host:2222/a@b.png"),
        ("\nhttps://host/a.png?sig=abc\n", "https://host/a.png"),
        ("zip://a::https://me:secret@host/a?sig=abc", "zip://host/a"),
        ("simplecache::https://me:secret@host/a?sig=abc", "simplecache::https://host/a"),
        ("s3://bucket/https://host/a?sig=abc", "s3://bucket/https://host/a"),
        ("see https://me:secret@host/a?sig=abc", "see https://host/a"),
        ("https:/host/a?sig=abc", "https:/host/a"),
        ("['https://host/a?sig=abc']", "[...]"),
        ("{'text': 'of a document'}", "{...}"),
        ("https://me:secret@host/a.png?sig=abc#part", "https://host/a.png"),
        ("HTTPS://host/a.png?sig=abc", "HTTPS://host/a.png"),
        ("file:///in/two\nlines\x1b[31m.png", "file:///in/two lines [31m.png"),
        ("file:///in/\udcff.png", "file:///in/ .png"),
    ],
)
def test_what_is_shown(uri: str, text: str) -> None:
    assert display_uri(uri) == text


@given(login=ANY_TEXT, query=ANY_TEXT, name=ANY_TEXT)
def test_nothing_secret_is_shown_whatever_it_is(login: str, query: str, name: str) -> None:
    secret = "5ecret"
    login, name = login.replace("/", ""), name.replace("?", "")
    shown = display_uri(f"https://{login}:{secret}@host/{name}?{query}&k={secret}")
    assert secret not in shown
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("uri", "password"),
    [
        ("s3://KEY:SECRET@bucket/key", "SECRET"),
        (f"sftp://me:{PASSWORD}@host/path", PASSWORD),
        ("s3://me:@bucket/key", ""),
        ("s3://KEY:SEC/RET@bucket/key", "SEC/RET"),
        ("s3://KEY:SEC/R@T@bucket/key", "SEC/R@T"),
        ("s3://KEY:123/R@bucket/key", "123/R"),
        ("s3://KEY%3aSECRET@bucket", "SECRET"),
        ("sftp://me:SEC/RET@host/path", "SEC/RET"),
        ("sftp://host:22/a:b@c", None),
        ("https://[::1]/a:b@c", None),
        ("https://[::1]:8080/a:b@c", None),
        ("\n s3://KEY:SECRET@bucket/key", "SECRET"),
        ("s3://aws_default@bucket/a:b@c", None),
        ("s3://bucket/a:b@c", None),
        ("/data/a:b@c", None),
        ("me:secret@host", None),
        ("file:///data/a:b@c", None),
    ],
)
def test_a_password(uri: str, password: str | None) -> None:
    assert password_of(uri) == password


@pytest.mark.parametrize("scheme", ["s3", "gs", "abfs", "sftp", "ftp", "file", "nonsense"])
@pytest.mark.parametrize("make", [str, lambda uri: {"uri": uri}, lambda uri: f" {uri}"])
def test_a_password_in_an_address_of_a_storage_is_refused_and_not_repeated(
    scheme: str, make: Callable[[str], Any]
) -> None:
    with pytest.raises(AsposeOcrSourceError, match="Airflow connection") as caught:
        source_path(make(f"{scheme}://user:{PASSWORD}@place/file.png"))
    assert "pa55" not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_a_password_in_an_object_storage_path_is_refused() -> None:
    with pytest.raises(AsposeOcrSourceError, match="Airflow connection") as caught:
        source_path(ObjectStoragePath("s3://KEY:S3CRET@bucket/key"))
    assert "S3CRET" not in str(caught.value)


def test_a_connection_in_an_address_stays() -> None:
    check_uri("s3://aws_scans@bucket/key")
    check_uri("https://me:secret@host/file?sig=x")


@pytest.mark.parametrize("name", ["a\0b.png", "\udcff.png", "\ud800"])
def test_a_name_that_nobody_can_be_told_fails_for_good(name: str) -> None:
    with pytest.raises(AsposeOcrSourceError) as caught:
        open_source(f"/data/{name}")
    assert str(caught.value).isprintable()
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("uri", "secrets"),
    [
        ("/data/scan.png?sig=0123456789", set()),
        ("s3://bucket/key?sig=0123456789", set()),
        ("s3://me:a%2Fsecret@bucket/key", {"a%2Fsecret", "a/secret"}),
        ("https://host/a.png?page=2", set()),
        (
            "https://host/a.png?X-Sig=ab%2Bcdefgh&page=2#x",
            {"X-Sig=ab%2Bcdefgh&page=2", "ab%2Bcdefgh", "ab+cdefgh"},
        ),
        ("https://me:secret12@host/a.png", {"secret12"}),
    ],
)
def test_what_is_to_be_masked(uri: str, secrets: set[str]) -> None:
    assert set(secrets_of(uri)) == secrets


@pytest.mark.parametrize(
    ("value", "uris"),
    [
        ("a", ["a"]),
        (None, []),
        (5, []),
        ({"uri": "a", "text": "t"}, ["a"]),
        ({"uri": None}, []),
        ({"bucket": "b", "key": "k"}, ["s3://b/k"]),
        (["a", {"uri": "b"}, None, ("c",)], ["a", "b", "c"]),
        ({"a"}, ["a"]),
        ({"x": "a"}.values(), ["a"]),
        ({"a": 1}.keys(), ["a"]),
        ([["a"], deque(["b"])], ["a", "b"]),
        ("['a', {'uri': 'b'}]", ["a", "b"]),
        ('{"uri": "a", "text": "t"}', ["a"]),
        ("\nhttps://h/a\n", ["https://h/a"]),
        ("[2026]/a.png", ["[2026]/a.png"]),
        (Asset("s3://b/k"), ["s3://b/k"]),
    ],
)
def test_the_addresses_in_a_field(value: object, uris: list[str]) -> None:
    assert list(uris_in(value)) == uris


def test_a_reason_is_the_systems_or_a_class_but_never_a_message() -> None:
    assert reason_of(OSError(errno.ENOSPC, "/secret/path")) == os.strerror(errno.ENOSPC)
    assert reason_of(OSError("https://host/?sig=s3cret")) == "OSError"
    assert reason_of(ValueError("s3cret")) == "ValueError"


def test_a_text_that_is_nested_deeply_takes_no_long_time() -> None:
    nested: Any = "https://host/a?sig=0123456789"
    for _ in range(100):
        nested = [nested]
    assert "0123456789" not in str(shown(nested))
    assert "0123456789" not in str(shown(str(nested)))
