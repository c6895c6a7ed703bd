"""Image filters: rotation, skew, binarization and pixels that are not square."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.emulator import imaging
from airflow_provider_asposeocr.emulator.imaging import Scan, stretched, with_square_pixels
from airflow_provider_asposeocr.emulator.limits import LimitExceededError
from airflow_provider_asposeocr.emulator.settings import AppliedSettings
from tests.emulator.pages import draw_text, letter, scan


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


@pytest.mark.parametrize("skew", [-15.0, -14.8, -6.3, -0.4, 0.5, 2.2, 11.7, 15.0])
@pytest.mark.parametrize("lines", [2, 24])
def test_text_is_straightened_to_a_fifth_of_a_degree(skew: float, lines: int) -> None:
    page = np.asarray(draw_text(letter(30)[3 : 3 + lines], font="Vera.ttf").convert("RGB"))
    skewed = imaging.rotate(page, skew)
    assert imaging.find_skew(skewed) == pytest.approx(skew, abs=0.2)
    straight = imaging.deskew(skewed)
    assert abs(imaging.find_skew(straight)) < 0.2
    assert min(straight.shape[0] - skewed.shape[0], straight.shape[1] - skewed.shape[1]) >= 0


def test_a_straight_page_stays_as_it_is() -> None:
    page = np.asarray(draw_text(letter(12)).convert("RGB"))
    assert imaging.deskew(page) is page


def test_upsampling_doubles_and_sharpens() -> None:
    small = np.full((40, 60, 3), 200, np.uint8)
    small[:, 30:] = 60
    large = imaging.upscale(Scan(small, 75))
    assert (large.pixels.shape, large.dpi) == ((80, 120, 3), 150)
    # An edge is steeper, beyond the values on its sides, but not far.
    assert 200 < large.pixels.max() < 225
    assert 35 < large.pixels.min() < 60


def test_upsampling_is_refused_before_it_takes_too_much_memory() -> None:
    with pytest.raises(LimitExceededError, match="Upsampling would make an image of 8,000 x 8,000 pixels"):
        imaging.upscale(Scan(np.zeros((4000, 4000, 3), np.uint8)))


def prepared(pixels: imaging.Pixels, **settings: Any) -> Scan:
    plain = {"contrast": False, "deskew": False}
    return imaging.prepare(Scan(pixels), AppliedSettings(**(plain | settings)))


def test_each_filter_has_its_effect() -> None:
    pixels = np.asarray(scan(draw_text(letter(8)), angle=3.0).convert("RGB"))
    assert np.array_equal(prepared(pixels).pixels, pixels)
    assert prepared(pixels, rotate=90).pixels.shape[:2] == pixels.shape[1::-1]
    assert np.ptp(prepared(pixels // 2 + 60, contrast=True).pixels) == 255
    assert imaging.is_black_and_white(prepared(pixels, binarize=True).pixels)
    assert imaging.find_skew(pixels) == pytest.approx(-3, abs=0.1)
    assert imaging.find_skew(prepared(pixels, deskew=True).pixels) == 0
    assert prepared(pixels, upsample=True).dpi == 2 * prepared(pixels).dpi


def test_filters_are_applied_in_the_order_of_the_operation() -> None:
    # Upsampling is only for small images: this one is no longer small once it is straight.
    pixels = imaging.rotate(np.asarray(draw_text(letter(30), dpi=100).convert("RGB")), 10)
    pixels = np.pad(pixels, ((0, 1990 - len(pixels)), (0, 0), (0, 0)), constant_values=255)
    filters = {"deskew": True, "upsample": True}
    straight_first, upsampled_first = (
        prepared(pixels, **filters, upsample_first=first).pixels for first in (False, True)
    )
    assert np.array_equal(straight_first, imaging.deskew(pixels))
    assert np.array_equal(upsampled_first, imaging.deskew(imaging.upscale(Scan(pixels)).pixels))


@pytest.mark.parametrize(
    ("operation", "upsample_first"),
    [
        ("RecognizeImage", False),
        ("RecognizeTable", False),
        ("RecognizeLabel", False),
        ("RecognizeReceipt", True),
        ("RecognizeAndParseInvoice", True),
    ],
)
def test_receipts_and_invoices_are_upsampled_first(operation: str, upsample_first: bool) -> None:
    settings = AppliedSettings.from_wire(get_operation(operation), {})
    assert settings.upsample_first is upsample_first


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
