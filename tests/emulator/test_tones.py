"""Deep samples and transparency."""

from __future__ import annotations

import numpy as np
import pytest

from airflow_provider_asposeocr.emulator import tones


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 4095]], np.uint16), [0, 255]),
        (np.array([[0, 200]], np.uint16), [0, 200]),
        (np.array([[-5, 5]], np.int32), [0, 255]),
        (np.array([[0.25, np.nan, 0.75, np.inf, -np.inf]], np.float32), [0, 255, 255, 255, 0]),
        (np.array([[np.nan, np.nan]], np.float32), [255, 255]),
        (np.array([[7, 7]], np.int32), [255, 255]),
    ],
)
def test_deep_samples(values: np.ndarray[tuple[int, int], np.dtype[np.number]], expected: list[int]) -> None:
    assert tones.deep(values)[0].tolist() == expected


@pytest.mark.parametrize(("ink", "ground"), [(255, 0), (0, 255), (230, 0), (100, 255)])
def test_transparent_images_get_a_ground_that_shows_them(ink: int, ground: int) -> None:
    pixels = np.full((20, 20, 3), ink, np.uint8)
    opaque = np.zeros((20, 20), np.uint8)
    opaque[5:8] = 255
    laid = tones.on_background(pixels, opaque)
    assert (laid[6] == ink).all()
    assert (laid[0] == ground).all()
