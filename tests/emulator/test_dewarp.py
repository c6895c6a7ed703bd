"""Dewarping: curved lines become level, straight ones stay, and what has no lines is told apart."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from airflow_provider_asposeocr.emulator import imaging
from airflow_provider_asposeocr.emulator.dewarp import dewarp
from airflow_provider_asposeocr.emulator.imaging import Pixels
from tests.emulator.pages import draw_text, letter

Bend = Callable[[npt.NDArray[np.float64], npt.NDArray[np.float64]], npt.NDArray[np.float64]]

BENDS: dict[str, Bend] = {
    "wave": lambda x, y: 20 * np.sin(2 * np.pi * x),
    "arch": lambda x, y: 60 * np.sin(np.pi * x),
    "cylinder": lambda x, y: 70 * (1 - y) * np.sin(np.pi * x**0.7) ** 2,
    "fan": lambda x, y: 100 * (x - 0.5) * (y - 0.5) + 25 * np.sin(np.pi * x) * (0.5 + y),
}
RULES = range(230, 1100, 60)


def page() -> Pixels:
    text = np.asarray(draw_text(letter(30), font="Vera.ttf").convert("RGB"))
    return np.pad(text, ((100, 100), (0, 0), (0, 0)), constant_values=255)


def ruled(pixels: Pixels) -> Pixels:
    """Draw thin coloured rules between the text, by which its curvature can be measured."""
    pixels = pixels.copy()
    for row in RULES:
        pixels[row - 1 : row + 2, 150:-150] = (255, 0, 0)
    return pixels


def bent(pixels: Pixels, bend: Bend) -> Pixels:
    height, width = pixels.shape[:2]
    down, across = np.mgrid[0:height, 0:width].astype(np.float64)
    rows = (down - bend(across / width, down / height)).astype(np.float32)
    white = (255, 255, 255)
    moved = cv2.remap(pixels, across.astype(np.float32), rows, cv2.INTER_LINEAR, borderValue=white)
    noise = np.random.default_rng(1).normal(0, 5, moved.shape)
    return imaging.pixels_of(np.clip(moved + noise, 0, 255).astype(np.uint8))


def curvature(pixels: Pixels) -> float:
    """Return how far a rule strays from its mean row, in pixels, for the worst of the rules."""
    red = pixels[:, :, 0].astype(int) - pixels[:, :, 1] > 100
    closed = cv2.morphologyEx(red.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 41), np.uint8))
    count, labels = cv2.connectedComponents(closed)
    worst = []
    for rule in range(1, count):
        rows, columns = np.nonzero(labels == rule)
        if np.ptp(columns) > pixels.shape[1] // 2:
            # Rows at every column first, so that the thickness of a rule is not counted.
            counts = np.bincount(columns)
            mean_rows = np.bincount(columns, rows)[counts > 0] / counts[counts > 0]
            worst.append(float(np.abs(mean_rows - mean_rows.mean()).max()))
    assert len(worst) >= len(RULES) - 2
    return max(worst)


@pytest.mark.parametrize("name", BENDS)
def test_curved_lines_become_level(name: str) -> None:
    warped = bent(ruled(page()), BENDS[name])
    level = dewarp(warped)
    assert level is not None
    before, after = curvature(warped), curvature(level)
    assert before > 15
    assert after < 4
    assert after < before / 5


def test_nothing_is_cut_off() -> None:
    full = np.asarray(draw_text(letter(20), font="Vera.ttf").convert("RGB"))
    warped = np.pad(full, ((90, 0), (0, 0), (0, 0)), constant_values=255)
    warped = bent(warped, lambda x, y: -80 * np.sin(np.pi * x))
    level = dewarp(warped)
    assert level is not None
    ink = [(imaging.black_and_white(pixels) == 0).sum() for pixels in (warped, level)]
    assert ink[1] == pytest.approx(ink[0], rel=0.05)


@pytest.mark.parametrize("skew", [0.0, 5.0])
def test_flat_pages_stay_as_they_are(skew: float) -> None:
    flat = imaging.rotate(page(), skew)
    assert dewarp(flat) is flat


def test_skew_goes_with_the_curvature() -> None:
    level = dewarp(imaging.rotate(bent(page(), BENDS["arch"]), -6))
    assert level is not None
    assert abs(imaging.find_skew(level)) < 0.2


@pytest.mark.parametrize("shape", [(600, 500), (3, 3), (1, 5000)])
def test_images_without_lines_are_told_apart(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (*shape, 3)).astype(np.uint8)
    assert dewarp(noise) is None
    assert dewarp(np.full_like(noise, 255)) is None
