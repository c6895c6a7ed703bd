"""Gutters: splits pieces of text that the detector has joined across the white gap between two columns.

A narrow gutter is little wider than the gap between two words. What tells it from one is that the text to its
right begins at the same place in row after row, and that no row crosses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import cv2
import numpy as np

from airflow_provider_asposeocr.emulator.cutting import cut_out
from airflow_provider_asposeocr.emulator.imaging import Pixels
from airflow_provider_asposeocr.emulator.page import Quad
from airflow_provider_asposeocr.emulator.quads import (
    height_of,
    is_tall,
    part_of,
    straightened,
    typical_skew,
    width_of,
)

_MIN_GAP = 0.3
_CLEAR_GAP = 0.5
"""Minimum widths of a gutter, as shares of the line height: where it is seen in many rows, and in few."""

_WIDER = 1.4
"""Factor by which a gutter exceeds the median gap between the words of its row."""

_WORD_GAP = 0.12
"""Minimum width of a gap between words, as a share of the line height."""

_MANY_ROWS, _EXACT_ROWS, _ROWS, _FEW_ROWS = 8, 5, 4, 3
"""Rows in which a gutter must be seen: where it is no wider than gaps between words, the same but exactly
aligned, wider, and clear."""

_ALIGNED = 0.22
"""Text to the right of a gutter begins at the same place, give or take this share of the line height."""

_EXACT = 0.12
"""Maximum difference between the places of exactly aligned text, as a share of the line height."""

_BODY = (0.2, 0.8)
"""Part of a line's height in which ink is looked for: accents and descenders of other lines are outside."""

_INK = 0.3
"""Contrast of ink, as a share of the contrast of the whole line."""

_MIN_SHARE = 0.7
"""Minimum share of the rows of a gutter in which it is seen clearly."""

_MARGIN = 0.1
_MIN_SIDE = 4.0


@dataclass(frozen=True)
class _Gap:
    """White gap inside a piece of text, on the straightened page and as shares of the piece's width."""

    left: float
    right: float
    start: float
    end: float

    @property
    def width(self) -> float:
        return self.right - self.left


@dataclass(frozen=True)
class _Piece:
    quad: Quad
    left: float
    right: float
    middle: float
    height: float
    gaps: tuple[_Gap, ...]
    word_gap: float

    def crosses(self, x: float) -> bool:
        return self.left < x - self.height / 2 and x + self.height / 2 < self.right

    def gap_at(self, x: float) -> _Gap | None:
        """Return the gap that ends at a place, or that goes on beyond it."""
        before = x - _ALIGNED * self.height
        return next((gap for gap in self.gaps if gap.left <= before <= gap.right), None)


def split_at_gutters(pixels: Pixels, quads: Sequence[Quad]) -> list[Quad]:
    """Split pieces of text at the gutters that they cross.

    :param pixels: the image, in colour.
    :param quads: the pieces of text.
    """
    skew = typical_skew(quads)
    pieces = sorted((_piece(pixels, quad, skew) for quad in quads), key=lambda piece: piece.middle)
    cuts: dict[Quad, set[_Gap]] = {}
    for x in _candidates(pieces):
        for run in _runs(pieces, x):
            for piece in _cut_by(run, x):
                gap = piece.gap_at(x)
                if gap:
                    cuts.setdefault(piece.quad, set()).add(gap)
    return [part for quad in quads for part in _parts(quad, cuts.get(quad, ()))]


def _piece(pixels: Pixels, quad: Quad, skew: float) -> _Piece:
    left, top, right, bottom = straightened(quad, skew)
    height, across = bottom - top, right - left
    ink = _ink(pixels, quad)
    gaps = [
        _Gap(left + start * across, left + end * across, start, end) for (_, start), (end, _) in pairwise(ink)
    ]
    between_words = [gap for gap in gaps if gap.width >= _WORD_GAP * height]
    wide = tuple(gap for gap in between_words if gap.width >= _MIN_GAP * height)
    word_gap = median(gap.width for gap in between_words) if between_words else 0.0
    begin, end = left + ink[0][0] * across, left + ink[-1][1] * across
    return _Piece(quad, begin, end, (top + bottom) / 2, height, wide, word_gap)


