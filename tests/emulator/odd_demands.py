"""Images that are allowed and cost as much as an image can: pixels, filters, and very much text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from tests.emulator.odd_file import TEXT, OddFile, encoded
from tests.emulator.odd_shapes import column, font
from tests.emulator.pages import draw_text, letter, scan

_ALL_FILTERS = {
    "makeContrastCorrection": True,
    "makeBinarization": True,
    "makeUpsampling": True,
    "makeSkewCorrect": True,
}


def dense(count: int, size: float) -> bytes:
    """Draw a page full of short words that stand apart, each of which is found and read for itself."""
    words = ("the", "of", "and", "to", "in", "is", "you", "that", "it", "he", "was", "for", "on", "are")
    step, leading = round(size * 4.2), round(size * 1.75)
    image = Image.new("L", (step * count + 20, leading * count + 20), 255)
    pen = ImageDraw.Draw(image)
    for place in range(count * count):
        row, place_in_row = divmod(place, count)
        at = 10 + place_in_row * step, 10 + row * leading
        pen.text(at, words[place * 7 % len(words)], font=font(size), fill=0)
    return encoded(image, "PNG")


def _noise(side: int, *, sigma: float = 0) -> bytes:
    values: npt.NDArray[Any] = np.random.default_rng(5).normal(128, 60, (side, side))
    if sigma:
        values = cv2.GaussianBlur(values, (0, 0), sigma)
        values = 128 + (values - values.mean()) / values.std() * 70
    return encoded(Image.fromarray(values.clip(0, 255).astype(np.uint8)), "JPEG", quality=70)


def _checkerboard(side: int, field: int) -> bytes:
    rows, columns = np.mgrid[0:side, 0:side] // field
    return encoded(Image.fromarray(((rows + columns) % 2 * 255).astype(np.uint8)), "PNG")


def _sheet(kind: str, **options: object) -> bytes:
    image = Image.new("RGB", (7000, 5650), "white")
    ImageDraw.Draw(image).multiline_text((700, 900), TEXT, font=font(260), fill=(20, 30, 90), spacing=90)
    return encoded(image, kind, **options)


def _inks() -> bytes:
    return encoded(Image.new("CMYK", (6300, 6300), (0, 0, 0, 0)), "JPEG", progressive=True, subsampling=0)


def _small_sheet() -> bytes:
    image = Image.new("L", (2000, 2000), 255)
    ImageDraw.Draw(image).multiline_text((300, 900), TEXT, font=font(40), fill=0, spacing=20)
    return encoded(image, "PNG")


def _tower() -> bytes:
    lines = [f"{number:05d} of the lines of a very long page" for number in range(1500)]
    return encoded(column(lines, 24, 640, leading=1.66), "PNG")


def _street() -> bytes:
    lines = [" ".join(f"word {number:04d}" for number in range(330))]
    return encoded(column(lines, 30, 60_000), "PNG")


def demanding() -> Iterator[OddFile]:
    """Yield images that are allowed and cost as much as an image can."""
    square = 6300
    yield OddFile(
        "40 million pixels turned by 45 degrees",
        lambda: encoded(Image.new("L", (square, square), 255), "PNG"),
        None,
        "rotation",
        {"rotate": 45},
    )
    yield OddFile(
        "29 million pixels turned by 45 degrees",
        lambda: encoded(Image.new("RGB", (5400, 5400), "white"), "JPEG"),
        "",
        None,
        {"rotate": 45, **_ALL_FILTERS},
    )
    yield OddFile(
        "40 million pixels, all filters, quarter turn",
        lambda: _sheet("JPEG"),
        TEXT,
        None,
        {"rotate": 90, **_ALL_FILTERS},
    )
    yield OddFile(
        "40 million pixels, all filters",
        lambda: _sheet("TIFF", compression="tiff_lzw"),
        TEXT,
        None,
        _ALL_FILTERS,
    )
    yield OddFile("40 million pixels, progressive, four inks", lambda: _inks(), None)
    yield OddFile(
        "40 million pixels, image returned", lambda: _noise(square), None, None, {"resultType": "ImagePNG"}
    )
    yield OddFile(
        "40 million pixels, document returned",
        lambda: _sheet("JPEG"),
        None,
        None,
        {"resultType": "TextAndPdfAndHocr"},
    )
    yield OddFile(
        "40 million pixels made black and white", lambda: _noise(square), None, None, {}, "BinarizeImage"
    )
    yield OddFile("4 million pixels doubled", lambda: _small_sheet(), TEXT, None, {"makeUpsampling": True})
    yield OddFile("3,000 words", lambda: dense(55, 10), None)
    yield OddFile("20,000 words", lambda: dense(142, 9), None)
    yield OddFile(
        "a dense letter",
        lambda: encoded(scan(draw_text(letter(90), points=7, font="Vera.ttf")), "JPEG"),
        None,
    )
    yield OddFile("noise", lambda: _noise(3000), None)
    yield OddFile("blurred noise", lambda: _noise(3000, sigma=5), None)
    yield OddFile("a checkerboard", lambda: _checkerboard(4000, 8), "")
    yield OddFile("a coarse checkerboard", lambda: _checkerboard(4000, 40), None)
    yield OddFile("60,000 pixels high, full of text", _tower, None)
    yield OddFile("60,000 pixels wide, one line", _street, None)
