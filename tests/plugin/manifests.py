"""Manifests for tests, as tasks return them and as a stranger may write them."""

from __future__ import annotations

from typing import Any

SCRIPT = "<script>alert('read me')</script>"


def manifest(**given: Any) -> dict[str, Any]:
    """Return a manifest with an inline text, changed in what is given."""
    return {
        "ocr_task_id": "11111111-2222-3333-4444-555555555555",
        "operation": "RecognizeImage",
        "status": "Completed",
        "source": None,
        "uri": None,
        "text": "Hello",
        "value": None,
        "results": [{"type": "Text", "uri": None, "bytes": 5}],
        "warnings": [],
        "api_calls": 3,
        "submitted_at": "2026-01-02T03:04:05.000+00:00",
        "completed_at": "2026-01-02T03:04:12.500+00:00",
        **given,
    }


def stored(*results: tuple[str, str], **given: Any) -> dict[str, Any]:
    """Return a manifest of stored results.

    :param results: type and URI of each.
    """
    entries = [{"type": kind, "uri": uri, "bytes": 1, "sha256": "0" * 64} for kind, uri in results]
    return manifest(text=None, results=entries, **given)


def hocr(*words: tuple[str, str]) -> str:
    """Return hOCR of one page of 200 by 100 pixels.

    :param words: text, which is markup already, and box of each.
    """
    spans = " ".join(
        f"<span class='ocrx_word' title='bbox {box}; x_wconf {90 - 50 * number}'>{text}</span>"
        for number, (text, box) in enumerate(words)
    )
    return (
        "<html><body><div class='ocr_page' title='bbox 0 0 200 100'><p class='ocr_par'>"
        f"<span class='ocr_line'>{spans}</span></p></div></body></html>"
    )
