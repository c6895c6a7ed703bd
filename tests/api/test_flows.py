"""The flows: what each sends, what it makes of the answers, and how it waits."""

from __future__ import annotations

import base64
import gc
import json
import logging
import math
import weakref
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_asposeocr.api import flows, polling
from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrAuthError,
    AsposeOcrConnectionError,
    AsposeOcrError,
    AsposeOcrRequestError,
    AsposeOcrServerError,
    AsposeOcrTimeoutError,
    AsposeOcrUnreachedTimeoutError,
    AsposeOcrUnusableIdError,
)
from airflow_provider_asposeocr.api.flows import MIN_LAST_LOOK_SECONDS, OcrApi
from airflow_provider_asposeocr.api.http import MAX_ANSWER_BYTES, HttpRequest, HttpResponse
from airflow_provider_asposeocr.api.latency import LatencyModel
from airflow_provider_asposeocr.api.operations import OPERATIONS, get_operation
from airflow_provider_asposeocr.api.polling import (
    DEFAULT_MAX_OUTAGE,
    FixedSchedule,
    LearnedSchedule,
    PollSchedule,
    Wait,
)
from airflow_provider_asposeocr.api.retry import MAX_SLEEP
from airflow_provider_asposeocr.api.submission import Submission
from airflow_provider_asposeocr.api.task import TaskStatus

from .flow_runner import BROKEN, NOT_SENT, START, Answer, Clock, Run, api, drive, response

ID = "5abe66e1-d823-48c1-bcb7-5c05c1719976"
IMAGE = get_operation("RecognizeImage")
TRIAL = get_operation("RecognizeImageTrial")
OLD = get_operation("PostBinarizationFile")
HOST = "https://ocr.example"


class Body:
    """A request body."""

    content_type = "application/json"

    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Iterator[bytes]:
        yield b"{}"


def reply(status: str | None, *texts: str, **more: Any) -> HttpResponse:
    """The reply for a task with this status and these texts as results."""
    results = [{"type": "Text", "data": base64.b64encode(text.encode()).decode()} for text in texts]
    return response(200, json.dumps({"id": ID, "taskStatus": status, "results": results or None, **more}))


def cut_off(body: str) -> HttpResponse:
    """A reply of which only the beginning was read."""
    return response(200, body, complete=False)


PENDING, PROCESSING, COMPLETED = reply("Pending"), reply("Processing"), reply("Completed", "text")


