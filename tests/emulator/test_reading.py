"""Reading: a line is split into words."""

from __future__ import annotations

import numpy as np

from airflow_provider_asposeocr.emulator.reading import words_of
from airflow_provider_asposeocr.emulator.recognizer import Character, Reading
from tests.emulator.pages import upright


def test_words_are_divided_at_spaces_and_at_gaps_that_can_be_seen() -> None:
    image = np.full((48, 24 * 8, 3), 255, np.uint8)
    for column in (0, 2, 4, 14, 16, 18, 20):
        image[8:40, column * 8 + 1 : column * 8 + 8] = 0
    seen = zip("abcde fg", (0, 2, 4, 14, 16, 17, 18, 20), strict=True)
    reading = Reading(tuple(Character(text, column, 0.9) for text, column in seen), 24)
    words = words_of(image, reading, upright(0, 0, 240, 60))
    assert [word.text for word in words] == ["abc", "de", "fg"]
    starts, ends = ([word.quad[corner][0] for word in words] for corner in (0, 1))
    assert starts == sorted(starts)
    assert all(end <= start for end, start in zip(ends[:-1], starts[1:], strict=True))
