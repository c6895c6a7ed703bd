"""Helpers for tests that store results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow_provider_asposeocr.api.task import OcrResult
from airflow_provider_asposeocr.files.destination import Names, StoredResult, store

ID = "5abe66e1-d823-48c1-bcb7-5c05c1719976"
TEXT = OcrResult("Text", b"recognized")
PDF = OcrResult("Pdf", b"%PDF-1.7")


def names(source: str | None = "file:///in/scan.png", **more: Any) -> Names:
    """Return the values of placeholders."""
    return Names(source, more.pop("operation", "RecognizeImage"), more.pop("ocr_task_id", ID), **more)


def stored_at(
    destination: Any, *results: OcrResult, of: Names | None = None, **more: Any
) -> list[StoredResult]:
    """Store results, one text unless others are given."""
    return store(results or (TEXT,), destination, of or names(), **more)


def files(folder: Path) -> dict[str, bytes]:
    """Read all files below a folder, hidden ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
