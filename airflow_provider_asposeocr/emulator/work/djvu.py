"""Conversion of a DjVu document into a PDF."""

from __future__ import annotations

from airflow_provider_asposeocr.emulator import djvu, results
from airflow_provider_asposeocr.emulator.ocr_tasks import Outcome
from airflow_provider_asposeocr.emulator.searchable_pdf import SearchablePdf
from airflow_provider_asposeocr.emulator.work.assignment import Assignment


def convert_djvu(given: Assignment) -> Outcome:
    """Convert a DjVu document into a PDF, with the text that is hidden in it; nothing is recognized."""
    document = SearchablePdf()
    for page, scan in djvu.pages(given.file):
        document.add(page, scan)
    return Outcome(results=results.as_results([("Pdf", document.finish())]))
