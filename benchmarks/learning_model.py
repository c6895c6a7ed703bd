"""Processes that wait for OCR tasks by a simulated clock: their flows and files are the real ones."""

from __future__ import annotations

import heapq
import itertools
import json
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from airflow_provider_asposeocr.api.flows import OcrApi
from airflow_provider_asposeocr.api.http import Flow, HttpRequest, HttpResponse, NeedToken, Sleep, Step, Work
from airflow_provider_asposeocr.api.latency import LatencyModels
from airflow_provider_asposeocr.api.polling import Wait
from airflow_provider_asposeocr.api.retry import RetryPolicy
from airflow_provider_asposeocr.api.submission import Submission
from benchmarks.polling_model import Kind

T = TypeVar("T")

OPERATION = "RecognizeImage"
START = 1_800_000_000.0
_ID = "ocr-task"
_WAIT = Wait(status_only=True)


@dataclass
class Drawn:
    """One OCR task, and what became of it.

    :param kind: its kind.
    :param seconds: its service time.
    :param calls: made for it, the submission among them.
    :param delay: seconds between its end and our knowing it.
    :param submitted_at: seconds since the epoch.
    """

    kind: Kind
    seconds: float
    calls: int = 0
    delay: float = math.nan
    submitted_at: float = math.nan

    @property
    def runs(self) -> bool:
        """Tell whether it is submitted, and its end not known."""
        return self.calls > 0 and math.isnan(self.delay)


def draw(kinds: Sequence[Kind], ocr_tasks: int, chance: random.Random) -> list[Drawn]:
    """Draw OCR tasks.

    :param kinds: equally frequent kinds.
    :param ocr_tasks: how many.
    :param chance: draws.
    """
    drawn = (chance.choice(kinds) for _ in range(ocr_tasks))
    return [Drawn(kind, chance.lognormvariate(math.log(kind.median), kind.sigma)) for kind in drawn]


class Clock:
    """The simulated clock, and the flows that sleep by it.

    :param chance: draws.
    """

    def __init__(self, chance: random.Random) -> None:
        self.time = START
        self.chance = chance
        self._order = itertools.count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def now(self) -> float:
        """Return the simulated time, seconds since the epoch."""
        return self.time

    def at(self, moment: float, call: Callable[[], None]) -> None:
        """Call something later.

        :param moment: seconds since the epoch.
        :param call: takes no arguments.
        """
        heapq.heappush(self._due, (moment, next(self._order), call))

    def run(self) -> None:
        """Go on until nothing is left to be called."""
        while self._due:
            self.time, _, call = heapq.heappop(self._due)
            call()

    def kill(self) -> None:
        """Drop all that is left to be called, as when a process is killed."""
        self._due.clear()

    def api(self, models: LatencyModels) -> OcrApi:
        """Return the flows of one process.

        :param models: what that process has learned.
        """
        return OcrApi(latency=models, retry=RetryPolicy(now=self.now, uniform=self.chance.uniform))

    def wait_for(self, one: Drawn, api: OcrApi, then: Callable[[], None] = lambda: None) -> None:
        """Submit an OCR task now, unless it runs, and wait for its end.

        :param one: the OCR task.
        :param api: of the process that waits.
        :param then: called when its end is known.
        """
        if not one.runs:
            one.calls, one.submitted_at = 1, self.time
        size, ends_at = one.kind.source_bytes, one.submitted_at + one.seconds
        flow = api.wait(Submission(OPERATION, _ID, source_bytes=size, submitted_at=one.submitted_at), _WAIT)

        def resume(answer: Any = None) -> None:
            try:
                step = flow.send(answer)
                while not isinstance(step, Sleep):
                    if isinstance(step, HttpRequest):
                        one.calls += 1
                    step = flow.send(_answer(step, ended=self.time >= ends_at))
            except StopIteration:
                one.delay = self.time - ends_at
                then()
            else:
                self.at(self.time + step.seconds, resume)

        resume()


def drive(flow: Flow[T]) -> T:
    """Run a flow that neither sleeps nor asks the service.

    :param flow: the flow.
    """
    try:
        step = next(flow)
        while True:
            step = flow.send(_answer(step, ended=False))
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]


def _answer(step: Step, *, ended: bool) -> Any:
    """Return at once what a driver would."""
    if isinstance(step, Work):
        return step.call()
    if isinstance(step, NeedToken):
        return "token"
    status = "Completed" if ended else "Processing"
    return HttpResponse(200, {}, json.dumps({"id": _ID, "taskStatus": status, "results": None}).encode())
