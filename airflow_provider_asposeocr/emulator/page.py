"""Recognized page: plain values passed between the engine, the layout and the renderers."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

from airflow_provider_asposeocr.emulator.trial import mask

Point = tuple[float, float]
Quad = tuple[Point, Point, Point, Point]
"""Corners in pixels: top left, top right, bottom right, bottom left, seen in reading direction."""

Box = tuple[float, float, float, float]
"""Upright box in pixels: left, top, right, bottom."""


@dataclass(frozen=True)
class Word:
    """Recognized word.

    :param text: its characters.
    :param confidence: the confidence of the engine, from 0 to 1.
    :param quad: its position.
    """

    text: str
    confidence: float
    quad: Quad


@dataclass(frozen=True)
class Line:
    """Run of words that the engine read in one go; a row of text may consist of several.

    :param words: at least one.
    :param confidence: the confidence of the engine in the whole line, from 0 to 1.
    :param quad: its position.
    """

    words: tuple[Word, ...]
    confidence: float
    quad: Quad

    @property
    def text(self) -> str:
        """Words of the line, separated by single spaces."""
        return " ".join(word.text for word in self.words)

    def moved(self, move: Callable[[Point], Point]) -> Line:
        """Return the line at another position.

        :param move: maps each point to its new position.
        """
        words = tuple(replace(word, quad=_moved(word.quad, move)) for word in self.words)
        return replace(self, words=words, quad=_moved(self.quad, move))


Row = tuple[Line, ...]
Block = tuple[Row, ...]


@dataclass(frozen=True)
class Page:
    """Page in reading order.

    :param width: in pixels.
    :param height: in pixels.
    :param blocks: its paragraphs and columns; empty for a blank page.
    """

    width: int
    height: int
    blocks: tuple[Block, ...] = ()

    @property
    def text(self) -> str:
        """Text of the page: one line per row, an empty line between blocks."""
        return "\n\n".join(block_text(block) for block in self.blocks)

    @property
    def word_count(self) -> int:
        """Number of words."""
        return sum(1 for _ in self.words())

    def lines(self) -> Iterator[Line]:
        """Yield all lines in reading order."""
        for block in self.blocks:
            for row in block:
                yield from row

    def words(self) -> Iterator[Word]:
        """Yield all words in reading order."""
        for line in self.lines():
            yield from line.words

    def masked(self, places: Collection[int]) -> Page:
        """Return the page with some words replaced by asterisks.

        :param places: the words to replace, by their index in reading order.
        """
        words = enumerate(self.words())

        def masked_line(line: Line) -> Line:
            own = (next(words) for _ in line.words)
            return replace(line, words=tuple(_masked(word, place in places) for place, word in own))

        return replace(self, blocks=changed(self.blocks, masked_line))

    def resized(self, width: int, height: int) -> Page:
        """Return the page scaled to another size.

        :param width: in pixels.
        :param height: in pixels.
        """
        across, down = width / self.width, height / self.height
        blocks = changed(
            self.blocks, lambda line: line.moved(lambda point: (point[0] * across, point[1] * down))
        )
        return Page(width, height, blocks)


def changed(blocks: tuple[Block, ...], change: Callable[[Line], Line]) -> tuple[Block, ...]:
    """Return blocks with a change applied to each of their lines."""
    return tuple(tuple(tuple(change(line) for line in row) for row in block) for block in blocks)


def block_text(block: Block) -> str:
    """Return the text of a block: one line per row."""
    return "\n".join(" ".join(line.text for line in row) for row in block)


def bounds(quads: Collection[Quad]) -> Box:
    """Return the upright box around quads."""
    points = [point for quad in quads for point in quad]
    across, down = [x for x, _ in points], [y for _, y in points]
    return min(across), min(down), max(across), max(down)


def whole(box: Box) -> tuple[int, int, int, int]:
    """Return the box in whole pixels of the image."""
    left, top, right, bottom = box
    return max(0, math.floor(left)), max(0, math.floor(top)), math.ceil(right), math.ceil(bottom)


def _moved(quad: Quad, move: Callable[[Point], Point]) -> Quad:
    return move(quad[0]), move(quad[1]), move(quad[2]), move(quad[3])


def _masked(word: Word, is_masked: bool) -> Word:
    return replace(word, text=mask(word.text)) if is_masked else word
