"""Reading order: groups the lines of a page into rows, and rows into columns and paragraphs.

Columns of running text are looked for first: a white gap that no line crosses for some rows, with running
text on both sides of it (:mod:`.columns`). What stands above them is read before, then one column after the
other, then what stands below. The rest is cut at white gaps between paragraphs and read row by row, as tables
are. A skewed page has no straight gaps, so the typical skew of its lines is undone first; that affects the
order only, not the boxes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from airflow_provider_asposeocr.emulator.columns import Placed, find_columns, line_height, rows_of
from airflow_provider_asposeocr.emulator.page import Block, Line
from airflow_provider_asposeocr.emulator.quads import straightened, typical_skew

_PARAGRAPH_GAP = 0.9
"""Minimum height of a gap between paragraphs, in line heights."""


_Cut = Callable[[Sequence[Placed]], Sequence[Sequence[Placed]]]


def reading_order(lines: Sequence[Line], *, columns: bool = True) -> tuple[Block, ...]:
    """Put lines in reading order.

    :param lines: in any order.
    :param columns: look for columns of text; if False, each row is read across the whole page.
    """
    skew = typical_skew(line.quad for line in lines)
    placed = [Placed(*straightened(line.quad, skew), line) for line in lines]
    cuts = (find_columns, _paragraphs) if columns else (_paragraphs,)
    return tuple(_block(part) for part in _cut(placed, cuts))


def _cut(lines: Sequence[Placed], cuts: Iterable[_Cut]) -> list[Sequence[Placed]]:
    if len(lines) < 2:
        return [lines] if lines else []
    for cut in cuts:
        if len(parts := cut(lines)) > 1:
            return [block for part in parts for block in _cut(part, cuts)]
    return [lines]


def _paragraphs(lines: Sequence[Placed]) -> list[list[Placed]]:
    """Cut wherever a white gap runs all the way across."""
    gap = _PARAGRAPH_GAP * line_height(lines)
    parts: list[list[Placed]] = []
    bottom = float("-inf")
    for line in sorted(lines, key=lambda line: line.top):
        if line.top - bottom > gap:
            parts.append([])
        parts[-1].append(line)
        bottom = max(bottom, line.bottom)
    return parts


def _block(lines: Iterable[Placed]) -> Block:
    return tuple(tuple(placed.line for placed in row) for row in rows_of(lines))
