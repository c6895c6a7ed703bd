"""Scripted OCR tasks: result types and text."""

from __future__ import annotations

import pytest

from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.client import Client

RESULT_TYPES = {
    "Text": ["Text"],
    "pdf": ["Pdf"],
    "TextAndPdf": ["Text", "Pdf"],
    "Hocr": ["Hocr"],
    "TextAndHocr": ["Text", "Hocr"],
    "PdfAndHocr": ["Pdf", "Hocr"],
    "TextAndPdfAndHocr": ["Text", "Pdf", "Hocr"],
    "ImagePNG": ["ImagePNG"],
    "JSON": ["JSON"],
}


@pytest.mark.parametrize(("result_type", "expected"), RESULT_TYPES.items())
def test_scripted_tasks_have_the_result_types_asked_for(
    client: Client, result_type: str, expected: list[str]
) -> None:
    assert list(client.results(b"image", resultType=result_type)) == expected


def test_scripted_text_may_depend_on_the_submission(emulator: Emulator, client: Client) -> None:
    emulator.options.scripted_text = lambda submitted: f"{submitted.size} bytes"
    assert client.results(b"hello") == {"Text": b"5 bytes"}
