"""Perspective of a photographed sheet of paper: found by its outline, undone by its four corners."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from airflow_provider_asposeocr.emulator.imaging import Pixels, pixels_of, shrunk
from airflow_provider_asposeocr.emulator.limits import check_filtered_size

_SEARCH_SIDE = 800
_MIN_SHARE = 0.25
"""Minimum area of a sheet as a share of the image."""

_MIN_FILLED = 0.9
"""Minimum share of the four-cornered outline that is paper."""

_MIN_CONTRAST = 40
_ROUGHNESS = 0.02
_MARGIN = 2
_MAX_SIDE = 32_766


def facing(pixels: Pixels) -> Pixels:
    """Return the sheet of paper of a photograph as seen from straight above.

    :param pixels: in colour.
    :return: the image itself if it shows no whole, bright sheet with four corners on a dark ground.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, _SEARCH_SIDE / max(height, width))
    corners = _corners(shrunk(pixels, _SEARCH_SIDE))
    # OpenCV remaps images of at most _MAX_SIDE a side.
    if corners is None or max(height, width) > _MAX_SIDE:
        return pixels
    corners = corners / np.float32(scale)
    across, down = (_mean_side(corners, start) for start in (0, 1))
    check_filtered_size("Dewarping", across, down)
    target = np.array([(0, 0), (across, 0), (across, down), (0, down)], np.float32)
    view = cv2.getPerspectiveTransform(corners, target)
    white = (255, 255, 255)
    return pixels_of(
        cv2.warpPerspective(pixels, view, (across, down), flags=cv2.INTER_CUBIC, borderValue=white)
    )


def _corners(pixels: Pixels) -> npt.NDArray[np.float32] | None:
    """Return the corners of the sheet: top left, top right, bottom right, bottom left."""
    grey = cv2.medianBlur(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), 5)
    _, bright = cv2.threshold(grey, 0, 255, cv2.THRESH_OTSU)
    if not 0 < np.count_nonzero(bright) < bright.size:
        return None
    if grey[bright > 0].mean() - grey[bright == 0].mean() < _MIN_CONTRAST:
        return None
    outlines, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    sheet = max(outlines, key=cv2.contourArea)
    outline = cv2.approxPolyDP(sheet, _ROUGHNESS * cv2.arcLength(sheet, True), True)
    height, width = grey.shape
    if len(outline) != 4 or not cv2.isContourConvex(outline):
        return None
    if cv2.contourArea(outline) < _MIN_SHARE * height * width:
        return None
    if cv2.contourArea(sheet) < _MIN_FILLED * cv2.contourArea(outline):
        return None
    points = outline.reshape(4, 2)
    inside = (points >= _MARGIN) & (points < np.array([width, height]) - _MARGIN)
    return _in_order(points.astype(np.float32)) if inside.all() else None


def _in_order(points: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return corners clockwise, starting at the top left."""
    middle = points.mean(axis=0)
    clockwise = points[np.argsort(np.arctan2(points[:, 1] - middle[1], points[:, 0] - middle[0]))]
    return np.roll(clockwise, -int(clockwise.sum(axis=1).argmin()), axis=0)


def _mean_side(corners: npt.NDArray[np.float32], start: int) -> int:
    """Return the mean length of two opposite sides, in pixels."""
    sides = (math.dist(corners[place], corners[(place + 1) % 4]) for place in (start, start + 2))
    return max(1, round(sum(sides) / 2))
