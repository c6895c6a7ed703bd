"""Reading: a line is split into words."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from airflow_provider_asposeocr.emulator.reading import words_of
from tests.emulator.pages import upright


def test_words_are_divided_at_spaces_and_at_gaps_that_can_be_seen() -> None:
    columns = [[0, 2, 4], [14, 16], [18, 20]]
    image = np.full((48, 24 * 8, 3), 255, np.uint8)
    for column in (0, 2, 4, 14, 16, 18, 20):
        image[8:40, column * 8 + 1 : column * 8 + 8] = 0
    found = SimpleNamespace(word_cols=columns, confs=[0.9] * 8, line_txt_len=24)
    words = words_of(image, "abcde fg", found, upright(0, 0, 240, 60))
    assert [word.text for word in words] == ["abc", "de", "fg"]
    starts, ends = ([word.quad[corner][0] for word in words] for corner in (0, 1))
    assert starts == sorted(starts)
    assert all(end <= start for end, start in zip(ends[:-1], starts[1:], strict=True))
