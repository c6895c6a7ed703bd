"""Characters of a page: the lines that the engine has read, cut into images of their characters."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from airflow_provider_asposeocr.emulator.imaging import Pixels, Scan
from airflow_provider_asposeocr.emulator.page import Line, Page, Quad
from airflow_provider_asposeocr.emulator.quads import height_of, width_of
from airflow_provider_asposeocr.emulator.work.font_references import Ink, full_contrast

_MIN_LINE_HEIGHT, _MAX_LINE_HEIGHT = 48, 96
"""Heights in pixels to which smaller and larger lines are scaled."""

_MARGIN = 0.15
"""Paper around a line, as a share of its height."""

_INK = 0.4
_MIN_INK = 20
"""Minimum number of pixels of a stroke; less is a speck."""

_SAME_LETTER = 0.5
"""Strokes that overlap by this share of the narrower one are one letter, such as an i and its dot."""

_MAX_LINES = 40
_MAX_WIDTH = 4_000
"""Maximum length of a line in pixels, after it is scaled."""

_MIN_CONTRAST = 30

Box = tuple[int, int, int, int]
"""Left, top, right, bottom."""


@dataclass(frozen=True)
class Glyph:
    """Image of a character.

    :param character: what the engine has read.
    :param ink: its image.
    :param box: its place on the line.
    """

    character: str
    ink: Ink
    box: Box

    @property
    def middle(self) -> float:
        """Place of its middle along the line."""
        return (self.box[0] + self.box[2]) / 2


Spelled = tuple[Glyph, ...]
"""Word, each of whose characters has an image."""


def words_of(page: Page, scan: Scan) -> Iterator[Spelled]:
    """Yield the words of a page whose characters stand apart, on some of its lines if it has many.

    :param page: the recognized page.
    :param scan: the image that its boxes refer to.
    """
    lines = [line for block in page.blocks for row in block for line in row]
    for line in lines[:: max(1, math.ceil(len(lines) / _MAX_LINES))]:
        ink = _ink_of(scan.pixels, line.quad)
        if ink is not None:
            yield from _spelled(line, ink)


def _ink_of(pixels: Pixels, quad: Quad) -> Ink | None:
    """Return the ink of a line, upright; None if it cannot be told from the paper."""
    height = height_of(quad)
    scale = min(max(height, _MIN_LINE_HEIGHT), _MAX_LINE_HEIGHT) / max(height, 1.0)
    margin = _MARGIN * height * scale
    size = round(width_of(quad) * scale + 2 * margin), round(height * scale + 2 * margin)
    if size[0] > _MAX_WIDTH:
        return None
    left, top, right, bottom = margin, margin, size[0] - margin, size[1] - margin
    target = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)
    turn = cv2.getPerspectiveTransform(np.array(quad, np.float32), target)
    cut = cv2.warpPerspective(pixels, turn, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    grey: npt.NDArray[np.float32] = cv2.cvtColor(cut, cv2.COLOR_RGB2GRAY).astype(np.float32)
    ink = np.abs(grey - np.median(grey))
    return full_contrast(ink) if float(ink.max()) >= _MIN_CONTRAST else None


def _spelled(line: Line, ink: Ink) -> Iterator[Spelled]:
    boxes = _letters(ink)
    words = [word.text for word in line.words]
    if len(boxes) < len(words):
        return
    widths = {place: boxes[place][0] - boxes[place - 1][2] for place in range(1, len(boxes))}
    cuts = sorted(sorted(widths, key=widths.__getitem__, reverse=True)[: len(words) - 1])
    for word, start, end in zip(words, [0, *cuts], [*cuts, len(boxes)], strict=True):
        own = boxes[start:end]
        if len(own) == len(word):
            yield tuple(
                Glyph(character, ink[box[1] : box[3], box[0] : box[2]], box)
                for character, box in zip(word, own, strict=True)
            )


def _letters(ink: Ink) -> Sequence[Box]:
    """Return the boxes of what stands apart, from left to right; dots and accents belong to their letters."""
    count, _, found, _ = cv2.connectedComponentsWithStats((ink > _INK).astype(np.uint8), connectivity=8)
    strokes = [
        (x, y, x + width, y + height) for x, y, width, height, area in found[1:count] if area >= _MIN_INK
    ]
    letters: list[Box] = []
    for stroke in sorted(strokes, key=lambda box: box[0] + box[2]):
        if letters and _are_one(letters[-1], stroke):
            first = letters.pop()
            stroke = (
                *(min(first[side], stroke[side]) for side in (0, 1)),
                *(max(first[side], stroke[side]) for side in (2, 3)),
            )
        letters.append(stroke)
    return letters


def _are_one(one: Box, other: Box) -> bool:
    narrower = min(one[2] - one[0], other[2] - other[0])
    return min(one[2], other[2]) - max(one[0], other[0]) > _SAME_LETTER * narrower
