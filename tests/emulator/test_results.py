"""Results: searchable PDF and hOCR."""

from __future__ import annotations

import base64
import weakref
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import numpy as np
import pypdfium2
import pytest

from airflow_provider_asposeocr.emulator import limits, results
from airflow_provider_asposeocr.emulator.imaging import Scan
from airflow_provider_asposeocr.emulator.limits import LimitExceededError
from airflow_provider_asposeocr.emulator.page import Line, Page, Quad, Word
from airflow_provider_asposeocr.emulator.searchable_pdf import SearchablePdf
from airflow_provider_asposeocr.emulator.settings import AppliedSettings
from tests.emulator.pdfs import pdf_words

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
    (result,) = results.of_pages([(page, WHITE)], AppliedSettings(result_type="Pdf"))
    document = pypdfium2.PdfDocument(base64.b64decode(result["data"]))
    first = document[0]
    assert first.get_textpage().get_text_range().split() == WORDS
    assert first.get_size() == pytest.approx((1400 * 72 / 200, 100 * 72 / 200), abs=0.01)
    box = first.get_textpage().search("ășț").get_next()
    assert box == (13, 3)
    shown = first.render(scale=1).to_numpy()
    assert shown.min() == 255  # nothing of the text is to be seen
    document.close()


def test_hocr_is_well_formed(page: Page) -> None:
    root = ET.fromstring(results.to_hocr([page]))
    words = [element for element in root.iter() if element.get("class") == "ocrx_word"]
    assert [element.text for element in words] == WORDS
    assert words[1].get("title") == "bbox 210 10 380 40; x_wconf 90"


def test_images_are_not_kept_until_the_end(page: Page) -> None:
    """A document of many pages takes the memory of its results, not that of its images."""
    made: list[weakref.ref[Scan]] = []

    def sheets() -> Iterator[results.Sheet]:
        for _ in range(5):
            scan = Scan(WHITE.pixels, dpi=200)
            made.append(weakref.ref(scan))
            yield page, scan
            del scan
            assert sum(each() is not None for each in made) <= 1

    settings = AppliedSettings(result_type="TextAndPdfAndHocr")
    text, pdf, hocr = (base64.b64decode(each["data"]) for each in results.of_pages(sheets(), settings))
    assert text.decode().split() == WORDS * 5
    assert [[word for word, _ in words] for words in pdf_words(pdf)] == [WORDS] * 5
    assert hocr.count(b"ocr_page") == 6


def test_all_results_together_are_bounded(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = AppliedSettings(result_type="TextAndHocr")
    size = sum(len(base64.b64decode(each["data"])) for each in results.of_pages([(page, WHITE)], settings))
    monkeypatch.setattr(limits, "MAX_RESULT_BYTES", size)
    assert len(results.of_pages([(page, WHITE)], settings)) == 2
    monkeypatch.setattr(limits, "MAX_RESULT_BYTES", size - 1)
    with pytest.raises(LimitExceededError, match="result Hocr exceeds"):
        results.of_pages([(page, WHITE)], settings)


@pytest.mark.parametrize("shades", [2, 256])
def test_a_pdf_is_bounded_while_it_is_written(
    page: Page, monkeypatch: pytest.MonkeyPatch, shades: int
) -> None:
    noise = np.random.default_rng(1).integers(0, shades, (900, 900, 1)) * (255 // (shades - 1))
    scan, pdf = Scan(np.repeat(noise, 3, axis=2).astype(np.uint8)), SearchablePdf()
    pdf.add(page, scan)
    data = pdf.finish()
    assert (b"DCTDecode" in data) == (shades > 2)  # a JPEG is embedded as it is
    monkeypatch.setattr(limits, "MAX_RESULT_BYTES", len(data))
    pdf = SearchablePdf()
    pdf.add(page, scan)
    with pytest.raises(LimitExceededError, match="result Pdf exceeds"):
        pdf.add(page, scan)


def test_all_pngs_together_are_bounded(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = AppliedSettings(result_type="ImagePNG")
    (one,) = results.of_pages([(page, WHITE)], settings)
    monkeypatch.setattr(limits, "MAX_RESULT_BYTES", len(base64.b64decode(one["data"])) * 2)
    assert len(results.of_pages([(page, WHITE)] * 2, settings)) == 2
    with pytest.raises(LimitExceededError, match="result ImagePNG exceeds"):
        results.of_pages([(page, WHITE)] * 3, settings)
