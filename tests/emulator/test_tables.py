"""Tables: their rendering, and the sorting of text into columns."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import openpyxl
import pytest

from airflow_provider_asposeocr.emulator.limits import LimitExceededError
from airflow_provider_asposeocr.emulator.page import Line, Row, Word
from airflow_provider_asposeocr.emulator.plain_tables import tables_of
from airflow_provider_asposeocr.emulator.tables import (
    Cell,
    stacked,
    to_csv,
    to_excel,
    to_json,
    to_text,
)
from tests.emulator.pages import upright

BOX = (0.4, 1.0, 9.6, 5.0)
TABLE = [
    Cell(0, 0, "Prices", BOX, columns=3),
    Cell(1, 0, 'Chair, "Oslo"', BOX),
    Cell(1, 2, "first\nsecond", BOX),
    Cell(2, 1, "12.50", BOX),
]
VALUES = [["Prices", "", ""], ['Chair, "Oslo"', "", "first\nsecond"], ["", "12.50", ""]]


def sheet_of(data: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(data)).active


def test_csv_has_the_same_number_of_fields_in_each_record() -> None:
    data = to_csv(TABLE)
    assert data == b'Prices,,\r\n"Chair, ""Oslo""",,"first\nsecond"\r\n,12.50,\r\n'
    assert list(csv.reader(io.StringIO(data.decode(), newline=""))) == VALUES


def test_text_has_a_line_for_each_row() -> None:
    assert to_text(TABLE) == b'Prices\nChair, "Oslo"\t\tfirst second\n\t12.50'


def test_json_has_the_cells_with_text() -> None:
    cells = json.loads(to_json([*TABLE, Cell(2, 2, "", BOX)]))
    assert [cell["text"] for cell in cells] == [cell.text for cell in TABLE]
    assert cells[0] == {
        **{"row": 0, "column": 0, "rows": 1, "columns": 3, "text": "Prices"},
        **{"topLeftX": 0, "topLeftY": 1, "bottomRightX": 10, "bottomRightY": 5},
    }


def test_excel_has_the_same_cells_and_spans() -> None:
    sheet = sheet_of(to_excel(TABLE))
    values = [[cell or "" for cell in row] for row in sheet.iter_rows(values_only=True)]
    assert values == [*VALUES[:2], ["", 12.5, ""]]
    assert [merged.coord for merged in sheet.merged_cells.ranges] == ["A1:C1"]
    assert sheet["C2"].alignment.wrap_text


@pytest.mark.parametrize(
    ("text", "value", "shown_with"),
    [
        ("0", 0, "0"),
        ("-14", -14, "0"),
        ("12.50", 12.5, "0.00"),
        ("123456789012345", 123456789012345, "0"),
        ("1234567890123456", "1234567890123456", None),
        ("007", "007", None),
        ("-0", "-0", None),
        ("1,234", "1,234", None),
        ("1e5", "1e5", None),
        ("12 %", "12 %", None),
        ("=1+1", "=1+1", None),
        ("=HYPERLINK(A1)", "=HYPERLINK(A1)", None),
        ("#REF!", "#REF!", None),
        ("2027-03-12", "2027-03-12", None),
        ("\x07bell", "\N{REPLACEMENT CHARACTER}bell", None),
    ],
)
def test_numbers_are_numbers_only_if_nothing_is_lost(
    text: str, value: object, shown_with: str | None
) -> None:
    cell = sheet_of(to_excel([Cell(0, 0, text, BOX)]))["A1"]
    assert cell.value == value
    assert cell.data_type == ("n" if shown_with else "s")
    if shown_with:
        assert cell.number_format == shown_with


def test_a_span_never_hides_the_text_of_another_cell() -> None:
    crossing = [Cell(0, 0, "wide", BOX, columns=2), Cell(0, 1, "hidden", BOX)]
    sheet = sheet_of(to_excel(crossing))
    assert (sheet["A1"].value, sheet["B1"].value) == ("wide", "hidden")
    assert not sheet.merged_cells.ranges


