"""Plain client of the emulator without any retries, so that tests see each response as it is."""

from __future__ import annotations

import base64
import time
from typing import Any, Self

import requests

from airflow_provider_asposeocr.emulator.testing import Emulator

API = "/v5.0/ocr/"
_MAX_WAIT = 60.0
_PAUSE = 0.05


class Client:
    """Call the emulator.

    :param emulator: where to call.
    :param sign_in: get a token first.
    """

    def __init__(self, emulator: Emulator, *, sign_in: bool = True) -> None:
        self.emulator = emulator
        self.session = requests.Session()
        if sign_in:
            answer = self.token().json()
            self.session.headers["Authorization"] = f"Bearer {answer['access_token']}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        return self.session.request(
            method, self.emulator.url + path, timeout=30, allow_redirects=False, **arguments
        )

    def token(self, client_id: str | None = None, secret: str | None = None) -> requests.Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": client_id or self.emulator.client_id,
            "client_secret": secret or self.emulator.client_secret,
        }
        return self.call("POST", "/connect/token", data=form)

    def post(
        self,
        image: bytes = b"image",
        operation: str = "RecognizeImage",
        accept: str = "text/plain",
        **settings: Any,
    ) -> requests.Response:
        body: dict[str, Any] = {"image": base64.b64encode(image).decode(), "settings": settings}
        return self.call("POST", API + operation, json=body, headers={"Accept": accept})

    def submit(self, image: bytes = b"image", operation: str = "RecognizeImage", **settings: Any) -> str:
        answer = self.post(image, operation, **settings)
        assert answer.status_code == 200, answer.text
        return answer.text

    def get(self, ocr_task_id: str, operation: str = "RecognizeImage") -> requests.Response:
        return self.call("GET", API + operation, params={"id": ocr_task_id})

    def status(self, ocr_task_id: str) -> requests.Response:
        return self.get(ocr_task_id, "Utilities/GetTaskStatus")

    def cancel(self, ocr_task_id: str, operation: str = "RecognizeImage") -> requests.Response:
        return self.call("DELETE", API + operation, params={"id": ocr_task_id})

    def wait(self, ocr_task_id: str, operation: str = "RecognizeImage") -> dict[str, Any]:
        """Read a task until it has ended."""
        until = time.monotonic() + _MAX_WAIT
        while time.monotonic() < until:
            answer: dict[str, Any] = self.get(ocr_task_id, operation).json()
            if answer["taskStatus"] not in ("Pending", "Processing"):
                return answer
            time.sleep(_PAUSE)
        raise AssertionError(f"the task {ocr_task_id} did not end within {_MAX_WAIT} s")

    def results(self, image: bytes, operation: str = "RecognizeImage", **settings: Any) -> dict[str, bytes]:
        """Submit an image, wait, and return the decoded results by their types."""
        answer = self.wait(self.submit(image, operation, **settings), operation)
        assert answer["taskStatus"] == "Completed", answer["error"]
        return {
            result["type"]: base64.b64decode(result["data"], validate=True) for result in answer["results"]
        }
