"""Recognizer: the image of a line in, its characters and where they stand out.

The model sees a line in columns and gives each column a probability for every character that it knows, of all
scripts at once. Only those of the alphabet of the page are considered, so that neither noise nor a row of
asterisks turns into characters of another script.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from airflow_provider_asposeocr.emulator.cutting import TEXT_HEIGHT
from airflow_provider_asposeocr.emulator.imaging import Pixels

_MIN_WIDTH = 160
"""Minimum width of the input: the model does not read shorter ones well."""

_SQUEEZE = 0.88
"""Factor by which lines are made narrower: the model takes time by their width, and reads them as well."""


@dataclass(frozen=True)
class Character:
    """Character that the model saw.

    :param text: the character.
    :param column: the column of the model's output.
    :param confidence: from 0 to 1.
    """

    text: str
    column: int
    confidence: float


@dataclass(frozen=True)
class Reading:
    """Line that the model read.

    :param characters: from left to right, blanks included.
    :param columns: the number of columns that the line takes, which need not be whole.
    """

    characters: tuple[Character, ...]
    columns: float

    @property
    def text(self) -> str:
        """Text of the line."""
        return "".join(each.text for each in self.characters)

    @property
    def confidence(self) -> float:
        """Mean confidence of the characters."""
        return sum(each.confidence for each in self.characters) / max(1, len(self.characters))


class Alphabet:
    """Characters that are considered, as indices into the model's output; the first stands for none.

    :param known: the characters that the model knows, in the order of its output.
    :param allows: returns whether a character is considered.
    """

    def __init__(self, known: Sequence[str], allows: Callable[[str], bool]) -> None:
        chosen = [0, *(place for place, each in enumerate(known, 1) if allows(each))]
        self.indices: npt.NDArray[np.intp] = np.array(chosen)
        self.characters = ["", *(known[place - 1] for place in chosen[1:])]


class Recognizer:
    """Read lines.

    :param session: the model, loaded.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        # The list of the model lacks the blank between words, its last character.
        self.known = [*session.get_modelmeta().custom_metadata_map["character"].splitlines(), " "]

    def read(self, image: Pixels, alphabet: Alphabet) -> Reading:
        """Read a line.

        :param image: the line, upright and in BGR order.
        :param alphabet: the characters that are considered.
        """
        height, width = image.shape[:2]
        taken = max(1, math.ceil(_SQUEEZE * TEXT_HEIGHT * width / height))
        line = np.zeros((TEXT_HEIGHT, max(_MIN_WIDTH, taken), 3), np.float32)
        line[:, :taken] = cv2.resize(image, (taken, TEXT_HEIGHT)).astype(np.float32) / 127.5 - 1
        (output,) = self._session.run(None, {"x": line.transpose(2, 0, 1)[None]})
        columns = output[0][:, alphabet.indices]
        return Reading(_decoded(columns, alphabet.characters), len(columns) * taken / line.shape[1])


def _decoded(columns: npt.NDArray[np.float32], alphabet: list[str]) -> tuple[Character, ...]:
    """Take the most probable character of each column; the same one in several columns in a row is one."""
    best = columns.argmax(axis=1)
    begins = np.concatenate([[True], best[1:] != best[:-1]]) & (best != 0)
    return tuple(
        Character(alphabet[best[column]], int(column), float(columns[column, best[column]]))
        for column in np.flatnonzero(begins)
    )
