"""Pages for the recognition tests: drawn as a scanner would deliver them, with the text that is on them."""

from __future__ import annotations

import importlib.resources
import io
import math
import random
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import reportlab
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from airflow_provider_asposeocr.emulator.page import Quad

FONTS = Path(reportlab.__file__).parent / "fonts"
HAN = str(importlib.resources.files("noto_cjk_sans_jp_regular") / "NotoSansCJKjp-Regular.otf")
"""Font with Han and Kana; the place of a font may be absolute."""

_PROSE = """
    the invoice for our delivery of fourteen wooden chairs was sent on Monday and should be paid within thirty
    days after receipt please quote the order number in your letter because the warehouse in Hamburg keeps its
    records by customer while the office at Leeds files everything by date a second copy has been enclosed
    with the signed contract which both parties accepted last winter although some details about transport
    costs insurance and packing were still missing we would like to thank you very much for your patience
    during this difficult period and remain at your service whenever further questions arise
"""


@dataclass(frozen=True)
class Page:
    """Drawn page.

    :param image: the encoded image.
    :param text: what is written on it, in reading order.
    """

    image: bytes
    text: str


def draw_text(
    lines: list[str], *, dpi: int = 150, points: float = 11, font: str | None = None
) -> Image.Image:
    """Draw lines of text, black on white, as large as they need."""
    size = points * dpi / 72
    face = ImageFont.truetype(str(FONTS / font), size) if font else ImageFont.load_default(size)
    width = max(face.getlength(line) for line in lines)
    margin, leading = 0.8 * dpi, 1.45 * size
    canvas = Image.new("L", (round(width + 2 * margin), round(2 * margin + leading * len(lines))), 255)
    pen = ImageDraw.Draw(canvas)
    for place, line in enumerate(lines):
        pen.text((margin, margin + place * leading), line, font=face, fill=20)
    return canvas


def block(lines: list[str]) -> Image.Image:
    """Draw lines of text without a margin."""
    drawn = draw_text(lines)
    return drawn.crop(drawn.point(lambda value: 255 - value).getbbox())


def scan(page: Image.Image, *, angle: float = 1.4, noise: float = 9.0, seed: int = 1) -> Image.Image:
    """Turn a clean page into a scan: skewed, slightly blurred, unevenly lit and noisy."""
    turned = page.rotate(angle, resample=Image.Resampling.BICUBIC, fillcolor=255)
    grey = np.asarray(turned.filter(ImageFilter.GaussianBlur(0.6)), float)
    rows, columns = np.mgrid[0 : grey.shape[0], 0 : grey.shape[1]]
    light = 0.98 - 0.34 * (columns / grey.shape[1]) * (0.35 + 0.65 * rows / grey.shape[0])
    lit = grey * light + np.random.default_rng(seed).normal(0, noise, grey.shape)
    pixels: npt.NDArray[np.uint8] = np.clip(lit, 0, 255).astype(np.uint8)
    return Image.fromarray(pixels)


def curl(page: Image.Image, bend: float) -> Image.Image:
    """Curl a page like that of an open book: its lines rise by a number of pixels and fall again."""
    pixels = np.asarray(page)
    room = np.full((math.ceil(bend), *pixels.shape[1:]), 255, np.uint8)
    tall = np.concatenate([room, pixels])
    rise = bend * np.sin(np.pi * np.arange(pixels.shape[1]) / pixels.shape[1])
    rows = np.arange(len(tall))[:, None] + rise
    above = np.minimum(rows.astype(int), len(tall) - 1)
    below, share = np.minimum(above + 1, len(tall) - 1), rows % 1
    columns = np.arange(pixels.shape[1])[None]
    mixed = tall[above, columns] * (1 - share) + tall[below, columns] * share
    return Image.fromarray(mixed.round().astype(np.uint8))


def letter(lines: int = 30, *, seed: int = 7) -> list[str]:
    """Compose a letter, the same one for the same seed: names, figures, sentences."""
    chance = random.Random(seed)
    text = ["Northern Office Supplies Ltd.", f"Invoice No. {chance.randrange(10_000, 99_999)}", ""]
    for _ in range(lines - 6):
        words = chance.choices(_PROSE.split(), k=chance.randrange(9, 13))
        text.append(" ".join(words).capitalize() + chance.choice([".", ",", ""]))
    total = chance.randrange(100, 900)
    return [*text, "", f"Total amount due: {total}.50 EUR", "Kind regards, Margaret Whitfield"]


def scanned_letter(
    *, dpi: int = 150, font: str | None = None, seed: int = 7, lines: int = 30, angle: float = 1.4
) -> Page:
    """Make a scanned letter as a JPEG."""
    text = letter(lines, seed=seed)
    image = scan(draw_text(text, dpi=dpi, font=font), angle=angle, seed=seed)
    return Page(encode(image, "JPEG", quality=88, dpi=(dpi, dpi)), "\n".join(text))


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """Encode an image."""
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def upright(left: float, top: float, right: float, bottom: float) -> Quad:
    """Return an upright box as a quad."""
    return (left, top), (right, top), (right, bottom), (left, bottom)


def overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the area that two rects share, divided by the area of both."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    return shared / (sum((rect[2] - rect[0]) * (rect[3] - rect[1]) for rect in (one, other)) - shared)


def word_accuracy(expected: str, found: str) -> float:
    """Return the share of expected words that are found, in order, exactly as they are written."""
    wanted, got = re.findall(r"\S+", expected), re.findall(r"\S+", found)
    row = [0] * (len(got) + 1)
    for word in wanted:
        above, diagonal = row[:], 0
        for place, other in enumerate(got, 1):
            row[place] = diagonal + 1 if word == other else max(above[place], row[place - 1])
            diagonal = above[place]
    return row[-1] / len(wanted)


def hocr_words(data: bytes) -> list[tuple[str, tuple[int, ...]]]:
    """Return the words of an hOCR document with their boxes."""
    words = []
    for element in ET.fromstring(data).iter("{http://www.w3.org/1999/xhtml}span"):
        if element.get("class") == "ocrx_word":
            box = element.get("title", "").split(";")[0].split()[1:]
            words.append((element.text or "", tuple(map(int, box))))
    return words
