"""Text detection: finds the lines on an image, however large the image and however small the text.

The model sees 1280 pixels each way. An ordinary page is scaled down to that and searched in one pass; a very
long or wide one is searched in tiles. If the text turns out too small at that scale, or none is found, a
sample at full size shows how large the text is, and the image is searched again at the scale that it needs.
Tiles are smaller than the field of view and trimmed of blank margins, because the model overlooks small text
surrounded by much white.
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
"""Field of view of the model; memory grows with its square."""

MIN_SIDE = 64
_MAX_STRETCH = 8
"""Wider shapes than this, as a ratio of width to height, get black bars from the engine that grow with it."""

_MAX_ELONGATION = 2.2
"""Images with a larger ratio of long to short side are not scaled down to the field of view."""

_TILE = 960
_OVERLAP = 128
_SMALL_TEXT = 11.0
"""Text whose boxes are lower than this, in pixels, is at risk of being missed."""

_GOOD_TEXT = 18.0
_SMALL_SHARE = 25
_FINER = 1.2
"""Minimum factor by which a second search must enlarge the text to be worth its time."""

_MIN_TEXT = 6
"""Images with fewer pixels in height or width hold no readable text."""

_BLANK = 2
_MARGIN = 24


class Detector:
    """Find the pieces of text on an image.

    :param engine: the RapidOCR engine.
    :param pixels: the image, in colour.
    :param smooth: soften hard black and white edges first.
    """

    def __init__(self, engine: Any, pixels: Pixels, *, smooth: bool) -> None:
        self._engine = engine
        self._pixels = pixels
        self._smooth = smooth

    def find(self) -> list[Quad]:
        """Return the positions of all pieces of text."""
        height, width = self._pixels.shape[:2]
        filled = self._filled(Tile(0, 0, width, height))
        if filled is None:
            return []
        longest, shortest = max(filled.width, filled.height), min(filled.width, filled.height)
        if longest <= _MAX_ELONGATION * shortest:
            scale = min(1.0, MAX_SIDE / longest)
            quads = self._search_tile(filled, scale)
        else:
            scale = min(1.0, MAX_SIDE / (_MAX_ELONGATION * shortest))
            quads = self._search(filled, scale)
        if quads and (scale == 1 or _low_height(quads) * scale >= _SMALL_TEXT):
            return quads
        needed = self._needed_scale(filled)
        return self._search(filled, needed) if needed > (_FINER * scale if quads else 0) else quads

    def _needed_scale(self, filled: Tile) -> float:
        """Return the scale at which the text is just large enough to be found; 0 if there is none."""
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
        """Return a tile without its blank margins, or None if all of it is blank."""
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
    """Add a frame where the engine needs one; return the result and the frame's width at the left and top."""
    height, width = part.shape[:2]
    across = max(0, MIN_SIDE - width)
    down = max(0, MIN_SIDE - height, -(-width // _MAX_STRETCH) - height)
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
    """Return a height typical of the smaller pieces of text."""
    heights = [min(width_of(quad), height_of(quad)) for quad in quads]
    return max(1.0, float(np.percentile(heights, _SMALL_SHARE)))
