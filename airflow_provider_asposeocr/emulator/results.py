"""Rendering of recognized pages as Text, Hocr, JSON, Pdf and ImagePNG, the result types of the service."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_asposeocr.emulator.imaging import Scan, encode_png
from airflow_provider_asposeocr.emulator.limits import check_result_size
from airflow_provider_asposeocr.emulator.page import Block, Line, Page, Quad, Word, block_text, bounds, whole
from airflow_provider_asposeocr.emulator.searchable_pdf import SearchablePdf
from airflow_provider_asposeocr.emulator.settings import AppliedSettings

_HOCR = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml">
<head>
<title></title>
<meta name="ocr-system" content="asposeocr-emulator"/>
<meta name="ocr-capabilities" content="ocr_page ocr_carea ocr_line ocrx_word"/>
</head>
<body>
{pages}
</body>
</html>
"""

Result = tuple[str, bytes]
"""Type and bytes of a result."""

Sheet = tuple[Page, Scan]
"""Recognized page, and the image that its boxes refer to."""


def of_pages(sheets: Iterable[Sheet], settings: AppliedSettings) -> tuple[dict[str, str], ...]:
    """Render a document as :func:`rendered` does, in the form of the wire."""
    return as_results(rendered(sheets, settings))


def rendered(sheets: Iterable[Sheet], settings: AppliedSettings) -> Iterator[Result]:
    """Render a document in each of the result types that were asked for.

    :param sheets: its pages, in order; the image of each is dropped before the next one is taken.
    :param settings: the settings of the OCR task.
    """
    kinds = settings.result_types
    pages: list[Page] = []
    images: list[bytes] = []
    pdf = SearchablePdf()
    for page, scan in sheets:
        pages.append(page)
        if "Pdf" in kinds:
            pdf.add(page, scan)
        if "ImagePNG" in kinds:
            # A PNG holds a single image.
            images.append(to_png(scan))
            check_result_size("ImagePNG", sum(map(len, images)))
    for kind in kinds:
        if kind == "ImagePNG":
            yield from ((kind, image) for image in images)
        else:
            yield kind, pdf.finish() if kind == "Pdf" else _RENDERERS[kind](pages)


def as_results(results: Iterable[Result]) -> tuple[dict[str, str], ...]:
    """Wrap the results of an OCR task in their form on the wire.

    :raises LimitExceededError: if they are too large together.
    """
    size = 0
    wrapped = []
    for kind, data in results:
        size += len(data)
        check_result_size(kind, size)
        wrapped.append({"type": kind, "data": base64.b64encode(data).decode("ascii")})
    return tuple(wrapped)


def to_text(pages: Sequence[Page]) -> bytes:
    """Return the text in UTF-8, with an empty line between pages."""
    return "\n\n".join(page.text for page in pages if page.text).encode()


def to_json(pages: Sequence[Page]) -> bytes:
    """Return the blocks with their text, corners in pixels and, if there are several pages, their page."""
    blocks = [
        _json_block(block) | ({"page": number} if len(pages) > 1 else {})
        for number, page in enumerate(pages, 1)
        for block in page.blocks
    ]
    return json.dumps(blocks, ensure_ascii=False).encode()


def to_png(scan: Scan) -> bytes:
    """Return the image as it was recognized, after all filters."""
    return encode_png(scan.pixels, scan.resolution)


def to_hocr(pages: Sequence[Page]) -> bytes:
    """Return the pages as hOCR 1.2 in well-formed XHTML."""
    shown = "\n".join(_hocr_page(number, page) for number, page in enumerate(pages, 1))
    return _HOCR.format(pages=shown).encode()


_RENDERERS: Mapping[str, Callable[[Sequence[Page]], bytes]] = {
    "Text": to_text,
    "Hocr": to_hocr,
    "JSON": to_json,
}
"""Result types that consist of text alone."""


def _json_block(block: Block) -> dict[str, Any]:
    left, top, right, bottom = whole(bounds([line.quad for row in block for line in row]))
    return {
        "topLeftX": left,
        "topLeftY": top,
        "bottomRightX": right,
        "bottomRightY": bottom,
        "text": block_text(block),
    }


def _hocr_page(number: int, page: Page) -> str:
    areas = "\n".join(_hocr_area(f"{number}_{place}", block) for place, block in enumerate(page.blocks, 1))
    title = f"bbox 0 0 {page.width} {page.height}; ppageno {number - 1}"
    return f'<div class="ocr_page" id="page_{number}" title="{title}">\n{areas}\n</div>'


def _hocr_area(name: str, block: Block) -> str:
    lines = [line for row in block for line in row]
    inner = "\n".join(_hocr_line(f"{name}_{place}", line) for place, line in enumerate(lines, 1))
    box = _hocr_box([line.quad for line in lines])
    return f'<div class="ocr_carea" id="block_{name}" title="{box}">\n{inner}\n</div>'


def _hocr_line(name: str, line: Line) -> str:
    words = " ".join(_hocr_word(f"{name}_{place}", word) for place, word in enumerate(line.words, 1))
    return f'<span class="ocr_line" id="line_{name}" title="{_hocr_box([line.quad])}">{words}</span>'


def _hocr_word(name: str, word: Word) -> str:
    title = f"{_hocr_box([word.quad])}; x_wconf {round(word.confidence * 100)}"
    return f'<span class="ocrx_word" id="word_{name}" title="{title}">{html.escape(word.text)}</span>'


def _hocr_box(quads: list[Quad]) -> str:
    return "bbox " + " ".join(map(str, whole(bounds(quads))))
