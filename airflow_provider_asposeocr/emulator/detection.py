"""Detection: where on an image there is text, however large the image and however small the text.

The model sees 1280 pixels each way. An ordinary page is shrunk to that and searched in one go; a very long or
wide one is searched in tiles. Where the text turns out to be too small on what was searched, or none is
found, a sample of the image at its full size tells how large it is, and the image is searched again at the
scale that it needs. Tiles are smaller than what the model sees, and without what is blank around them: it
overlooks small text on much white.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from airflow_provider_asposeocr.emulator.imaging import SMOOTHING, Pixels, filled_part, pixels_of
from airflow_provider_asposeocr.emulator.page import Quad
from airflow_provider_asposeocr.emulator.quads import height_of, quad_of, width_of
from airflow_provider_asposeocr.emulator.tiles import Found, Tile, cut, joined

MAX_SIDE = 1280
"""The model's field of view; more costs memory with its square."""

MIN_SIDE = 64
_MOST_STRETCHED = 8
"""The engine puts black bars around what is wider than this, and they grow with it."""

_LONGEST_SHAPE = 2.2
"""An image that is longer than this, in times of its width, is not shrunk to the field of view."""

_TILE = 960
_OVERLAP = 128
_SMALL_TEXT = 11.0
"""Text whose boxes are lower than this is on the verge of not being found."""

_GOOD_TEXT = 18.0
_SMALL_SHARE = 25
_FINER = 1.2
"""A second search has to show the text so many times as large to be worth its time."""

_MIN_TEXT = 6
"""Lower images hold nothing that could be read."""

_BLANK = 2
_MARGIN = 24


class Detector:
    """Find the pieces of text on an image.

    :param engine: the engine.
    :param pixels: the image, in colour.
    :param smooth: soften hard edges of black and white first.
    """

    def __init__(self, engine: Any, pixels: Pixels, *, smooth: bool) -> None:
        self._engine = engine
        self._pixels = pixels
        self._smooth = smooth

    def find(self) -> list[Quad]:
        """Return where the pieces of text stand."""
        height, width = self._pixels.shape[:2]
        filled = self._filled(Tile(0, 0, width, height))
        if filled is None:
            return []
        longest, shortest = max(filled.width, filled.height), min(filled.width, filled.height)
        if longest <= _LONGEST_SHAPE * shortest:
            scale = min(1.0, MAX_SIDE / longest)
            quads = self._search_tile(filled, scale)
        else:
            scale = min(1.0, MAX_SIDE / (_LONGEST_SHAPE * shortest))
            quads = self._search(filled, scale)
        if quads and (scale == 1 or _low_height(quads) * scale >= _SMALL_TEXT):
            return quads
        needed = self._needed_scale(filled)
        return self._search(filled, needed) if needed > (_FINER * scale if quads else 0) else quads

    def _needed_scale(self, filled: Tile) -> float:
        """Return the scale at which the text is neither overlooked nor larger than it needs to be."""
        tiles = cut(filled, _TILE, _OVERLAP)
        quads = self._search_tile(max(tiles, key=self._edges), 1.0)
        return min(1.0, _GOOD_TEXT / _low_height(quads)) if quads else 0.0

    def _search(self, filled: Tile, scale: float) -> list[Quad]:
        tiles = cut(filled, math.ceil(_TILE / scale), math.ceil(_OVERLAP / scale))
        return joined([Found(quad, tile) for tile in tiles for quad in self._search_tile(tile, scale)])

    def _search_tile(self, whole: Tile, scale: float) -> list[Quad]:
        tile = self._filled(whole)
        if tile is None:
            return []
        part = self._part(tile)
        if self._smooth:
            part = pixels_of(cv2.GaussianBlur(part, (0, 0), SMOOTHING))
        size = max(1, round(tile.width * scale)), max(1, round(tile.height * scale))
        if scale < 1:
            part = pixels_of(cv2.resize(part, size, interpolation=cv2.INTER_AREA))
        framed, left, top = _framed(part)
        boxes = self._engine(framed, use_det=True, use_cls=False, use_rec=False).boxes
        if boxes is None:
            return []
        factor = np.array([tile.width / size[0], tile.height / size[1]])
        start, end = np.array([tile.left, tile.top]), np.array([tile.right, tile.bottom])
        return [quad_of(np.clip((box - (left, top)) * factor + start, start, end)) for box in boxes]

    def _filled(self, tile: Tile) -> Tile | None:
        """Return a tile without what is blank around it; None when nothing is on it."""
        part = self._pixels[tile.top : tile.bottom, tile.left : tile.right]
        if min(part.shape[:2]) < _MIN_TEXT:
            return None
        box = filled_part(part, _BLANK)
        if box is None:
            return None
        left, top, right, bottom = box
        return Tile(
            max(tile.left, tile.left + left - _MARGIN),
            max(tile.top, tile.top + top - _MARGIN),
            min(tile.right, tile.left + right + _MARGIN),
            min(tile.bottom, tile.top + bottom + _MARGIN),
        )

    def _edges(self, tile: Tile) -> int:
        grey = cv2.cvtColor(self._part(tile), cv2.COLOR_RGB2GRAY)
        return int(np.count_nonzero(cv2.Canny(grey, 50, 150)))

    def _part(self, tile: Tile) -> Pixels:
        return np.ascontiguousarray(self._pixels[tile.top : tile.bottom, tile.left : tile.right])


def _framed(part: Pixels) -> tuple[Pixels, int, int]:
    """Frame a part where the engine needs it; return how wide the frame is at the left and the top too."""
    height, width = part.shape[:2]
    across = max(0, MIN_SIDE - width)
    down = max(0, MIN_SIDE - height, -(-width // _MOST_STRETCHED) - height)
    left, top = across // 2, down // 2
    blue_first = pixels_of(cv2.cvtColor(part, cv2.COLOR_RGB2BGR))
    if across or down:
        edges = (top, down - top, left, across - left)
        colour = _colour_of_edge(blue_first)
        framed = cv2.copyMakeBorder(blue_first, *edges, cv2.BORDER_CONSTANT, value=colour)
        return pixels_of(framed), left, top
    return blue_first, left, top


def _colour_of_edge(part: Pixels) -> list[float]:
    edge = np.concatenate([part[0], part[-1], part[:, 0], part[:, -1]])
    return [float(value) for value in np.median(edge, axis=0)]


def _low_height(quads: Sequence[Quad]) -> float:
    """Return the height of the smaller pieces of text."""
    heights = [min(width_of(quad), height_of(quad)) for quad in quads]
    return max(1.0, float(np.percentile(heights, _SMALL_SHARE)))
