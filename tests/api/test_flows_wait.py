"""The flows: single polls, and waiting for the end of an OCR task."""

from __future__ import annotations

import gc
import math
import sys
import weakref
from collections.abc import Callable
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import pytest

from airflow_provider_asposeocr.api import flows, polling
from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrAuthError,
    AsposeOcrConnectionError,
    AsposeOcrError,
    AsposeOcrRequestError,
    AsposeOcrTimeoutError,
    AsposeOcrUnreachedTimeoutError,
)
from airflow_provider_asposeocr.api.flows import MIN_LAST_LOOK_SECONDS, OcrApi
from airflow_provider_asposeocr.api.http import HttpRequest
from airflow_provider_asposeocr.api.latency import LatencyModel
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

from .flow_runner import (
    BROKEN,
    COMPLETED,
    ID,
    IMAGE,
    NOT_SENT,
    OLD,
    PENDING,
    PROCESSING,
    START,
    TRIAL,
    Answer,
    Clock,
    Run,
    api,
    cut_off,
    drive,
    reply,
    response,
)


def middle(low: float, high: float) -> float:
    """Draw the middle of two bounds."""
    return (low + high) / 2


def learned(model: Any = None) -> LearnedSchedule:
    """Return a schedule for a task that was submitted as the clock starts."""
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

    def test_polls_once_more_at_the_deadline_and_then_stops_waiting(self) -> None:
        run = self.run(PENDING, timeout=25)
        assert run.sleeps == [10, 10, 5]
        assert len(run.requests) == 3
        assert type(run.error) is AsposeOcrTimeoutError
        assert run.error.ocr_task_id == ID
        assert run.error.retryable
        assert "polled 3 times" in str(run.error)

    def test_an_ocr_task_that_ends_right_at_the_deadline_counts(self) -> None:
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

    def test_a_day_of_polling_is_a_loop_and_not_a_recursion(self) -> None:
        run = self.run(PENDING, timeout=24 * 3600, schedule=FixedSchedule(40, uniform=middle))
        assert type(run.error) is AsposeOcrTimeoutError
        assert 2 * sys.getrecursionlimit() < len(run.requests)


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
