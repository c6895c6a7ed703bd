"""Parts of the recognition side for themselves: formats, damage, resolutions, tiles and words."""

from __future__ import annotations

import io
import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from airflow_provider_asposeocr.emulator import tones
from airflow_provider_asposeocr.emulator.decoding import decode, format_of
from airflow_provider_asposeocr.emulator.imaging import Scan, stretched, with_square_pixels
from airflow_provider_asposeocr.emulator.limits import LimitExceededError, UnreadableImageError
from airflow_provider_asposeocr.emulator.page import Quad
from airflow_provider_asposeocr.emulator.quads import part_of, turned, turned_back
from airflow_provider_asposeocr.emulator.reading import words_of
from airflow_provider_asposeocr.emulator.resolution import DEFAULT_DPI, resolution_of
from airflow_provider_asposeocr.emulator.tiles import Found, Tile, cut, joined
from tests.emulator.odd_file import encoded, grey, page


def quad(left: float, top: float, right: float, bottom: float) -> Quad:
    return (left, top), (right, top), (right, bottom), (left, bottom)


@pytest.mark.parametrize("size", [(6325, 6325), (40_000_001, 1), (1, 40_000_001)])
def test_the_header_alone_decides_what_is_too_large(size: tuple[int, int]) -> None:
    data = encoded(Image.new("1", (8, 8)), "PNG")
    header = data[:16] + size[0].to_bytes(4, "big") + size[1].to_bytes(4, "big") + data[24:]
    with pytest.raises(LimitExceededError, match="at most 40,000,000"):
        decode(io.BytesIO(header))


def test_a_limit_of_pillow_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert decode(io.BytesIO(encoded(Image.new("1", (6300, 6300)), "PNG"))).pixels.shape == (6300, 6300, 3)


@pytest.mark.parametrize(
    ("head", "name"), [(b"\xff\xd8\xff\xe0", "JPEG"), (b"II+\0", "TIFF"), (b"GIF87a", "GIF"), (b"BM", "BMP")]
)
def test_formats_by_their_first_bytes(head: bytes, name: str) -> None:
    assert format_of(head + bytes(99)) == name


def test_half_of_an_image_is_not_most_of_it() -> None:
    data = encoded(page(), "BMP")
    lost_rows = page().height * 4 // 10
    scan = decode(io.BytesIO(data[: len(data) * 6 // 10]))
    assert (scan.pixels[: lost_rows - 2] == 255).all()  # a BMP begins at its bottom
    assert (scan.pixels[lost_rows + 2 :, :, 0] == grey()[lost_rows + 2 :]).all()
    with pytest.raises(UnreadableImageError, match=r"6\d% of the image cannot be decoded"):
        decode(io.BytesIO(data[: len(data) * 4 // 10]))


@pytest.mark.parametrize(
    ("info", "dpi", "aspect"),
    [
        ({}, DEFAULT_DPI, 1),
        ({"dpi": (300, 300)}, 300, 1),
        ({"dpi": (204, 98)}, 204, 204 / 98),
        ({"dpi": (204, 196)}, 204, 1),
        ({"dpi": (0, 200)}, 200, 1),
        ({"dpi": (float("nan"), float("inf"))}, DEFAULT_DPI, 1),
        ({"dpi": (65535, 65535)}, DEFAULT_DPI, 1),
        ({"dpi": (1200, 100)}, 1200, 1),
        ({"dpi": ("many",)}, DEFAULT_DPI, 1),
        ({"resolution": (2, 1)}, DEFAULT_DPI, 2),
        ({"aspect": (1, 2)}, DEFAULT_DPI, 0.5),
        ({"jfif_unit": 0, "jfif_density": (1, 2)}, DEFAULT_DPI, 0.5),
    ],
)
def test_resolutions(info: dict[str, object], dpi: float, aspect: float) -> None:
    image = SimpleNamespace(info=info, format="TIFF")
    assert resolution_of(image) == pytest.approx((dpi, aspect))  # type: ignore[arg-type]


def test_pixels_are_made_square_and_back() -> None:
    scan = Scan(np.zeros((50, 100, 3), np.uint8), 204, 2.0)
    square = with_square_pixels(scan)
    assert (square.pixels.shape[:2], square.resolution) == ((100, 100), (204, 204))
    back = stretched(square, 1, 0.5, 2.0)
    assert (back.pixels.shape, back.resolution) == (scan.pixels.shape, scan.resolution)


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
        Found(quad(100, 100, 960, 130), left),  # the beginning of a line
        Found(quad(835, 101, 1500, 131), right),  # and its end
        Found(quad(100, 140, 700, 170), left),  # the next line
        Found(quad(200, 900, 800, 930), left),  # seen by both
        Found(quad(201, 901, 801, 929), below),
        Found(quad(200, 945, 800, 960), left),  # cut off
        Found(quad(200, 944, 800, 974), below),
    ]
    boxes = sorted((round(one[0][0]), round(one[0][1]), round(one[2][0])) for one in joined(found))
    assert boxes == [(100, 100, 1500), (100, 140, 700), (200, 900, 800), (200, 944, 800)]


def test_words_are_divided_at_spaces_and_at_gaps_that_can_be_seen() -> None:
    columns = [[0, 2, 4], [14, 16], [18, 20]]
    image = np.full((48, 24 * 8, 3), 255, np.uint8)
    for column in (0, 2, 4, 14, 16, 18, 20):
        image[8:40, column * 8 + 1 : column * 8 + 8] = 0
    found = SimpleNamespace(word_cols=columns, confs=[0.9] * 8, line_txt_len=24)
    words = words_of(image, "abcde fg", found, quad(0, 0, 240, 60))
    assert [word.text for word in words] == ["abc", "de", "fg"]
    starts, ends = ([word.quad[corner][0] for word in words] for corner in (0, 1))
    assert starts == sorted(starts)
    assert all(end <= start for end, start in zip(ends[:-1], starts[1:], strict=True))


def test_quads_are_turned_and_cut() -> None:
    whole = quad(10, 20, 110, 40)
    assert part_of(whole, 0.25, 0.5) == quad(35, 20, 60, 40)
    for quarters in range(4):
        corner = turned(whole, quarters)[0]
        assert corner in whole
    # A mark near the top right is at the top left of the image turned to the left.
    assert turned_back((5, 7), 1, width=200, height=100) == (193, 5)
