"""Columns: tells columns of running text, which are read one after the other, from tables, which are not.

Text that runs through a column is broken where the next word no longer fits. The cells of a table end where
their content ends, and most of them are short or numbers.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from airflow_provider_asposeocr.emulator.page import Line
from airflow_provider_asposeocr.emulator.rows import Upright, stand_in_one_row
from airflow_provider_asposeocr.emulator.scripts import is_unspaced

_MIN_ROWS = 3
_MIN_WIDTH = 5.0
"""Minimum width of a column of running text, in line heights."""

_MIN_EVIDENCE = ((6.0, 0.0), (4.0, 0.2), (2.0, 1.1))
"""Median numbers of words in a row of running text, and how much must speak for it if they are that many: the
share of full rows and the share of continued ones, added. Cells of tables have few words."""

_UNSPACED_PER_WORD = 2.5
"""Han and Kana characters that count as a word."""

_BLANK = 0.3
_TOLERANCE = 0.5
"""The detector's boxes may be wider than the ink by this share of their height, at either side."""

_INDENT = 3.0
"""Maximum distance between the beginnings of two lines of a column, in line heights."""

_SECTION_GAP = 2.0
"""Minimum height of a gap between columns and what stands above or below one of them, in line heights."""


@dataclass(frozen=True)
class Placed(Upright):
    """Line with its upright box on the straightened page."""

    line: Line


@dataclass(frozen=True)
class _Region:
    """Part of a page with a gutter: a run of its lines, from top to bottom, that do not cross it.

    :param start: the first line of the run.
    :param end: the line after it.
    :param x: the place at which the text to the right of the gutter begins.
    """

    start: int
    end: int
    x: float


def find_columns(lines: Sequence[Placed]) -> list[list[Placed]]:
    """Return the parts of a page in the order in which they are read, if it has columns of running text.

    :param lines: in any order.
    :return: the lines above the columns, those on the left and on the right of a gutter, those below; empty
        if there are no columns.
    """
    if len(lines) < 2 * _MIN_ROWS:
        return []
    in_order = sorted(lines, key=lambda line: line.middle)
    regions = [region for x in _beginnings(lines) for region in _regions(in_order, x)]
    for region in sorted(regions, key=lambda region: region.start - region.end):
        start, end = _side_by_side(in_order, region)
        run = in_order[start:end]
        left = [line for line in run if not _is_right_of(line, region.x)]
        right = [line for line in run if _is_right_of(line, region.x)]
        if _is_running_text(_last_column(left)) and _is_running_text(_first_column(right, region.x)):
            parts = (in_order[:start], left, right, in_order[end:])
            return [part for part in parts if part]
    return []


def line_height(lines: Iterable[Placed]) -> float:
    """Return the typical height of a line."""
    return median(line.height for line in lines)


def rows_of(lines: Iterable[Placed]) -> list[list[Placed]]:
    """Group lines into rows, from top to bottom, each from left to right."""
    rows: list[list[Placed]] = []
    for line in sorted(lines, key=lambda line: line.middle):
        row = next((row for row in reversed(rows) if stand_in_one_row(row[0], line)), None)
        if row is None:
            rows.append([line])
        else:
            row.append(line)
    return [sorted(row, key=lambda line: line.left) for row in rows]


def _beginnings(lines: Sequence[Placed]) -> Iterator[float]:
    """Yield the places at which several lines begin, from left to right, but not the leftmost of all."""
    step = max(1.0, line_height(lines) / 2)
    counts = Counter(math.floor(line.left / step) for line in lines)
    for place in sorted(counts)[1:]:
        if counts[place] + counts[place + 1] >= _MIN_ROWS:
            yield median(line.left for line in lines if place <= line.left / step < place + 2)


