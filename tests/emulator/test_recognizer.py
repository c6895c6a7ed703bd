"""Recognizer: the output of the model becomes characters of an alphabet."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from airflow_provider_asposeocr.emulator.recognizer import Alphabet, Recognizer

KNOWN = ["a", "b", "米"]
LINE = np.full((24, 48, 3), 255, np.uint8)


class Model:
    """Model whose output is given: for each column, the most probable character by its place in the list."""

    def __init__(self, *columns: dict[int, float]) -> None:
        self.output = np.zeros((1, len(columns), len(KNOWN) + 2), np.float32)
        for place, column in enumerate(columns):
            for index, probability in column.items():
                self.output[0, place, index] = probability
        self.shape: tuple[int, ...] = ()

    def get_modelmeta(self) -> Any:
        return SimpleNamespace(custom_metadata_map={"character": "\n".join(KNOWN)})

    def run(self, _: None, inputs: dict[str, Any]) -> list[Any]:
        self.shape = inputs["x"].shape
        return [self.output]


def test_repeated_columns_are_one_character() -> None:
    recognizer = Recognizer(Model({1: 0.9}, {1: 0.8}, {0: 1.0}, {1: 0.7}, {4: 0.6}, {2: 0.5}))
    reading = recognizer.read(LINE, Alphabet(recognizer.known, lambda character: character in "ab "))
    assert reading.text == "aa b"
    assert [each.column for each in reading.characters] == [0, 3, 4, 5]
    assert reading.confidence == pytest.approx((0.9 + 0.7 + 0.6 + 0.5) / 4)


def test_characters_outside_the_alphabet_give_way_to_the_next_best() -> None:
    recognizer = Recognizer(Model({3: 0.9, 2: 0.1}, {0: 0.3, 3: 0.7}))
    every, latin = (
        Alphabet(recognizer.known, lambda character, allowed=allowed: character in allowed)  # type: ignore[misc]
        for allowed in ("ab米", "ab")
    )
    assert recognizer.read(LINE, every).text == "米"
    reading = recognizer.read(LINE, latin)
    assert reading.text == "b"
    assert reading.confidence == pytest.approx(0.1)


def test_short_lines_are_widened_and_the_columns_of_the_rest_do_not_count() -> None:
    model = Model(*[{0: 1.0}] * 20)
    recognizer = Recognizer(model)
    reading = recognizer.read(LINE, Alphabet(recognizer.known, str.isalpha))
    assert model.shape == (1, 3, 48, 160)
    assert reading.columns == pytest.approx(20 * 85 / 160)
    assert (reading.text, reading.confidence) == ("", 0)
