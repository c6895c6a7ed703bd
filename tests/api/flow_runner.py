"""Drive a flow by hand: feed it answers, and record what it asked for."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_asposeocr.api.exceptions import AsposeOcrError
from airflow_provider_asposeocr.api.flows import OcrApi
from airflow_provider_asposeocr.api.http import (
    FailureKind,
    Flow,
    HttpRequest,
    HttpResponse,
    NeedToken,
    Sleep,
    TransportFailure,
    Work,
)
from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.api.retry import RetryPolicy

START = 1_800_000_000.0
MAX_STEPS = 10_000
NOT_SENT = TransportFailure(FailureKind.NOT_SENT, "the service cannot be reached (Connection refused)")
UNTRUSTED = TransportFailure(FailureKind.UNTRUSTED, "the certificate is not trusted: self-signed")
BROKEN = TransportFailure(FailureKind.UNKNOWN, "the connection broke before the answer came (reset)")
Answer = HttpResponse | TransportFailure


class Clock:
    """A clock that moves only when a flow sleeps."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> float:
        """Tell the time, in seconds since the epoch."""
        return self.time


@dataclass
class Run:
    """What a flow did.

    :param requests: the requests that it sent.
    :param sleeps: the seconds that it asked to sleep.
    :param refused: the token that each of its requests for a token called stale.
    :param result: what it returned.
    :param error: what it raised.
    """

    requests: list[HttpRequest] = field(default_factory=list)
    sleeps: list[float] = field(default_factory=list)
    refused: list[str | None] = field(default_factory=list)
    result: Any = None
    error: AsposeOcrError | None = None

    def unwrap(self) -> Any:
        """Return the result, or raise the error."""
        if self.error is not None:
            raise self.error
        return self.result


def response(
    status: int = 200, body: bytes | str = b"", *, complete: bool = True, **headers: str
) -> HttpResponse:
    """Make an answer; underscores in names of headers stand for hyphens."""
    data = body.encode() if isinstance(body, str) else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status, named, data, complete)


def api(clock: Clock | None = None, *, top: bool = True, **policy: Any) -> OcrApi:
    """Make the API with a clock of its own and with jitter that is always the most, or always the least."""

    def uniform(low: float, high: float) -> float:
        return high if top else low

    return OcrApi("https://ocr.example", retry=RetryPolicy(now=clock or Clock(), uniform=uniform, **policy))


def drive(
    flow: Flow[Any],
    *answers: Answer,
    clock: Clock | None = None,
    on_request: Callable[[HttpRequest], Answer] | None = None,
    token: str = "token",
    on_token: Callable[[], AsposeOcrError | None] = lambda: None,
) -> Run:
    """Run a flow to its end.

    :param flow: the flow.
    :param answers: what its requests are answered with, in this order; the last one repeats.
    :param clock: is moved on by each sleep.
    :param on_request: answers the requests instead.
    :param token: what tokens begin with; a number follows.
    :param on_token: returns what is thrown into the flow instead of a token, or None.
    """
    run = Run()
    answer: Any = None
    failed: AsposeOcrError | None = None
    for _ in range(MAX_STEPS):
        try:
            step = flow.send(answer) if failed is None else flow.throw(failed)
        except StopIteration as stop:
            run.result = stop.value
            return run
        except AsposeOcrError as error:
            run.error = error
            return run
        failed = None
        if isinstance(step, Sleep):
            run.sleeps.append(step.seconds)
            if clock is not None:
                clock.time += step.seconds
            answer = None
        elif isinstance(step, NeedToken):
            run.refused.append(step.stale)
            failed = on_token()
            answer = f"{token}-{len(run.refused)}"
        elif isinstance(step, HttpRequest):
            run.requests.append(step)
            position = min(len(run.requests), len(answers)) - 1
            answer = on_request(step) if on_request else answers[position]
        elif isinstance(step, Work):
            answer = step.call()
        else:
            raise AssertionError(f"a flow of the API does not yield {step!r}")
    raise AssertionError(f"the flow went on for {MAX_STEPS} steps")


class Body:
    """A request body."""

    content_type = "application/json"

    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Iterator[bytes]:
        yield b"{}"


ID = "5abe66e1-d823-48c1-bcb7-5c05c1719976"
IMAGE = get_operation("RecognizeImage")
TRIAL = get_operation("RecognizeImageTrial")
OLD = get_operation("PostBinarizationFile")
HOST = "https://ocr.example"


def reply(status: str | None, *texts: str, **more: Any) -> HttpResponse:
    """Return the reply for a task with this status and these texts as results."""
    results = [{"type": "Text", "data": base64.b64encode(text.encode()).decode()} for text in texts]
    return response(200, json.dumps({"id": ID, "taskStatus": status, "results": results or None, **more}))


def cut_off(body: str) -> HttpResponse:
    """Return a reply of which only the beginning was read."""
    return response(200, body, complete=False)


PENDING, PROCESSING, COMPLETED = reply("Pending"), reply("Processing"), reply("Completed", "text")
