"""Replies of the service, however odd."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_asposeocr.api.coerce import MAX_LINE_CHARACTERS
from airflow_provider_asposeocr.api.exceptions import AsposeOcrTaskError, AsposeOcrTaskNotFoundError
from airflow_provider_asposeocr.api.task import (
    MAX_INLINE_RESULTS,
    OcrResult,
    OcrTask,
    TaskStatus,
    decode_reply,
    parse_task,
)

ID = "5abe66e1-d823-48c1-bcb7-5c05c1719976"


def encoded(text: str) -> str:
    """Encode some text as standard Base64."""
    return base64.b64encode(text.encode()).decode()


def result(text: str, kind: Any = "Text") -> dict[str, Any]:
    """Return one entry of ``results``."""
    return {"type": kind, "data": encoded(text)}


def completed(*results: Any, **more: Any) -> dict[str, Any]:
    """Return a reply for a completed task."""
    return {"id": ID, "taskStatus": "Completed", "results": list(results), "error": None, **more}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("Completed"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
entries = st.dictionaries(st.sampled_from(["type", "data", "Type", "other"]), json_values, max_size=4)
replies = st.dictionaries(
    st.sampled_from(["id", "taskStatus", "TASKSTATUS", "responseStatusCode", "results", "error", "new", ""]),
    json_values
    | st.lists(entries, max_size=4)
    | st.dictionaries(st.sampled_from(["messages", "warnings", "Messages"]), json_values, max_size=3),
    max_size=8,
)


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        ("Pending", TaskStatus.PENDING),
        ("Processing", TaskStatus.PROCESSING),
        ("Completed", TaskStatus.COMPLETED),
        ("Error", TaskStatus.ERROR),
        ("NotExist", TaskStatus.NOT_EXIST),
        ("completed", TaskStatus.COMPLETED),
        (" NOTEXIST\n", TaskStatus.NOT_EXIST),
        ("Queued", TaskStatus.UNKNOWN),
        ("Complete", TaskStatus.UNKNOWN),
        ("", TaskStatus.UNKNOWN),
        (None, TaskStatus.UNKNOWN),
        (2, TaskStatus.UNKNOWN),
        (["Completed"], TaskStatus.UNKNOWN),
        ({"taskStatus": "Completed"}, TaskStatus.UNKNOWN),
    ],
)
def test_status(status: Any, meaning: TaskStatus) -> None:
    task = parse_task({"taskStatus": status}, ID)
    assert task.status is meaning
    assert task.raw_status == (status.strip() if isinstance(status, str) else None)


def test_which_status_ends_a_task() -> None:
    assert {status for status in TaskStatus if status.is_terminal} == {
        TaskStatus.COMPLETED,
        TaskStatus.ERROR,
        TaskStatus.NOT_EXIST,
    }
    assert [status for status in TaskStatus if status.is_successful] == [TaskStatus.COMPLETED]


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ({}, {"status": TaskStatus.UNKNOWN, "results": (), "messages": (), "warnings": ()}),
        ({"taskStatus": "Pending", "results": None, "error": None}, {"status": TaskStatus.PENDING}),
        ({"taskStatus": "Pending", "results": []}, {"results": ()}),
        (completed(result("a")), {"text": "a", "messages": (), "warnings": ()}),
        (completed(result("a"), extra=1), {"text": "a"}),
        ({"TASKSTATUS": "Completed", "Results": [result("a")]}, {"text": "a"}),
        ({"error": None, "results": [result("a")], "taskStatus": "completed"}, {"text": "a"}),
        (completed(None, 5, "text", [], result("a")), {"text": "a"}),
        (completed({"type": "Text"}, {"type": "Text", "data": None}, result("a")), {"text": "a"}),
        (completed({"data": encoded("a")}), {"results": (OcrResult("", b"a"),), "text": "a"}),
        (completed(result("a", kind=None)), {"results": (OcrResult("", b"a"),)}),
        (completed(result("a", kind=7)), {"results": (OcrResult("", b"a"),)}),
        (completed(result("a", kind=" ")), {"results": (OcrResult("", b"a"),)}),
        (completed(result("a", kind="Novel")), {"results": (OcrResult("Novel", b"a"),), "text": None}),
        (completed(result("%PDF", kind="Pdf"), result("a")), {"text": "a"}),
        (completed(result("")), {"text": "", "results": (OcrResult("Text", b""),)}),
        (completed({"type": "Text", "data": None}), {"text": "", "unread": False}),
        (completed(None), {"text": None, "results": (), "unread": False}),
        (completed({"type": "Text", "data": 5}), {"results": (), "unread": True}),
        (completed({"type": "Text", "data": ["YQ=="]}, result("a")), {"text": "a", "unread": False}),
        ({"results": {"type": "Text", "data": "YQ=="}}, {"text": "a"}),
        ({"results": "YQ=="}, {"results": (), "unread": True}),
        ({"responseStatusCode": "NoAnyResultData"}, {"response_status_code": "NoAnyResultData"}),
        ({"responseStatusCode": 3}, {"response_status_code": None}),
        ({"id": "another", "taskStatus": "Pending"}, {"id": ID}),
        ({"error": "it broke"}, {"messages": ("it broke",), "warnings": ()}),
        ({"error": ["one", "two"]}, {"messages": ("one", "two")}),
        ({"error": 5}, {"messages": ()}),
        ({"error": {"messages": None, "warnings": None}}, {"messages": (), "warnings": ()}),
        ({"error": {"messages": "one"}}, {"messages": ("one",)}),
        (
            {"error": {"Messages": ["a", None, 3], "WARNINGS": ["b"]}},
            {"messages": ("a", "3"), "warnings": ("b",)},
        ),
    ],
)
def test_a_reply_is_read_tolerantly(reply: dict[str, Any], expected: dict[str, Any]) -> None:
    task = parse_task(reply, ID)
    assert {name: getattr(task, name) for name in expected} == expected


def test_the_keys_of_a_result_are_read_in_any_case() -> None:
    task = parse_task(completed({"Type": "Text", "Data": encoded("a")}), ID)
    assert task.results == (OcrResult("Text", b"a"),)


def test_results_keep_their_order() -> None:
    task = parse_task(completed(result("2", "Hocr"), result("1"), result("3")), ID)
    assert [entry.data for entry in task.results] == [b"2", b"1", b"3"]


@pytest.mark.parametrize(
    "data",
    ["plain words, not Base64", "YQ", "YQ==\n", "Y Q==", "YQ==YQ==", "\u00e9", "data:text/plain;base64,YQ=="],
)
def test_data_that_is_not_base64_is_kept_with_a_warning(data: str) -> None:
    task = parse_task(completed({"type": "Text", "data": data}), ID)
    assert task.text == data
    assert task.warnings == ("result Text is not Base64; kept as it came",)


@pytest.mark.parametrize("data", ["\ud800", "a\udfffb"])
def test_data_that_is_no_unicode_at_all_is_kept(data: str) -> None:
    body = json.dumps(completed({"type": "Text", "data": data})).encode()
    assert decode_reply(body, ID).results[0].data == data.encode("utf-8", "surrogatepass")


def test_base64_is_not_guessed_at() -> None:
    assert parse_task(completed({"type": "Text", "data": "word"}), ID).results[0].data == b"\xc2\x8a\xdd"


def test_text_loses_its_byte_order_mark_and_survives_bad_bytes() -> None:
    assert OcrResult("Text", b"\xef\xbb\xbfa").text == "a"
    assert OcrResult("Text", b"a\xffb").text == "a\ufffdb"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Bad gateway</body></html>",
        b'{"id": "5abe66e1", "taskStat',
        b"[]",
        b'"Completed"',
        b"null",
        b"5",
        b"\xff\xfe\x00",
        b'{"id": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_body_that_is_no_json_object_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        decode_reply(body, ID)


def test_a_byte_order_mark_before_the_reply_is_ignored() -> None:
    assert decode_reply(b'\xef\xbb\xbf{"taskStatus": "Error"}', ID).status is TaskStatus.ERROR


@given(reply=replies)
def test_any_reply_is_a_task(reply: dict[str, Any]) -> None:
    task = parse_task(reply, ID)
    assert task.id == ID
    assert isinstance(task.status, TaskStatus)
    assert all(isinstance(entry, OcrResult) for entry in task.results)
    assert all(isinstance(notice, str) for notice in task.notices)


@given(value=json_values)
def test_any_json_is_a_task_or_a_value_error(value: Any) -> None:
    body = json.dumps(value).encode()
    if isinstance(value, dict):
        assert isinstance(decode_reply(body, ID), OcrTask)
    else:
        with pytest.raises(ValueError, match="not a JSON object"):
            decode_reply(body, ID)


@given(body=st.binary(max_size=60))
def test_any_bytes_are_a_task_or_a_value_error(body: bytes) -> None:
    try:
        task = decode_reply(body, ID)
    except ValueError:
        return
    assert task.id == ID


@given(reply=replies)
def test_a_task_survives_json(reply: dict[str, Any]) -> None:
    task = parse_task(reply, ID)
    again = parse_task(json.loads(json.dumps(task.to_dict())), ID)
    assert again.to_dict() == task.to_dict()
    for name in ("id", "status", "results", "messages", "warnings", "response_status_code"):
        assert getattr(again, name) == getattr(task, name), name


def test_data_that_was_not_base64_survives_json_with_its_warning() -> None:
    task = parse_task(completed({"type": "Text", "data": "not Base64!"}), ID)
    assert parse_task(task.to_dict(), ID) == task


@given(secret=st.text("abcdefgh", min_size=12), kind=st.sampled_from(["Text", "Pdf"]))
def test_no_repr_shows_the_document(secret: str, kind: str) -> None:
    for data in (encoded(secret), f"{secret} in the clear"):
        task = parse_task(completed({"type": kind, "data": data}), ID)
        shown = repr(task) + repr(task.results) + str(task)
        assert secret not in shown
        assert encoded(secret) not in shown


def test_a_message_of_any_kind_is_a_short_line() -> None:
    messages = [10**4000, -1e308, True, None, [1], {"a": "b"}, " ", "\x00", "a\nb"]
    task = parse_task({"taskStatus": "Error", "error": {"messages": messages}}, "id")
    assert max(map(len, task.messages)) <= MAX_LINE_CHARACTERS
    assert "a b" in task.messages
    assert all(message.strip() for message in task.messages)


def test_notices_are_told_once() -> None:
    error = {"messages": ["a", "b"], "warnings": ["b", "c", "a"]}
    assert parse_task(completed(result("x"), error=error), ID).notices == ("a", "b", "c")


def test_messages_of_a_completed_task_are_no_error() -> None:
    task = parse_task(completed(result("x"), error={"messages": ["low contrast"]}), ID)
    task.raise_for_status()
    assert task.notices == ("low contrast",)


@pytest.mark.parametrize("status", ["Pending", "Processing", "Completed", "Strange", None])
def test_no_other_status_raises(status: str | None) -> None:
    parse_task({"taskStatus": status, "error": {"messages": ["x"]}}, ID).raise_for_status()


def test_a_failed_task_says_what_the_service_says() -> None:
    reply = {
        "taskStatus": "Error",
        "responseStatusCode": "Error",
        "error": {"messages": ["no text", "bad image"]},
    }
    with pytest.raises(AsposeOcrTaskError, match=r"\(Error\): no text; bad image") as caught:
        parse_task(reply, ID).raise_for_status()
    assert caught.value.ocr_task_id == ID
    assert not caught.value.retryable


def test_a_failed_task_without_a_reason() -> None:
    with pytest.raises(AsposeOcrTaskError, match="gives no reason"):
        parse_task({"taskStatus": "Error"}, ID).raise_for_status()


def test_a_task_that_does_not_exist_says_what_may_have_become_of_it() -> None:
    reply = {"taskStatus": "NotExist", "responseStatusCode": "TaskNotFound"}
    with pytest.raises(AsposeOcrTaskNotFoundError, match=r"TaskNotFound.*24 hours") as caught:
        parse_task(reply, ID).raise_for_status()
    assert caught.value.ocr_task_id == ID
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("results", "text"),
    [
        ([result("one"), result("two"), result("three")], "one\n\ntwo\n\nthree"),
        ([result("one"), result(""), result("three")], "one\n\nthree"),
        ([result("<p>one", "Hocr"), result("one")], "one"),
        ([result("<p>one", "Hocr"), result("<p>two", "HOCR"), result("{}", "JSON")], "<p>one\n\n<p>two"),
        ([result("%PDF", "Pdf"), result("one"), result("two", "text")], "one\n\ntwo"),
        ([result("one"), result("two", None)], "one\n\ntwo"),
        ([result("%PDF", "Pdf")], None),
    ],
)
def test_several_texts_are_one_with_a_blank_line_between(results: list[Any], text: str | None) -> None:
    task = parse_task(completed(*results), ID)
    assert task.text == text
    size = len(text or "")
    assert task.text_fits(size)
    assert not size or not task.text_fits(size - 1)


@pytest.mark.parametrize(("most", "kept"), [(0, False), (6, False), (7, True), (8, True)])
@pytest.mark.parametrize("beside", [[], [result("%PDF" * 1000, "Pdf")], [result("<p>abc", "Hocr")]])
def test_a_text_that_is_too_large_is_left_out_whatever_is_beside_it(
    most: int, kept: bool, beside: list[Any]
) -> None:
    task = parse_task(completed(result("abc"), *beside, result("de")), ID)
    trimmed = task.trimmed(most)
    others = tuple(entry["type"] for entry in beside)
    assert trimmed.status is TaskStatus.COMPLETED
    if kept:
        assert (trimmed.text, trimmed.unread, trimmed.seen_types) == ("abc\n\nde", False, others)
        assert len(trimmed.results) == 2
    else:
        assert (trimmed.results, trimmed.unread) == ((), True)
        assert trimmed.seen_types == ("Text", *others, "Text")


def test_very_many_texts_are_left_out() -> None:
    task = parse_task(completed(*[result("a")] * MAX_INLINE_RESULTS), ID)
    assert not task.trimmed(10**6).unread
    task = parse_task(completed(*[result("a")] * (MAX_INLINE_RESULTS + 1)), ID)
    assert task.trimmed(10**6).unread
