"""Recognition of tables, end to end: ruled ones and those without rules."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import openpyxl
import pytest
from PIL import Image

from tests.emulator.client import Client
from tests.emulator.drawn_tables import draw_table
from tests.emulator.pages import draw_text, encode, scan

ROWS = [
    ["Article", "Quantity", "Unit price", "Total"],
    ["Office chair, black", "14", "129.50", "1813.00"],
    ["Desk lamp", "", "24.90", "74.70"],
    ["Wooden shelf", "8", "59.00", "472.00"],
    ["", "", "Sum", "2359.70"],
]
WIDTHS = (320, 140, 170, 150)
ADDRESSES = [
    ["Name", "Address", "Note"],
    ["Miller", "12 Station Road\nLeeds", "first\nsecond\nthird"],
    ["Smith", "4 High Street\nYork", ""],
]
SMALL = [["Name", "Age"], ["Miller", "42"], ["Smith", "37"]]


def table(real: Client, image: Image.Image, **settings: Any) -> list[list[str]]:
    results = real.results(encode(image), "RecognizeTable", resultTypeTable="Csv", **settings)
    assert list(results) == ["Csv"]
    return list(csv.reader(io.StringIO(results["Csv"].decode(), newline="")))


def below(*images: Image.Image) -> Image.Image:
    """Put images below each other."""
    paper = Image.new("L", (max(image.width for image in images), sum(image.height for image in images)), 255)
    top = 0
    for image in images:
        paper.paste(image, (0, top))
        top += image.height
    return paper


RULED = {
    "rules of one pixel": draw_table(ROWS, WIDTHS, rules=1),
    "thick rules": draw_table(ROWS, WIDTHS, rules=6),
    "light grey rules": draw_table(ROWS, WIDTHS, rules=2, grey=200),
    "no outer rules": draw_table(ROWS, WIDTHS, rules=2, frame=False),
    "a filled head": draw_table(ROWS, WIDTHS, rules=2, filled=50, grey=50),
    "numbers at the right": draw_table(ROWS, WIDTHS, rules=2, right=(1, 2, 3)),
    "a scan": scan(draw_table(ROWS, WIDTHS, rules=2), angle=1.2, noise=6),
    "sideways": draw_table(ROWS, WIDTHS, rules=2).rotate(90, expand=True),
}
BORDERLESS = {
    "texts at the left": draw_table(ROWS, WIDTHS),
    "numbers at the right": draw_table(ROWS, WIDTHS, right=(1, 2, 3)),
    "a scan": scan(draw_table(ROWS, WIDTHS, right=(1, 2, 3)), angle=-1.2, noise=6),
    "sideways": draw_table(ROWS, WIDTHS).rotate(-90, expand=True),
}


@pytest.mark.parametrize("image", RULED.values(), ids=RULED.keys())
def test_a_ruled_table_with_empty_cells(real: Client, image: Image.Image) -> None:
    assert table(real, image) == ROWS


@pytest.mark.parametrize("image", BORDERLESS.values(), ids=BORDERLESS.keys())
def test_a_table_without_rules_and_with_empty_cells(real: Client, image: Image.Image) -> None:
    assert table(real, image) == ROWS


def test_cells_of_several_lines(real: Client) -> None:
    assert table(real, draw_table(ADDRESSES, (160, 300, 160), rules=2)) == ADDRESSES


def test_narrow_cells_whose_text_nearly_touches(real: Client) -> None:
    rows = [["12", "34", "56"], ["78", "90", "11"]]
    assert table(real, draw_table(rows, (52, 52, 52), rules=2)) == rows


def test_cells_that_span_others_keep_their_text(real: Client) -> None:
    rows = [["Prices of the year", "", ""], ["Chair", "12", "14"], ["Desk", "55", "57"]]
    image = draw_table(rows, (200, 160, 160), rules=2, spans={(0, 0): 3})
    assert table(real, image) == rows
    cells = json.loads(real.results(encode(image), "RecognizeTable", resultType="JSON")["JSON"])
    first, second, *_ = cells
    assert (first["text"], first["rows"], first["columns"]) == ("Prices of the year", 1, 3)
    assert (second["text"], second["row"], second["column"], second["columns"]) == ("Chair", 1, 0, 1)
    box = [first[side] for side in ("topLeftX", "topLeftY", "bottomRightX", "bottomRightY")]
    assert box == pytest.approx([60, 60, 580, 114], abs=6)


def test_all_text_of_a_page_is_in_the_table(real: Client) -> None:
    rows = [["City", "Area", "People"], ["Leeds", "552", "812000"]]
    report = below(
        draw_text(["Report of the year 2026"]),
        draw_table(SMALL, (200, 120), rules=2),
        draw_table(rows, (200, 120, 180)),
        draw_text(["End of the report."]),
    )
    wanted = [["Report of the year 2026"], *SMALL, *rows, ["End of the report."]]
    assert table(real, report) == [[*row, "", ""][:3] for row in wanted]


@pytest.mark.parametrize("filters", [{"makeBinarization": True}, {"makeUpsampling": True}])
def test_filters_leave_the_cells_as_they_are(real: Client, filters: dict[str, bool]) -> None:
    assert table(real, draw_table(SMALL, (200, 120), rules=2), **filters) == SMALL


def test_the_setting_of_skew_has_an_effect(real: Client) -> None:
    skewed = draw_table(ROWS, WIDTHS, rules=2).rotate(6, fillcolor=255, expand=True)
    for deskew, drop in ((True, 0), (False, -65)):
        settings = {"resultType": "JSON", "makeSkewCorrect": deskew}
        cells = json.loads(real.results(encode(skewed), "RecognizeTable", **settings)["JSON"])
        first, *_, last = (cell for cell in cells if cell["row"] == 0)
        assert (first["text"], last["text"]) == ("Article", "Total")
        assert last["topLeftY"] - first["topLeftY"] == pytest.approx(drop, abs=12)


@pytest.mark.parametrize("turn", [0, 90])
def test_cells_of_a_fax_are_in_its_own_pixels(real: Client, turn: int) -> None:
    image = draw_table(SMALL, (200, 120), rules=2).rotate(turn, expand=True)
    for size, dpi in (((1, 2), (204, 102)), ((2, 1), (102, 204))):
        stored = image.resize((image.width // size[0], image.height // size[1]))
        cells, fax = (
            json.loads(real.results(file, "RecognizeTable", resultType="JSON", makeSkewCorrect=False)["JSON"])
            for file in (encode(image), encode(stored, "TIFF", dpi=dpi))
        )
        assert [cell["text"] for cell in fax] == [text for row in SMALL for text in row]
        across, down = size[::-1] if turn else size
        for one, other in zip(cells, fax, strict=True):
            assert other["topLeftX"] * across == pytest.approx(one["topLeftX"], abs=8)
            assert other["bottomRightX"] * across == pytest.approx(one["bottomRightX"], abs=8)
            assert other["topLeftY"] * down == pytest.approx(one["topLeftY"], abs=8)
            assert other["bottomRightY"] * down == pytest.approx(one["bottomRightY"], abs=8)


def test_each_result_type(real: Client) -> None:
    image = encode(draw_table(SMALL, (200, 120), rules=2))
    text = real.results(image, "RecognizeTable", resultTypeTable="Text")
    assert text == {"Text": b"Name\tAge\nMiller\t42\nSmith\t37"}
    both = real.results(image, "RecognizeTable", resultTypeTable="CsvAndExcel")
    assert list(both) == ["Csv", "Excel"]
    assert both["Csv"] == b"Name,Age\r\nMiller,42\r\nSmith,37\r\n"
    sheet: Any = openpyxl.load_workbook(io.BytesIO(both["Excel"])).active
    assert list(sheet.iter_rows(values_only=True)) == [("Name", "Age"), ("Miller", 42), ("Smith", 37)]


def test_a_blank_page_is_an_empty_table(real: Client) -> None:
    assert table(real, Image.new("L", (600, 400), 255)) == []


def large() -> Sequence[Sequence[str]]:
    return [[f"{100 + row}.{column}" for column in range(10)] for row in range(60)]


def test_a_table_of_600_cells_is_read(real: Client) -> None:
    found = table(real, draw_table(large(), [110] * 10, rules=2))
    assert [len(row) for row in found] == [10] * 60
    right = sum(
        one == other for pair in zip(found, large(), strict=True) for one, other in zip(*pair, strict=True)
    )
    assert right >= 595
