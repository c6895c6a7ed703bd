"""Quads: where a piece of text stands, in pixels, seen from different sides and taken in parts."""

from __future__ import annotations

import math
from typing import Any

from airflow_provider_asposeocr.emulator.page import Point, Quad

_TALL = 1.5


def quad_of(corners: Any) -> Quad:
    """Return four corners of any numbers as a quad."""
    first, second, third, fourth = ((float(x), float(y)) for x, y in corners)
    return first, second, third, fourth


def width_of(quad: Quad) -> float:
    """Return how wide a piece of text is, in the direction of its corners."""
    return max(math.dist(quad[0], quad[1]), math.dist(quad[3], quad[2]))


def height_of(quad: Quad) -> float:
    """Return how high a piece of text is, in the direction of its corners."""
    return max(math.dist(quad[0], quad[3]), math.dist(quad[1], quad[2]))


def is_tall(quad: Quad) -> bool:
    """Tell whether a piece of text is so much higher than wide that it stands on its side."""
    return height_of(quad) >= _TALL * width_of(quad)


def turned(quad: Quad, quarters: int) -> Quad:
    """Return a piece of text as it appears on the image turned to the left.

    :param quad: where it stands, as it appears on the image as it is.
    :param quarters: how far the image is turned, in quarters of a circle.
    """
    return quad_of(quad[quarters:] + quad[:quarters])


def turned_back(point: Point, quarters: int, width: int, height: int) -> Point:
    """Return where a point of a turned image is on the image as it was.

    :param point: the point.
    :param quarters: how far the image was turned to the left, in quarters of a circle.
    :param width: of the image as it was.
    :param height: of the image as it was.
    """
    x, y = point
    return {0: (x, y), 1: (width - y, x), 2: (width - x, height - y), 3: (y, height - x)}[quarters]


def part_of(quad: Quad, start: float, end: float) -> Quad:
    """Return a part of a piece of text.

    :param quad: where the whole stands.
    :param start: where the part begins, as a share of the width.
    :param end: where it ends.
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
