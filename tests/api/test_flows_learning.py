"""What a wait does for what is learned beyond its process, and how many calls are expected of OCR tasks."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from airflow_provider_asposeocr.api.exceptions import AsposeOcrTimeoutError
from airflow_provider_asposeocr.api.flows import OcrApi
from airflow_provider_asposeocr.api.forecast import expected_polls
from airflow_provider_asposeocr.api.http import Flow, HttpResponse
from airflow_provider_asposeocr.api.latency import WINDOW, LatencyModel, LatencyModels
from airflow_provider_asposeocr.api.polling import LearnedSchedule, Wait
from airflow_provider_asposeocr.api.submission import Submission

from .flow_runner import COMPLETED, HOST, ID, IMAGE, PROCESSING, START, Clock, Run, api, drive

SUBMISSION = Submission(IMAGE.name, ID, source_bytes=1000, submitted_at=START)


class Remembering(LatencyModels):
    """Notes what waits ask of it, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def begin(self, service: str) -> Callable[[], None]:
        """Note the begin of a wait, and then the call that is made for it."""
        assert service == f"{HOST}/v5.0/ocr"
        self.asked.append("begin")
        return lambda: self.asked.append("recall")

    def end(self, service: str) -> Callable[[], None]:
        """Note the end of a wait, and then the call that is made for it."""
        self.asked.append("end")
        return lambda: self.asked.append("keep")


def waiting(models: LatencyModels, wait: Wait, *answers: HttpResponse) -> Run:
    """Wait for an OCR task by what models know."""
    clock = Clock()
    flow: Flow[object] = replace(api(clock), latency=models).wait(SUBMISSION, wait)
    return drive(flow, *answers, clock=clock)


def test_it_recalls_before_the_first_poll_and_keeps_after_the_last() -> None:
    models = Remembering()
    waiting(models, Wait(), PROCESSING, COMPLETED).unwrap()
    assert models.asked == ["begin", "recall", "end", "keep"]


def test_a_wait_that_fails_keeps_what_the_others_have_learned() -> None:
    models = Remembering()
    with pytest.raises(AsposeOcrTimeoutError):
        waiting(models, Wait(timeout=30.0), PROCESSING).unwrap()
    assert models.asked == ["begin", "recall", "end", "keep"]


def test_one_that_is_cancelled_does_not_wait_for_a_file() -> None:
    models = Remembering()
    flow = replace(api(), latency=models).wait(SUBMISSION, Wait())
    next(flow)
    flow.close()
    assert models.asked == ["begin", "end"]


def test_fixed_intervals_learn_nothing_and_ask_nothing() -> None:
    models = Remembering()
    waiting(models, Wait(poll_interval=5.0), PROCESSING, COMPLETED).unwrap()
    assert models.asked == []


def test_services_behind_one_host_are_told_apart() -> None:
    models = LatencyModels()
    for prefix in ("/v5.0/ocr", "/test"):
        clock = Clock()
        flow = replace(api(clock), latency=models, prefix=prefix).wait(SUBMISSION, Wait())
        drive(flow, COMPLETED, clock=clock).unwrap()
    assert len(models.news(f"{HOST}/v5.0/ocr")) == len(models.news(f"{HOST}/test")) == 1


def test_what_ended_is_told_once_and_recalled_by_another() -> None:
    ones, others = LatencyModels(), LatencyModels()
    chance = random.Random(1)
    for _ in range(WINDOW):
        took = 20 * chance.lognormvariate(0, 0.3)
        ones.of("here", "RecognizeImage", 1000).observe(object(), took * 0.8, took * 1.1)
    ones.of("here", "RecognizeImage", 1000).observe("running", 5.0, math.inf)
    ones.of("elsewhere", "RecognizeImage", 1000).observe("ended", 5.0, 6.0)
    ones.of("here", "RecognizeImage", 1000).forget("running")
    news = ones.news("here")
    assert {kind: len(ended) for kind, ended in news.items()} == {("RecognizeImage", 5): WINDOW}
    assert ones.news("here") == {}

    before = others.of("here", "RecognizeImage", 1023).poll_times(1.5)
    others.recall("here", news)
    learned = others.of("here", "RecognizeImage", 1023).poll_times(1.5)
    assert before.first < 6 < learned.first
    assert learned == ones.of("here", "RecognizeImage", 1000).poll_times(1.5)


def polls(model: LatencyModel, delay_cost: float, took: float, chance: random.Random) -> int:
    """Poll an OCR task by a schedule that learns no more, and return how often."""
    schedule = LearnedSchedule(model, submitted_at=0.0, delay_cost=delay_cost, uniform=chance.uniform)
    now, count = 0.0, 0
    while count == 0 or now < took:
        now += schedule.delay(now)
        schedule.polled(now, done=None)
        count += 1
    return count


@pytest.mark.parametrize("median", [0.8, 3.0, 20.0, 300.0])
@pytest.mark.parametrize("delay_cost", [0.3, 1.5, 5.0])
def test_the_polls_that_are_expected_are_about_those_that_are_made(median: float, delay_cost: float) -> None:
    model, chance = LatencyModel(), random.Random(2)
    for _ in range(WINDOW):
        took = median * chance.lognormvariate(0, 0.4)
        model.observe(object(), took * 0.9, took * 1.1)
    made = [polls(model, delay_cost, median * chance.lognormvariate(0, 0.4), chance) for _ in range(1000)]
    assert expected_polls(model, delay_cost) == pytest.approx(sum(made) / len(made), rel=0.15)


@pytest.mark.parametrize("fetched", [True, False])
def test_expected_calls_are_submissions_polls_and_fetches(*, fetched: bool) -> None:
    of_api: OcrApi = replace(api(), latency=(models := Remembering()))
    small, large = (models.of(f"{HOST}/v5.0/ocr", IMAGE.name, size) for size in (1000, 9000))
    for _ in range(WINDOW):
        large.observe(object(), 90.0, 110.0)
    polled = [expected_polls(model, of_api.delay_cost) for model in (small, large)]
    assert 1 < polled[0] < 5
    run = drive(of_api.expected_calls(IMAGE, [1000, 9000, 1001], fetched=fetched))
    assert run.unwrap() == pytest.approx(3 * (1 + fetched) + 2 * polled[0] + polled[1])
    assert run.requests == []
    assert models.asked == ["begin", "end", "recall"]
