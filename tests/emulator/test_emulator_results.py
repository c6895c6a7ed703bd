from __future__ import annotations

import io
import xml.etree.ElementTree as ET

import numpy as np
import pypdfium2
import pytest
from PIL import Image

from airflow_provider_asposeocr.emulator import imaging, results
from airflow_provider_asposeocr.emulator.imaging import Scan
from airflow_provider_asposeocr.emulator.page import Line, Page, Quad, Word

WORDS = ["Łódź", "Ścieżka", "ășț", "Привет", "<&>"]
WHITE = Scan(np.full((100, 1400, 3), 255, np.uint8), dpi=200)


def quad(place: int) -> Quad:
    left, right = 10.0 + 200 * place, 180.0 + 200 * place
    return (left, 10.0), (right, 10.0), (right, 40.0), (left, 40.0)


@pytest.fixture
def page() -> Page:
    words = tuple(Word(text, 0.9, quad(place)) for place, text in enumerate(WORDS))
    line = Line(words, 0.9, (quad(0)[0], quad(4)[1], quad(4)[2], quad(0)[3]))
    return Page(1400, 100, (((line,),),))


def test_any_alphabet_can_be_searched_for_in_a_pdf(page: Page) -> None:
    document = pypdfium2.PdfDocument(results.to_pdf(page, WHITE))
    first = document[0]
    assert first.get_textpage().get_text_range().split() == WORDS
    assert first.get_size() == pytest.approx((1400 * 72 / 200, 100 * 72 / 200), abs=0.01)
    box = first.get_textpage().search("ășț").get_next()
    assert box == (13, 3)
    shown = first.render(scale=1).to_numpy()
    assert shown.min() == 255  # nothing of the text is to be seen
    document.close()


def test_hocr_is_well_formed(page: Page) -> None:
    root = ET.fromstring(results.to_hocr(page, WHITE))
    words = [element for element in root.iter() if element.get("class") == "ocrx_word"]
    assert [element.text for element in words] == WORDS
    assert words[1].get("title") == "bbox 210 10 380 40; x_wconf 90"


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
    grey = np.full((10, 10, 3), 128, np.uint8)
    for pixels, mode in ((WHITE.pixels, "1"), (grey, "RGB")):
        with Image.open(io.BytesIO(imaging.encode_png(pixels))) as image:
            assert image.mode == mode
