"""The flows: how results and statuses are asked for, OCR tasks cancelled, and addresses made."""

from __future__ import annotations

import json
import logging
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_asposeocr.api.exceptions import AsposeOcrServerError
from airflow_provider_asposeocr.api.flows import OcrApi
from airflow_provider_asposeocr.api.http import MAX_ANSWER_BYTES
from airflow_provider_asposeocr.api.operations import OPERATIONS, get_operation
from airflow_provider_asposeocr.api.task import TaskStatus

from .flow_runner import (
    COMPLETED,
    HOST,
    ID,
    IMAGE,
    OLD,
    PENDING,
    TRIAL,
    Answer,
    api,
    cut_off,
    drive,
    reply,
    response,
)


class TestGet:
    """Status and results."""

    @pytest.mark.parametrize("name", [name for name, operation in OPERATIONS.items() if operation.submits])
    def test_what_is_sent(self, name: str) -> None:
        operation = get_operation(name)
        (request,) = drive(api().poll(operation, ID), PENDING).requests
        assert (request.method, request.url) == ("GET", f"{HOST}/v5.0/ocr/{operation.fetch_path}?id={ID}")
        assert request.headers == {"Accept": "application/json"}
        assert request.body is None
        assert request.token == ("token-1" if operation.authenticated else None)
        assert request.billed

    def test_a_limit_reaches_the_driver(self) -> None:
        assert drive(api().poll(IMAGE, ID, 100), PENDING).requests[0].limit == 100
        assert drive(api().poll(IMAGE, ID), PENDING).requests[0].limit == MAX_ANSWER_BYTES

    def test_the_task_comes_back(self) -> None:
        task = drive(api().poll(IMAGE, ID), COMPLETED).unwrap()
        assert (task.id, task.status, task.text, task.unread) == (ID, TaskStatus.COMPLETED, "text", False)

    def test_a_label_that_is_not_json_does_not_matter(self) -> None:
        answer = response(200, '{"taskStatus": "Error"}', content_type="text/plain")
        assert drive(api().poll(IMAGE, ID), answer).unwrap().status is TaskStatus.ERROR

    def test_a_reply_that_is_too_large_tells_its_status_at_its_beginning(self) -> None:
        large = cut_off('{"taskStatus": "Completed", "results": [{"type": "Text", "data": "QUJD')
        run = drive(api().poll(IMAGE, ID, 60), large)
        assert len(run.requests) == 1
        assert run.unwrap().status is TaskStatus.COMPLETED
        assert run.result.unread
        assert run.result.seen_types == ("Text",)

    @pytest.mark.parametrize("status", ["Pending", "Processing", "NotExist"])
    def test_a_large_reply_of_another_status_is_no_result(self, status: str) -> None:
        large = cut_off(f'{{"error": {{"messages": []}}, "taskstatus": "{status}", "more": "' + "x" * 99)
        run = drive(api().poll(IMAGE, ID, 60), large)
        assert len(run.requests) == 1
        assert (run.unwrap().status, run.result.unread) == (TaskStatus(status), False)

    @pytest.mark.parametrize("beginning", ['{"taskStatus": "Error", ', "{"])
    def test_an_error_with_a_large_reply_is_final_and_the_small_reply_says_why(self, beginning: str) -> None:
        large = cut_off(beginning + '"error": {"messages": ["' + "x" * 99)
        run = drive(api().poll(IMAGE, ID, 60), large, reply("Error", error={"messages": ["too dark"]}))
        assert [urlsplit(request.url).path.rpartition("/")[2] for request in run.requests] == [
            "RecognizeImage",
            "GetTaskStatus",
        ]
        assert (run.unwrap().status, run.result.messages) == (TaskStatus.ERROR, ("too dark",))

    @pytest.mark.parametrize(("operation", "calls"), [(TRIAL, 1), (IMAGE, 2)])
    def test_an_error_with_a_large_reply_is_final_without_a_reason_too(
        self, operation: Any, calls: int
    ) -> None:
        large = cut_off('{"taskStatus": "Error", "error": {"messages": [[["' + "x" * 99)
        run = drive(api().poll(operation, ID, 60), large, reply("NotExist"))
        assert len(run.requests) == calls
        assert run.unwrap().status is TaskStatus.ERROR
        assert "too large to be read" in run.result.messages[0]

    @pytest.mark.parametrize("operation", [TRIAL, IMAGE])
    def test_a_reason_that_stands_at_the_beginning_of_a_large_reply_is_told(self, operation: Any) -> None:
        reason = "Too\\n dark " + "x" * 9000
        large = cut_off(f'{{"taskStatus": "Error", "error": {{"messages": ["{reason}')
        run = drive(api().poll(operation, ID, 60), large, large)
        assert run.unwrap().status is TaskStatus.ERROR
        assert run.result.messages[0].startswith("Too")
        assert len(run.result.messages[0]) <= 500

    @pytest.mark.parametrize(
        "more", ['"pages": [{"taskStatus": "Error"}], ', '"last": {"taskStatus": "Error"}, ']
    )
    def test_the_status_of_something_inside_of_a_reply_is_not_that_of_the_task(self, more: str) -> None:
        large = cut_off("{" + more + '"taskStatus": "Completed", "results": [{"type": "Text", "data": "QUJD')
        run = drive(api().poll(IMAGE, ID, 60), large)
        assert (run.unwrap().status, len(run.requests)) == (TaskStatus.COMPLETED, 1)

    def test_a_status_inside_of_a_text_is_not_believed(self) -> None:
        text = json.dumps('{"taskStatus": "Error", "type": "Pdf"}')
        large = cut_off(f'{{"results": [{{"type": "Text", "data": {text}}}, {{"type": "Hocr", "data": "')
        run = drive(api().poll(TRIAL, ID, 60), large)
        assert (run.unwrap().status, run.result.seen_types) == (TaskStatus.COMPLETED, ("Text", "Hocr"))

    @pytest.mark.parametrize(("state", "seen"), [("Completed", True), ("NotExist", True), ("Pending", False)])
    def test_a_large_reply_that_does_not_tell_is_checked_with_the_status_endpoint(
        self, state: str, seen: bool
    ) -> None:
        large = cut_off('{"results": [{"type": "Text", "data": "QUJD')
        run = drive(api().poll(IMAGE, ID, 60), large, reply(state))
        assert [urlsplit(request.url).path for request in run.requests] == [
            "/v5.0/ocr/RecognizeImage",
            "/v5.0/ocr/Utilities/GetTaskStatus",
        ]
        if seen:
            assert run.unwrap().status is TaskStatus.COMPLETED
            assert run.result.unread
            assert run.result.results == ()
            assert run.result.seen_types == ("Text",)
        else:
            assert type(run.error) is AsposeOcrServerError
            assert run.error.retryable

    def test_the_types_are_seen_before_the_end(self) -> None:
        large = cut_off('{"results":[{"type":"Text","data":"QUI="},{ "TYPE" : "Pdf","data":"JVBERi')
        assert drive(api().poll(TRIAL, ID, 60), large).unwrap().seen_types == ("Text", "Pdf")

    def test_a_large_reply_of_a_trial_task_is_taken_at_its_word(self) -> None:
        run = drive(
            api().poll(TRIAL, ID, 60), cut_off('{"taskStatus":"Completed","results":[{"type":"Text",')
        )
        assert len(run.requests) == 1
        assert run.unwrap().unread

    @pytest.mark.parametrize("operation", [IMAGE, TRIAL], ids=lambda operation: operation.name)
    def test_a_large_page_of_something_else_is_no_result(self, operation: Any) -> None:
        page = cut_off("<!DOCTYPE html><html><body>" + "maintenance " * 20)
        run = drive(api().poll(operation, ID, 60), page, page, page, page, page)
        assert type(run.error) is AsposeOcrServerError
        assert drive(api().poll(operation, ID, 60), page, reply("Pending")).unwrap().status == "Pending"

    @pytest.mark.parametrize("status", [400, 404])
    @pytest.mark.parametrize("operation", [IMAGE, TRIAL], ids=lambda operation: operation.name)
    def test_an_unknown_id_is_unknown_however_long_the_page_that_says_so(
        self, operation: Any, status: int
    ) -> None:
        page = response(status, "<html>" + "not here " * 100, complete=False)
        run = drive(api().poll(operation, ID, 60), page)
        assert run.unwrap().status is TaskStatus.NOT_EXIST


