"""Recognition of the text of a receipt."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_asposeocr.emulator import engine, results
from airflow_provider_asposeocr.emulator.decoding import decode
from airflow_provider_asposeocr.emulator.layout import reading_order
from airflow_provider_asposeocr.emulator.ocr_tasks import Outcome
from airflow_provider_asposeocr.emulator.work.assignment import Assignment


def recognize_receipt(given: Assignment) -> Outcome:
    """Recognize a receipt, row by row across the whole width: an item, and its price at the right."""
    page, scan = engine.recognize(decode(given.file), given.settings)
    page = replace(page, blocks=reading_order(list(page.lines()), columns=False))
    return Outcome(results=results.of_pages([(page, scan)], given.settings))
