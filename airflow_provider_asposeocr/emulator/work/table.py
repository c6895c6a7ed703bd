"""Recognition of tables: ruled ones by their rules, all other text by its columns."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from airflow_provider_asposeocr.emulator import engine, imaging, results
from airflow_provider_asposeocr.emulator.decoding import decode
from airflow_provider_asposeocr.emulator.grids import Grid, GridCell, find_grids
from airflow_provider_asposeocr.emulator.imaging import Scan
from airflow_provider_asposeocr.emulator.layout import reading_order
from airflow_provider_asposeocr.emulator.ocr_tasks import Outcome
from airflow_provider_asposeocr.emulator.page import Line, Point, Row, block_text, bounds
from airflow_provider_asposeocr.emulator.plain_tables import tables_of
from airflow_provider_asposeocr.emulator.quads import part_of, turned_back, typical_skew
from airflow_provider_asposeocr.emulator.settings import AppliedSettings
from airflow_provider_asposeocr.emulator.tables import RENDERERS, Cell, Table, scaled, stacked
from airflow_provider_asposeocr.emulator.work.assignment import Assignment

_MARGIN = 0.3
"""Share of its height by which a line must reach across a rule to be cut there."""


def recognize_table(given: Assignment) -> Outcome:
    """Recognize all text of an image as one table: its tables, and text outside of them, below each other."""
    original, settings = decode(given.file), given.settings
    square = imaging.with_square_pixels(original)
    upright = _read_upright(imaging.prepare(square, settings), settings)
    table = stacked(_tables(upright, settings))
    if square is not original and settings.rotate % 90 == 0:
        sideways = (settings.rotate // 90 + upright.quarters) % 2 != 0
        table = scaled(table, *imaging.stored_proportions(original, square, sideways=sideways))
    rendered = ((kind, RENDERERS[kind](table)) for kind in given.settings.result_types)
    return Outcome(results=results.as_results(rendered))


@dataclass(frozen=True)
class _Upright:
    """Image whose text was read and turned upright.

    :param clean: the image, without its rules.
    :param grids: its ruled tables.
    :param lines: its text.
    :param quarters: by how many quarter turns to the left it was turned.
    """

    clean: Scan
    grids: list[Grid]
    lines: list[Line]
    quarters: int


def _tables(upright: _Upright, settings: AppliedSettings) -> Iterator[Table]:
    grids = upright.grids
    lines = list(_cut_at_rules(upright, settings))
    smallest_first = sorted(grids, key=lambda grid: grid.area)
    holders = [next((grid for grid in smallest_first if grid.holds(_middle(line))), None) for line in lines]
    outside = [line for line, holder in zip(lines, holders, strict=True) if holder is None]
    rows = [row for block in reading_order(outside, columns=False) for row in block]
    for number in range(len(grids) + 1):
        if number:
            grid = grids[number - 1]
            own = [line for line, holder in zip(lines, holders, strict=True) if holder is grid]
            yield _cells(grid, own) if own else []
        yield from tables_of([row for row in rows if _grids_above(row, grids) == number])


def _read_upright(scan: Scan, settings: AppliedSettings) -> _Upright:
    """Read an image without its rules, and turn it so that most of its text is upright."""
    grids, pixels = find_grids(scan.pixels)
    lines = list(engine.read(replace(scan, pixels=pixels), settings).lines())
    if quarters := round(typical_skew(line.quad for line in lines) / 90) % 4:
        grids, pixels = find_grids(np.ascontiguousarray(np.rot90(scan.pixels, quarters)))
        height, width = pixels.shape[:2]
        lines = [line.moved(lambda point: turned_back(point, 4 - quarters, width, height)) for line in lines]
    return _Upright(replace(scan, pixels=pixels), grids, lines, quarters)


def _cut_at_rules(upright: _Upright, settings: AppliedSettings) -> Iterator[Line]:
    """Yield lines that lie in one cell each: those that reach across a rule are read again in parts."""
    for line in upright.lines:
        left, top, right, bottom = bounds([line.quad])
        margin = _MARGIN * (bottom - top)
        sides = {side for grid in upright.grids for side in grid.sides_at((top + bottom) / 2)}
        cuts = [left, *sorted(side for side in sides if left + margin < side < right - margin), right]
        if len(cuts) == 2:
            yield line
            continue
        shares = [(cut - left) / (right - left) for cut in cuts]
        parts = (part_of(line.quad, start, end) for start, end in itertools.pairwise(shares))
        yield from engine.read_pieces(upright.clean, parts, settings)


def _cells(grid: Grid, lines: Sequence[Line]) -> Table:
    inside: dict[GridCell, list[Line]] = {cell: [] for cell in grid.cells}
    for line in lines:
        inside[grid.nearest(_middle(line))].append(line)
    return [
        Cell(cell.row, cell.column, _text(own), cell.box, cell.rows, cell.columns)
        for cell, own in inside.items()
    ]


def _text(lines: Sequence[Line]) -> str:
    return "\n".join(block_text(block) for block in reading_order(lines, columns=False))


def _grids_above(row: Row, grids: Sequence[Grid]) -> int:
    top = bounds([line.quad for line in row])[1]
    return sum(grid.box[1] < top for grid in grids)


def _middle(line: Line) -> Point:
    left, top, right, bottom = bounds([line.quad])
    return (left + right) / 2, (top + bottom) / 2