class TestStatus:
    """The status alone."""

    def test_what_is_sent(self) -> None:
        (request,) = drive(api().status(ID), PENDING).requests
        assert (request.method, request.url) == ("GET", f"{HOST}/v5.0/ocr/Utilities/GetTaskStatus?id={ID}")
        assert request.token == "token-1"
        assert request.billed

    @pytest.mark.parametrize(
        ("answer", "status", "unread"),
        [
            (PENDING, TaskStatus.PENDING, False),
            (reply("Error"), TaskStatus.ERROR, False),
            (reply("NotExist"), TaskStatus.NOT_EXIST, False),
            (response(404), TaskStatus.NOT_EXIST, False),
            (response(204), TaskStatus.NOT_EXIST, False),
            (reply("Completed"), TaskStatus.COMPLETED, True),
            (reply("Completed", "text"), TaskStatus.COMPLETED, False),
        ],
    )
    def test_what_comes_back(self, answer: Answer, status: TaskStatus, unread: bool) -> None:
        task = drive(api().status(ID), answer).unwrap()
        assert (task.status, task.unread) == (status, unread)

    @pytest.mark.parametrize("status", ["Pending", "Completed", "Error", "NotExist"])
    def test_of_a_large_reply_the_beginning_tells(self, status: str) -> None:
        run = drive(api().status(ID), cut_off(f'{{"taskStatus": "{status}", "more": "' + "x" * 99))
        assert run.unwrap().status is TaskStatus(status)
        assert len(run.requests) == 1

    @pytest.mark.parametrize("body", ['{"more": "xxxx', "<html>", "[[[[", "x"])
    def test_a_large_reply_that_does_not_tell_is_none(self, body: str) -> None:
        assert type(drive(api().status(ID), cut_off(body)).error) is AsposeOcrServerError


