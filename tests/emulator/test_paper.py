"""Perspective: a sheet on a dark ground is seen from above, anything else stays."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from airflow_provider_asposeocr.emulator.imaging import Pixels
from airflow_provider_asposeocr.emulator.paper import facing

SHEET = [(150, 80), (650, 120), (740, 880), (60, 830)]


def photograph(corners: list[tuple[int, int]]) -> Pixels:
    """Draw a sheet with a mark in its exact middle and one near its top left corner."""
    sheet = np.full((800, 600, 3), 235, np.uint8)
    sheet[380:420, 280:320] = (200, 0, 0)
    sheet[40:80, 30:60] = (0, 0, 200)
    source = np.array([(0, 0), (600, 0), (600, 800), (0, 800)], np.float32)
    view = cv2.getPerspectiveTransform(source, np.array(corners, np.float32))
    ground = np.full((960, 800, 3), 50, np.uint8)
    cv2.warpPerspective(sheet, view, (800, 960), ground, borderMode=cv2.BORDER_TRANSPARENT)
    noise = np.random.default_rng(1).normal(0, 5, ground.shape)
    return np.clip(ground + noise, 0, 255).astype(np.uint8)


def middle(mark: Pixels) -> tuple[float, float]:
    rows, columns = np.nonzero(mark)
    return columns.mean() / mark.shape[1], rows.mean() / mark.shape[0]


def test_a_sheet_is_seen_from_above() -> None:
    seen = facing(photograph(SHEET))
    assert seen.shape[1] == pytest.approx(590, abs=15)
    assert seen.shape[0] == pytest.approx(760, abs=15)
    red, blue = (seen[:, :, one].astype(int) - seen[:, :, 2 - one] > 90 for one in (0, 2))
    assert middle(red.astype(np.uint8)) == pytest.approx((0.5, 0.5), abs=0.01)
    assert middle(blue.astype(np.uint8)) == pytest.approx((0.075, 0.075), abs=0.01)
    border = np.concatenate([seen[3], seen[-4], seen[:, 3], seen[:, -4]])
    assert (border.mean(axis=1) > 150).mean() > 0.95


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((300, 200, 3), 255, np.uint8),
        np.random.default_rng(1).integers(0, 255, (300, 200, 3)).astype(np.uint8),
        photograph([(-50, 80), (650, 120), (740, 880), (60, 830)]),
        photograph([(350, 380), (450, 380), (450, 480), (350, 480)]),
        np.zeros((1, 1, 3), np.uint8),
    ],
    ids=["blank", "noise", "cut off", "small", "pixel"],
)
def test_anything_else_stays(pixels: Pixels) -> None:
    assert facing(pixels) is pixels
