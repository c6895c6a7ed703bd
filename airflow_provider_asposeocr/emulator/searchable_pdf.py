"""Searchable PDF: on each page the image, under an invisible layer of its text."""

from __future__ import annotations

import io
import math

from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from airflow_provider_asposeocr.emulator.fonts import FONTS
from airflow_provider_asposeocr.emulator.imaging import BoundedBytes, Pixels, Scan, is_black_and_white
from airflow_provider_asposeocr.emulator.limits import check_result_size
from airflow_provider_asposeocr.emulator.page import Line, Page, Point, Word
from airflow_provider_asposeocr.emulator.resolution import POINTS_PER_INCH

_INVISIBLE = 3
_FONT = "asposeocr-emulator-invisible"
_JPEG_QUALITY = 85


class SearchablePdf:
    """Write a PDF page by page; of the images only their encoded form is kept."""

    def __init__(self) -> None:
        self._target = BoundedBytes("Pdf")
        self._canvas = Canvas(self._target)
        self._image_bytes = 0

    def add(self, page: Page, scan: Scan) -> None:
        """Append a page.

        :param page: its text.
        :param scan: the image that the boxes of the text refer to.
        :raises LimitExceededError: if the images alone are larger than a result may be.
        """
        encoded = _encoded(scan.pixels)
        self._image_bytes += len(encoded.getbuffer())
        check_result_size("Pdf", self._image_bytes)
        across, down = (POINTS_PER_INCH / dots for dots in scan.resolution)
        width, height = page.width * across, page.height * down
        self._canvas.setPageSize((width, height))
        self._canvas.drawImage(ImageReader(encoded), 0, 0, width, height)
        _prepare_font(page.text)

        def in_points(point: Point) -> Point:
            return point[0] * across, height - point[1] * down

        for line in page.lines():
            _write_line(self._canvas, line.moved(in_points))
        self._canvas.showPage()

    def finish(self) -> bytes:
        """Return the PDF; nothing can be added afterwards."""
        self._canvas.save()
        return self._target.getvalue()


def _encoded(pixels: Pixels) -> io.BytesIO:
    """Return the image in the encoding that suits a PDF best."""
    encoded, image = io.BytesIO(), Image.fromarray(pixels)
    if is_black_and_white(pixels):
        # Of fewer bits per pixel, reportlab would make three times as many bytes.
        image.convert("L").save(encoded, "PNG")
    else:
        image.save(encoded, "JPEG", quality=_JPEG_QUALITY)
    return encoded


def _prepare_font(text: str) -> None:
    """Prepare the font for a text.

    Unlike the built-in fonts, a TrueType font lets every PDF reader map its text to characters, in any
    alphabet. Because the text is invisible, one glyph can stand for all that the font lacks.
    """
    if _FONT not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont(_FONT, str(FONTS / "Vera.ttf")))
    glyphs = pdfmetrics.getFont(_FONT).face.charToGlyph
    for character in text:
        glyphs.setdefault(ord(character), glyphs[ord("n")])


def _write_line(canvas: Canvas, line: Line) -> None:
    for place, word in enumerate(line.words, 1):
        _write_word(canvas, word.text if place == len(line.words) else word.text + " ", word)


def _write_word(canvas: Canvas, text: str, word: Word) -> None:
    """Write a word so that its characters, from their ascent to their descent, fill its position."""
    top_left, top_right, _, bottom_left = word.quad
    width, height = math.dist(top_left, top_right), math.dist(top_left, bottom_left)
    ascent, descent = pdfmetrics.getAscentDescent(_FONT, 1)
    size = height / (ascent - descent)
    natural = pdfmetrics.stringWidth(word.text, _FONT, size)
    if not natural or not width:
        return
    canvas.saveState()
    canvas.translate(*bottom_left)
    canvas.rotate(math.degrees(math.atan2(top_right[1] - top_left[1], top_right[0] - top_left[0])))
    pen = canvas.beginText(0, -descent * size)
    pen.setTextRenderMode(_INVISIBLE)
    pen.setFont(_FONT, size)
    pen.setHorizScale(100 * width / natural)
    pen.textOut(text)
    canvas.drawText(pen)
    canvas.restoreState()
