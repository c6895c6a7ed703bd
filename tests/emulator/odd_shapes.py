"""Odd but honest shapes: very long, very wide, tiny, blank, pale, inverted, and text of any size on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tests.emulator.odd_file import TEXT, encoded, grey, page
from tests.emulator.pages import FONTS, draw_text

_WORDS = ("apples", "bread", "cheese", "dates", "eggs", "flour", "garlic", "honey", "juice", "kale")


def font(size: float) -> ImageFont.FreeTypeFont:
    """Return the font of the pages."""
    return ImageFont.truetype(str(FONTS / "Vera.ttf"), size)


def receipt_lines(count: int) -> list[str]:
    """Return the lines of a receipt."""
    return [f"Item {number:03d} {_WORDS[number % 10]} {number * 7 % 90 + 10}.50" for number in range(count)]


def column(
    lines: list[str], size: float, width: int, *, leading: float = 1.8, margin: int = 40
) -> Image.Image:
    """Draw lines one below the other."""
    step = leading * size
    image = Image.new("L", (width, round(step * len(lines)) + 2 * margin), 255)
    pen = ImageDraw.Draw(image)
    for place, line in enumerate(lines):
        pen.text((margin, margin + place * step), line, font=font(size), fill=0)
    return image


def band(text: str, size: float, height: int, *, width: int | None = None) -> Image.Image:
    """Draw one line of text, as wide as it needs."""
    face = font(size)
    image = Image.new("L", (width or round(face.getlength(text)) + 80, height), 255)
    ImageDraw.Draw(image).text((40, height / 2), text, font=face, fill=0, anchor="lm")
    return image


def placed(at: tuple[int, int], size: tuple[int, int], *, text_size: float = 30) -> Image.Image:
    """Draw the page's text somewhere on a large sheet."""
    image = Image.new("L", size, 255)
    ImageDraw.Draw(image).multiline_text(at, TEXT, font=font(text_size), fill=0, spacing=12)
    return image


def banner(count: int) -> str:
    """Return one long line of words."""
    return " ".join(f"{_WORDS[number % 10]} {number:02d}" for number in range(count))


def levels(ink: int, paper: int) -> Image.Image:
    """Return the page in two tones of grey."""
    return Image.fromarray(np.interp(grey(), (20, 255), (ink, paper)).round().astype(np.uint8))


def _screen(size: float, width: int, height: int) -> Image.Image:
    image = Image.new("L", (width, height), 250)
    ImageDraw.Draw(image).multiline_text((width // 3, height // 2), TEXT, font=font(size), fill=30, spacing=6)
    return image


SHAPES: Mapping[str, tuple[Callable[[], bytes], str]] = {
    "one pixel": (lambda: encoded(Image.new("L", (1, 1), 255), "PNG"), ""),
    "two by two pixels": (lambda: encoded(Image.new("RGB", (2, 2), (9, 99, 199)), "PNG"), ""),
    "one pixel high": (lambda: encoded(Image.new("L", (5000, 1), 200), "PNG"), ""),
    "one pixel wide": (lambda: encoded(Image.new("L", (1, 5000), 200), "PNG"), ""),
    "one pixel high, 60,000 wide": (
        lambda: encoded(Image.fromarray((np.arange(60_000)[None] % 251).astype(np.uint8)), "PNG"),
        "",
    ),
    "all white": (lambda: encoded(Image.new("L", (1200, 900), 255), "PNG"), ""),
    "all black": (lambda: encoded(Image.new("1", (1200, 900), 0), "PNG"), ""),
    "all white, nearly 40 million pixels": (lambda: encoded(Image.new("1", (6300, 6300), 1), "PNG"), ""),
    "grey on grey": (lambda: encoded(levels(188, 200), "PNG"), TEXT),
    "grey on grey, 4 tones apart": (lambda: encoded(levels(200, 204), "PNG"), TEXT),
    "dark on darker": (lambda: encoded(levels(28, 6), "PNG"), TEXT),
    "white on black": (lambda: encoded(levels(255, 0), "PNG"), TEXT),
    "white on black, 1 bit": (lambda: encoded(levels(255, 0).convert("1"), "PNG"), TEXT),
    "a screenshot with tiny text": (lambda: encoded(_screen(11, 1280, 800), "PNG"), TEXT),
    "a large screen with tiny text": (lambda: encoded(_screen(13, 3840, 2160), "PNG"), TEXT),
    "a plan with little text": (lambda: encoded(placed((5000, 3600), (6500, 4900)), "PNG"), TEXT),
    "the text at the very edge": (
        lambda: encoded(page().crop(page().point(lambda v: 255 - v).getbbox()), "PNG"),
        TEXT,
    ),
    "a receipt": (lambda: encoded(column(receipt_lines(80), 22, 560), "PNG"), "\n".join(receipt_lines(80))),
    "a receipt of a telephone": (
        lambda: encoded(column(receipt_lines(60), 66, 1500), "JPEG", quality=85),
        "\n".join(receipt_lines(60)),
    ),
    "a banner": (lambda: encoded(band(banner(60), 60, 200), "PNG"), banner(60)),
    "a narrow banner": (lambda: encoded(band(banner(40), 20, 28), "PNG"), banner(40)),
    "a wide banner with little on it": (
        lambda: encoded(band("Invoice number 4711", 60, 200, width=8000), "PNG"),
        "Invoice number 4711",
    ),
    "a page of 600 dots per inch": (
        lambda: encoded(
            draw_text(TEXT.split("\n"), dpi=600, points=14, font="Vera.ttf"), "TIFF", compression="tiff_lzw"
        ),
        TEXT,
    ),
    "a poster": (lambda: encoded(placed((400, 1500), (7000, 5000), text_size=560), "JPEG", quality=80), TEXT),
}
