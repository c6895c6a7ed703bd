"""Words: the characters that the model has read in a line, divided and put in their places."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from airflow_provider_asposeocr.emulator.imaging import Pixels
from airflow_provider_asposeocr.emulator.page import Quad, Word
from airflow_provider_asposeocr.emulator.quads import part_of

_WIDE_STEP = 5
"""Two characters further apart than this, in columns of the model, may be of two words."""

_WORD_GAP = 0.2
"""They are when the gap between them is this share of the line's height."""

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
    words: list[list[_Character]] = []
    for character in characters:
        if (
            not words
            or character.after_space
            or _has_gap(image, words[-1][-1].column, character.column, columns)
        ):
            words.append([])
        words[-1].append(character)
    return words


def _has_gap(image: Pixels, before: int, after: int, columns: float) -> bool:
    if after - before <= _WIDE_STEP:
        return False
    height, width = image.shape[:2]
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    start, end = (round((column + 0.5) * width / columns) for column in (before, after))
    ink = np.ptp(grey[:, start:end], axis=0)
    faint = np.concatenate([[False], ink < _FAINT * np.ptp(grey), [False]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(faint))
    return bool((edges[1::2] - edges[::2]).max(initial=0) >= _WORD_GAP * height)


def _word(characters: Sequence[_Character], span: Sequence[float], columns: float, quad: Quad) -> Word:
    start, end = (min(1.0, max(0.0, column / columns)) for column in span)
    confidence = sum(character.confidence for character in characters) / len(characters)
    return Word("".join(character.text for character in characters), confidence, part_of(quad, start, end))
