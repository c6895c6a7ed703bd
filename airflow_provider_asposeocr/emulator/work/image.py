"""Recognition of the text of an image."""

from __future__ import annotations

from airflow_provider_asposeocr.emulator import engine, results
from airflow_provider_asposeocr.emulator.decoding import decode
from airflow_provider_asposeocr.emulator.ocr_tasks import Outcome
from airflow_provider_asposeocr.emulator.trial import masked_words
from airflow_provider_asposeocr.emulator.work.assignment import Assignment


def recognize_image(given: Assignment) -> Outcome:
    """Recognize an image; the trial operation masks some of its words."""
    page, scan = engine.recognize(decode(given.file), given.settings)
    if not given.operation.authenticated:
        page = page.masked(masked_words(page.word_count, given.sha256))
    return Outcome(results=results.of_pages([(page, scan)], given.settings))
