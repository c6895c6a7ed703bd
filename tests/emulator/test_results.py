"""Results: searchable PDF and hOCR."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pypdfium2
import pytest

from airflow_provider_asposeocr.emulator import results
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
    document = pypdfium2.PdfDocument(results.to_pdf([(page, WHITE)]))
    first = document[0]
    assert first.get_textpage().get_text_range().split() == WORDS
    assert first.get_size() == pytest.approx((1400 * 72 / 200, 100 * 72 / 200), abs=0.01)
    box = first.get_textpage().search("ășț").get_next()
    assert box == (13, 3)
    shown = first.render(scale=1).to_numpy()
    assert shown.min() == 255  # nothing of the text is to be seen
    document.close()


def test_hocr_is_well_formed(page: Page) -> None:
    root = ET.fromstring(results.to_hocr([(page, WHITE)]))
    words = [element for element in root.iter() if element.get("class") == "ocrx_word"]
    assert [element.text for element in words] == WORDS
    assert words[1].get("title") == "bbox 210 10 380 40; x_wconf 90"
