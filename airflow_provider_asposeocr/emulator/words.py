"""Words: the characters that the model has read in a line, divided and put in their places."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import cv2
import numpy as np

from airflow_provider_asposeocr.emulator.imaging import Pixels
from airflow_provider_asposeocr.emulator.page import Quad, Word
from airflow_provider_asposeocr.emulator.quads import part_of

_WORD_GAP, _CLEAR_GAP = 0.24, 0.34
"""Shares of a line's height. Between letters gaps are at most 0.23, between words they begin at 0.13; in
fonts of one width the letters that are narrow stand as far apart as words, but no further than all others."""

_WIDER_GAP, _WIDER_STEP = 1.8, 1.2
"""In a line whose letters stand wide apart, the gap between words is so many times wider."""

_FAINT = 0.35


@dataclass(frozen=True)
class _Character:
    text: str
    column: int
    confidence: float
    after_space: bool


def words_of(image: Pixels, text: str, found: Any, quad: Quad) -> tuple[Word, ...]:
    """Divide a line into words.

    :param image: the line alone.
    :param text: what was read.
    :param found: in which column the model has seen each character, as RapidOCR tells it.
    :param quad: where the line stands.
    """
    columns = found.line_txt_len
    words = _divided(_characters(text, found), image, columns)
    steps = [(word[-1].column - word[0].column) / (len(word) - 1) for word in words if len(word) > 1]
    half = (sum(steps) / len(steps) if steps else columns / sum(map(len, words))) / 2
    spans = [[word[0].column + 0.5 - half, word[-1].column + 0.5 + half] for word in words]
    for left, right in itertools.pairwise(spans):
        # Where two words would overlap they meet.
        if left[1] > right[0]:
            left[1] = right[0] = (left[1] + right[0]) / 2
    return tuple(_word(word, span, columns, quad) for word, span in zip(words, spans, strict=True))


def _characters(text: str, found: Any) -> list[_Character]:
    columns = list(itertools.chain.from_iterable(found.word_cols))
    confidences = [each for character, each in zip(text, found.confs, strict=True) if not character.isspace()]
    after_space = itertools.chain.from_iterable([True] + [False] * (len(token) - 1) for token in text.split())
    characters = "".join(text.split())
    return [_Character(*each) for each in zip(characters, columns, confidences, after_space, strict=True)]


def _divided(characters: Sequence[_Character], image: Pixels, columns: float) -> list[list[_Character]]:
    """Divide at spaces, and where the image has a gap that the model has made no space of."""
    pairs = list(itertools.pairwise(characters))
    steps = [right.column - left.column for left, right in pairs]
    gaps = _gaps(image, pairs, columns)
    wide_step = _WIDER_STEP * median(steps or [0])
    wide_gap = _WIDER_GAP * median(gaps or [0.0])
    words = [[characters[0]]]
    for (_, character), step, gap in zip(pairs, steps, gaps, strict=True):
        least = _WORD_GAP if step > wide_step else _CLEAR_GAP
        if character.after_space or gap >= max(least, wide_gap):
            words.append([])
        words[-1].append(character)
    return words


def _gaps(image: Pixels, pairs: Sequence[tuple[_Character, _Character]], columns: float) -> list[float]:
    """Return how wide the gap between two characters is on the image, as a share of its height."""
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
