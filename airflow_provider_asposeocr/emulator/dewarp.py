"""Straightening of curved lines of text, as on photographed pages of a book.

The slope of the text is measured in many small windows, in the way in which the skew of a whole page is. A
smooth surface through these slopes tells how each line of text runs across the page; the page is then moved
up and down, column by column, until the lines are level. A few rounds refine the result.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from numpy.polynomial import chebyshev

from airflow_provider_asposeocr.emulator.imaging import Pixels, black_and_white, rotate, shrunk
from airflow_provider_asposeocr.emulator.limits import LimitExceededError, check_filtered_size

_Floats = npt.NDArray[np.float64]
_Rows = npt.NDArray[np.float32]
"""Row of an image for each pixel of another."""

_SEARCH_SIDE = 1200
_MAX_SIDE = 32_766
"""Maximum side that OpenCV remaps."""

_BAND = 256
"""Rows that are moved at a time, to save memory."""

_ROUNDS = 3
_ACROSS, _DOWN = 16, 12
"""Windows per image; neighbours overlap by half."""

_MAX_SLOPE = 0.3
_SLOPES = 25
_MIN_INK = 0.02
_MIN_SHARPNESS = 2.5
"""Minimum sharpness at the best slope as a ratio to that of the median slope: noise has less."""

_MIN_WINDOWS = 20
_DEGREE_ACROSS, _DEGREE_DOWN = 6, 2
_SMOOTHNESS = 0.05
_OUTLIER = 0.03
_FITS = 6
_MIN_SKEW = 0.2
_MIN_BEND = 1 / 400
"""Minimum displacement as a share of the width; what bends less is a flat page."""


@dataclass(frozen=True)
class _Slopes:
    """Measured slopes of the text, each at the centre of a window.

    :param x: from -1 at the left to 1 at the right of the image.
    :param y: from -1 at the top to 1 at the bottom.
    :param slope: downwards, in pixels per pixel.
    :param weight: how sure the measurement is.
    """

    x: _Floats
    y: _Floats
    slope: _Floats
    weight: _Floats


def dewarp(pixels: Pixels) -> Pixels | None:
    """Straighten the curved lines of text of an image, and its skew with them.

    :param pixels: in colour.
    :return: the image itself if its lines are not curved; None if no lines are found.
    """
    slopes = _measured(_ink(pixels))
    if slopes.x.size < _MIN_WINDOWS:
        return None
    skew = math.degrees(math.atan(np.average(slopes.slope, weights=slopes.weight)))
    upright = rotate(pixels, -skew) if abs(skew) >= _MIN_SKEW else pixels
    ink = _ink(upright)
    shift = _level_rows(ink) - _plain_rows(*ink.shape)
    if np.abs(shift).max() < _MIN_BEND * ink.shape[1]:
        return pixels
    return _shifted(upright, shift)


def _ink(pixels: Pixels) -> Pixels:
    return 255 - black_and_white(shrunk(pixels, _SEARCH_SIDE))


def _level_rows(ink: Pixels) -> _Rows:
    """Return for each pixel of the result the row of the image that it comes from."""
    height, width = ink.shape
    plain = _plain_rows(height, width)
    rows = plain
    for _ in range(_ROUNDS):
        slopes = _measured(_remapped(ink, rows))
        if slopes.x.size < _MIN_WINDOWS:
            break
        # The lines of this round run across the image as the earlier rounds have left it.
        lines = _traced(slopes, width, height)
        rows = lines + _remapped(rows - plain, lines)
    return rows


def _measured(ink: Pixels) -> _Slopes:
    height, width = ink.shape
    across, down = max(1, width // _ACROSS), max(1, height // _DOWN)
    found = []
    for top in range(0, height - 2 * down + 1, down):
        for left in range(0, width - 2 * across + 1, across):
            window = ink[top : top + 2 * down, left : left + 2 * across]
            if np.count_nonzero(window) < _MIN_INK * window.size:
                continue
            slope, weight = _slope_of(window)
            if weight:
                x, y = (left + across) * 2 / width - 1, (top + down) * 2 / height - 1
                found.append((x, y, slope, weight))
    return _Slopes(*np.array(found, np.float64).reshape(-1, 4).T)


def _slope_of(window: Pixels) -> tuple[float, float]:
    """Return the slope at which the rows of a window differ most, and its weight, 0 if there is no text."""
    slopes = np.linspace(-_MAX_SLOPE, _MAX_SLOPE, _SLOPES)
    sharpness = np.array([_sharpness(window, slope) for slope in slopes])
    best = int(sharpness.argmax())
    ratio = float(sharpness[best] / max(1.0, float(np.median(sharpness))))
    if not 0 < best < _SLOPES - 1 or ratio < _MIN_SHARPNESS:
        return 0.0, 0.0
    before, at, after = sharpness[best - 1 : best + 2]
    shift = 0.5 * (before - after) / (before - 2 * at + after)
    return float(slopes[best] + shift * (slopes[1] - slopes[0])), min(ratio, 5.0)


def _sharpness(window: Pixels, slope: float) -> float:
    height, width = window.shape
    shear = np.array([[1, 0, 0], [slope, 1, -slope * width / 2]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    level = cv2.warpAffine(window, shear, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return float((np.diff(level.sum(axis=1, dtype=np.int64)) ** 2).sum())


def _traced(slopes: _Slopes, width: int, height: int) -> _Rows:
    """Follow the lines of text from the middle of the image to both sides.

    :return: for each row at the middle and each column the row at which the line is there.
    """
    surface = _surface(slopes)
    # Beyond the outermost windows nothing is known: the slope stays as it is there.
    at_x = np.clip(np.linspace(-1, 1, width), slopes.x.min(), slopes.x.max())
    low, high = slopes.y.min(), slopes.y.max()
    rows = np.empty((height, width), np.float32)
    middle = width // 2
    rows[:, middle] = np.arange(height)
    for columns, step in ((range(middle + 1, width), 1), (range(middle - 1, -1, -1), -1)):
        for column in columns:
            before = rows[:, column - step]
            at_y = np.clip(before * (2 / height) - 1, low, high)
            rows[:, column] = before + step * chebyshev.chebval2d(
                np.full(height, at_x[column]), at_y, surface
            )
    return rows


def _surface(slopes: _Slopes) -> _Floats:
    """Fit a smooth surface to slopes, by least squares that give less and less weight to outliers."""
    degrees = (_DEGREE_ACROSS, _DEGREE_DOWN)
    terms = chebyshev.chebvander2d(slopes.x, slopes.y, degrees)
    order = np.add.outer(np.arange(_DEGREE_ACROSS + 1), 2 * np.arange(_DEGREE_DOWN + 1)).ravel()
    penalty = np.diag(_SMOOTHNESS * order.astype(np.float64) ** 2)
    weight = slopes.weight
    for _ in range(_FITS):
        weighted = terms * weight[:, None]
        fitted = np.linalg.solve(weighted.T @ terms + penalty, weighted.T @ slopes.slope)
        off = (terms @ fitted - slopes.slope) / _OUTLIER
        weight = slopes.weight / (1 + off**2)
    return np.asarray(fitted, np.float64).reshape(_DEGREE_ACROSS + 1, _DEGREE_DOWN + 1)


def _shifted(pixels: Pixels, small_shift: _Rows) -> Pixels:
    """Move an image up and down.

    :param pixels: the image; it grows where lines leave it at the top or bottom.
    :param small_shift: how much further down each pixel comes from, for the image in a smaller size.
    """
    height, width = pixels.shape[:2]
    scale = height / len(small_shift)
    above, below = (
        math.ceil(scale * max(0.0, float(out))) for out in (small_shift[0].max(), -small_shift[-1].min())
    )
    check_filtered_size("Dewarping", width, above + height + below)
    if max(width, height) > _MAX_SIDE:
        raise LimitExceededError(
            f"The image has {width:,} x {height:,} pixels; it can be dewarped up to {_MAX_SIDE:,} a side."
        )
    result = np.empty((above + height + below, *pixels.shape[1:]), np.uint8)
    for top in range(0, len(result), _BAND):
        rows = _plain_rows(min(_BAND, len(result) - top), width) + (top - above)
        columns = _plain_columns(*rows.shape)
        shift = cv2.remap(
            small_shift, columns / scale, rows / scale, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        result[top : top + _BAND] = cv2.remap(
            pixels, columns, rows + scale * shift, cv2.INTER_CUBIC, borderValue=(255, 255, 255)
        )
    return result


def _remapped(values: npt.NDArray[Any], rows: _Rows) -> npt.NDArray[Any]:
    """Return an image each of whose pixels comes from the given row of the same column."""
    columns = _plain_columns(*rows.shape)
    moved = cv2.remap(values, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, values.dtype)


def _plain_rows(height: int, width: int) -> _Rows:
    """Return the number of its row for each pixel of an image."""
    return np.repeat(np.arange(height, dtype=np.float32)[:, None], width, axis=1)


def _plain_columns(height: int, width: int) -> _Rows:
    """Return the number of its column for each pixel of an image."""
    return np.repeat(np.arange(width, dtype=np.float32)[None], height, axis=0)
