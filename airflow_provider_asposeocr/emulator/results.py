"""Rendering of a recognized page as Text, Hocr, JSON, Pdf and ImagePNG, the result types of the service."""

from __future__ import annotations

import base64
import html
import io
import json
import math
from collections.abc import Callable, Mapping
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

_POINTS_PER_INCH = 72
_INVISIBLE = 3
_FONT = "asposeocr-emulator-invisible"
_JPEG_QUALITY = 85
_HOCR_PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml">
<head>
<title></title>
<meta name="ocr-system" content="asposeocr-emulator"/>
<meta name="ocr-capabilities" content="ocr_page ocr_carea ocr_line ocrx_word"/>
</head>
<body>
<div class="ocr_page" id="page_1" title="bbox 0 0 {width} {height}; ppageno 0">
{areas}
</div>
</body>
</html>
"""


def render(kind: str, page: Page, scan: Scan) -> dict[str, str]:
    """Render one result in its form on the wire.

    :param kind: a single result type, such as ``Text``.
    :param page: the recognized page.
    :param scan: the image of the page.
    """
    return as_result(kind, _RENDERERS[kind](page, scan))


def as_result(kind: str, data: bytes) -> dict[str, str]:
    """Wrap the bytes of a result in its form on the wire."""
    return {"type": kind, "data": base64.b64encode(data).decode("ascii")}


def to_text(page: Page, _: Scan) -> bytes:
    """Return the text in UTF-8."""
    return page.text.encode()


def to_json(page: Page, _: Scan) -> bytes:
    """Return the blocks with their corners in pixels and their text."""
    return json.dumps([_json_block(block) for block in page.blocks], ensure_ascii=False).encode()


def to_png(_: Page, scan: Scan) -> bytes:
    """Return the image as it was recognized, after all filters."""
    return encode_png(scan.pixels, scan.resolution)


def to_hocr(page: Page, _: Scan) -> bytes:
    """Return the page as hOCR 1.2 in well-formed XHTML."""
    areas = "\n".join(_hocr_area(number, block) for number, block in enumerate(page.blocks, 1))
    return _HOCR_PAGE.format(width=page.width, height=page.height, areas=areas).encode()


def to_pdf(page: Page, scan: Scan) -> bytes:
    """Return a searchable PDF: the image under an invisible layer of text."""
    across, down = (_POINTS_PER_INCH / dots for dots in scan.resolution)
    width, height = page.width * across, page.height * down
    target = BoundedBytes("Pdf")
    canvas = Canvas(target, pagesize=(width, height))
    canvas.drawImage(ImageReader(_embedded(scan.pixels)), 0, 0, width, height)
    _prepare_font(page.text)

    def in_points(point: Point) -> Point:
        return point[0] * across, height - point[1] * down

    for block in page.blocks:
        for row in block:
            for line in row:
                _write_line(canvas, line.moved(in_points))
    canvas.save()
    return target.getvalue()


_RENDERERS: Mapping[str, Callable[[Page, Scan], bytes]] = {
    "Text": to_text,
    "Hocr": to_hocr,
    "JSON": to_json,
    "Pdf": to_pdf,
    "ImagePNG": to_png,
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


def _hocr_area(number: int, block: Block) -> str:
    lines = [line for row in block for line in row]
    inner = "\n".join(_hocr_line(f"{number}_{place}", line) for place, line in enumerate(lines, 1))
    box = _hocr_box([line.quad for line in lines])
    return f'<div class="ocr_carea" id="block_1_{number}" title="{box}">\n{inner}\n</div>'


def _hocr_line(name: str, line: Line) -> str:
    words = " ".join(_hocr_word(f"{name}_{place}", word) for place, word in enumerate(line.words, 1))
    return f'<span class="ocr_line" id="line_1_{name}" title="{_hocr_box([line.quad])}">{words}</span>'


def _hocr_word(name: str, word: Word) -> str:
    title = f"{_hocr_box([word.quad])}; x_wconf {round(word.confidence * 100)}"
    return f'<span class="ocrx_word" id="word_1_{name}" title="{title}">{html.escape(word.text)}</span>'


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
