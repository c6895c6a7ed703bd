"""Replies that lie in a file: read as those in memory are, but for their long strings."""

from __future__ import annotations

import base64
import io
import json
import re
import tracemalloc
from typing import IO, Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from airflow_provider_asposeocr.api import spool as reply_module
from airflow_provider_asposeocr.api.exceptions import AsposeOcrServerError, AsposeOcrTooLargeError
from airflow_provider_asposeocr.api.flows import MAX_RESULT_BYTES
from airflow_provider_asposeocr.api.http import MAX_ANSWER_BYTES
from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.api.spool import MAX_KEPT_BYTES, MAX_SKELETON_BYTES, MAX_STRUCTURE, read_reply
from airflow_provider_asposeocr.api.task import (
    MAX_RESULTS,
    OcrTask,
    SpooledResult,
    TaskStatus,
    decode_reply,
    decode_spooled,
)

from .flow_runner import Answer, api, drive, response

ID = "5abe66e1-d823-48c1-bcb7-5c05c1719976"
IMAGE = get_operation("RecognizeImage")

KEPT = 40
"""Longer than any name or status in a reply, so that only data counts as long."""

data_strings = st.one_of(
    st.binary(max_size=90).map(lambda data: base64.b64encode(data).decode()),
    st.text(max_size=90),
    st.text('AB+/=\\"\n\u00e9\U0001f600', max_size=90),
)


def whole(task: OcrTask) -> dict[str, Any]:
    """Return all that is known of a task, results included."""
    return {**task.to_dict(), "notices": task.notices, "text": task.text}


def written(body: bytes) -> IO[bytes]:
    """Return a file that holds a reply."""
    return io.BytesIO(body)


def large(*results: tuple[str, str], ascii_only: bool = True) -> bytes:
    """Return the reply for a completed task with these types and strings as results."""
    entries = [{"type": kind, "data": data} for kind, data in results]
    reply = {"id": ID, "taskStatus": "Completed", "results": entries, "error": None}
    return json.dumps(reply, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")


@given(strings=st.lists(data_strings, max_size=3), piece=st.integers(1, 9), ascii_only=st.booleans())
@example(strings=['a\\\\\\"b' * 20], piece=1, ascii_only=True)
@example(strings=["QUJD" * 20 + "QQ=="], piece=3, ascii_only=True)
@example(strings=["QQ==" * 20], piece=3, ascii_only=True)
def test_a_reply_reads_the_same_from_a_file(strings: list[str], piece: int, ascii_only: bool) -> None:
    assume(not (ascii_only and any(max(text, default="") > "\uffff" for text in strings)))
    try:
        body = large(*(("Text", text) for text in strings), ascii_only=ascii_only)
        expected = whole(decode_reply(body, ID))
    except ValueError:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reply_module, "_CHUNK", piece)
        patch.setattr(reply_module, "MAX_KEPT_BYTES", KEPT)
        task = decode_spooled(written(body), ID)
        assert whole(task) == expected
        assert [result.size for result in task.results] == [len(result.data) for result in task.results]


@pytest.mark.parametrize("piece", [1, 5, 7, 13, 300])
def test_a_character_that_takes_two_escapes_is_one_character(
    piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reply_module, "_CHUNK", piece)
    monkeypatch.setattr(reply_module, "MAX_KEPT_BYTES", KEPT)
    body = large(("Text", "\U0001f600 is no Base64 " * 5))
    assert rb"\ud83d\ude00" in body
    assert decode_spooled(written(body), ID).text == decode_reply(body, ID).text


@given(body=st.binary(max_size=80) | st.text('{}[]":,\\ a1', max_size=40).map(str.encode))
def test_what_is_no_reply_in_memory_is_none_in_a_file(body: bytes) -> None:
    try:
        expected = whole(decode_reply(body, ID))
    except ValueError:
        with pytest.raises(ValueError, match=r".*"):
            decode_spooled(written(body), ID)
    else:
        assert whole(decode_spooled(written(body), ID)) == expected