def _ink(pixels: Pixels, quad: Quad) -> list[tuple[float, float]]:
    """Return the runs of ink along a piece, as shares of its width; a single one if it is not upright."""
    if is_tall(quad) or min(width_of(quad), height_of(quad)) < _MIN_SIDE:
        return [(0.0, 1.0)]
    grey = cv2.cvtColor(cv2.blur(cut_out(pixels, quad), (3, 3)), cv2.COLOR_BGR2GRAY)
    top, bottom = (round(share * len(grey)) for share in _BODY)
    ink = np.ptp(grey[top : max(bottom, top + 1)], axis=0) > _INK * np.ptp(grey)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], ink, [False]]).astype(np.int8))) / len(ink)
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)) or [(0.0, 1.0)]


def _candidates(pieces: Sequence[_Piece]) -> list[float]:
    """Return the places at which the text of several rows begins after a gap, those of most rows first."""
    inside = np.array(sorted(gap.right for piece in pieces for gap in piece.gaps))
    begins = np.sort(np.concatenate([inside, [piece.left for piece in pieces]]))
    reach = _ALIGNED * median([piece.height for piece in pieces] or [0.0])
    starts, ends = np.searchsorted(begins, inside - reach), np.searchsorted(begins, inside + reach, "right")
    found: list[float] = []
    for place in np.argsort(starts - ends, kind="stable"):
        if ends[place] - starts[place] < _FEW_ROWS:
            break
        x = float(np.median(begins[starts[place] : ends[place]]))
        if all(abs(x - other) > reach for other in found):
            found.append(x)
    return found


def _runs(pieces: Iterable[_Piece], x: float) -> Iterator[list[_Piece]]:
    """Yield the pieces that begin at a place or have a gap there, in runs that no other piece interrupts."""
    run: list[_Piece] = []
    for piece in pieces:
        if piece.crosses(x) and not piece.gap_at(x):
            yield run
            run = []
        elif piece.crosses(x) or abs(piece.left - x) <= _ALIGNED * piece.height:
            run.append(piece)
    yield run


def _cut_by(run: Sequence[_Piece], x: float) -> Sequence[_Piece]:
    """Return the pieces of a run that a gutter crosses; none if it is a gap between words that recurs."""
    crossing = [(piece, gap) for piece in run if piece.crosses(x) and (gap := piece.gap_at(x))]
    begun = len(run) - len(crossing)
    aligned = [(piece, gap) for piece, gap in crossing if gap.right - x <= _ALIGNED * piece.height]
    rows = begun + len(aligned)
    if not aligned or rows < _FEW_ROWS or rows < _MIN_SHARE * len(run):
        return ()
    height = median(piece.height for piece in run)
    wider = sum(gap.width >= _WIDER * piece.word_gap for piece, gap in crossing)
    if begun + wider >= _MIN_SHARE * len(run):
        width = min(gap.right for _, gap in aligned) - max(gap.left for _, gap in crossing)
        enough = _FEW_ROWS if width >= _CLEAR_GAP * height else _ROWS
    else:
        begins = [gap.right for _, gap in crossing] + [piece.left for piece in run if not piece.crosses(x)]
        enough = _EXACT_ROWS if max(begins) - min(begins) <= _EXACT * height else _MANY_ROWS
    return [piece for piece, _ in crossing] if rows >= enough else ()


def _parts(quad: Quad, gaps: Iterable[_Gap]) -> Iterator[Quad]:
    margin = _MARGIN * height_of(quad) / max(1.0, width_of(quad))
    start = 0.0
    for gap in sorted(gaps, key=lambda gap: gap.start):
        yield part_of(quad, start, min(gap.start + margin, gap.end))
        start = max(gap.end - margin, gap.start)
    yield part_of(quad, start, 1.0)
