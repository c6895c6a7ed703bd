"""Request bodies: the same bytes as the standard library makes, without holding them."""

from __future__ import annotations

import base64
import io
import itertools
import json
import tracemalloc
from collections.abc import Callable
from email import message_from_bytes
from email.policy import HTTP
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_asposeocr.api.exceptions import AsposeOcrSourceError, AsposeOcrStorageError
from airflow_provider_asposeocr.api.http import BytesBody, RequestBody
from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.files.body import (
    CHUNK,
    MAX_TEXT_BYTES,
    Base64Body,
    MultipartBody,
    make_body,
    read_exactly,
    text_body,
)
from airflow_provider_asposeocr.files.source import Source

from .in_memory import source_of

SIZES = [*range(1, 11), 57, 65_535, 65_536, 65_537, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 2]
SETTINGS = {
    "language": "English",
    "text": 'a "quoted" \u00e9 \u2028',
    "Rotate": 90,
    "regions": [{"order": 0}],
}


def some(size: int) -> bytes:
    """So many bytes of every value."""
    return (bytes(range(256)) * (size // 256 + 1))[:size]


def sent(body: RequestBody) -> bytes:
    """Everything that a body sends."""
    return b"".join(body)


def base64_body(source: Source) -> RequestBody:
    """Return a body of the current operations."""
    return Base64Body(source, "image", SETTINGS)


def multipart_body(source: Source) -> RequestBody:
    """Return a body of the deprecated preprocessing."""
    return MultipartBody(source, "file")


STREAMING = pytest.mark.parametrize("make", [base64_body, multipart_body], ids=["base64", "multipart"])


def expected_json(data: bytes) -> bytes:
    """Make the body with the standard library."""
    image = base64.b64encode(data).decode()
    return f'{{"image":"{image}","settings":{json.dumps(SETTINGS)}}}'.encode()


@pytest.mark.parametrize("most", [None, 1000, 65_536])
@pytest.mark.parametrize("size", SIZES)
def test_base64_is_that_of_the_standard_library(size: int, most: int | None) -> None:
    body = base64_body(source_of(some(size), most=most))
    assert sent(body) == expected_json(some(size))
    assert len(body) == len(expected_json(some(size)))


@given(data=st.binary(max_size=400), most=st.integers(1, 50))
def test_base64_of_any_stream_that_reads_short(data: bytes, most: int) -> None:
    body = base64_body(source_of(data, most=most))
    assert sent(body) == expected_json(data)
    assert len(body) == len(expected_json(data))


@settings(max_examples=30, deadline=None)
@given(size=st.integers(CHUNK - 4, 2 * CHUNK + 4), most=st.integers(CHUNK // 3, CHUNK + 5))
def test_base64_across_the_edges_of_chunks(size: int, most: int) -> None:
    body = base64_body(source_of(some(size), most=most))
    assert sent(body) == expected_json(some(size))
    assert len(body) == len(expected_json(some(size)))


def test_the_json_is_valid_and_the_settings_come_last() -> None:
    read = json.loads(sent(base64_body(source_of(some(1000)))))
    assert list(read) == ["image", "settings"]
    assert base64.b64decode(read["image"], validate=True) == some(1000)
    assert read["settings"] == SETTINGS


@pytest.mark.parametrize(
    ("given_settings", "expected"),
    [(None, '{"image":"YWJj"}'), ({}, '{"image":"YWJj","settings":{}}')],
)
def test_no_settings_and_empty_settings_are_not_the_same(
    given_settings: dict[str, Any] | None, expected: str
) -> None:
    body = Base64Body(source_of(b"abc"), "image", given_settings)
    assert sent(body).decode() == expected
    assert len(body) == len(expected)
    assert body.content_type == "application/json"


@pytest.mark.parametrize("most", [None, 1, 1000])
@pytest.mark.parametrize("size", [1, 2, 57, 4000])
def test_multipart_is_read_by_the_standard_library(size: int, most: int | None) -> None:
    body = multipart_body(source_of(some(size), most=most))
    raw = sent(body)
    assert len(body) == len(raw)
    header = f"Content-Type: {body.content_type}\r\n\r\n".encode()
    (part,) = message_from_bytes(header + raw, policy=HTTP).iter_parts()
    assert part.get_content_disposition() == "form-data"
    assert part.get_param("name", header="content-disposition") == "file"
    assert part.get_filename() == "scan.png"
    assert part.get_content_type() == "application/octet-stream"


@pytest.mark.parametrize("size", SIZES)
def test_multipart_holds_the_bytes_as_they_are(size: int) -> None:
    body = multipart_body(source_of(some(size)))
    raw = sent(body)
    boundary = body.content_type.partition("boundary=")[2].encode()
    head, _, rest = raw.partition(b"\r\n\r\n")
    assert head.startswith(b"--" + boundary + b"\r\n")
    assert rest == some(size) + b"\r\n--" + boundary + b"--\r\n"
    assert len(body) == len(raw)


@given(name=st.text(max_size=60))
def test_any_name_is_a_harmless_file_name(name: str) -> None:
    body = multipart_body(source_of(b"abc", name=name))
    raw = sent(body)
    assert len(body) == len(raw)
    line = raw.split(b"\r\n")[1].decode()
    assert line.startswith('Content-Disposition: form-data; name="file"; filename="')
    assert line.count('"') == 4
    assert not set("\\/\r\n;") & set(line.rpartition("filename=")[2])


def test_two_bodies_have_two_boundaries() -> None:
    first, second = multipart_body(source_of(b"a")), multipart_body(source_of(b"a"))
    assert first.content_type != second.content_type


@STREAMING
def test_a_body_can_be_sent_again(make: Callable[[Source], RequestBody]) -> None:
    body = make(source_of(some(CHUNK + 7)))
    first = sent(body)
    half = list(itertools.islice(body, 2))
    assert sent(body) == first
    assert first.startswith(b"".join(half))


@STREAMING
@pytest.mark.parametrize("size", [1, 100, CHUNK, CHUNK + 1])
@pytest.mark.parametrize("missing", [1, 50])
def test_a_source_that_ends_early_raises_before_the_body_is_whole(
    make: Callable[[Source], RequestBody], size: int, missing: int
) -> None:
    body = make(source_of(some(max(0, size - missing)), size=size))
    chunks: list[bytes] = []
    with pytest.raises(AsposeOcrSourceError, match=r"scan\.png ended \d+ bytes early"):
        chunks.extend(iter(body))
    assert sum(len(chunk) for chunk in chunks) < len(body)


@STREAMING
@pytest.mark.parametrize("size", [1, 100, CHUNK, CHUNK + 1])
def test_a_source_that_has_grown_raises_before_the_body_is_whole(
    make: Callable[[Source], RequestBody], size: int
) -> None:
    body = make(source_of(some(size + 1), size=size))
    chunks: list[bytes] = []
    with pytest.raises(AsposeOcrSourceError, match=r"scan\.png grew"):
        chunks.extend(iter(body))
    assert sum(len(chunk) for chunk in chunks) < len(body)


@STREAMING
@pytest.mark.parametrize("error", [OSError("gone"), PermissionError("no"), ValueError("closed")])
def test_a_source_that_cannot_be_read_is_an_error_of_its_storage(
    make: Callable[[Source], RequestBody], error: Exception
) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise error

    body = make(Source("file:///in/scan.png", "scan.png", 9, "f", "png", Failing))
    with pytest.raises(AsposeOcrStorageError, match=f"cannot be read: {type(error).__name__}") as caught:
        sent(body)
    assert caught.value.retryable


@STREAMING
def test_the_stream_is_closed_whether_or_not_it_is_read_to_its_end(
    make: Callable[[Source], RequestBody],
) -> None:
    opened: list[io.BytesIO] = []

    def opening() -> io.BytesIO:
        opened.append(io.BytesIO(some(3 * CHUNK)))
        return opened[-1]

    body = make(Source("u", "n", 3 * CHUNK, "f", None, opening))
    sent(body)
    begun = iter(body)
    next(begun), next(begun)
    begun.close()  # type: ignore[attr-defined]
    assert [stream.closed for stream in opened] == [True, True]


class Endless(io.BytesIO):
    """A stream that repeats one block for ever."""

    def read(self, size: int | None = -1) -> bytes:
        """Read as many bytes as asked for."""
        return b"x" * (size or 0)


@STREAMING
def test_three_gigabytes_are_announced_and_begun_in_little_memory(
    make: Callable[[Source], RequestBody],
) -> None:
    size = 3 * 2**30 + 1
    body = make(Source("u", "n", size, "f", None, Endless))
    small = make(source_of(b"x" * 4, name="n"))
    content = 4 * -(-size // 3) - 8 if make is base64_body else size - 4
    assert len(body) == len(small) + content
    tracemalloc.start()
    try:
        for _ in itertools.islice(body, 20):
            pass
        assert tracemalloc.get_traced_memory()[1] < 10 * CHUNK
    finally:
        tracemalloc.stop()


class TestText:
    """Text to be spoken."""

    WIRE = {"language": "English", "resultType": "Wav"}  # noqa: RUF012

    @pytest.mark.parametrize("text", ["Hello.", 'a "b" \\ \n \u00e9 \u5b57 \U0001f600', "x" * 70_000])
    @pytest.mark.parametrize("flat", [False, True])
    def test_is_json(self, text: str, flat: bool) -> None:
        body = text_body(source_of(text.encode(), most=999), self.WIRE, flat=flat)
        raw = sent(body)
        expected = {"text": text, **self.WIRE} if flat else {"text": text, "settings": self.WIRE}
        assert json.loads(raw) == expected
        assert len(body) == len(raw)
        assert sent(body) == raw
        assert raw.isascii()
        assert body.content_type == "application/json"

    def test_loses_its_byte_order_mark(self) -> None:
        body = text_body(source_of(b"\xef\xbb\xbfHello"), self.WIRE, flat=False)
        assert json.loads(sent(body))["text"] == "Hello"

    def test_that_is_not_utf_8_is_refused(self) -> None:
        with pytest.raises(AsposeOcrSourceError, match=r"scan\.txt is not UTF-8 text") as caught:
            text_body(source_of("caf\u00e9".encode("latin-1"), name="scan.txt"), self.WIRE, flat=False)
        assert "caf" not in str(caught.value)

    def test_that_is_nothing_but_a_byte_order_mark_is_refused(self) -> None:
        with pytest.raises(AsposeOcrSourceError):
            text_body(source_of(b"\xef\xbb\xbf"), self.WIRE, flat=False)

    def test_that_is_too_long_is_refused_before_it_is_read(self) -> None:
        source = Source("file:///in/book.txt", "book.txt", MAX_TEXT_BYTES + 1, "f", None, Endless)
        with pytest.raises(AsposeOcrSourceError, match=rf"book\.txt.*limited to {MAX_TEXT_BYTES} bytes"):
            text_body(source, self.WIRE, flat=False)

    def test_of_the_greatest_length_is_taken(self) -> None:
        body = text_body(source_of(b"x" * MAX_TEXT_BYTES), self.WIRE, flat=False)
        assert len(body) > MAX_TEXT_BYTES

    def test_that_changes_its_size_is_refused(self) -> None:
        with pytest.raises(AsposeOcrSourceError, match="ended 2 bytes early"):
            text_body(source_of(b"abc", size=5), self.WIRE, flat=False)


@pytest.mark.parametrize(
    ("operation", "wire", "kind", "content"),
    [
        (
            "RecognizeImage",
            {"language": "German"},
            Base64Body,
            '{"image":"YWJj","settings":{"language": "German"}}',
        ),
        ("BinarizeImage", None, Base64Body, '{"image":"YWJj"}'),
        ("DjVu2PDF", {}, Base64Body, '{"image":"YWJj","settings":{}}'),
        ("ConvertTextToSpeech", {"a": "b"}, BytesBody, '{"text": "abc", "settings": {"a": "b"}}'),
        ("TextToSpeech/PostTextToSpeech", {"a": "b"}, BytesBody, '{"text": "abc", "a": "b"}'),
        ("PostBinarizationFile", None, MultipartBody, 'name="file"'),
    ],
)
def test_each_operation_gets_the_body_that_it_takes(
    operation: str, wire: dict[str, Any] | None, kind: type, content: str
) -> None:
    body = make_body(get_operation(operation), source_of(b"abc"), wire)
    assert isinstance(body, kind)
    if kind is MultipartBody:
        assert content in sent(body).decode()
    else:
        assert sent(body).decode() == content


def test_reading_exactly_gives_chunks_of_bounded_size() -> None:
    chunks = list(read_exactly(source_of(some(2 * CHUNK + 5))))
    assert [len(chunk) for chunk in chunks] == [CHUNK, CHUNK, 5]
    assert CHUNK % 3 == 0
