"""Reading order: rows, paragraphs and columns."""

from __future__ import annotations

import math

import pytest

from airflow_provider_asposeocr.emulator.layout import reading_order, typical_skew
from airflow_provider_asposeocr.emulator.page import Line, Page, Point, Quad, Word


def line(text: str, x: float, y: float, *, angle: float = 0.0, width: float | None = None) -> Line:
    """Make a line of 20 pixels' height at a place on a page that is then turned about its corner."""
    right, bottom = x + (width or 10.0 * len(text)), y + 20
    corners = [(x, y), (right, y), (right, bottom), (x, bottom)]
    first, second, third, fourth = (turned(point, angle) for point in corners)
    quad: Quad = (first, second, third, fourth)
    return Line(tuple(Word(word, 0.9, quad) for word in text.split()), 0.9, quad)


def turned(point: Point, angle: float) -> Point:
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return point[0] * cos - point[1] * sin, point[0] * sin + point[1] * cos


def text_of(lines: list[Line]) -> str:
    return Page(1000, 1000, reading_order(lines)).text


def test_nothing_is_a_blank_page() -> None:
    assert text_of([]) == ""


@pytest.mark.parametrize("angle", [0.0, 1.5, -4.0])
def test_rows_from_left_to_right(angle: float) -> None:
    lines = [
        line("total", 50, 130, angle=angle),
        line("12.50", 700, 100, angle=angle),
        line("chairs", 50, 102, angle=angle),
        line("12.50", 700, 132, angle=angle),
    ]
    assert text_of(lines) == "chairs 12.50\ntotal 12.50"


def test_paragraphs_are_blocks() -> None:
    lines = [line("first", 50, 100), line("second", 50, 125), line("third", 50, 200)]
    assert text_of(lines) == "first\nsecond\n\nthird"


@pytest.mark.parametrize("angle", [0.0, 2.0])
def test_columns_of_text_are_read_one_after_the_other(angle: float) -> None:
    left = [line(f"left {number}", 50, 100 + 25 * number, angle=angle, width=400) for number in range(4)]
    right = [line(f"right {number}", 520, 103 + 25 * number, angle=angle, width=400) for number in range(4)]
    mixed = [item for pair in zip(right, left, strict=True) for item in pair]
    heading = line("heading", 50, 20, angle=angle, width=870)
    expected = "heading\n\nleft 0\nleft 1\nleft 2\nleft 3\n\nright 0\nright 1\nright 2\nright 3"
    assert text_of([*mixed, heading]) == expected


@pytest.mark.parametrize("angle", [0.0, -2.0, 90.0, 180.0])
def test_rows_across_a_page_without_columns(angle: float) -> None:
    items = [line(f"item {row}", 50, 100 + 25 * row, angle=angle, width=400) for row in range(4)]
    prices = [line(f"price {row}", 520, 103 + 25 * row, angle=angle, width=400) for row in range(4)]
    blocks = reading_order([*prices, *items], columns=False)
    assert Page(1000, 1000, blocks).text == "\n".join(f"item {row} price {row}" for row in range(4))


def test_a_table_is_read_by_rows() -> None:
    cells = [
        line(f"{row}{column}", 50 + 300 * column, 100 + 25 * row) for row in range(4) for column in range(3)
    ]
    assert text_of(cells[::-1]) == "00 01 02\n10 11 12\n20 21 22\n30 31 32"


def test_the_typical_skew_goes_by_length() -> None:
    lines = [line("x" * 80, 0, 0, angle=3.0), *[line("xx", 0, 0, angle=-20.0)] * 5]
    assert typical_skew(lines) == pytest.approx(3.0)


def test_masking_keeps_boxes_and_order() -> None:
    page = Page(1000, 1000, reading_order([line("one two", 50, 100), line("three", 50, 125)]))
    masked = page.masked({1})
    assert masked.text == "one ***\nthree"
    assert [word.quad for word in masked.words()] == [word.quad for word in page.words()]
