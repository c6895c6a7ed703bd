"""Tiles: cuts a large image into overlapping parts, and joins the pieces of text that were found in them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from airflow_provider_asposeocr.emulator.page import Quad
from airflow_provider_asposeocr.emulator.quads import quad_of

Corners = npt.NDArray[np.float32]
"""Four corners in the order of a :data:`Quad`."""

_SAME = 0.5
_INSIDE = 0.9


@dataclass(frozen=True)
class Tile:
    """Part of an image, in pixels."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.bottom - self.top


@dataclass(frozen=True)
class Found:
    """Piece of text that was found in a tile.

    :param quad: its position in the image.
    :param tile: the tile.
    """

    quad: Quad
    tile: Tile


def cut(whole: Tile, side: int, overlap: int) -> list[Tile]:
    """Cut a part of an image into tiles of equal size.

    :param whole: the part.
    :param side: the maximum side of a tile, in pixels.
    :param overlap: the minimum overlap of two tiles, in pixels.
    """
    return [
        Tile(whole.left + left, whole.top + top, whole.left + right, whole.top + bottom)
        for (top, bottom), (left, right) in itertools.product(
            _spans(whole.height, side, overlap), _spans(whole.width, side, overlap)
        )
    ]


def joined(found: Sequence[Found]) -> list[Quad]:
    """Join pieces that were found in several tiles: duplicates, and parts of one text.

    :param found: the pieces of all tiles.
    """
    groups: dict[int, list[Found]] = {}
    for place, root in enumerate(_roots(found)):
        groups.setdefault(root, []).append(found[place])
    return [_around(group) for group in groups.values()]


def _spans(length: int, side: int, overlap: int) -> Iterator[tuple[int, int]]:
    if length <= side:
        yield 0, length
        return
    count = math.ceil((length - overlap) / (side - overlap))
    for place in range(count):
        start = round(place * (length - side) / (count - 1))
        yield start, start + side


def _roots(found: Sequence[Found]) -> list[int]:
    """Return for each piece the index of the first piece of its group."""
    roots = list(range(len(found)))

    def root(place: int) -> int:
        while roots[place] != place:
            place = roots[place]
        return place

    for one, other in _neighbours(found):
        if _is_same_text(found[one], found[other]):
            first, second = sorted((root(one), root(other)))
            roots[second] = first
    return [root(place) for place in range(len(found))]


def _neighbours(found: Sequence[Found]) -> Iterator[tuple[int, int]]:
    """Yield pairs of pieces from different tiles whose upright boxes overlap."""
    boxes = [cv2.boundingRect(_corners(piece.quad)) for piece in found]
    by_top = sorted(range(len(found)), key=lambda place: boxes[place][1])
    open_places: list[int] = []
    for place in by_top:
        left, top, width, _ = boxes[place]
        open_places = [other for other in open_places if boxes[other][1] + boxes[other][3] > top]
        for other in open_places:
            meets = boxes[other][0] < left + width and left < boxes[other][0] + boxes[other][2]
            if meets and found[other].tile != found[place].tile:
                yield other, place
        open_places.append(place)


def _is_same_text(one: Found, other: Found) -> bool:
    """Return whether two pieces are the same text, judged by the area that both tiles cover."""
    shared = _shared(one.tile, other.tile)
    if shared is None:
        return False
    first, second = _corners(one.quad), _corners(other.quad)
    seen = min(_overlap(first, shared), _overlap(second, shared))
    return seen > 0 and _overlap(first, second) > _SAME * seen


def _shared(one: Tile, other: Tile) -> Corners | None:
    left, top = max(one.left, other.left), max(one.top, other.top)
    right, bottom = min(one.right, other.right), min(one.bottom, other.bottom)
    if left >= right or top >= bottom:
        return None
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)


def _around(group: Sequence[Found]) -> Quad:
    """Return the quad around pieces of one text, without pieces that the largest one contains."""
    largest = max(group, key=lambda piece: cv2.contourArea(_corners(piece.quad)))
    parts = [piece for piece in group if not _contains(largest, piece)]
    if len(parts) == 1:
        return largest.quad
    return _rectangle(point for piece in parts for point in piece.quad)


def _contains(one: Found, other: Found) -> bool:
    if one is other:
        return False
    inside = _corners(other.quad)
    return _overlap(_corners(one.quad), inside) > _INSIDE * cv2.contourArea(inside)


def _rectangle(points: Iterable[tuple[float, float]]) -> Quad:
    """Return the smallest rectangle around points, with its corners starting at the top left."""
    corners = cv2.boxPoints(cv2.minAreaRect(np.array(list(points), np.float32)))
    left, right = np.split(corners[np.argsort(corners[:, 0], kind="stable")], 2)
    top_left, bottom_left = left[np.argsort(left[:, 1])]
    top_right, bottom_right = right[np.argsort(right[:, 1])]
    return quad_of((top_left, top_right, bottom_right, bottom_left))


def _corners(quad: Quad) -> Corners:
    return np.array(quad, np.float32)


def _overlap(one: Corners, other: Corners) -> float:
    return float(cv2.intersectConvexConvex(one, other)[0])
