"""Cutting: takes single pieces of text out of an image, upright."""

from __future__ import annotations

import math

import cv2
import numpy as np

from airflow_provider_asposeocr.emulator.imaging import SMOOTHING, Pixels, pixels_of
from airflow_provider_asposeocr.emulator.page import Quad
from airflow_provider_asposeocr.emulator.quads import height_of, width_of

TEXT_HEIGHT = 48
"""Height of a line in the input of the model."""

_MAX_TEXT_HEIGHT = 2 * TEXT_HEIGHT
"""Higher text is scaled down with proper averaging first."""

_MARGIN = 4


def cut_out(pixels: Pixels, quad: Quad, *, smooth: bool = False) -> Pixels:
    """Return the image of a single piece of text, upright and in BGR order, as the engine expects it.

    :param pixels: the image, in colour.
    :param quad: the position of the text.
    :param smooth: soften hard black and white edges first.
    """
    left, top = (max(0, math.floor(min(corner[axis] for corner in quad)) - _MARGIN) for axis in (0, 1))
    right, bottom = (math.ceil(max(corner[axis] for corner in quad)) + _MARGIN for axis in (0, 1))
    part = np.ascontiguousarray(pixels[top:bottom, left:right])
    if smooth:
        part = pixels_of(cv2.GaussianBlur(part, (0, 0), SMOOTHING))
    scale = min(1.0, _MAX_TEXT_HEIGHT / height_of(quad))
    if scale < 1:
        height, width = part.shape[:2]
        size = max(1, round(width * scale)), max(1, round(height * scale))
        part = pixels_of(cv2.resize(part, size, interpolation=cv2.INTER_AREA))
    corners = np.array([((x - left) * scale, (y - top) * scale) for x, y in quad], np.float32)
    width, height = max(1, int(width_of(quad) * scale)), max(1, int(height_of(quad) * scale))
    target = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    turn = cv2.getPerspectiveTransform(corners, target)
    flags, border = cv2.INTER_CUBIC, cv2.BORDER_REPLICATE
    image = cv2.warpPerspective(part, turn, (width, height), flags=flags, borderMode=border)
    return pixels_of(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
