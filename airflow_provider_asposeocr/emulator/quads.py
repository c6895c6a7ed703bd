"""Geometry of quads, the positions of pieces of text in pixels: size, rotation and parts."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from airflow_provider_asposeocr.emulator.page import Box, Point, Quad, bounds

_TALL = 1.5
_SKEW_THAT_MATTERS = 0.2


def quad_of(corners: Any) -> Quad:
    """Return four corners of any numeric type as a quad."""
    first, second, third, fourth = ((float(x), float(y)) for x, y in corners)
    return first, second, third, fourth


def width_of(quad: Quad) -> float:
    """Return the width of a piece of text in its reading direction."""
    return max(math.dist(quad[0], quad[1]), math.dist(quad[3], quad[2]))


def height_of(quad: Quad) -> float:
    """Return the height of a piece of text across its reading direction."""
    return max(math.dist(quad[0], quad[3]), math.dist(quad[1], quad[2]))


def is_tall(quad: Quad) -> bool:
    """Return whether a piece of text is so much higher than wide that it must be sideways."""
    return height_of(quad) >= _TALL * width_of(quad)


def turned(quad: Quad, quarters: int) -> Quad:
    """Return the quad whose corners are in reading direction once the image is turned to the left.

    :param quad: the position, in reading direction of the unturned image.
    :param quarters: how far the image is turned, in quarter turns.
    """
    return quad_of(quad[quarters:] + quad[:quarters])


def turned_back(point: Point, quarters: int, width: int, height: int) -> Point:
    """Return the position that a point of a turned image has on the unturned image.

    :param point: the point.
    :param quarters: how far the image was turned to the left, in quarter turns.
    :param width: of the unturned image.
    :param height: of the unturned image.
    """
    x, y = point
    return {0: (x, y), 1: (width - y, x), 2: (width - x, height - y), 3: (y, height - x)}[quarters]


def part_of(quad: Quad, start: float, end: float) -> Quad:
    """Return the position of a part of a piece of text.

    :param quad: the position of the whole.
    :param start: the beginning of the part, as a share of the width.
    :param end: its end.
    """

    def between(one: Point, other: Point, share: float) -> Point:
        return one[0] + (other[0] - one[0]) * share, one[1] + (other[1] - one[1]) * share

    first, second, third, fourth = quad
    return (
        between(first, second, start),
        between(first, second, end),
        between(fourth, third, end),
        between(fourth, third, start),
    )


def typical_skew(quads: Iterable[Quad]) -> float:
    """Return the median angle of the text, weighted by length, clockwise in degrees.

    :param quads: the positions of its pieces.
    """
    angles = sorted(_angle_and_length(quad) for quad in quads)
    half = sum(length for _, length in angles) / 2
    for angle, length in angles:
        half -= length
        if half <= 0:
            return angle
    return 0.0


def straightened(quad: Quad, skew: float) -> Box:
    """Return the upright box of a piece of text once the skew of its page is undone.

    :param quad: the position.
    :param skew: clockwise, in degrees.
    """
    if abs(skew) <= _SKEW_THAT_MATTERS:
        return bounds([quad])
    return bounds([quad_of([_rotated(point, -skew) for point in quad])])


def _angle_and_length(quad: Quad) -> tuple[float, float]:
    (left, top), (right, bottom) = quad[0], quad[1]
    across, down = right - left, bottom - top
    return math.degrees(math.atan2(down, across)), math.hypot(across, down)


def _rotated(point: Point, degrees: float) -> Point:
    x, y = point
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return x * cos - y * sin, x * sin + y * cos
