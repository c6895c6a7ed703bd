"""Rendering of recognized pages as Text, Hocr, JSON, Pdf and ImagePNG, the result types of the service."""

from __future__ import annotations

import base64
import html
import io
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import reportlab
from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from airflow_provider_asposeocr.emulator.imaging import (
    BoundedBytes,
    Pixels,
    Scan,
    encode_png,
    is_black_and_white,
)
from airflow_provider_asposeocr.emulator.page import (
    Block,
    Box,
    Line,
    Page,
    Point,
    Quad,
    Word,
    block_text,
    bounds,
)
from airflow_provider_asposeocr.emulator.settings import AppliedSettings

_POINTS_PER_INCH = 72
_INVISIBLE = 3
_FONT = "asposeocr-emulator-invisible"
_JPEG_QUALITY = 85
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

Sheet = tuple[Page, Scan]
"""Recognized page, and the image that its boxes refer to."""


def of_pages(sheets: Sequence[Sheet], settings: AppliedSettings) -> tuple[dict[str, str], ...]:
    """Render a document in each of the result types that were asked for.

    :param sheets: its pages, in order.
    :param settings: the settings of the OCR task.
    """
    return tuple(_render(settings.result_types, sheets))


def _render(kinds: Sequence[str], sheets: Sequence[Sheet]) -> Iterator[dict[str, str]]:
    for kind in kinds:
        if kind == "ImagePNG":
            # A PNG holds a single image.
            yield from (as_result(kind, to_png(scan)) for _, scan in sheets)
        else:
            yield as_result(kind, _RENDERERS[kind](sheets))


def as_result(kind: str, data: bytes) -> dict[str, str]:
    """Wrap the bytes of a result in its form on the wire."""
    return {"type": kind, "data": base64.b64encode(data).decode("ascii")}


def to_text(sheets: Sequence[Sheet]) -> bytes:
    """Return the text in UTF-8, with an empty line between pages."""
    return "\n\n".join(page.text for page, _ in sheets if page.text).encode()


def to_json(sheets: Sequence[Sheet]) -> bytes:
    """Return the blocks with their text, corners in pixels and, if there are several pages, their page."""
    blocks = [
        _json_block(block) | ({"page": number} if len(sheets) > 1 else {})
        for number, (page, _) in enumerate(sheets, 1)
        for block in page.blocks
    ]
    return json.dumps(blocks, ensure_ascii=False).encode()


def to_png(scan: Scan) -> bytes:
    """Return the image as it was recognized, after all filters."""
    return encode_png(scan.pixels, scan.resolution)


def to_hocr(sheets: Sequence[Sheet]) -> bytes:
    """Return the pages as hOCR 1.2 in well-formed XHTML."""
    pages = "\n".join(_hocr_page(number, page) for number, (page, _) in enumerate(sheets, 1))
    return _HOCR.format(pages=pages).encode()


def to_pdf(sheets: Sequence[Sheet]) -> bytes:
    """Return a searchable PDF: on each page the image under an invisible layer of text."""
    target = BoundedBytes("Pdf")
    canvas = Canvas(target)
    for page, scan in sheets:
        _draw_page(canvas, page, scan)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def _draw_page(canvas: Canvas, page: Page, scan: Scan) -> None:
    across, down = (_POINTS_PER_INCH / dots for dots in scan.resolution)
    width, height = page.width * across, page.height * down
    canvas.setPageSize((width, height))
    canvas.drawImage(ImageReader(_embedded(scan.pixels)), 0, 0, width, height)
    _prepare_font(page.text)

    def in_points(point: Point) -> Point:
        return point[0] * across, height - point[1] * down

    for block in page.blocks:
        for row in block:
            for line in row:
                _write_line(canvas, line.moved(in_points))


_RENDERERS: Mapping[str, Callable[[Sequence[Sheet]], bytes]] = {
    "Text": to_text,
    "Hocr": to_hocr,
    "JSON": to_json,
    "Pdf": to_pdf,
}


def _json_block(block: Block) -> dict[str, Any]:
    left, top, right, bottom = _whole(bounds([line.quad for row in block for line in row]))
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
    return "bbox " + " ".join(map(str, _whole(bounds(quads))))


def _whole(box: Box) -> tuple[int, int, int, int]:
    left, top, right, bottom = box
    return max(0, math.floor(left)), max(0, math.floor(top)), math.ceil(right), math.ceil(bottom)


def _embedded(pixels: Pixels) -> Image.Image:
    """Return the image in the encoding that suits a PDF best."""
    image = Image.fromarray(pixels)
    if is_black_and_white(pixels):
        return image.convert("1", dither=Image.Dither.NONE)
    packed = io.BytesIO()
    image.save(packed, "JPEG", quality=_JPEG_QUALITY)
    return Image.open(packed, formats=("JPEG",))


def _prepare_font(text: str) -> None:
    """Prepare the font for a text.

    Unlike the built-in fonts, a TrueType font lets every PDF reader map its text to characters, in any
    alphabet. Because the text is invisible, one glyph can stand for all that the font lacks.
    """
    if _FONT not in pdfmetrics.getRegisteredFontNames():
        file = Path(reportlab.__file__).parent / "fonts" / "Vera.ttf"
        pdfmetrics.registerFont(TTFont(_FONT, str(file)))
    glyphs = pdfmetrics.getFont(_FONT).face.charToGlyph
    for character in text:
        glyphs.setdefault(ord(character), glyphs[ord("n")])


def _write_line(canvas: Canvas, line: Line) -> None:
    for place, word in enumerate(line.words, 1):
        _write_word(canvas, word.text if place == len(line.words) else word.text + " ", word)


def _write_word(canvas: Canvas, text: str, word: Word) -> None:
    top_left, top_right, _, bottom_left = word.quad
    width, height = math.dist(top_left, top_right), math.dist(top_left, bottom_left)
    natural = pdfmetrics.stringWidth(word.text, _FONT, height)
    if not natural or not width:
        return
    canvas.saveState()
    canvas.translate(*bottom_left)
    canvas.rotate(math.degrees(math.atan2(top_right[1] - top_left[1], top_right[0] - top_left[0])))
    pen = canvas.beginText(0, 0)
    pen.setTextRenderMode(_INVISIBLE)
    pen.setFont(_FONT, height)
    pen.setHorizScale(100 * width / natural)
    pen.textOut(text)
    canvas.drawText(pen)
    canvas.restoreState()