@pytest.mark.parametrize(
    "size", [MAX_KEPT_BYTES - 3, MAX_KEPT_BYTES, MAX_KEPT_BYTES + 1, 1_000_000, 3_000_001]
)
def test_a_result_of_any_size(size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    body = large(("Text", "c2hvcnQ="), ("Pdf", base64.b64encode(data).decode()))
    short, long = decode_spooled(written(body), ID).results
    assert short.data == b"short"
    assert isinstance(long, SpooledResult)
    assert (long.type, long.size) == ("Pdf", size)
    assert long.data == data
    assert b"".join(long.chunks()) == data
    assert not long.is_text


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_reply_that_was_cut_off_is_none(cut: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reply_module, "MAX_KEPT_BYTES", KEPT)
    body = large(("Text", base64.b64encode(b"recognized text" * 5).decode()))
    with pytest.raises(ValueError, match=r".*"):
        decode_spooled(written(body[:-cut]), ID)


@pytest.mark.parametrize(
    "broken",
    ["QUJD" * 20_000 + "!", "QUJD" * 20_000 + "Q", "QQ==" + "QUJD" * 20_000, "QUJD" * 20_000 + "\n"],
)
def test_long_data_that_is_not_base64_is_kept_with_a_warning(broken: str) -> None:
    task = decode_spooled(written(large(("Text", broken))), ID)
    assert task.warnings == ("result Text is not Base64; kept as it came",)
    assert task.text == broken
    assert task.results[0].size == len(broken)


def test_two_results_may_be_read_in_turn() -> None:
    first, second = b"1" * 900_000, b"2" * 900_000
    body = large(*(("Text", base64.b64encode(data).decode()) for data in (first, second)))
    one, other = decode_spooled(written(body), ID).results
    pairs = list(zip(one.chunks(), other.chunks(), strict=True))
    assert len(pairs) > 2
    assert b"".join(pair[0] for pair in pairs) == first
    assert b"".join(pair[1] for pair in pairs) == second


def test_no_repr_shows_the_document() -> None:
    body = large(("Text", base64.b64encode(b"private " * 20_000).decode()))
    task = decode_spooled(written(body), ID)
    assert "private" not in repr(task) + repr(task.results)
    assert "cHJpdmF0" not in repr(task) + repr(task.results)


def test_a_large_reply_is_read_in_little_memory() -> None:
    size = 12_000_000
    file = written(large(("Pdf", base64.b64encode(b"x" * size).decode())))
    tracemalloc.start()
    try:
        (result,) = decode_spooled(file, ID).results
        assert sum(len(chunk) for chunk in result.chunks()) == size
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


def test_a_large_reply_without_large_results_is_refused() -> None:
    body = b'{"taskStatus": "Completed", "results": [' + b"1," * MAX_SKELETON_BYTES + b"1]}"
    with pytest.raises(AsposeOcrTooLargeError, match="too much beside its results"):
        read_reply(written(body))


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "piece",
    [b"[],", b"{},", b"1.5,", b'"ab",', b'"abcdefgh",', b'{"a":1},', b" " * 9, b'"' + b"x" * 500 + b'",'],
)
def test_a_reply_of_many_small_pieces_is_refused_before_it_takes_memory(piece: bytes) -> None:
    body = written(b'{"taskStatus": "Completed", "results": [' + piece * (32_000_000 // len(piece)) + b"1]}")
    tracemalloc.start()
    try:
        with pytest.raises(AsposeOcrTooLargeError):
            read_reply(body)
        assert tracemalloc.get_traced_memory()[1] < 6_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.no_cover
@pytest.mark.parametrize("piece", [b"[],", b"{},", b'"ab",', b'{"a":1},', b'"' + b"x" * 500 + b'",'])
def test_the_most_that_is_read_takes_little_memory(piece: bytes) -> None:
    most = min(MAX_STRUCTURE // max(1, len(re.sub(rb'"x+"|"ab"|"a"', b'"', piece))), 3_900_000 // len(piece))
    body = written(b'{"taskStatus": "Completed", "more": [' + piece * (most - 100) + b"1]}")
    tracemalloc.start()
    try:
        assert read_reply(body)[0]["taskStatus"] == "Completed"
        assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_thousands_of_results_are_read_and_more_are_refused() -> None:
    results = [("Text", base64.b64encode(b"region %d, " % n * 40).decode()) for n in range(MAX_RESULTS)]
    task = decode_spooled(written(large(*results)), ID)
    assert [result.text for result in task.results] == [f"region {n}, " * 40 for n in range(MAX_RESULTS)]
    body = large(*results, ("Text", "QQ=="))
    with pytest.raises(AsposeOcrTooLargeError, match="5001 results"):
        decode_reply(body, ID)
    with pytest.raises(AsposeOcrTooLargeError, match="5001 results"):
        decode_spooled(written(body), ID)


def test_a_long_message_is_told_from_its_beginning() -> None:
    body = json.dumps({"taskStatus": "Error", "error": {"messages": ["too dark " * 9_000, "short"]}}).encode()
    in_memory, in_file = decode_reply(body, ID), decode_spooled(written(body), ID)
    assert in_file.messages == in_memory.messages
    assert in_file.messages[0].startswith("too dark too dark")
    assert in_file.messages[0].endswith("\u2026")
    assert in_file.messages[1] == "short"


class TestFetch:
    """The flow."""

    def run(self, *answers: Answer, body: bytes = b"") -> tuple[Any, IO[bytes]]:
        """Fetch into a file, which holds this body whenever a 200 has been answered."""
        spool = written(body)
        return drive(api().fetch(IMAGE, ID, spool), *answers), spool

    def test_reads_the_file(self) -> None:
        run, spool = self.run(response(200), body=large(("Text", "dGV4dA==")))
        assert run.unwrap().text == "text"
        (request,) = run.requests
        assert (request.method, request.url) == (
            "GET",
            f"https://ocr.example/v5.0/ocr/RecognizeImage?id={ID}",
        )
        assert request.spool is spool
        assert request.limit == MAX_ANSWER_BYTES
        assert request.spool_limit == MAX_RESULT_BYTES

    def test_a_result_that_is_larger_than_what_is_fetched_is_not_asked_for_again(self) -> None:
        run, _ = self.run(response(200, complete=False), body=b"{")
        assert type(run.error) is AsposeOcrTooLargeError
        assert "max_result_bytes" in str(run.error)
        assert len(run.requests) == 1

    @pytest.mark.parametrize("status", [204, 400, 404])
    def test_an_unknown_id_does_not_exist(self, status: int) -> None:
        run, _ = self.run(response(status), body=large(("Text", "dGV4dA==")))
        assert run.unwrap().status is TaskStatus.NOT_EXIST

    @pytest.mark.parametrize("body", [b"", b"<html></html>", b'{"taskStatus": "Comple', b"[]"])
    def test_what_is_no_reply_is_asked_for_again(self, body: bytes) -> None:
        run, _ = self.run(response(200), body=body)
        assert type(run.error) is AsposeOcrServerError
        assert run.error.retryable
        assert len(run.requests) == 5
