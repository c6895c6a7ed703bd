"""Ruled tables: finds thin dark rules on an image, and the cells that they enclose.

A rule is darker than what lies on both of its sides, so that filled cells are no rules. Rules that touch each
other are one grid. Its cells are the areas between them, however many rows and columns they span; a frame is
drawn around it first, because many tables are open at their sides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from airflow_provider_asposeocr.emulator.imaging import Pixels, pixels_of
from airflow_provider_asposeocr.emulator.page import Box, Point

_MAX_SIDE = 3000
"""Larger images are scaled down to this for the search."""

_CONTRAST = 24
_MIN_LENGTH = 40
_LENGTH_SHARE, _THICKNESS_SHARE = 50, 150
"""Minimum length and maximum thickness of a rule, as a divisor of the shorter side of the image."""

_MIN_THICKNESS = 7
_SAME_RULE = 1.5
_MIN_CELL = 2
"""Maximum distance of two sides of one rule, and minimum side of a cell, in maximum thicknesses of a rule."""

_MIN_FILL = 0.5
"""Share of its box that the area of a cell fills at least."""


@dataclass(frozen=True)
class GridCell:
    """Cell of a grid, with its place in whole rows and columns."""

    row: int
    column: int
    rows: int
    columns: int
    box: Box


@dataclass(frozen=True)
class Grid:
    """Ruled table.

    :param box: its position in pixels.
    :param cells: at least two.
    """

    box: Box
    cells: tuple[GridCell, ...]

    @property
    def area(self) -> float:
        """Area in pixels."""
        return (self.box[2] - self.box[0]) * (self.box[3] - self.box[1])

    def holds(self, point: Point) -> bool:
        """Return whether a point lies within the grid."""
        return _distance(self.box, point) == 0

    def nearest(self, point: Point) -> GridCell:
        """Return the cell that a point lies in, or else the nearest."""
        return min(self.cells, key=lambda cell: _distance(cell.box, point))

    def sides_at(self, height: float) -> set[float]:
        """Return the places of its vertical rules at a height of the image."""
        if not self.box[1] <= height <= self.box[3]:
            return set()
        return {self.box[2], *(cell.box[0] for cell in self.cells if cell.box[1] <= height <= cell.box[3])}


def find_grids(pixels: Pixels) -> tuple[list[Grid], Pixels]:
    """Find the ruled tables of an image.

    :param pixels: the image, in colour.
    :return: the tables, from top to bottom, and the image without their rules.
    """
    grey = pixels_of(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
    scale = min(1.0, _MAX_SIDE / max(grey.shape))
    if scale < 1:
        grey = pixels_of(cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    thickness = max(_MIN_THICKNESS, min(grey.shape) // _THICKNESS_SHARE)
    rules = _rules(grey, thickness, max(_MIN_LENGTH, min(grey.shape) // _LENGTH_SHARE))
    found = [
        (_grid(own, left, top, thickness, scale), own, left, top) for own, left, top in _connected(rules)
    ]
    drawn = np.zeros_like(rules)
    for grid, own, left, top in found:
        if grid:
            height, width = own.shape
            drawn[top : top + height, left : left + width] |= own
    grids = sorted((grid for grid, *_ in found if grid), key=lambda grid: grid.box[1])
    return grids, _erased(pixels, drawn, thickness) if grids else pixels


def _rules(grey: Pixels, thickness: int, length: int) -> Pixels:
    """Return a mask of the horizontal and vertical rules."""
    horizontal, vertical = (_horizontal(image, thickness, length) for image in (grey, grey.T))
    # Rules that nearly meet are made to meet.
    return pixels_of(cv2.morphologyEx(horizontal | vertical.T, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)))


def _horizontal(grey: Pixels, thickness: int, length: int) -> Pixels:
    across = np.ones((thickness, 1), np.uint8)
    dark = cv2.morphologyEx(np.ascontiguousarray(grey), cv2.MORPH_BLACKHAT, across)
    mask = cv2.threshold(dark, _CONTRAST, 255, cv2.THRESH_BINARY)[1]
    # A slightly skewed rule steps up or down now and then.
    mask = cv2.dilate(mask, np.ones((3, 1), np.uint8))
    return pixels_of(cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((1, length), np.uint8)))


def _connected(rules: Pixels) -> Iterator[tuple[Pixels, int, int]]:
    """Yield each group of rules that touch, with the place of its left top corner."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(rules)
    for number, (left, top, width, height, _) in enumerate(stats[1:], 1):
        if min(width, height) >= _MIN_LENGTH // 2:
            own = labels[top : top + height, left : left + width] == number
            yield pixels_of(own * 255), int(left), int(top)


def _grid(own: Pixels, left: int, top: int, thickness: int, scale: float) -> Grid | None:
    framed = own.copy()
    framed[[0, -1]] = framed[:, [0, -1]] = 255
    _, _, stats, _ = cv2.connectedComponentsWithStats(255 - framed, connectivity=4)
    boxes = [
        (int(x), int(y), int(x + width), int(y + height))
        for x, y, width, height, area in stats[1:]
        if min(width, height) >= _MIN_CELL * thickness and area >= _MIN_FILL * width * height
    ]
    if len(boxes) < 2:
        return None
    columns, rows = (
        _places([side for box in boxes for side in (box[axis], box[axis + 2])], thickness) for axis in (0, 1)
    )

    def in_image(box: Sequence[int]) -> Box:
        return (
            (box[0] + left) / scale,
            (box[1] + top) / scale,
            (box[2] + left) / scale,
            (box[3] + top) / scale,
        )

    cells = [
        GridCell(
            rows[box[1]],
            columns[box[0]],
            rows[box[3]] - rows[box[1]],
            columns[box[2]] - columns[box[0]],
            in_image(box),
        )
        for box in boxes
    ]
    # On a crooked grid two cells may come to the same place: the text of one is put into the other.
    placed = {(cell.row, cell.column): cell for cell in cells}
    height, width = own.shape
    return Grid(in_image((0, 0, width, height)), tuple(placed.values()))


def _places(sides: Sequence[int], thickness: int) -> dict[int, int]:
    """Return for each side of a cell the number of the rule that it lies at, from 0."""
    places: dict[int, int] = {}
    number, before = 0, min(sides)
    for side in sorted(set(sides)):
        # Both sides of a rule lie at the same one.
        number += side - before > _SAME_RULE * thickness
        places[side], before = number, side
    return places


def _distance(box: Box, point: Point) -> float:
    (left, top, right, bottom), (x, y) = box, point
    return max(left - x, x - right, 0.0) + max(top - y, y - bottom, 0.0)


def _erased(pixels: Pixels, drawn: Pixels, thickness: int) -> Pixels:
    height, width = pixels.shape[:2]
    drawn = pixels_of(cv2.dilate(drawn, np.ones((3, 3), np.uint8)))
    mask = cv2.resize(drawn, (width, height), interpolation=cv2.INTER_NEAREST) > 0
    reach = round(thickness * max(width / drawn.shape[1], 1)) + 4
    paper = cv2.dilate(pixels, np.ones((reach, reach), np.uint8))
    return pixels_of(np.where(mask[:, :, None], paper, pixels))
