"""Recognition of PDFs, end to end."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import pytest
from PIL import Image
from reportlab.lib.pagesizes import A5
from reportlab.pdfbase.pdfmetrics import stringWidth

from tests.emulator.client import Client
from tests.emulator.pages import draw_text, encode
from tests.emulator.pdfs import Rect, draw_pdf, pdf_words

PAGES = [
    ["Meeting on Thursday at noon", "Bring the signed contract, please."],
    ["The second page has one line."],
    [],
    ["Total amount due: 417.50 EUR"],
]
WORDS = [" ".join(lines).split() for lines in PAGES]


def pdf(real: Client, data: bytes, **settings: object) -> dict[str, bytes]:
    return real.results(data, "RecognizePdf", **settings)


def test_all_pages_are_in_each_result(real: Client) -> None:
    results = pdf(real, draw_pdf(*PAGES), resultType="TextAndPdfAndHocr")
    assert list(results) == ["Text", "Pdf", "Hocr"]
    assert results["Text"].decode() == "\n\n".join("\n".join(lines) for lines in PAGES if lines)
    assert [[word for word, _ in words] for words in pdf_words(results["Pdf"])] == WORDS
    pages = [
        [word.text for word in page.iter() if word.get("class") == "ocrx_word"]
        for page in ET.fromstring(results["Hocr"]).iter()
        if page.get("class") == "ocr_page"
    ]
    assert pages == WORDS


def test_blocks_name_their_page(real: Client) -> None:
    blocks = json.loads(pdf(real, draw_pdf(*PAGES), resultType="JSON")["JSON"])
    assert [(block["page"], block["text"]) for block in blocks] == [
        (number, "\n".join(lines)) for number, lines in enumerate(PAGES, 1) if lines
    ]


def test_each_page_becomes_a_png(real: Client) -> None:
    ocr_task_id = real.submit(draw_pdf(*PAGES[1:]), "RecognizePdf", resultType="ImagePNG", rotate=90)
    results = real.wait(ocr_task_id, "RecognizePdf")["results"]
    assert [result["type"] for result in results] == ["ImagePNG"] * 3
    png = pdf(real, draw_pdf(PAGES[1]), resultType="ImagePNG", rotate=90, makeBinarization=True)["ImagePNG"]
    with Image.open(io.BytesIO(png)) as image:
        assert (image.mode, image.size) == ("1", (1654, 1166))


def test_the_text_lies_on_the_words_of_the_page(real: Client) -> None:
    found = pdf_words(pdf(real, draw_pdf(*PAGES), resultType="Pdf")["Pdf"])
    drawn = [word for lines in PAGES for place, line in enumerate(lines) for word in drawn_words(line, place)]
    seen = [word for words in found for word in words]
    assert [word for word, _ in seen] == [word for word, _ in drawn]
    for (word, (left, top, right, bottom)), (_, (x0, y0, x1, y1)) in zip(seen, drawn, strict=True):
        assert (left, right) == pytest.approx((x0, x1), abs=4), word
        assert top <= y0 + 2, word
        assert bottom >= y1 - 2, word
        assert bottom - top < 22, word


def drawn_words(line: str, place: int) -> Iterator[tuple[str, Rect]]:
    """Yield the words of a drawn line with the boxes of their letters without descenders."""
    baseline, start = 60 + 22 * place, 0
    for word in line.split():
        start = line.index(word, start)
        left = 50 + stringWidth(line[:start], "Helvetica", 14)
        yield word, (left, baseline - 7, left + stringWidth(word, "Helvetica", 14), baseline)
        start += len(word)


def test_a_scanned_page_is_read_and_keeps_its_size(real: Client) -> None:
    picture = draw_text(PAGES[0]).rotate(2, expand=True, fillcolor=255).convert("RGB")
    scanned = encode(picture, "PDF", resolution=150)
    results = pdf(real, scanned, resultType="TextAndPdf", makeSkewCorrect=False)
    assert results["Text"].decode().split("\n") == PAGES[0]
    (words,) = pdf_words(results["Pdf"])
    assert [word for word, _ in words] == WORDS[0]
    assert words[0][1][0] == pytest.approx(0.8 * 72, abs=12)


@pytest.mark.parametrize(
    ("data", "settings", "message"),
    [
        (encode(draw_text(["PNG"])), {}, "not a PDF: it is PNG"),
        (draw_pdf(*[["page"]] * 5_000, size=A5), {}, "The PDF has 5,000 pages; at most 100 are recognized."),
        (draw_pdf(["text"]), {"language": "Russian"}, "Russian is not supported"),
    ],
)
def test_refusals_arrive(real: Client, data: bytes, settings: dict[str, str], message: str) -> None:
    answer = real.wait(real.submit(data, "RecognizePdf", **settings), "RecognizePdf")
    assert answer["taskStatus"] == "Error"
    assert message in answer["error"]["messages"][0]
