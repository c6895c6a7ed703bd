"""Fonts that the emulator knows, as images of their characters.

Three of them are built into the PDF renderer, which has them for PDFs without fonts of their own; the fourth
comes with the PDF writer. Each stands for a typeface that the service names.
"""

from __future__ import annotations

import functools
import io
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pypdfium2
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from airflow_provider_asposeocr.emulator.fonts import FONTS

Ink = npt.NDArray[np.float32]
"""Image of ink, from 0 for paper to 1."""

CHARACTERS = string.ascii_letters + string.digits
STYLES = ("regular", "bold", "italic", "bold italic")

_HEIGHT, _WIDTH = 32, 64
_BLUR = 1.0
_SIGMAS = (0.0, 1.2, 2.4, 3.6)
"""Blur of the characters, from a clean print to small text on a scan, in pixels of a specimen."""

_SIZE, _CELL, _COLUMNS = 60, 100, 8
_ROWS = -(-len(CHARACTERS) // _COLUMNS)
_PAPER_LEFT, _PAPER_BOTTOM = 20, 30
_INK = 0.3
"""Minimum of ink that belongs to a character."""

_FAINT, _DARKEST = 0.3, 0.6
"""Minimum of a stroke, as a share of the blackest, and the share of a stroke that is not made black."""


@dataclass(frozen=True)
class Family:
    """Typeface.

    :param name: as the service names it.
    :param kind: ``sans-serif``, ``serif`` or ``monospaced``.
    :param fonts: the font of each of :data:`STYLES`: one that every PDF may use, or a file of reportlab.
    """

    name: str
    kind: str
    fonts: tuple[str, str, str, str]


FAMILIES = (
    Family(
        "helvetica",
        "sans-serif",
        ("Helvetica", "Helvetica-Bold", "Helvetica-Oblique", "Helvetica-BoldOblique"),
    ),
    Family("times", "serif", ("Times-Roman", "Times-Bold", "Times-Italic", "Times-BoldItalic")),
    Family("courier", "monospaced", ("Courier", "Courier-Bold", "Courier-Oblique", "Courier-BoldOblique")),
    # Bitstream Vera was drawn after Verdana.
    Family("verdana", "sans-serif", ("Vera", "VeraBd", "VeraIt", "VeraBI")),
)


def full_contrast(ink: npt.NDArray[Any]) -> Ink:
    """Return ink of which the darkest part is black, as after a correction of the contrast.

    :param ink: an image with some ink on it.
    """
    strokes = ink[ink > _FAINT * ink.max()]
    return np.asarray(np.clip(ink / np.quantile(strokes, _DARKEST), 0, 1), np.float32)


def normal_size(ink: Ink) -> Ink:
    """Return the image of a character in the size and at the place in which characters are compared.

    :param ink: the character without paper around it.
    """
    height, width = ink.shape
    across = max(1, min(_WIDTH, round(width * _HEIGHT / height)))
    method = cv2.INTER_AREA if height > _HEIGHT else cv2.INTER_CUBIC
    placed = np.zeros((_HEIGHT, _WIDTH), np.float32)
    start = (_WIDTH - across) // 2
    placed[:, start : start + across] = np.clip(
        cv2.resize(ink, (across, _HEIGHT), interpolation=method), 0, 1
    )
    return np.asarray(cv2.GaussianBlur(placed, (0, 0), _BLUR), np.float32)


@functools.lru_cache(1)
def references() -> Mapping[str, Ink]:
    """Return for each character its images, by sharpness, family and style; drawn once per process."""
    with io.BytesIO(_specimens()) as file, pypdfium2.PdfDocument(file) as document:
        sheets = [_ink_of(page) for page in document]
    blurred = [_blurred(sheet, sigma) for sigma in _SIGMAS for sheet in sheets]
    count = len(_SIGMAS), len(FAMILIES), len(STYLES), _HEIGHT, _WIDTH
    return {
        character: np.stack([_cut_out(sheet, place) for sheet in blurred]).reshape(count)
        for place, character in enumerate(CHARACTERS)
    }


def _specimens() -> bytes:
    """Return a PDF with a page for each font, on which each character has a cell of its own."""
    written = io.BytesIO()
    canvas = Canvas(written, (_COLUMNS * _CELL, _ROWS * _CELL))
    for font in (font for family in FAMILIES for font in family.fonts):
        _prepare(font)
        canvas.setFont(font, _SIZE)
        for place, character in enumerate(CHARACTERS):
            row, column = divmod(place, _COLUMNS)
            canvas.drawString(
                column * _CELL + _PAPER_LEFT, (_ROWS - 1 - row) * _CELL + _PAPER_BOTTOM, character
            )
        canvas.showPage()
    canvas.save()
    return written.getvalue()


def _prepare(font: str) -> None:
    file = FONTS / f"{font}.ttf"
    if font not in pdfmetrics.getRegisteredFontNames() and file.exists():
        pdfmetrics.registerFont(TTFont(font, str(file)))


def _ink_of(page: pypdfium2.PdfPage) -> Ink:
    grey = np.asarray(page.render(scale=1, grayscale=True).to_numpy(), np.float32)
    return np.asarray(1 - grey.reshape(_ROWS * _CELL, _COLUMNS * _CELL) / 255, np.float32)


def _blurred(sheet: Ink, sigma: float) -> Ink:
    """Return a sheet as a scanner sees it: thin strokes grow wider, and paler than the blackest."""
    return full_contrast(cv2.GaussianBlur(sheet, (0, 0), sigma) if sigma else sheet)


def _cut_out(sheet: Ink, place: int) -> Ink:
    row, column = divmod(place, _COLUMNS)
    cell = sheet[row * _CELL : (row + 1) * _CELL, column * _CELL : (column + 1) * _CELL]
    rows, columns = np.nonzero(cell > _INK)
    return normal_size(cell[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1])
