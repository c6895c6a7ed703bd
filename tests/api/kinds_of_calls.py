"""Every kind of call of the API, and answers that it may get."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from airflow_provider_asposeocr.api.flows import OcrApi
from airflow_provider_asposeocr.api.http import Flow, HttpResponse, Token
from airflow_provider_asposeocr.api.task import OcrTask, TaskStatus

from .flow_runner import (
    ID,
    IMAGE,
    Answer,
    Body,
    Clock,
    api,
    drive,
    response,
)

SECRET = "the-secret-of-the-client"
PAGE = "<html><head><title>Oops</title></head><body>private page 4711</body></html>"
ATTEMPTS = 5
CALLS: dict[str, Callable[[OcrApi], Flow[Any]]] = {
    "submit": lambda made: made.submit(IMAGE, Body()),
    "get": lambda made: made.poll(IMAGE, ID),
    "delete": lambda made: made.cancel(IMAGE, ID),
    "token": lambda made: made.token("the-client", SECRET),
}
GOOD: dict[str, HttpResponse] = {
    "submit": response(200, ID),
    "get": response(200, json.dumps({"id": ID, "taskStatus": "Pending"})),
    "delete": response(200),
    "token": response(200, '{"access_token": "t", "expires_in": 3600}'),
}
EVERY = tuple(CALLS)
NOT_SIGN_IN = ("submit", "get", "delete")


def call(kind: str, *answers: Answer, **policy: Any) -> Any:
    """Make a call of a kind with these answers, and return what it did."""
    clock = Clock()
    return drive(CALLS[kind](api(clock, **policy)), *answers, clock=clock)


def is_result(kind: str, result: Any) -> bool:
    """Tell whether a result is what a good answer leads to."""
    good: dict[str, bool] = {
        "submit": result == ID,
        "get": isinstance(result, OcrTask) and result.status is TaskStatus.PENDING,
        "delete": result is None,
        "token": isinstance(result, Token) and result.value == "t",
    }
    return good[kind]
