"""Outcomes without recognition: a given text in the smallest valid form of each result type."""

from __future__ import annotations

import base64
import html
import json

from airflow_provider_asposeocr.api.operations import Category, get_operation
from airflow_provider_asposeocr.emulator.ocr_tasks import Outcome
from airflow_provider_asposeocr.emulator.settings import AppliedSettings
from airflow_provider_asposeocr.emulator.submission import Submission
from airflow_provider_asposeocr.emulator.trial import mask_text

_WHITE_PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABAQAAAAA3bvkkAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)
_EMPTY_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 3 3]>>endobj\n"
    b"trailer<</Root 1 0 R>>\n%%EOF\n"
)


def scripted_outcome(submission: Submission, text: str) -> Outcome:
    """Build the outcome of a scripted OCR task.

    :param submission: its submission.
    :param text: the text to return.
    """
    operation = get_operation(submission.operation)
    if operation.category is not Category.RECOGNITION:
        return Outcome(results=(_result("ImagePNG", ""),))
    if not operation.authenticated:
        text = mask_text(text, submission.sha256)
    settings = AppliedSettings.from_wire(submission.settings)
    return Outcome(results=tuple(_result(kind, text) for kind in settings.result_types))


def _result(kind: str, text: str) -> dict[str, str]:
    data = {
        "Text": lambda: text.encode("utf-8", "surrogatepass"),
        "Hocr": lambda: _hocr(text).encode("utf-8", "surrogatepass"),
        "JSON": lambda: json.dumps([{"text": text, "box": [0, 0, 1, 1]}]).encode(),
        "Pdf": lambda: _EMPTY_PDF,
        "ImagePNG": lambda: _WHITE_PIXEL,
    }[kind]()
    return {"type": kind, "data": base64.b64encode(data).decode("ascii")}


def _hocr(text: str) -> str:
    return (
        '<html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body>'
        f'<div class="ocr_page"><span class="ocr_line">{html.escape(text)}</span></div></body></html>'
    )
