"""Gutters: lines that were found across two columns are split."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from airflow_provider_asposeocr.emulator.gutters import split_at_gutters
from airflow_provider_asposeocr.emulator.imaging import Pixels, pixels_of
from airflow_provider_asposeocr.emulator.page import Quad
from tests.emulator.pages import FONTS, upright

LEFT = [
    "please quote the number",
    "of your order in the letter",
    "because the warehouse",
    "keeps its records by date",
]
RIGHT = [
    "a second copy has been",
    "enclosed with the signed",
    "contract that both parties",
    "accepted last winter",
]
FACE = ImageFont.truetype(str(FONTS / "Vera.ttf"), 22)
STEP = 34
GAP = 18


def page(*columns: list[str], gutter: int) -> tuple[Pixels, list[Quad], list[float]]:
    """Draw columns side by side; return the page, the quads of its rows, and where each column begins."""
    canvas = Image.new("RGB", (1240, 60 + STEP * max(map(len, columns))), "white")
    pen, x, starts, ends = ImageDraw.Draw(canvas), 40.0, [], []
    for column in columns:
        starts.append(x)
        for place, text in enumerate(column):
            pen.text((x, 30 + STEP * place), text, font=FACE, fill=20)
        ends = [x + FACE.getlength(text) for text in column]
        x += max(map(FACE.getlength, column)) + gutter
    quads = [upright(36, 28 + STEP * place, end + 4, 58 + STEP * place) for place, end in enumerate(ends)]
    return pixels_of(np.asarray(canvas)), quads, starts


@pytest.mark.parametrize("gutter", [12, 16, 24, 60])
def test_rows_across_two_columns_are_split(gutter: int) -> None:
    pixels, quads, (_, start) = page(LEFT, RIGHT, gutter=gutter)
    parts = split_at_gutters(pixels, quads)
    assert len(parts) == 2 * len(quads)
    for left, right in zip(parts[::2], parts[1::2], strict=True):
        assert left[1][0] < start + 2
        assert right[0][0] == pytest.approx(start, abs=6)


def test_rows_across_three_columns_are_split() -> None:
    pixels, quads, _ = page(LEFT, RIGHT, LEFT, gutter=20)
    assert len(split_at_gutters(pixels, quads)) == 3 * len(quads)


def test_rows_that_were_found_apart_support_the_others() -> None:
    pixels, quads, (_, start) = page(LEFT, RIGHT, gutter=14)
    apart = [part for quad in quads[1:] for part in halves(quad, start)]
    assert len(split_at_gutters(pixels, [quads[0], *apart])) == 8


def test_blanks_between_words_are_no_gutter() -> None:
    lines = [f"{one} {other}" for one, other in zip(LEFT, RIGHT, strict=True)]
    pixels, quads, _ = page(lines, gutter=0)
    assert split_at_gutters(pixels, quads) == quads


@pytest.mark.parametrize(("shift", "parts"), [(0, 2), (7, 1)])
def test_where_words_stand_as_wide_apart_exact_alignment_counts(shift: int, parts: int) -> None:
    canvas = Image.new("RGB", (900, 40 + 5 * STEP), "white")
    pen, quads = ImageDraw.Draw(canvas), []
    for place in range(5):
        top, start = 20 + STEP * place, 460 + shift * (place % 2)
        left, right = LEFT[place % 4].split()[-3:], RIGHT[place % 4].split()[:3]
        for row, x, anchor in ((left[::-1], start - float(GAP), "ra"), (right, float(start), "la")):
            for word in row:
                pen.text((x, top), word, font=FACE, fill=20, anchor=anchor)
                step = FACE.getlength(word) + GAP
                x += step if anchor == "la" else -step
        quads.append(upright(20, top - 2, 880, top + 28))
    assert len(split_at_gutters(pixels_of(np.asarray(canvas)), quads)) == parts * len(quads)


def test_two_rows_are_too_few() -> None:
    pixels, quads, _ = page(LEFT[:2], RIGHT[:2], gutter=16)
    assert split_at_gutters(pixels, quads) == quads


def test_a_page_without_text_has_no_gutters() -> None:
    blank = np.full((40, 40, 3), 255, np.uint8)
    assert split_at_gutters(blank, []) == []
    assert split_at_gutters(blank, [upright(1, 1, 30, 20)]) == [upright(1, 1, 30, 20)]


def halves(quad: Quad, start: float) -> list[Quad]:
    (left, top), _, (right, bottom), _ = quad
    return [upright(left, top, start - 8, bottom), upright(start - 4, top, right, bottom)]
