"""Tables as cells, and their rendering as Text, Csv, Excel and JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment

from airflow_provider_asposeocr.emulator.imaging import BoundedBytes
from airflow_provider_asposeocr.emulator.limits import LimitExceededError
from airflow_provider_asposeocr.emulator.page import Box, whole

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.([0-9]+))?")
_MAX_DIGITS = 15
"""Digits of a number that a spreadsheet keeps."""

_MAX_CELL_CHARACTERS = 32_767


@dataclass(frozen=True)
class Cell:
    """Cell of a table.

    :param row: the place of its first row, from 0.
    :param column: the place of its first column, from 0.
    :param text: its text, with line breaks between rows of text.
    :param box: its position in pixels.
    :param rows: the number of rows that it spans.
    :param columns: the number of columns that it spans.
    """

    row: int
    column: int
    text: str
    box: Box
    rows: int = 1
    columns: int = 1

    @property
    def places(self) -> list[tuple[int, int]]:
        """Rows and columns that it covers."""
        rows = range(self.row, self.row + self.rows)
        return [(row, column) for row in rows for column in range(self.column, self.column + self.columns)]


Table = Sequence[Cell]


def stacked(tables: Iterable[Table]) -> Table:
    """Join tables to one, the rows of each below those of the one before."""
    cells: list[Cell] = []
    height = 0
    for table in tables:
        cells += [replace(cell, row=cell.row + height) for cell in table]
        height += max((cell.row + cell.rows for cell in table), default=0)
    return cells


def scaled(table: Table, across: float, down: float) -> Table:
    """Return a table whose cells lie on an image of another size.

    :param across: the factor for its width.
    :param down: the factor for its height.
    """
    factors = (across, down, across, down)

    def of(box: Box) -> Box:
        left, top, right, bottom = (side * factor for side, factor in zip(box, factors, strict=True))
        return left, top, right, bottom

    return [replace(cell, box=of(cell.box)) for cell in table]


def to_text(table: Table) -> bytes:
    """Return a line for each row, with tabs between its cells; line breaks in cells become spaces."""
    lines = ("\t".join(text.replace("\n", " ") for text in row) for row in _values(table))
    return "\n".join(line.rstrip("\t") for line in lines).encode()


def to_csv(table: Table) -> bytes:
    """Return the table as of RFC 4180, in UTF-8; a cell that spans others stands in the first of them."""
    target = io.StringIO(newline="")
    csv.writer(target).writerows(_values(table))
    return target.getvalue().encode()


def to_excel(table: Table) -> bytes:
    """Return a workbook whose numbers are numbers as long as they are shown as they were read, else text."""
    workbook = Workbook()
    sheet = workbook.worksheets[0]
    covered = Counter(place for cell in table for place in cell.places)
    for cell in table:
        if not cell.text:
            continue
        if len(cell.text) > _MAX_CELL_CHARACTERS:
            raise LimitExceededError(
                f"A cell has more than {_MAX_CELL_CHARACTERS:,} characters, the most of Excel."
            )
        entry = sheet.cell(cell.row + 1, cell.column + 1)
        number = _NUMBER.fullmatch(cell.text)
        if number and sum(map(str.isdigit, cell.text)) <= _MAX_DIGITS and cell.text != "-0":
            entry.value = float(cell.text) if number[1] else int(cell.text)
            entry.number_format = f"0.{'0' * len(number[1])}" if number[1] else "0"
        else:
            entry.value = ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", cell.text)
            # Otherwise a text that begins with an equals sign would become a formula.
            entry.data_type = "s"
            entry.alignment = Alignment(wrap_text="\n" in cell.text)
        if len(cell.places) > 1 and all(covered[place] == 1 for place in cell.places):
            last = sheet.cell(cell.row + cell.rows, cell.column + cell.columns)
            sheet.merge_cells(f"{entry.coordinate}:{last.coordinate}")
    target = BoundedBytes("Excel")
    workbook.save(target)
    return target.getvalue()


def to_json(table: Table) -> bytes:
    """Return the cells that hold text, with the corners of each in pixels of the straightened image."""
    cells = [_json_cell(cell) for cell in table if cell.text]
    return json.dumps(cells, ensure_ascii=False).encode()


RENDERERS: Mapping[str, Callable[[Table], bytes]] = {
    "Text": to_text,
    "Csv": to_csv,
    "Excel": to_excel,
    "JSON": to_json,
}
"""Rendering of a table by result type."""


def _values(table: Table) -> list[list[str]]:
    width = max((cell.column + cell.columns for cell in table), default=0)
    rows = [[""] * width for _ in range(max((cell.row + cell.rows for cell in table), default=0))]
    for cell in table:
        rows[cell.row][cell.column] = cell.text
    return rows


def _json_cell(cell: Cell) -> dict[str, object]:
    left, top, right, bottom = whole(cell.box)
    return {
        "row": cell.row,
        "column": cell.column,
        "rows": cell.rows,
        "columns": cell.columns,
        "topLeftX": left,
        "topLeftY": top,
        "bottomRightX": right,
        "bottomRightY": bottom,
        "text": cell.text,
    }
