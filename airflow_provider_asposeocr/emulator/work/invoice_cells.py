"""Cells of an invoice: its words as rows, split where a wide gap separates a label from its value."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median, median_high

from airflow_provider_asposeocr.emulator.page import Page, Quad, Word, bounds
from airflow_provider_asposeocr.emulator.rows import Upright, stand_in_one_row

_CELL_GAP = 1.0
"""Minimum gap between two cells of a row, in text heights."""

_MAX_CHARACTERS = 300

_NEAR_ROWS = 4
"""Rows among which the row of a word is looked for: large text stands beside several small rows."""

BELOW_GAP = 1.6
"""Maximum gap between a cell and the one below that belongs to it, in text heights."""


@dataclass(frozen=True)
class Part(Upright):
    """Word of a cell: its text, and its upright box on the straightened page."""

    text: str


class Cell:
    """Run of words without a wide gap, up to a limit: neither labels nor values are long.

    :param parts: its words, from left to right.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self.text = " ".join(part.text for part in parts)[:_MAX_CHARACTERS]
        self.left, self.right = parts[0].left, parts[-1].right
        self.top, self.bottom = min(part.top for part in parts), max(part.bottom for part in parts)
        self.height = median(part.height for part in parts)
        self.middle = median(part.middle for part in parts)

    def left_of(self, offset: int) -> float:
        """Return the left edge of the word at an offset of the text."""
        end = 0
        for part in self._parts:
            end += len(part.text) + 1
            if offset < end:
                return part.left
        return self.right

    def is_beside(self, other: Cell) -> bool:
        """Return whether two cells stand in one row."""
        return stand_in_one_row(self, other)

    def is_above(self, other: Cell, gap: float) -> bool:
        """Return whether another cell begins at most so far below, in text heights."""
        distance = other.top - self.bottom
        return self.middle < other.top and distance < gap * max(self.height, other.height)

    def is_aligned_with(self, other: Cell, left: float | None = None) -> bool:
        """Return whether two cells have an edge or their middle in common, as the lines of an address have.

        :param other: the other cell.
        :param left: where the other one begins; its own edge if not given.
        """
        tolerance = max(self.height, other.height)
        start = other.left if left is None else left
        edges = self.left - start, self.right - other.right
        centre = (self.left + self.right - start - other.right) / 2
        return any(abs(difference) < tolerance for difference in (*edges, centre))


class Sheet:
    """Cells of an invoice.

    :param page: the recognized page.
    """

    def __init__(self, page: Page) -> None:
        self.cells = tuple(_cells(page))
        self.bottom = max((cell.bottom for cell in self.cells), default=0.0)
        self._by_middle = sorted(self.cells, key=_middle)
        self._reach = (BELOW_GAP + 1) * max((cell.height for cell in self.cells), default=0.0)

    def near(self, cell: Cell) -> Sequence[Cell]:
        """Return all cells in the rows around a cell, a small part of a crowded sheet."""
        start = bisect.bisect_left(self._by_middle, cell.top - self._reach, key=_middle)
        end = bisect.bisect_right(self._by_middle, cell.bottom + self._reach, key=_middle)
        return self._by_middle[start:end]

    def row_of(self, cell: Cell) -> list[Cell]:
        """Return the cells in one row with a cell, itself among them, from left to right."""
        return sorted(
            (other for other in self.near(cell) if other.is_beside(cell)), key=lambda other: other.left
        )

    def right_of(self, cell: Cell) -> list[Cell]:
        """Return the further cells of a row."""
        return [other for other in self.row_of(cell) if other.left >= cell.right]

    def left_of(self, cell: Cell) -> Cell | None:
        """Return the cell before another one in its row."""
        before = [other for other in self.row_of(cell) if other.right <= cell.left]
        return before[-1] if before else None

    def below(self, cell: Cell) -> Cell | None:
        """Return the next cell below one, if it is near."""
        under = (
            other for other in self.near(cell) if _overlap(cell, other) and cell.is_above(other, BELOW_GAP)
        )
        return min(under, key=lambda other: other.top, default=None)

    def above(self, cell: Cell) -> Cell | None:
        """Return the next cell above one, if it is near."""
        over = (
            other for other in self.near(cell) if _overlap(cell, other) and other.is_above(cell, BELOW_GAP)
        )
        return max(over, key=lambda other: other.top, default=None)


def _middle(cell: Cell) -> float:
    return cell.middle


def _overlap(one: Cell, other: Cell) -> bool:
    return other.left < one.right and one.left < other.right


def _cells(page: Page) -> Iterator[Cell]:
    for row in _rows(_upright(list(page.words()))):
        cells = [[row[0]]]
        for before, part in itertools.pairwise(row):
            if part.left - before.right > _CELL_GAP * min(before.height, part.height):
                cells.append([])
            cells[-1].append(part)
        yield from map(Cell, cells)


def _rows(parts: Sequence[Part]) -> list[list[Part]]:
    rows: list[list[Part]] = []
    for part in sorted(parts, key=lambda part: part.middle):
        row = next((row for row in rows[-_NEAR_ROWS:] if stand_in_one_row(row[0], part)), None)
        if row is None:
            rows.append([part])
        else:
            row.append(part)
    return [sorted(row, key=lambda part: part.left) for row in rows]


def _upright(words: Sequence[Word]) -> list[Part]:
    """Return the words as they stand on a page whose text runs from left to right."""
    angle = median_high(map(_angle, words)) if words else 0.0
    cos, sin = math.cos(angle), math.sin(angle)
    turned: list[Part] = []
    for word in words:
        first, second, third, fourth = ((x * cos + y * sin, y * cos - x * sin) for x, y in word.quad)
        turned.append(Part(*bounds([(first, second, third, fourth)]), word.text))
    return turned


def _angle(word: Word) -> float:
    quad: Quad = word.quad
    return math.atan2(quad[1][1] - quad[0][1], quad[1][0] - quad[0][0])