def _regions(lines: Sequence[Placed], x: float) -> Iterator[_Region]:
    """Yield the parts of a page in which a gutter ends at a place."""
    start = left = right = 0
    for end in range(len(lines) + 1):
        if end < len(lines) and not _crosses(lines[end], x):
            right += _is_right_of(lines[end], x)
            left += not _is_right_of(lines[end], x)
            continue
        if min(left, right) >= _MIN_ROWS:
            yield _Region(start, end, x)
        start, left, right = end + 1, 0, 0


def _side_by_side(lines: Sequence[Placed], region: _Region) -> tuple[int, int]:
    """Return a region without what stands clearly above or below one side, where the other has ended."""
    run = lines[region.start : region.end]
    sides = [[line for line in run if _is_right_of(line, region.x) is is_right] for is_right in (False, True)]
    top = max(min(line.top for line in side) for side in sides)
    bottom = min(max(line.bottom for line in side) for side in sides)
    gap = _SECTION_GAP * line_height(run)
    above = [line.bottom for line in run if line.bottom <= top]
    below = [line.top for line in run if line.top >= bottom]
    start = region.start + (len(above) if above and top - max(above) > gap else 0)
    end = region.end - (len(below) if below and min(below) - bottom > gap else 0)
    return start, end


def _crosses(line: Placed, x: float) -> bool:
    return not _is_right_of(line, x) and line.right > x + _TOLERANCE * line.height


def _is_right_of(line: Placed, x: float) -> bool:
    return line.left >= x - _TOLERANCE * line.height


def _last_column(lines: Sequence[Placed]) -> list[list[Placed]]:
    """Return the rows of the rightmost column, that of the lines that end last."""
    last = sorted(lines, key=lambda line: line.right)[-_MIN_ROWS:]
    x = median(line.left for line in last)
    return rows_of(line for line in lines if line.left >= x - _INDENT * line.height)


def _first_column(lines: Sequence[Placed], x: float) -> list[list[Placed]]:
    """Return the rows of the column that begins at a place."""
    return rows_of(line for line in lines if line.left <= x + _INDENT * line.height)


def _is_running_text(rows: Sequence[Sequence[Placed]]) -> bool:
    if len(rows) < _MIN_ROWS:
        return False
    height = line_height(line for row in rows for line in row)
    words = median(_word_count(row) for row in rows)
    width = median(row[-1].right - row[0].left for row in rows)
    if width < _MIN_WIDTH * height or sum(map(_is_number, rows)) > len(rows) / 2:
        return False
    evidence = _share_of_full_rows(rows, height) + fmean(map(_continuation, rows))
    return any(words >= count and evidence >= needed for count, needed in _MIN_EVIDENCE)


def _share_of_full_rows(rows: Sequence[Sequence[Placed]], height: float) -> float:
    """Return the share of rows into which the first word of the next one would not fit."""
    edge = max(row[-1].right for row in rows)
    full = [
        row[-1].right + _BLANK * height + _first_word(following) >= edge
        for row, following in itertools.pairwise(rows)
    ]
    return sum(full) / len(full)


def _continuation(row: Sequence[Placed]) -> float:
    """Return the probability that a row goes on with a sentence: cells begin with a capital or a figure."""
    first = row[0].line.words[0].text[0]
    if is_unspaced(first):
        return 0.5
    return 0.0 if first.isupper() or first.isdigit() else 1.0


def _first_word(row: Sequence[Placed]) -> float:
    """Return the width of the first word of a row, or of its first character if it has no blanks."""
    word = row[0].line.words[0]
    if is_unspaced(word.text[0]):
        return row[0].height
    return math.dist(word.quad[0], word.quad[1])


def _word_count(row: Sequence[Placed]) -> float:
    words = [word.text for placed in row for word in placed.line.words]
    unspaced = sum(is_unspaced(character) for word in words for character in word)
    return max(len(words), unspaced / _UNSPACED_PER_WORD)


def _is_number(row: Sequence[Placed]) -> bool:
    characters = [each for placed in row for each in placed.line.text if each.isalnum()]
    return sum(each.isdigit() for each in characters) > len(characters) / 2