def test_a_cell_that_excel_would_cut_off_is_refused() -> None:
    assert to_excel([Cell(0, 0, "x" * 32_767, BOX)])
    with pytest.raises(LimitExceededError, match="more than 32,767 characters"):
        to_excel([Cell(0, 0, "x" * 32_768, BOX)])


def test_no_table_is_an_empty_result() -> None:
    assert (to_text([]), to_csv([]), to_json([])) == (b"", b"", b"[]")
    assert sheet_of(to_excel([])).calculate_dimension() == "A1:A1"


def test_tables_are_put_below_each_other() -> None:
    table = stacked([[Cell(0, 0, "a", BOX), Cell(1, 0, "b", BOX, rows=2)], [], [Cell(0, 1, "c", BOX)]])
    assert [(cell.row, cell.text) for cell in table] == [(0, "a"), (1, "b"), (3, "c")]


def row(top: float, *pieces: tuple[float, str]) -> Row:
    """Make a row of lines that are 20 pixels high, with letters 10 pixels wide."""
    return tuple(line(left, top, text) for left, text in pieces)


def line(left: float, top: float, text: str) -> Line:
    words, end = [], left
    for word in text.split(" "):
        if word:
            words.append(Word(word, 0.9, upright(end, top, end + 10 * len(word), top + 20)))
        end += 10 * (len(word) + 1)
    return Line(tuple(words), 0.9, upright(left, top, end - 10, top + 20))


def columns_of(*rows: Row) -> list[list[tuple[int, str]]]:
    """Return the cells of each table, as their column and text."""
    return [[(cell.column, cell.text) for cell in table] for table in tables_of(rows)]


def test_columns_are_found_by_what_stands_below_each_other() -> None:
    assert columns_of(
        row(0, (0, "Article"), (220, "Total")),
        row(30, (0, "Wooden chair"), (200, "1,234")),
        row(60, (0, "Lamp"), (240, "5")),
    ) == [[(0, "Article"), (1, "Total"), (0, "Wooden chair"), (1, "1,234"), (0, "Lamp"), (1, "5")]]


def test_an_empty_cell_leaves_its_column_empty() -> None:
    (table,) = columns_of(
        row(0, (0, "A"), (100, "B"), (200, "C")), row(30, (0, "1"), (200, "3")), row(60, (100, "2"))
    )
    assert table[3:] == [(0, "1"), (2, "3"), (1, "2")]


def test_a_line_that_reaches_across_cells_is_divided_at_wide_gaps() -> None:
    (table,) = columns_of(row(0, (0, "one two      three")), row(30, (0, "four         five")))
    assert table == [(0, "one two"), (1, "three"), (0, "four"), (1, "five")]


def test_a_title_does_not_join_the_columns_below() -> None:
    for left in (0, 40):
        title = row(0, (left, "All prices of the year"))
        (table,) = columns_of(title, row(30, (0, "Chair"), (150, "1")), row(60, (0, "Desk"), (150, "2")))
        assert table == [(0, "All prices of the year"), (0, "Chair"), (1, "1"), (0, "Desk"), (1, "2")]


def test_a_wide_cell_among_many_rows_does_not_join_columns() -> None:
    rows = [row(30 * place, (0, "A"), (150, "1"), (300, "x")) for place in range(4)]
    (table,) = columns_of(*rows, row(120, (0, "total of all"), (150, "rows and"), (300, "y")))
    wide = columns_of(*rows, row(120, (0, "the total of all rows"), (300, "y")))[0]
    assert table[-3:] == [(0, "total of all"), (1, "rows and"), (2, "y")]
    assert wide[-2:] == [(0, "the total of all rows"), (2, "y")]


def test_tables_far_apart_have_columns_of_their_own() -> None:
    first, second = columns_of(
        row(0, (0, "A"), (200, "1")),
        row(30, (0, "B"), (200, "2")),
        row(200, (0, "x"), (100, "y"), (210, "z")),
        row(230, (0, "x"), (100, "y"), (210, "z")),
    )
    assert first == [(0, "A"), (1, "1"), (0, "B"), (1, "2")]
    assert second == [(0, "x"), (1, "y"), (2, "z")] * 2
