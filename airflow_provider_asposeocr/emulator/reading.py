"""Reading: turns a piece of text on an image into words and their positions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import cv2
import numpy as np

from airflow_provider_asposeocr.emulator.imaging import SMOOTHING, Pixels, pixels_of
from airflow_provider_asposeocr.emulator.page import Line, Quad, Word
from airflow_provider_asposeocr.emulator.quads import height_of, part_of, width_of

_TEXT_HEIGHT = 48
"""Height of a line in the input of the model."""

_MAX_TEXT_HEIGHT = 2 * _TEXT_HEIGHT
"""Higher text is scaled down with proper averaging first."""

_MAX_STRETCH = 100.0
"""Pieces longer than this, as a ratio to their height, are read in parts: memory grows with length."""

_MIN_CONFIDENCE = 0.5
_MIN_SIDE = 3.0
_MARGIN = 4

_WORD_GAP, _CLEAR_GAP = 0.24, 0.34
"""Gap widths as shares of the line height: between letters at most 0.23, between words at least 0.13. In
monospaced fonts narrow letters are as far apart as words, but their steps are no wider than all others."""

_WIDER_GAP, _WIDER_STEP = 1.8, 1.2
"""Factors by which a gap and a step between words exceed the median of their line."""

_FAINT = 0.35


@dataclass(frozen=True)
class _Character:
    text: str
    column: int
    confidence: float
    after_space: bool


def read_text(engine: Any, pixels: Pixels, quad: Quad, *, smooth: bool) -> list[Line]:
    """Read a piece of text in the direction of its corners.

    :param engine: the RapidOCR engine.
    :param pixels: the image, in colour.
    :param quad: the position of the text.
    :param smooth: soften hard black and white edges first.
    :return: one line, several for a very long piece, none if nothing can be read.
    """
    if min(width_of(quad), height_of(quad)) <= _MIN_SIDE:
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
    if not text.strip() or confidence < _MIN_CONFIDENCE:
        return None
    return Line(words_of(image, text, found, quad), confidence, quad)


def _cut_out(pixels: Pixels, quad: Quad, *, smooth: bool) -> Pixels:
    """Return the image of a single piece of text, upright and in BGR order, as the engine expects it."""
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


def _cuts(image: Pixels) -> list[int]:
    """Return the columns at which an image of text is cut for reading: its ends, and gaps between words."""
    height, width = image.shape[:2]
    count = math.ceil(width / (height * _MAX_STRETCH))
    if count == 1:
        return [0, width]
    ink = np.ptp(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), axis=0).astype(np.float64)
    # Averaged over half the line height, ink is lowest in the middle of a gap between words.
    gaps = cv2.blur(ink[None, :], (max(1, height // 2), 1))[0]
    reach = width // count // 4
    wanted = (width * place // count for place in range(1, count))
    return [
        0,
        *(start - reach + int(np.argmin(gaps[start - reach : start + reach])) for start in wanted),
        width,
    ]


def words_of(image: Pixels, text: str, found: Any, quad: Quad) -> tuple[Word, ...]:
    """Split a line into words.

    :param image: the image of the line.
    :param text: the text of the line.
    :param found: the columns in which the model saw the characters, as RapidOCR reports them.
    :param quad: the position of the line.
    """
    columns = found.line_txt_len
    words = _split(_characters(text, found), image, columns)
    steps = [(word[-1].column - word[0].column) / (len(word) - 1) for word in words if len(word) > 1]
    half = (sum(steps) / len(steps) if steps else columns / sum(map(len, words))) / 2
    spans = [[word[0].column + 0.5 - half, word[-1].column + 0.5 + half] for word in words]
    for left, right in itertools.pairwise(spans):
        # Words that would overlap are made to touch.
        if left[1] > right[0]:
            left[1] = right[0] = (left[1] + right[0]) / 2
    return tuple(_word(word, span, columns, quad) for word, span in zip(words, spans, strict=True))


def _characters(text: str, found: Any) -> list[_Character]:
    columns = list(itertools.chain.from_iterable(found.word_cols))
    confidences = [each for character, each in zip(text, found.confs, strict=True) if not character.isspace()]
    after_space = itertools.chain.from_iterable([True] + [False] * (len(token) - 1) for token in text.split())
    characters = "".join(text.split())
    return [_Character(*each) for each in zip(characters, columns, confidences, after_space, strict=True)]


def _split(characters: Sequence[_Character], image: Pixels, columns: float) -> list[list[_Character]]:
    """Split at spaces, and where the image has a gap that the model did not report as a space."""
    pairs = list(itertools.pairwise(characters))
    steps = [right.column - left.column for left, right in pairs]
    gaps = _gaps(image, pairs, columns)
    wide_step = _WIDER_STEP * median(steps or [0])
    wide_gap = _WIDER_GAP * median(gaps or [0.0])
    words = [[characters[0]]]
    for (_, character), step, gap in zip(pairs, steps, gaps, strict=True):
        minimum = _WORD_GAP if step > wide_step else _CLEAR_GAP
        if character.after_space or gap >= max(minimum, wide_gap):
            words.append([])
        words[-1].append(character)
    return words


def _gaps(image: Pixels, pairs: Sequence[tuple[_Character, _Character]], columns: float) -> list[float]:
    """Return the widest gap between each pair of characters, as a share of the line height."""
    height, width = image.shape[:2]
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    faint = np.ptp(grey, axis=0) < _FAINT * np.ptp(grey)
    found = []
    for pair in pairs:
        start, end = (round((character.column + 0.5) * width / columns) for character in pair)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], faint[start:end], [False]]).astype(np.int8)))
        found.append(float((edges[1::2] - edges[::2]).max(initial=0)) / height)
    return found


def _word(characters: Sequence[_Character], span: Sequence[float], columns: float, quad: Quad) -> Word:
    start, end = (min(1.0, max(0.0, column / columns)) for column in span)
    confidence = sum(character.confidence for character in characters) / len(characters)
    return Word("".join(character.text for character in characters), confidence, part_of(quad, start, end))
