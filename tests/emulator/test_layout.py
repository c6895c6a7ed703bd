"""Reading order: rows, paragraphs and columns."""

from __future__ import annotations

import math
import random
import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_asposeocr.emulator.layout import reading_order
from airflow_provider_asposeocr.emulator.page import Line, Page, Point, Quad, Word
from airflow_provider_asposeocr.emulator.quads import typical_skew


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


PROSE = """
    the invoice for our delivery of wooden chairs was sent on Monday and should be paid within thirty days
    after receipt please quote the order number in your letter because the warehouse keeps its records by
    customer while the office files everything by date a second copy is enclosed with the signed contract
"""


def prose(x: float, y: float, width: float, count: int, *, start: int = 0) -> list[Line]:
    """Set text, 10 pixels for each character; lines are broken where the next word does not fit."""
    words, lines, place = PROSE.split() * 10, [], start
    for number in range(count):
        text = words[place]
        place += 1
        while 10 * len(f"{text} {words[place]}") <= width:
            text = f"{text} {words[place]}"
            place += 1
        lines.append(spread(text, x, y + 26 * number))
    return lines


def spread(text: str, x: float, y: float) -> Line:
    """Make a line whose words stand where they are written."""
    whole = line(text, x, y)
    words, left = [], x
    for word in text.split():
        words.append(line(word, left, y).words[0])
        left += 10 * (len(word) + 1)
    return Line(tuple(words), 0.9, whole.quad)


def lines_of(*parts: list[Line]) -> str:
    return "\n".join(each.text for part in parts for each in part)


def without_blocks(text: str) -> str:
    return text.replace("\n\n", "\n")


def shuffled(*parts: list[Line]) -> list[Line]:
    mixed = [each for part in parts for each in part]
    random.Random(1).shuffle(mixed)
    return mixed


@pytest.mark.parametrize("gutter", [12, 20, 60])
@pytest.mark.parametrize("lengths", [(9, 9), (12, 4), (3, 8), (6, 6, 6), (8, 3, 5)])
def test_columns_may_differ_in_length(lengths: tuple[int, ...], gutter: int) -> None:
    columns = [
        prose(50 + place * (300 + gutter), 100 + 7 * place, 300, length, start=30 * place)
        for place, length in enumerate(lengths)
    ]
    assert without_blocks(text_of(shuffled(*columns))) == lines_of(*columns)


@pytest.mark.parametrize("gap", [30, 60])
def test_what_stands_above_and_below_columns_is_read_before_and_after(gap: int) -> None:
    above, below = prose(50, 100, 620, 2), prose(50, 154 + 2 * gap + 156 + 6, 620, 2, start=50)
    left, right = prose(50, 126 + gap, 300, 6, start=20), prose(370, 126 + gap, 300, 6, start=40)
    assert without_blocks(text_of(shuffled(above, left, right, below))) == lines_of(above, left, right, below)


@pytest.mark.parametrize("side", [50, 520])
def test_what_stands_alone_beyond_both_columns_is_not_part_of_one(side: int) -> None:
    columns = [prose(50, 200, 400, 6), prose(520, 200, 400, 6, start=40)]
    above, below = [line("title", side, 60)], [line("closing", side, 460), line("name", side, 485)]
    assert without_blocks(text_of(shuffled(*columns, above, below))) == lines_of(above, *columns, below)


@pytest.mark.parametrize("counts", [(3, 6), (9, 13)])
def test_columns_whose_lines_differ_in_length(counts: tuple[int, int]) -> None:
    chance = random.Random(3)
    left, right = (
        [
            spread(" ".join(chance.choices(PROSE.split(), k=chance.randrange(*counts))), x, 100 + 26 * place)
            for place in range(6)
        ]
        for x in (50, 1200)
    )
    assert without_blocks(text_of(shuffled(left, right))) == lines_of(left, right)


def test_a_heading_within_a_column_stays_there() -> None:
    left, right = prose(50, 100, 300, 8), prose(370, 100, 300, 3)
    heading, rest = [spread("Second part", 370, 190)], prose(370, 230, 300, 3, start=40)
    expected = lines_of(left, right, heading, rest)
    assert without_blocks(text_of(shuffled(left, right, heading, rest))) == expected


def test_columns_of_an_unspaced_script() -> None:
    left = [line("我们的发票已于星期一寄出请在信中", 50, 100 + 26 * place, width=300) for place in range(4)]
    right = [line("注明订单号码付款期限为三十天内的", 370, 100 + 26 * place, width=300) for place in range(4)]
    assert without_blocks(text_of(shuffled(left, right))) == lines_of(left, right)


@pytest.mark.parametrize(
    "rows",
    [
        ["Wooden chair|Hamburg|12.50", "Desk|Leeds|7.00", "Coffee beans 1 kg|Porto|118.20", "Lamp|Bari|3.99"],
        ["Margaret Whitfield|Human resources|Leeds", "Tom Baker|Sales|Cork", "Eva Berg|Legal affairs|Ghent"],
        # as long as one another, so that rows are full
        ["Margaret Whitfield|Legal affairs", "Lucía Fernández|Human resources", "Tom Baker|Customer service"]
        * 3,
        ["Delivery of fourteen wooden chairs|1,250.00", "Transport to the office at Leeds|80.00"] * 3,
        ["14 March 2026|21 March 2026", "15 March 2026|22 March 2026"] * 2,
        ["Invoice number|48-1123", "Order date|12 March 2026", "Customer|Tom Baker", "Your sign|None"],
    ],
)
def test_cells_are_no_columns(rows: list[str]) -> None:
    cells = [
        spread(cell, 50 + 400 * column, 100 + 30 * place)
        for place, row in enumerate(rows)
        for column, cell in enumerate(row.split("|"))
    ]
    assert text_of(shuffled(cells)) == "\n".join(row.replace("|", " ") for row in rows)


@pytest.mark.no_cover
def test_a_large_table_takes_no_more_than_a_moment() -> None:
    cells = [line(f"{row} {column}", 40 * column, 25 * row) for row in range(120) for column in range(40)]
    began = time.process_time()
    assert text_of(shuffled(cells)).split("\n")[7].startswith("7 0 7 1 7 2")
    assert time.process_time() - began < 10  # it takes one; comparing all cells with all others takes minutes


PLACES = st.tuples(
    st.floats(0, 900), st.floats(0, 900), st.integers(1, 6).map(lambda count: " ".join(PROSE.split()[:count]))
)


@given(st.lists(PLACES, max_size=60), st.floats(-5, 5))
@settings(deadline=None, max_examples=60)
def test_every_line_is_read_once(places: list[tuple[float, float, str]], angle: float) -> None:
    lines = [line(text, x, y, angle=angle) for x, y, text in places]
    read = [each for block in reading_order(lines) for row in block for each in row]
    assert Counter(map(id, read)) == Counter(map(id, lines))


def test_the_typical_skew_goes_by_length() -> None:
    lines = [line("x" * 80, 0, 0, angle=3.0), *[line("xx", 0, 0, angle=-20.0)] * 5]
    assert typical_skew(each.quad for each in lines) == pytest.approx(3.0)


def test_masking_keeps_boxes_and_order() -> None:
    page = Page(1000, 1000, reading_order([line("one two", 50, 100), line("three", 50, 125)]))
    masked = page.masked({1})
    assert masked.text == "one ***\nthree"
    assert [word.quad for word in masked.words()] == [word.quad for word in page.words()]
