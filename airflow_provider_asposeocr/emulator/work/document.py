"""Recognition of the text of a document with several pages."""

from __future__ import annotations

from airflow_provider_asposeocr.emulator import engine, results
from airflow_provider_asposeocr.emulator.ocr_tasks import Outcome
from airflow_provider_asposeocr.emulator.pdf import render_pages
from airflow_provider_asposeocr.emulator.work.assignment import Assignment


def recognize_pdf(given: Assignment) -> Outcome:
    """Recognize a PDF, each page as an image of its own: text that the PDF holds as such is read, too."""
    sheets = (engine.recognize(scan, given.settings) for scan in render_pages(given.file))
    return Outcome(results=results.of_pages(sheets, given.settings))
