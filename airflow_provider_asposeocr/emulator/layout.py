"""Reading order: groups the lines of a page into rows, and rows into columns and paragraphs.

The page is cut wherever a white gap runs all the way across (XY-cut), first between columns of text, then
between paragraphs. A part that cannot be cut further is read row by row. A skewed page has no straight gaps,
so the typical skew of its lines is undone first; that affects the order only, not the boxes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from airflow_provider_asposeocr.emulator.page import Block, Line, Point, Quad, Row, bounds

_COLUMN_GAP = 1.0
"""Minimum width of a gap between columns, in line heights."""

_PARAGRAPH_GAP = 0.9
"""Minimum height of a gap between paragraphs, in line heights."""

_COLUMN_LINES = 3
_COLUMN_WIDTH = 8.0
"""Minimum number of lines, and their width in line heights, of a column of running text; tables have less."""

_ROW_OVERLAP = 0.5
"""Lines whose centres differ by less than this share of the smaller height are in one row."""

_SKEW_THAT_MATTERS = 0.2


@dataclass(frozen=True)
class _Placed:
    """Line with its upright box on the straightened page."""

    line: Line
    left: float
    top: float
    right: float
    bottom: float

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


_Cut = Callable[[Sequence[_Placed]], tuple[list[_Placed], list[_Placed]] | None]


def reading_order(lines: Sequence[Line], *, columns: bool = True) -> tuple[Block, ...]:
    """Put lines in reading order.

    :param lines: in any order.
    :param columns: look for columns of text; if False, each row is read across the whole page.
    """
    skew = typical_skew(lines)
    placed = [_place(line, skew) for line in lines]
    cuts = (_columns, _paragraphs) if columns else (_paragraphs,)
    return tuple(_rows(block) for block in _cut(placed, cuts))


def typical_skew(lines: Iterable[Line]) -> float:
    """Return the median angle of the text, weighted by length, clockwise in degrees."""
    angles = sorted(_angle_and_length(line.quad) for line in lines)
    half = sum(length for _, length in angles) / 2
    for angle, length in angles:
        half -= length
        if half <= 0:
            return angle
    return 0.0


def _angle_and_length(quad: Quad) -> tuple[float, float]:
    (left, top), (right, bottom) = quad[0], quad[1]
    across, down = right - left, bottom - top
    return math.degrees(math.atan2(down, across)), math.hypot(across, down)


def _place(line: Line, skew: float) -> _Placed:
    quad = line.quad
    if abs(skew) > _SKEW_THAT_MATTERS:
        first, second, third, fourth = (_turned(point, -skew) for point in quad)
        quad = (first, second, third, fourth)
    return _Placed(line, *bounds([quad]))


def _turned(point: Point, degrees: float) -> Point:
    x, y = point
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return x * cos - y * sin, x * sin + y * cos


def _cut(lines: Sequence[_Placed], cuts: Iterable[_Cut]) -> list[Sequence[_Placed]]:
    if len(lines) < 2:
        return [lines] if lines else []
    for cut in cuts:
        if parts := cut(lines):
            return [block for part in parts for block in _cut(part, cuts)]
    return [lines]


def _columns(lines: Sequence[_Placed]) -> tuple[list[_Placed], list[_Placed]] | None:
    spans = [(line.left, line.right) for line in lines]
    for gap in _gaps(spans, _COLUMN_GAP * _line_height(lines)):
        left = [line for line in lines if line.right <= gap]
        right = [line for line in lines if line.right > gap]
        if _is_running_text(left) and _is_running_text(right):
            return left, right
    return None


def _paragraphs(lines: Sequence[_Placed]) -> tuple[list[_Placed], list[_Placed]] | None:
    spans = [(line.top, line.bottom) for line in lines]
    gap = next(_gaps(spans, _PARAGRAPH_GAP * _line_height(lines)), None)
    if gap is None:
        return None
    return [line for line in lines if line.middle < gap], [line for line in lines if line.middle >= gap]


def _gaps(spans: Iterable[tuple[float, float]], minimum: float) -> Iterator[float]:
    """Yield the middle of each gap that no span crosses, widest gap first."""
    found: list[tuple[float, float]] = []
    end = math.inf
    for start, stop in sorted(spans):
        if start - end > minimum:
            found.append((start - end, (start + end) / 2))
        end = stop if end == math.inf else max(end, stop)
    for _, middle in sorted(found, reverse=True):
        yield middle


def _is_running_text(lines: Sequence[_Placed]) -> bool:
    if len(lines) < _COLUMN_LINES:
        return False
    return median(line.width for line in lines) > _COLUMN_WIDTH * _line_height(lines)


def _line_height(lines: Iterable[_Placed]) -> float:
    return median(line.height for line in lines)


def _rows(lines: Iterable[_Placed]) -> Block:
    rows: list[list[_Placed]] = []
    for line in sorted(lines, key=lambda line: line.middle):
        row = next((row for row in reversed(rows) if _stand_in_one_row(row[0], line)), None)
        if row is None:
            rows.append([line])
        else:
            row.append(line)
    return tuple(_in_row(row) for row in rows)


def _stand_in_one_row(one: _Placed, other: _Placed) -> bool:
    return abs(one.middle - other.middle) < _ROW_OVERLAP * min(one.height, other.height)


def _in_row(row: Iterable[_Placed]) -> Row:
    return tuple(placed.line for placed in sorted(row, key=lambda placed: placed.left))
