"""Image filters: rotation, skew, binarization and pixels that are not square."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from airflow_provider_asposeocr.emulator import imaging
from airflow_provider_asposeocr.emulator.imaging import Scan, stretched, with_square_pixels
from airflow_provider_asposeocr.emulator.settings import AppliedSettings


def test_pixels_are_made_square_and_back() -> None:
    scan = Scan(np.zeros((50, 100, 3), np.uint8), 204, 2.0)
    square = with_square_pixels(scan)
    assert (square.pixels.shape[:2], square.resolution) == ((100, 100), (204, 204))
    back = stretched(square, 1, 0.5, 2.0)
    assert (back.pixels.shape, back.resolution) == (scan.pixels.shape, scan.resolution)


@pytest.mark.parametrize("degrees", [0, 90, -90, 180, 450, 30, -7])
def test_rotation_is_clockwise_and_cuts_nothing_off(degrees: int) -> None:
    pixels = np.full((60, 100, 3), 255, np.uint8)
    pixels[25:35, 80:100] = 0  # a mark at the right edge
    turned = imaging.rotate(pixels, degrees)
    assert (turned < 128).sum() == pytest.approx((pixels < 128).sum(), rel=0.1)
    rows, columns = np.nonzero(turned[:, :, 0] < 128)
    height, width = turned.shape[:2]
    angle = np.degrees(np.arctan2(rows.mean() - height / 2, columns.mean() - width / 2))
    assert np.cos(np.radians(angle - degrees)) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("upsample_first", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, -90, 35])
def test_filters_tell_where_each_point_is_now(degrees: int, upsample_first: bool) -> None:
    pixels = np.full((300, 500, 3), 255, np.uint8)
    for row in range(120, 200, 20):
        pixels[row : row + 8, 100:400] = 0  # text
    pixels = imaging.rotate(pixels, 5)
    pixels[20:26, 30:36] = (255, 0, 0)  # a mark
    settings = AppliedSettings(rotate=degrees, contrast=False, upsample=True, upsample_first=upsample_first)
    scan, trace = imaging.prepare_and_trace(Scan(pixels), settings)
    rows, columns = np.nonzero((scan.pixels[:, :, 0] > 200) & (scan.pixels[:, :, 1] < 100))
    x, y, _ = trace @ (33.0, 23.0, 1.0)
    assert (x, y) == pytest.approx((columns.mean() + 0.5, rows.mean() + 0.5), abs=1.5)
    assert scan.dpi == 300


@pytest.mark.parametrize("skew", [-12.0, -3.3, 0.0, 0.7, 9.0])
def test_skew_is_found(skew: float) -> None:
    pixels = np.full((700, 900, 3), 255, np.uint8)
    for row in range(120, 600, 30):
        pixels[row : row + 10, 150 : 600 + row % 7 * 30 : 1] = 0
    assert imaging.find_skew(imaging.rotate(pixels, skew)) == pytest.approx(skew, abs=0.15)


def test_binarization_evens_out_shadows_and_light_text() -> None:
    shade = np.tile(np.linspace(250, 110, 400), (200, 1))
    shade[80:90, 40:360] *= 0.4
    pixels = np.repeat(shade[:, :, None], 3, axis=2).astype(np.uint8)
    for image in (pixels, 255 - pixels):
        black = imaging.black_and_white(image) == 0
        assert black[82:88, 45:355].mean() > 0.95
        assert black[:70].mean() < 0.02
        assert black[100:].mean() < 0.02


def test_a_png_of_two_values_has_one_bit() -> None:
    white, grey = (np.full((10, 10, 3), level, np.uint8) for level in (255, 128))
    for pixels, mode in ((white, "1"), (grey, "RGB")):
        with Image.open(io.BytesIO(imaging.encode_png(pixels))) as image:
            assert image.mode == mode
