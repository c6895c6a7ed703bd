"""Hooks of Schemathesis: how to read the description, and checks beyond those that it has."""

from __future__ import annotations

from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, HookContext, Response

from airflow_provider_asposeocr.api.operations import OPERATIONS
from tests.emulator.client import API

REFUSED = frozenset(("file", "settings.regions"))
"""Members that a request by the description may be refused for: an empty file, and regions that hold no
pixels. A schema cannot tell them apart from others."""


@schemathesis.hook
def before_load_schema(context: HookContext, raw_schema: dict[str, Any]) -> None:
    """Mark Base64 as Schemathesis knows it, and the one part of a form as needed."""
    _mark_base64(raw_schema)
    raw_schema["components"]["schemas"]["FileUpload"]["required"] = ["file"]


def _mark_base64(node: Any) -> None:
    if isinstance(node, dict):
        if node.get("contentEncoding") == "base64":
            node["format"] = "byte"
        for inner in node.values():
            _mark_base64(inner)
    elif isinstance(node, list):
        for inner in node:
            _mark_base64(inner)


@schemathesis.check
def refuses_by_name(context: CheckContext, response: Response, case: Case[Any]) -> None:
    """Check that an upload by the description is taken, or refused for what no schema can say."""
    if _is_upload(case) and case.meta and case.meta.generation.mode.is_positive:
        refused = response.json()["errors"] if response.status_code == 400 else {}
        assert set(refused) <= REFUSED, response.text


@schemathesis.check
def completes_what_it_takes(context: CheckContext, response: Response, case: Case[Any]) -> None:
    """Check that the OCR task of whatever is taken is completed, and that its results are as described."""
    if not _is_upload(case) or response.status_code != 200:
        return
    ocr_task_id = response.text.strip('"')
    operation = OPERATIONS[case.operation.path.removeprefix(API)]
    reading = case.operation.schema[API + operation.fetch_path]["GET"].Case(query={"id": ocr_task_id})
    fetched = reading.call_and_validate(headers=_authorization(response))
    body = fetched.json()
    assert (body["id"], body["taskStatus"]) == (ocr_task_id, "Completed"), fetched.text
    assert body["results"], fetched.text


def _is_upload(case: Case[Any]) -> bool:
    return case.method == "POST" and case.operation.path.startswith(API)


def _authorization(response: Response) -> dict[str, Any]:
    """Return the token of the request that was answered."""
    headers = response.request.headers
    return {"Authorization": headers["Authorization"]} if "Authorization" in headers else {}