class TestCancel:
    """The end of a task."""

    @pytest.mark.parametrize("name", [name for name, operation in OPERATIONS.items() if operation.submits])
    def test_what_is_sent(self, name: str) -> None:
        operation = get_operation(name)
        run = drive(api().cancel(operation, ID), response(200))
        assert run.unwrap() is None
        if operation.deprecated:
            assert run.requests == []
            assert run.refused == []
        else:
            (request,) = run.requests
            assert (request.method, request.url) == ("DELETE", f"{HOST}/v5.0/ocr/{name}?id={ID}")
            assert request.body is None
            assert request.token == ("token-1" if operation.authenticated else None)

    def test_that_nothing_is_sent_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.INFO):
            drive(api().cancel(OLD, ID))
        assert "has no cancel" in caplog.text

    @pytest.mark.parametrize("answer", [response(200), response(204), response(404), response(400, "<html>")])
    def test_an_unknown_task_is_no_error(self, answer: Answer) -> None:
        assert drive(api().cancel(IMAGE, ID), answer).error is None


@given(ocr_task_id=st.text(min_size=1, max_size=60))
def test_any_id_travels_in_the_query_alone(ocr_task_id: str) -> None:
    try:
        ocr_task_id.encode()
    except UnicodeEncodeError:
        return
    parts = urlsplit(api().url("RecognizeImage", ocr_task_id))
    assert (parts.netloc, parts.path, parts.fragment) == ("ocr.example", "/v5.0/ocr/RecognizeImage", "")
    assert parts.query.isascii()
    assert parse_qs(parts.query) == {"id": [ocr_task_id]}


@pytest.mark.parametrize(
    ("made", "url", "sign_in"),
    [
        (
            OcrApi(),
            "https://api.aspose.cloud/v5.0/ocr/DjVu2PDF",
            "https://api.aspose.cloud/connect/token",
        ),
        (
            OcrApi("http://127.0.0.1:8080", "/v5.0"),
            "http://127.0.0.1:8080/v5.0/DjVu2PDF",
            "http://127.0.0.1:8080/connect/token",
        ),
        (OcrApi(HOST, "/x", "https://id.example/t"), f"{HOST}/x/DjVu2PDF", "https://id.example/t"),
    ],
)
def test_addresses(made: OcrApi, url: str, sign_in: str) -> None:
    assert made.url("DjVu2PDF") == url
    signed_in = drive(made.token("id", "secret"), response(200, '{"access_token": "t"}'))
    assert signed_in.requests[0].url == sign_in
