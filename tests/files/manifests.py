"""Manifests of results that are made up."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.api.submission import Submission
from airflow_provider_asposeocr.api.task import OcrResult, OcrTask, TaskStatus
from airflow_provider_asposeocr.files.manifest import Delivery, Manifest, deliver

ID = "5abe66e1-d823-48c1-bcb7-5c05c1719976"
SOURCE = "file:///in/scan.png"
TEXT = OcrResult("Text", b"recognized")
PDF = OcrResult("Pdf", b"%PDF-1.7")
KEYS = [
    "ocr_task_id",
    "operation",
    "status",
    "source",
    "uri",
    "text",
    "value",
    "results",
    "warnings",
    "api_calls",
    "submitted_at",
    "completed_at",
    "reused",
]


def completed(*results: OcrResult, **more: Any) -> OcrTask:
    """Return a completed task."""
    return OcrTask(ID, TaskStatus.COMPLETED, results, **more)


def submitted(operation: str = "RecognizeImage", **more: Any) -> Submission:
    """Return what was submitted."""
    known = {"source": SOURCE, "api_calls": 3, "submitted_at": 1.8e9, **more}
    return Submission(get_operation(operation).name, ID, **known)


def delivered(
    task: OcrTask, delivery: Delivery | None = None, of: Submission | None = None, **to: Any
) -> Manifest:
    """Deliver an OCR task; the manifest must survive JSON."""
    where = replace(delivery or Delivery(), **to)
    manifest = deliver(task, of or submitted(), where, completed_at=1.8e9 + 2.5)
    assert json.loads(json.dumps(manifest)) == manifest
    return manifest
