"""Geometry of quads."""

from __future__ import annotations

from airflow_provider_asposeocr.emulator.quads import part_of, turned, turned_back
from tests.emulator.pages import upright


def test_quads_are_turned_and_cut() -> None:
    whole = upright(10, 20, 110, 40)
    assert part_of(whole, 0.25, 0.5) == upright(35, 20, 60, 40)
    for quarters in range(4):
        corner = turned(whole, quarters)[0]
        assert corner in whole
    # A mark near the top right is at the top left of the image turned to the left.
    assert turned_back((5, 7), 1, width=200, height=100) == (193, 5)
