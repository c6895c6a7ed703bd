"""Reading: a piece of text on an image becomes words with their places."""

from __future__ import annotations

import itertools
import math
from typing import Any

import cv2
import numpy as np

from airflow_provider_asposeocr.emulator.imaging import SMOOTHING, Pixels, pixels_of
from airflow_provider_asposeocr.emulator.page import Line, Quad
from airflow_provider_asposeocr.emulator.quads import height_of, part_of, width_of
from airflow_provider_asposeocr.emulator.words import words_of

_TEXT_HEIGHT = 48
"""The model's height of a line."""

_MOST_PIXELS = 2 * _TEXT_HEIGHT
"""Text that is higher than this is shrunk with care first."""

_MOST_STRETCHED = 100.0
"""A piece that is longer than this, in times of its height, is read in parts: length is memory."""

_LEAST_CONFIDENCE = 0.5
_LEAST_SIDE = 3.0
_MARGIN = 4


def read_text(engine: Any, pixels: Pixels, quad: Quad, *, smooth: bool) -> list[Line]:
    """Read a piece of text, in the direction of its corners.

    :param engine: the engine.
    :param pixels: the image, in colour.
    :param quad: where the text stands.
    :param smooth: soften hard edges of black and white first.
    :return: its lines, one except for a very long piece; none when nothing can be read.
    """
    if min(width_of(quad), height_of(quad)) <= _LEAST_SIDE:
        return []
    image = _cut_out(pixels, quad, smooth=smooth)
    edges = _cuts(image)
    parts = ((image[:, start:end], start, end) for start, end in itertools.pairwise(edges))
    width = image.shape[1]
    lines = (_line(engine, part, part_of(quad, start / width, end / width)) for part, start, end in parts)
    return [line for line in lines if line]


def _line(engine: Any, image: Pixels, quad: Quad) -> Line | None:
    read = engine.recognize_txt([image])
    text, confidence, found = read.txts[0], float(read.scores[0]), read.word_results[0]
    if not text.strip() or confidence < _LEAST_CONFIDENCE:
        return None
    return Line(words_of(image, text, found, quad), confidence, quad)


def _cut_out(pixels: Pixels, quad: Quad, *, smooth: bool) -> Pixels:
    """Return the image of a piece of text alone, upright and blue first, as the engine takes it."""
    left, top = (max(0, math.floor(min(corner[axis] for corner in quad)) - _MARGIN) for axis in (0, 1))
    right, bottom = (math.ceil(max(corner[axis] for corner in quad)) + _MARGIN for axis in (0, 1))
    part = np.ascontiguousarray(pixels[top:bottom, left:right])
    if smooth:
        part = pixels_of(cv2.GaussianBlur(part, (0, 0), SMOOTHING))
    scale = min(1.0, _MOST_PIXELS / height_of(quad))
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


def _cuts(image: Pixels) -> list[int]:
    """Return between which columns an image of text is read in one go: its ends, and gaps between words."""
    height, width = image.shape[:2]
    count = math.ceil(width / (height * _MOST_STRETCHED))
    if count == 1:
        return [0, width]
    ink = np.ptp(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), axis=0).astype(np.float64)
    # The mean over half a line's height is least in the middle of a gap between words.
    gaps = cv2.blur(ink[None, :], (max(1, height // 2), 1))[0]
    reach = width // count // 4
    wanted = (width * place // count for place in range(1, count))
    return [
        0,
        *(start - reach + int(np.argmin(gaps[start - reach : start + reach])) for start in wanted),
        width,
    ]
