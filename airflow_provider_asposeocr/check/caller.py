"""Make single calls, count the billed ones, and keep each answer as it came."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_asposeocr.api.exceptions import AsposeOcrError
from airflow_provider_asposeocr.api.http import Flow, HttpRequest, HttpResponse, NeedToken, TransportFailure
from airflow_provider_asposeocr.api.task import OcrTask, TaskStatus
from airflow_provider_asposeocr.hooks.connection import ConnectionConfig
from airflow_provider_asposeocr.hooks.drivers import Meter, SyncDriver
from airflow_provider_asposeocr.hooks.sessions import new_session

MAX_CALLS = 12
"""Billed calls of a run at most."""

_WORD = re.compile(r"[A-Za-z]{1,24}(?:[/+][A-Za-z]{1,24}){0,2}")


def shown(value: Any) -> str:
    """Return a word of the service for the report, unless it could be an id, a secret or a text.

    :param value: such as a status or the type of a result.
    """
    return value if isinstance(value, str) and _WORD.fullmatch(value) else "(no plain word)"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One call: the answer, and what the provider makes of it. Without an answer, it was not made.

    :param answer: of the service.
    :param seconds: until the answer was there.
    :param value: what the flow returned.
    :param error: what it raised instead.
    """

    answer: HttpResponse | TransportFailure | None = None
    seconds: float = 0.0
    value: Any = None
    error: AsposeOcrError | None = None

    @property
    def response(self) -> HttpResponse:
        """The answer; one with status 0 where there is none."""
        return self.answer if isinstance(self.answer, HttpResponse) else HttpResponse(0, {}, b"")

    @property
    def status(self) -> int:
        """The HTTP status; 0 without an answer."""
        return self.response.status

    @property
    def media_type(self) -> str:
        """The media type of the body, without its parameters."""
        return shown(self.response.headers.get("content-type", "none").partition(";")[0].strip().lower())

    @property
    def reply(self) -> Mapping[str, Any]:
        """The members of a JSON object by their names in lower case; none of any other body."""
        try:
            read = json.loads(self.response.body)
        except (ValueError, RecursionError):
            return {}
        return {name.casefold(): value for name, value in read.items()} if isinstance(read, dict) else {}

    @property
    def task(self) -> OcrTask | None:
        """The OCR task, if the provider has read one from the answer."""
        return self.value if isinstance(self.value, OcrTask) else None

    def is_task(self, *statuses: TaskStatus) -> bool:
        """Tell whether the provider has read an OCR task with one of these statuses."""
        return self.task is not None and self.task.status in statuses

    def __str__(self) -> str:
        """Describe the answer in a few words, none of them from its body but a status."""
        if self.status == 200 and self.task is not None:
            return f"HTTP 200 with {shown(self.task.raw_status or 'none')}"
        return f"HTTP {self.status}"


class Caller(Meter):
    """Make single calls with the provider's own flows; after :data:`MAX_CALLS` billed ones none leaves.

    :param config: the connection.
    """

    def __init__(self, config: ConnectionConfig) -> None:
        super().__init__()
        self._driver = SyncDriver(config, new_session(), self)
        self._answer: HttpResponse | TransportFailure | None = None
        self.by_kind: Counter[str] = Counter()
        """Billed calls so far."""

    def check(self) -> None:
        """Keep a request back if all billed calls are made.

        :raises AsposeOcrError: if they are.
        """
        super().check()
        if self.calls >= MAX_CALLS:
            raise AsposeOcrError(f"all {MAX_CALLS} billed calls of this run are made")

    def count(self, request: HttpRequest, answer: HttpResponse | TransportFailure) -> None:
        """Count a request, and keep its answer."""
        super().count(request, answer)
        self._answer = answer

    def call(self, kind: str, flow: Flow[Any], token: str | None = None) -> Outcome:
        """Make a call.

        :param kind: names it in the counts.
        :param flow: makes it.
        :param token: the token that it carries.
        """
        self._answer, began, before = None, time.monotonic(), self.calls
        value, failed = None, None
        try:
            value = self._driver.run(_bearing(flow, token))
        except AsposeOcrError as error:
            failed = error
        if made := self.calls - before:
            self.by_kind[kind] += made
        return Outcome(self._answer, time.monotonic() - began, value, failed)


def _bearing(flow: Flow[Any], token: str | None) -> Flow[Any]:
    """Give a flow this token, and end it where it asks for another, which would mean a second call."""
    try:
        step = next(flow)
        while not (isinstance(step, NeedToken) and step.stale is not None):
            step = flow.send(token if isinstance(step, NeedToken) else (yield step))
    except StopIteration as stop:
        return stop.value
    return None
