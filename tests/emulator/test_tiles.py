"""Tiles: their coverage, and pieces found in several of them."""

from __future__ import annotations

import itertools

from airflow_provider_asposeocr.emulator.tiles import Found, Tile, cut, joined
from tests.emulator.pages import upright


def test_tiles_cover_all_and_overlap() -> None:
    tiles = cut(Tile(100, 50, 2600, 1000), 960, 128)
    assert {(tile.top, tile.bottom) for tile in tiles} == {(50, 1000)}
    assert (tiles[0].left, tiles[-1].right) == (100, 2600)
    for one, other in itertools.pairwise(tiles):
        assert one.right - other.left >= 128


def test_what_two_tiles_found_is_put_together() -> None:
    left, right = Tile(0, 0, 960, 960), Tile(832, 0, 1792, 960)
    below = Tile(0, 832, 960, 1792)
    found = [
        Found(upright(100, 100, 960, 130), left),  # the beginning of a line
        Found(upright(835, 101, 1500, 131), right),  # and its end
        Found(upright(100, 140, 700, 170), left),  # the next line
        Found(upright(200, 900, 800, 930), left),  # seen by both
        Found(upright(201, 901, 801, 929), below),
        Found(upright(200, 945, 800, 960), left),  # cut off
        Found(upright(200, 944, 800, 974), below),
    ]
    boxes = sorted((round(one[0][0]), round(one[0][1]), round(one[2][0])) for one in joined(found))
    assert boxes == [(100, 100, 1500), (100, 140, 700), (200, 900, 800), (200, 944, 800)]
