"""Reading: turns a piece of text on an image into words and their positions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from statistics import median

import cv2
import numpy as np

from airflow_provider_asposeocr.emulator.cutting import cut_out
from airflow_provider_asposeocr.emulator.imaging import Pixels
from airflow_provider_asposeocr.emulator.page import Line, Quad, Word
from airflow_provider_asposeocr.emulator.quads import height_of, part_of, width_of
from airflow_provider_asposeocr.emulator.recognizer import Alphabet, Character, Reading, Recognizer
from airflow_provider_asposeocr.emulator.scripts import is_unspaced

_MAX_STRETCH = 100.0
"""Pieces longer than this, as a ratio to their height, are read in parts: memory grows with length."""

_MIN_CONFIDENCE = 0.5
_MIN_SIDE = 3.0

_WORD_GAP, _CLEAR_GAP = 0.24, 0.34
"""Gap widths as shares of the line height: between letters at most 0.23, between words at least 0.13. In
monospaced fonts narrow letters are as far apart as words, but their steps are no wider than all others."""

_WIDER_GAP, _WIDER_STEP = 1.8, 1.2
"""Factors by which a gap and a step between words exceed the median of their line."""

_UNSPACED_GAP = 0.8
"""Minimum width of a gap beside a Han or Kana character: smaller ones belong to the characters."""

_FAINT = 0.35


def read_text(
    recognizer: Recognizer, alphabet: Alphabet, pixels: Pixels, quad: Quad, *, smooth: bool
) -> list[Line]:
    """Read a piece of text in the direction of its corners.

    :param recognizer: reads lines.
    :param alphabet: the characters that are considered.
    :param pixels: the image, in colour.
    :param quad: the position of the text.
    :param smooth: soften hard black and white edges first.
    :return: one line, several for a very long piece, none if nothing can be read.
    """
    if min(width_of(quad), height_of(quad)) <= _MIN_SIDE:
        return []
    image = cut_out(pixels, quad, smooth=smooth)
    width = image.shape[1]
    lines = []
    for start, end in itertools.pairwise(_cuts(image)):
        part = image[:, start:end]
        reading = recognizer.read(part, alphabet)
        if reading.text.strip() and reading.confidence >= _MIN_CONFIDENCE:
            own = part_of(quad, start / width, end / width)
            lines.append(Line(words_of(part, reading, own), reading.confidence, own))
    return lines


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


def words_of(image: Pixels, reading: Reading, quad: Quad) -> tuple[Word, ...]:
    """Split a line into words.

    :param image: the image of the line.
    :param reading: what the model saw on it; not only blanks.
    :param quad: the position of the line.
    """
    columns = reading.columns
    words = _split(reading, image)
    steps = [(word[-1].column - word[0].column) / (len(word) - 1) for word in words if len(word) > 1]
    half = (sum(steps) / len(steps) if steps else columns / sum(map(len, words))) / 2
    spans = [[word[0].column + 0.5 - half, word[-1].column + 0.5 + half] for word in words]
    for left, right in itertools.pairwise(spans):
        # Words that would overlap are made to touch.
        if left[1] > right[0]:
            left[1] = right[0] = (left[1] + right[0]) / 2
    return tuple(_word(word, span, columns, quad) for word, span in zip(words, spans, strict=True))


def _split(reading: Reading, image: Pixels) -> list[list[Character]]:
    """Split at blanks, and where the image has a gap that the model did not report as one."""
    characters = [each for each in reading.characters if not each.text.isspace()]
    after_blank = {
        right.column
        for left, right in itertools.pairwise(reading.characters)
        if left.text.isspace() and not right.text.isspace()
    }
    pairs = list(itertools.pairwise(characters))
    steps = [right.column - left.column for left, right in pairs]
    gaps = _gaps(image, pairs, reading.columns)
    wide_step = _WIDER_STEP * median(steps or [0])
    wide_gap = _WIDER_GAP * median(gaps or [0.0])
    words = [[characters[0]]]
    for (left, right), step, gap in zip(pairs, steps, gaps, strict=True):
        if is_unspaced(left.text) or is_unspaced(right.text):
            is_divided = gap >= _UNSPACED_GAP
        else:
            minimum = _WORD_GAP if step > wide_step else _CLEAR_GAP
            is_divided = right.column in after_blank or gap >= max(minimum, wide_gap)
        if is_divided:
            words.append([])
        words[-1].append(right)
    return words


def _gaps(image: Pixels, pairs: Sequence[tuple[Character, Character]], columns: float) -> list[float]:
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


def _word(characters: Sequence[Character], span: Sequence[float], columns: float, quad: Quad) -> Word:
    start, end = (min(1.0, max(0.0, column / columns)) for column in span)
    confidence = sum(character.confidence for character in characters) / len(characters)
    return Word("".join(character.text for character in characters), confidence, part_of(quad, start, end))