class TestSignIn:
    """The token."""

    def run(self, *answers: Answer, made: OcrApi | None = None) -> Run:
        """Sign in."""
        return drive((made or api()).token("the id", "a+secret&=%"), *answers)

    def test_sends_the_form(self) -> None:
        (request,) = self.run(response(200, '{"access_token": "t"}')).requests
        assert (request.method, request.url) == ("POST", f"{HOST}/connect/token")
        assert request.headers == {"Accept": "application/json"}
        assert request.token is None
        assert not request.billed
        assert request.body is not None
        assert request.body.content_type == "application/x-www-form-urlencoded"
        sent = b"".join(request.body)
        assert len(sent) == len(request.body)
        assert parse_qs(sent.decode(), strict_parsing=True) == {
            "grant_type": ["client_credentials"],
            "client_id": ["the id"],
            "client_secret": ["a+secret&=%"],
        }
        assert "secret" not in repr(request)

    @given(identity=st.text(min_size=1), secret=st.text(min_size=1))
    def test_sends_any_credentials(self, identity: str, secret: str) -> None:
        try:
            identity.encode(), secret.encode()
        except UnicodeEncodeError:
            return
        run = drive(api().token(identity, secret), response(200, '{"access_token": "t"}'))
        assert run.requests[0].body is not None
        form = parse_qs(b"".join(run.requests[0].body).decode("ascii"), keep_blank_values=True)
        assert (form["client_id"], form["client_secret"]) == ([identity], [secret])

    def test_goes_elsewhere_when_told(self) -> None:
        made = OcrApi(HOST, token_url="https://login.example/oauth")
        run = self.run(response(200, '{"access_token": "t"}'), made=made)
        assert run.requests[0].url == "https://login.example/oauth"

    @pytest.mark.parametrize(
        ("expires_in", "lifetime"),
        [
            (3600, 3540),
            (600, 540),
            (100, 90),
            (10, 9),
            ("3600", 3540),
            (0, 540),
            (None, 540),
            (-5, 540),
            (math.nan, 540),
            (1e300, 24 * 3600 - 60),
            (86400, 86340),
        ],
    )
    def test_a_token_is_given_up_before_it_expires(self, expires_in: Any, lifetime: float) -> None:
        token = self.run(response(200, json.dumps({"access_token": "t", "expires_in": expires_in}))).unwrap()
        assert token.value == "t"
        assert token.expires_at == START + lifetime

    @pytest.mark.parametrize(
        "more", ["", ', "expires_in": "soon"', ', "expires_in": [1]', f', "expires_in": 1{"0" * 400}']
    )
    def test_no_lifetime_means_ten_minutes(self, more: str) -> None:
        token = self.run(response(200, f'{{"access_token": "t"{more}}}')).unwrap()
        assert token.expires_at == START + 540

    @pytest.mark.parametrize(
        "body",
        [
            "",
            "<html></html>",
            "[]",
            "null",
            '"token"',
            "{}",
            '{"access_token": null}',
            '{"access_token": ""}',
            '{"access_token": 5}',
            '{"access_token": "two\\nlines"}',
            '{"access_token": "t\\u00e9"}',
        ],
    )
    def test_what_is_no_token_counts_as_a_failure_of_the_service(self, body: str) -> None:
        run = self.run(response(200, body))
        assert type(run.error) is AsposeOcrServerError
        assert run.error.retryable

    def test_a_token_is_not_shown(self) -> None:
        assert "ticket" not in repr(self.run(response(200, '{"access_token": "ticket"}')).unwrap())

    def test_rejected_credentials_are_not_told(self) -> None:
        error = self.run(response(400, '{"error": "invalid_client"}')).error
        assert type(error) is AsposeOcrAuthError
        assert "a+secret" not in str(error)
        assert "the id" not in str(error)
        assert error.__suppress_context__


class TestSubmit:
    """The start of a task."""

    @pytest.mark.parametrize("name", [name for name, operation in OPERATIONS.items() if operation.submits])
    def test_what_is_sent(self, name: str) -> None:
        body, operation = Body(), get_operation(name)
        run = drive(api().submit(operation, body), response(200, ID))
        (request,) = run.requests
        assert (request.method, request.url) == ("POST", f"{HOST}/v5.0/ocr/{name}")
        assert request.headers == {"Accept": "text/plain"}
        assert request.body is body
        assert request.billed
        assert request.token == ("token-1" if operation.authenticated else None)
        assert "token-1" not in repr(request)

    @pytest.mark.parametrize(
        ("body", "ocr_task_id"),
        [
            (ID, ID),
            (f'"{ID}"', ID),
            (f"{ID}\n", ID),
            (f' \r\n"{ID}"\r\n ', ID),
            (f"\ufeff{ID}", ID),
            (f'\ufeff"{ID}"\n', ID),
            (f'" {ID} "', ID),
            ("TTS01232-9d40-4f2d-8eda-f1fc0b12bce6", "TTS01232-9d40-4f2d-8eda-f1fc0b12bce6"),
            ("5abe66e1-d823-48c1-bcb7-5c05c171997", "5abe66e1-d823-48c1-bcb7-5c05c171997"),
            ("42", "42"),
            ("a/b+c=&?#%", "a/b+c=&?#%"),
        ],
    )
    def test_the_id_is_read_bare_or_quoted(self, body: str, ocr_task_id: str) -> None:
        assert drive(api().submit(IMAGE, Body()), response(200, body)).unwrap() == ocr_task_id

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"  \n",
            b'"',
            b"<html><body>maintenance</body></html>",
            b"Service under maintenance",
            b'{"id": "5abe66e1"}',
            b'["5abe66e1"]',
            b'"5abe66e1-d823',
        ],
    )
    def test_what_is_no_id_counts_as_a_failure_of_the_service(self, body: bytes) -> None:
        run = drive(api().submit(IMAGE, Body()), response(200, body))
        assert type(run.error) is AsposeOcrServerError
        assert len(run.requests) == 2

    @pytest.mark.parametrize(
        "body",
        [
            b'""',
            b'" "',
            b'"my id"',
            b'"Service under maintenance"',
            b"null",
            b"None",
            b'"null"',
            b"undefined",
            b"x" * 201,
            b"\xff\xfe\x00",
            b"an-id\xff",
            b"an\x00id",
            b"an\x1b[31mid",
            b"an\nid",
            b'"an\nid"',
            b'"an\\u0000id"',
            b'"\\ud800"',
            "an\u2028id".encode(),
            "an\u202eid".encode(),
            "an\u00a0id".encode(),
        ],
    )
    def test_an_id_that_cannot_be_used_is_not_paid_for_again(self, body: bytes) -> None:
        run = drive(api().submit(IMAGE, Body()), response(200, body))
        assert type(run.error) is AsposeOcrUnusableIdError
        assert "accepted the submission (HTTP 200)" in str(run.error)
        assert not run.error.retryable
        assert run.error.ambiguous
        assert len(run.requests) == 1
        assert str(run.error).isprintable()

    def test_an_answer_without_end_is_no_id(self) -> None:
        run = drive(api().submit(IMAGE, Body()), response(200, b"x" * 100, complete=False))
        assert type(run.error) is AsposeOcrUnusableIdError


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


