"""Recognition of the text of a label."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_asposeocr.emulator import engine, results
from airflow_provider_asposeocr.emulator.decoding import decode
from airflow_provider_asposeocr.emulator.ocr_tasks import Outcome
from airflow_provider_asposeocr.emulator.work.assignment import Assignment

LANGUAGE_OF_LABELS = "English"


def recognize_label(given: Assignment) -> Outcome:
    """Recognize a label in English; a warning says so if another language is asked for."""
    asked = given.settings.language
    settings = replace(given.settings, language=LANGUAGE_OF_LABELS)
    page, scan = engine.recognize(decode(given.file), settings)
    told = f"Labels are read in {LANGUAGE_OF_LABELS} only, not in {asked}."
    warnings = () if asked == LANGUAGE_OF_LABELS else (told,)
    return Outcome(results=results.of_pages([(page, scan)], settings), warnings=warnings)
