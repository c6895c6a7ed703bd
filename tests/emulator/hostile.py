"""Builders of hostile requests, and the checks that follow them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.client import API
from tests.emulator.wire import Answer, exchange, request, submission

Build = Callable[[str], bytes]
"""Builds the bytes of a request from a valid token."""

MAX_SECONDS = 5.0
"""Honest requests take milliseconds; whatever blocks the server takes longer than this on any machine."""

FORM = "application/x-www-form-urlencoded"


def sign_in(emulator: Emulator) -> str:
    form = (
        f"grant_type=client_credentials&client_id={emulator.client_id}&client_secret={emulator.client_secret}"
    )
    answer = exchange(emulator, request("POST", "/connect/token", form.encode(), content_type=FORM))
    return str(json.loads(answer.body)["access_token"])


def check(answer: Answer, *statuses: int) -> None:
    """Check that an answer has one of the wanted statuses, and is JSON where it says so."""
    assert answer.status in statuses, answer
    if "json" in answer.headers.get("content-type", "") and answer.body:
        strict(answer.body)


def strict(body: bytes) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(body.decode("utf-8"), parse_constant=refuse)


def check_honest(emulator: Emulator, token: str) -> None:
    """Check that honest requests are served at once, and that all control endpoints return JSON."""
    started = time.monotonic()
    image = b'{"image": "aW1hZ2U=", "settings": {}}'
    submitted = exchange(emulator, submission(token, image, accept="text/plain"))
    check(submitted, 200)
    path = f"{API}RecognizeImage?id={submitted.body.decode()}"
    polled = exchange(emulator, request("GET", path, authorization=f"Bearer {token}"))
    assert strict(polled.body)["taskStatus"] == "Completed"
    for name in ("calls", "ocr-tasks", "submissions", "transcript", "health"):
        check(exchange(emulator, request("GET", f"/_emulator/{name}")), 200)
    assert time.monotonic() - started < MAX_SECONDS


def posted(body: bytes, operation: str = "RecognizeImage", **headers: str) -> Build:
    return lambda token: submission(token, body, operation, **headers)


def with_settings(text: bytes) -> Build:
    return posted(b'{"image": "aW1hZ2U=", "settings": ' + text + b"}")


def nested(depth: int) -> bytes:
    return b'{"a": ' + b"[" * depth + b"]" * depth + b"}"


def polling(query: str, **headers: str) -> Build:
    return lambda token: request(
        "GET", f"{API}RecognizeImage{query}", authorization=f"Bearer {token}", **headers
    )


def parametrized(cases: dict[str, Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())