def middle(low: float, high: float) -> float:
    """Draw the middle of two bounds."""
    return (low + high) / 2


def learned(model: Any = None) -> LearnedSchedule:
    """A schedule for a task that was submitted as the clock starts."""
    return LearnedSchedule(model or LatencyModel(), submitted_at=START, uniform=middle)


class TestWait:
    """Polling until the end."""

    def run(
        self,
        *answers: Answer,
        operation: Any = IMAGE,
        schedule: PollSchedule | None = None,
        timeout: float = 3600.0,
        on_request: Callable[[HttpRequest], Answer] | None = None,
        clock: Clock | None = None,
        on_token: Callable[[], AsposeOcrError | None] | None = None,
        **more: Any,
    ) -> Run:
        """Wait for an OCR task."""
        driven: dict[str, Any] = {} if on_token is None else {"on_token": on_token}
        ticking, made = clock or Clock(), schedule or FixedSchedule(10, uniform=middle)
        with mock.patch.object(OcrApi, "schedule", return_value=made):
            wait = Wait(deadline=START + timeout, **more)
            flow = api(ticking).wait(Submission(operation.name, ID), wait)
            return drive(flow, *answers, clock=ticking, on_request=on_request, **driven)

    @pytest.mark.parametrize("status", ["Completed", "Error", "NotExist"])
    def test_ends_with_a_final_status(self, status: str) -> None:
        run = self.run(PENDING, PROCESSING, reply(status))
        assert run.unwrap().status == status
        assert run.sleeps == [10, 10, 10]
        assert len(run.requests) == 3

    def test_the_first_poll_is_not_made_at_once(self) -> None:
        run = self.run(COMPLETED, schedule=learned())
        (pause,) = run.sleeps
        assert 2 < pause < 5

    def test_follows_what_is_known_of_such_tasks(self) -> None:
        model = LatencyModel()
        for _ in range(100):
            model.observe(learned(), after=39.0, by=41.0)
        run = self.run(PENDING, COMPLETED, schedule=learned(model))
        assert 35 < run.sleeps[0] < 45
        assert run.sleeps[1] < 10

    def test_learns_between_which_polls_a_task_ended(self) -> None:
        model = mock.Mock(wraps=LatencyModel())
        self.run(PENDING, PENDING, COMPLETED, schedule=learned(model))
        seen = [(after, by) for _, after, by in (call.args for call in model.observe.call_args_list)]
        (first, _), (second, _), (after, by) = seen
        assert [under_way for _, under_way in seen[:2]] == [math.inf, math.inf]
        assert 0 < first < second == after < by < math.inf

    @pytest.mark.parametrize("end", [reply("NotExist"), response(403)])
    def test_learns_no_time_from_a_task_that_did_not_end(self, end: Answer) -> None:
        model = mock.Mock(wraps=LatencyModel())
        self.run(PENDING, end, schedule=learned(model))
        assert [call.args[2] for call in model.observe.call_args_list] == [math.inf]

    @pytest.mark.parametrize("end", [response(403), response(503), PENDING])
    def test_a_task_that_nobody_waits_for_any_more_counts_no_more(self, end: Answer) -> None:
        model, clock = LatencyModel(), Clock()
        answers = [PENDING, *[response(503)] * 5] + [end] * 200
        gc.disable()
        try:
            run = self.run(*answers, schedule=learned(model), timeout=1000.0, clock=clock)
            assert isinstance(run.error, AsposeOcrError)
            assert model._estimator.observations
            assert model._estimator.tasks == 0
        finally:
            gc.enable()

    def test_a_damaged_answer_between_two_equal_ones_is_noticed(self) -> None:
        run = self.run(PENDING, response(200, "<html>"), PENDING, COMPLETED)
        assert run.unwrap().text == "text"
        assert len(run.requests) == 4

    def test_nothing_of_a_wait_is_left_for_the_garbage_collector(self, monkeypatch: Any) -> None:
        made: list[weakref.ref[Any]] = []

        class Watched(polling.Poll):
            def __init__(self, *arguments: Any, **more: Any) -> None:
                super().__init__(*arguments, **more)
                made.append(weakref.ref(self))

        monkeypatch.setattr(flows, "Poll", Watched)
        gc.disable()
        try:
            self.run(PENDING, PENDING, COMPLETED).unwrap()
            assert [one() for one in made] == [None]
        finally:
            gc.enable()

    def test_a_failing_poll_is_not_repeated_at_once(self) -> None:
        # Five attempts make one poll; then the schedule has the word again.
        run = self.run(PENDING, *[response(503)] * 10, COMPLETED, schedule=learned())
        assert run.unwrap().text == "text"
        pauses = [pause for pause in run.sleeps if pause]
        assert len(run.requests) == 12
        assert all(pause >= 0.2 for pause in pauses)
        assert len(pauses) >= 11

    def test_polls_once_more_at_the_deadline_and_then_gives_up(self) -> None:
        run = self.run(PENDING, timeout=25)
        assert run.sleeps == [10, 10, 5]
        assert len(run.requests) == 3
        assert type(run.error) is AsposeOcrTimeoutError
        assert run.error.ocr_task_id == ID
        assert run.error.retryable
        assert "polled 3 times" in str(run.error)

    def test_a_job_that_ends_right_at_the_deadline_counts(self) -> None:
        assert self.run(PENDING, PENDING, COMPLETED, timeout=25).unwrap().text == "text"

    @pytest.mark.parametrize("timeout", [0, -100])
    def test_whoever_comes_after_the_deadline_still_takes_a_look(self, timeout: float) -> None:
        run = self.run(COMPLETED, timeout=timeout)
        assert run.unwrap().text == "text"
        assert len(run.requests) == 1
        assert sum(run.sleeps) == 0
        run = self.run(PENDING, timeout=timeout)
        assert len(run.requests) == 1
        assert type(run.error) is AsposeOcrTimeoutError

    def test_cancels_nothing(self) -> None:
        assert {request.method for request in self.run(PENDING, timeout=60).requests} == {"GET"}

    @pytest.mark.parametrize("status", ["Queued", None, ""])
    def test_an_unknown_status_is_waited_on_and_logged(
        self, status: str | None, caplog: pytest.LogCaptureFixture
    ) -> None:
        run = self.run(reply(status), COMPLETED)
        assert run.unwrap().text == "text"
        assert f"unknown task status {status!r}" in caplog.text

    def test_an_unknown_status_is_bounded_by_the_deadline(self) -> None:
        assert type(self.run(reply("Queued"), timeout=60).error) is AsposeOcrTimeoutError

    def test_a_short_outage_is_waited_out(self, caplog: pytest.LogCaptureFixture) -> None:
        run = self.run(PENDING, *[NOT_SENT] * 5, *[response(503)] * 5, *[BROKEN] * 5, COMPLETED)
        assert run.unwrap().text == "text"
        assert caplog.text.count("waiting goes on") == 3

    def test_a_long_outage_ends_the_wait(self) -> None:
        clock = Clock()

        def answer(request: HttpRequest) -> Answer:
            return PENDING if clock() < START + 100 else BROKEN

        run = self.run(on_request=answer, clock=clock, timeout=24 * 3600)
        assert type(run.error) is AsposeOcrConnectionError
        assert DEFAULT_MAX_OUTAGE <= clock() - (START + 100) <= DEFAULT_MAX_OUTAGE + 60

    def test_an_outage_is_waited_out_for_as_long_as_is_asked(self) -> None:
        run = self.run(NOT_SENT, timeout=4000, max_outage=4000)
        assert type(run.error) is AsposeOcrUnreachedTimeoutError

    @pytest.mark.parametrize("status", [429, 503])
    def test_whoever_asks_for_an_hour_gets_it_however_long_an_outage_may_be(self, status: int) -> None:
        run = self.run(PENDING, response(status, retry_after="3600"), COMPLETED, timeout=24 * 3600)
        assert run.unwrap().text == "text"
        assert len(run.requests) == 3
        assert sum(run.sleeps) >= 3600

    @pytest.mark.parametrize("down", [25, 60, DEFAULT_MAX_OUTAGE - 20])
    def test_a_sign_in_that_fails_for_a_while_is_waited_out(self, down: float) -> None:
        clock = Clock()

        def no_token() -> AsposeOcrError | None:
            return AsposeOcrConnectionError("sign in: refused") if clock() < START + down else None

        run = self.run(COMPLETED, clock=clock, on_token=no_token)
        assert run.unwrap().text == "text"
        assert len(run.requests) == 1

    def test_a_good_answer_in_between_starts_the_outage_anew(self) -> None:
        clock = Clock()

        def answer(request: HttpRequest) -> Answer:
            # 200 s without an answer, then one, all over again.
            if clock() > START + 900:
                return COMPLETED
            return PENDING if int(clock() - START) % 220 < 20 else response(502)

        assert self.run(on_request=answer, clock=clock).unwrap().text == "text"

    def test_polling_seldom_does_not_make_one_failure_a_long_outage(self) -> None:
        run = self.run(
            PENDING,
            *[NOT_SENT] * 5,
            COMPLETED,
            schedule=FixedSchedule(DEFAULT_MAX_OUTAGE + 100, uniform=middle),
        )
        assert run.unwrap().text == "text"

    def test_a_refusal_ends_the_wait_at_once(self) -> None:
        run = self.run(PENDING, response(403))
        assert type(run.error) is AsposeOcrRequestError
        assert len(run.requests) == 2

    def test_a_sign_in_that_is_refused_ends_the_wait_at_once(self) -> None:
        assert type(self.run(PENDING, response(401)).error) is AsposeOcrAuthError

    def test_a_service_that_asks_for_time_gets_it(self) -> None:
        run = self.run(response(429, retry_after="120"), COMPLETED)
        assert run.unwrap().text == "text"
        assert sum(run.sleeps) >= 10 + 120
        assert len(run.requests) == 2

    def test_but_not_beyond_the_deadline(self) -> None:
        run = self.run(response(429, retry_after="6000"), timeout=100)
        assert type(run.error) is AsposeOcrUnreachedTimeoutError
        assert sum(run.sleeps) == pytest.approx(100)
        assert len(run.requests) == 2, "the second one is the last look"

    def test_what_completed_while_the_service_asked_to_wait_is_seen_at_the_deadline(self) -> None:
        run = self.run(response(429, retry_after="6000"), COMPLETED, timeout=100)
        assert run.unwrap().text == "text"
        assert sum(run.sleeps) == pytest.approx(100)

    @pytest.mark.parametrize("timeout", [100, 3000])
    def test_a_service_that_still_asks_for_time_at_the_deadline_is_not_taken_for_an_outage(
        self, timeout: float
    ) -> None:
        run = self.run(response(503, retry_after="3600"), timeout=timeout)
        assert type(run.error) is AsposeOcrUnreachedTimeoutError
        assert sum(run.sleeps) == pytest.approx(timeout)
        assert len(run.requests) == 2

    def test_an_outage_at_the_deadline_ends_as_a_timeout(self) -> None:
        run = self.run(NOT_SENT, timeout=30)
        assert type(run.error) is AsposeOcrUnreachedTimeoutError
        assert run.error.ocr_task_id == ID
        assert "Connection refused" in str(run.error)

    def test_each_request_ends_at_the_deadline_or_a_moment_later(self) -> None:
        clock = Clock()
        run = self.run(PENDING, timeout=25, clock=clock)
        assert [request.until - START for request in run.requests] == [25, 25, 25 + MIN_LAST_LOOK_SECONDS]

    def test_repeats_within_one_poll_do_not_go_on_for_minutes_after_the_deadline(self) -> None:
        run = self.run(response(503, retry_after="50"), timeout=30)
        assert run.error is not None
        assert sum(run.sleeps) <= 30 + MAX_SLEEP

    def test_the_status_endpoint_is_polled_where_the_results_are_not_wanted(self) -> None:
        run = self.run(PENDING, PROCESSING, reply("Completed"), status_only=True)
        assert {urlsplit(request.url).path for request in run.requests} == {
            "/v5.0/ocr/Utilities/GetTaskStatus"
        }
        assert run.unwrap().unread

    @pytest.mark.parametrize("unknown", [reply("NotExist"), response(404), response(204), response(400)])
    def test_an_id_that_the_status_endpoint_does_not_know_is_asked_for_elsewhere(
        self, unknown: Answer
    ) -> None:
        run = self.run(unknown, PENDING, PENDING, COMPLETED, status_only=True, limit=77)
        assert run.unwrap().text == "text"
        assert [urlsplit(request.url).path.rpartition("/")[2] for request in run.requests] == [
            "GetTaskStatus",
            "RecognizeImage",
            "RecognizeImage",
            "RecognizeImage",
        ]
        assert run.requests[-1].limit == 77

    def test_an_id_that_nobody_knows_does_not_exist(self) -> None:
        run = self.run(reply("NotExist"), status_only=True)
        assert run.unwrap().status is TaskStatus.NOT_EXIST
        assert len(run.requests) == 2

    def test_a_trial_task_is_never_asked_for_at_the_status_endpoint(self) -> None:
        run = self.run(PENDING, COMPLETED, operation=TRIAL, status_only=True)
        assert {urlsplit(request.url).path for request in run.requests} == {"/v5.0/ocr/RecognizeImageTrial"}
        assert run.refused == []

    def test_a_reply_that_is_too_large_ends_the_wait_without_it(self) -> None:
        large = cut_off('{"taskStatus":"Completed","results":[{"type":"Text","data":"QUJD')
        run = self.run(PENDING, large, reply("Completed"), limit=60)
        assert run.unwrap().unread
        assert run.unwrap().seen_types == ("Text",)

    def test_a_deprecated_task_is_fetched_at_its_own_path(self) -> None:
        run = self.run(PENDING, COMPLETED, operation=OLD)
        assert {urlsplit(request.url).path for request in run.requests} == {
            "/v5.0/ocr/ImageProcessing/GetResultTask"
        }

    def test_each_poll_has_its_own_attempts(self) -> None:
        run = self.run(response(502), PENDING, response(502), response(502), COMPLETED)
        assert run.unwrap().text == "text"
        assert run.sleeps == pytest.approx(
            [
                10,
                0.5,
                10,
                0.5,
                1,
            ]
        )

    @pytest.mark.no_cover
    def test_a_day_of_polling_is_a_loop_and_not_a_recursion(self) -> None:
        run = self.run(PENDING, timeout=24 * 3600, schedule=learned())
        assert type(run.error) is AsposeOcrTimeoutError
        assert 1_400 < len(run.requests) < 1_500


class TestPoll:
    """One look."""

    def test_asks_once(self) -> None:
        run = drive(api().poll(IMAGE, ID, limit=9), PROCESSING)
        assert run.unwrap().status is TaskStatus.PROCESSING
        assert [request.limit for request in run.requests] == [9]
        assert run.sleeps == []

    def test_asks_for_the_status(self) -> None:
        (request,) = drive(api().poll(IMAGE, ID, status_only=True), PROCESSING).requests
        assert "GetTaskStatus" in request.url

    def test_asks_elsewhere_when_the_status_endpoint_does_not_know(self) -> None:
        run = drive(api().poll(IMAGE, ID, status_only=True), reply("NotExist"), COMPLETED)
        assert run.unwrap().text == "text"
