"""Tables without rules: text that stands in rows below each other is sorted into columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from airflow_provider_asposeocr.emulator.page import Box, Line, Row, Word, bounds
from airflow_provider_asposeocr.emulator.tables import Cell, Table

_CELL_GAP = 1.0
"""Minimum width of a gap between cells, in line heights; words of one cell stand closer."""

_SLACK = 0.15
"""Share of the line height by which boxes are wider than their text on each side."""

_SECTION_GAP = 2.0
_LINE_GAP = 0.5
"""Minimum height of a gap between two tables: a multiple of the usual gap between rows, plus line heights."""

_COVERED = 0.5
"""Share of a column, or of itself, that a text covers to stand in the column."""

Span = tuple[float, float]


@dataclass(frozen=True)
class _Piece:
    """Text between two gaps of a row."""

    text: str
    box: Box

    @property
    def span(self) -> Span:
        slack = min((self.box[3] - self.box[1]) * _SLACK, (self.box[2] - self.box[0]) / 4)
        return self.box[0] + slack, self.box[2] - slack


def tables_of(rows: Sequence[Row]) -> Iterator[Table]:
    """Sort rows of text into tables, from top to bottom.

    :param rows: the rows of a page, each from left to right.
    """
    for section in _sections([[piece for line in row for piece in _pieces(line)] for row in rows]):
        columns = _columns(section)
        yield [cell for place, row in enumerate(section) for cell in _cells(place, row, columns)]


def _pieces(line: Line) -> Iterator[_Piece]:
    """Yield the cells of a line, which may reach across several."""
    height = _height(bounds([line.quad]))
    words: list[Word] = []
    for word in line.words:
        if words and bounds([word.quad])[0] - bounds([words[-1].quad])[2] > _CELL_GAP * height:
            yield _piece(words)
            words = []
        words.append(word)
    yield _piece(words)


def _piece(words: Sequence[Word]) -> _Piece:
    return _Piece(" ".join(word.text for word in words), bounds([word.quad for word in words]))


def _height(box: Box) -> float:
    return box[3] - box[1]


def _sections(rows: Sequence[list[_Piece]]) -> Iterator[list[list[_Piece]]]:
    """Split rows where the gap between two is much higher than usual."""
    if not rows:
        return
    tops = [min(piece.box[1] for piece in row) for row in rows]
    bottoms = [max(piece.box[3] for piece in row) for row in rows]
    gaps = [top - bottom for top, bottom in zip(tops[1:], bottoms[:-1], strict=True)]
    height = median(_height(piece.box) for row in rows for piece in row)
    limit = _SECTION_GAP * max(0.0, median(gaps)) + _LINE_GAP * height if gaps else 0.0
    section = [rows[0]]
    for row, gap in zip(rows[1:], gaps, strict=True):
        if gap > limit:
            yield section
            section = []
        section.append(row)
    yield section


def _columns(rows: Sequence[Sequence[_Piece]]) -> list[Span]:
    """Return the columns of a table: the spans that its cells cover together.

    Rows of a single piece do not count, such as titles, nor do pieces that cover several cells in most of the
    other rows.
    """
    told = [row for row in rows if len(row) > 1] or rows
    spans = np.array([piece.span for row in told for piece in row])
    row_of = np.repeat(np.arange(len(told)), [len(row) for row in told])
    kept = [span for span in spans.tolist() if not _is_wide(span, spans, row_of)]
    return _joined((start, end) for start, end in kept)


def _is_wide(span: Sequence[float], spans: np.ndarray, row_of: np.ndarray) -> bool:
    met = np.bincount(row_of[(spans[:, 0] < span[1]) & (spans[:, 1] > span[0])])
    return int((met > 1).sum()) > int((met == 1).sum())


def _joined(spans: Iterable[Span]) -> list[Span]:
    columns: list[Span] = []
    for start, end in sorted(spans):
        if columns and start < columns[-1][1]:
            columns[-1] = columns[-1][0], max(columns[-1][1], end)
        else:
            columns.append((start, end))
    return columns


def _cells(place: int, row: Sequence[_Piece], columns: Sequence[Span]) -> Iterator[Cell]:
    in_column: dict[int, list[_Piece]] = {}
    for piece in row:
        in_column.setdefault(_column(piece.span, columns, alone=len(row) == 1), []).append(piece)
    for column, pieces in in_column.items():
        left, top, right, bottom = (
            [min, min, max, max][side](piece.box[side] for piece in pieces) for side in range(4)
        )
        yield Cell(place, column, " ".join(piece.text for piece in pieces), (left, top, right, bottom))


def _column(span: Span, columns: Sequence[Span], *, alone: bool) -> int:
    """Return the first column that a piece covers, or else the nearest.

    :param alone: if the piece has a row for itself, like a title: then it covers whatever it touches.
    """
    shared = [min(span[1], end) - max(span[0], start) for start, end in columns]
    for place, (start, end) in enumerate(columns):
        if shared[place] > (0 if alone else _COVERED * min(end - start, span[1] - span[0])):
            return place
    return shared.index(max(shared))
