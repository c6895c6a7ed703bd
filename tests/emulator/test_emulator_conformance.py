"""The emulator's replies against the description of the API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests
import yaml

from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.client import API, Client


@pytest.fixture(scope="module")
def description(contract: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load(
        (contract / "openapi.yaml").read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    )
    return loaded


def check(description: dict[str, Any], path: str, answer: requests.Response) -> None:
    """Check status, content type and body of an answer."""
    method = description["paths"][path][str(answer.request.method).lower()]
    declared = method["responses"].get(str(answer.status_code), method["responses"].get("default"))
    declared = resolve(description, declared)
    if not answer.content:
        return
    kind = answer.headers["Content-Type"].split(";")[0]
    assert kind in declared.get("content", {}), (kind, answer.status_code, path)
    schema = declared["content"][kind].get("schema")
    if schema:
        body = answer.json() if kind.endswith("json") else answer.text
        whole = {"components": description["components"], **schema}
        jsonschema.Draft202012Validator(whole).validate(body)


def resolve(description: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    for part in node["$ref"].lstrip("#/").split("/"):
        description = description[part]
    return description


@pytest.mark.parametrize("operation", ["RecognizeImage", "RecognizeImageTrial", "BinarizeImage"])
def test_the_life_of_a_task(
    description: dict[str, Any], emulator: Emulator, client: Client, operation: str
) -> None:
    path = API + operation
    for accept in ("text/plain", "application/json"):
        submitted = client.post(operation=operation, accept=accept)
        check(description, path, submitted)
        ocr_task_id = submitted.text.strip('"')
        emulator.inject("never_finish", on="status")
        for read in (client.get(ocr_task_id, operation), client.get("unknown", operation)):
            check(description, path, read)
        check(description, API + "Utilities/GetTaskStatus", client.status(ocr_task_id))
        check(description, path, client.get(ocr_task_id, operation))
        check(description, path, client.cancel(ocr_task_id, operation))


def test_failures(description: dict[str, Any], emulator: Emulator, client: Client) -> None:
    path = API + "RecognizeImage"
    emulator.inject("finish_with_error", on="submit")
    check(description, path, client.get(client.submit()))
    emulator.options.warnings = ["a warning"]
    emulator.options.empty_results = "list"
    check(description, path, client.get(client.submit()))
    check(description, path, client.post(language="Klingon"))
    check(description, API + "RecognizePdf", client.post(operation="RecognizePdf"))
    emulator.expire_tokens()
    check(description, path, client.post())
    check(description, path, client.get("x"))


def test_tokens(description: dict[str, Any], client: Client) -> None:
    check(description, "/connect/token", client.token())
    for _ in range(6):
        answer = client.token(secret="wrong")
        if answer.status_code == 400:
            check(description, "/connect/token", answer)


def test_the_deprecated_form(description: dict[str, Any], client: Client) -> None:
    path = API + "ImageProcessing/"
    posted = client.call("POST", path + "PostBinarizationFile", files={"file": b"image"})
    check(description, path + "PostBinarizationFile", posted)
    for name in ("GetResultTask", "GetResultFile"):
        check(description, path + name, client.call("GET", path + name, params={"id": posted.text}))
    check(description, path + "GetResultFile", client.call("GET", path + "GetResultFile", params={"id": "x"}))


def test_every_described_path_is_served(description: dict[str, Any], client: Client) -> None:
    for path, methods in description["paths"].items():
        for method in set(methods) & {"get", "post", "delete"}:
            answer = client.call(method.upper(), path, params={"id": "x"})
            assert answer.status_code not in (404, 405), (method, path)
