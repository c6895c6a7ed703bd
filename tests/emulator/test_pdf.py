"""PDF rendering: pages, and files that are refused by name."""

from __future__ import annotations

import io
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from reportlab.lib.pagesizes import A4, A5
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from airflow_provider_asposeocr.emulator.imaging import Scan
from airflow_provider_asposeocr.emulator.limits import LimitExceededError, UnreadableImageError
from airflow_provider_asposeocr.emulator.pdf import render_pages
from airflow_provider_asposeocr.emulator.process import (
    ProcessEndedError,
    ProcessTimeoutError,
    RecognitionProcess,
)
from tests.emulator.pages import draw_text, encode
from tests.emulator.pdfs import draw_pdf, nested, raw_page, raw_pdf, stream

CATALOGUE = b"<</Type/Catalog/Pages 2 0 R>>"


def rendered(data: bytes) -> list[Scan]:
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        return list(render_pages(file))


def test_pages_are_rendered_in_order_at_200_dpi() -> None:
    first, second = rendered(draw_pdf(["one"], ["two", "lines"], size=A4))
    assert first.pixels.shape == second.pixels.shape == (2339, 1654, 3)
    assert first.resolution == (200, 200)
    top = np.flatnonzero((first.pixels < 128).any(axis=(1, 2)))[0]
    assert top == pytest.approx((60 - 14 * 0.7) * 200 / 72, abs=10)
    assert (second.pixels < 128).sum() > (first.pixels < 128).sum()


def test_colours_are_red_green_blue() -> None:
    (scan,) = rendered(raw_page(b"1 0 0 rg 0 0 300 300 re f", stream(b"", b"")))
    assert scan.pixels[400, 400].tolist() == [255, 0, 0]


def test_what_is_filled_into_a_form_is_on_the_page() -> None:
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=A5)
    canvas.acroForm.textfield(value="WWWW", x=50, y=50, borderWidth=0)
    canvas.showPage()
    canvas.save()
    (scan,) = rendered(target.getvalue())
    assert (scan.pixels < 64).all(axis=2).sum() > 200


def test_a_large_page_is_rendered_at_what_fits() -> None:
    (poster,) = rendered(draw_pdf(["A0"], size=(2384, 3370)))
    height, width = poster.pixels.shape[:2]
    assert 39_000_000 < height * width < 40_100_000
    assert poster.dpi == pytest.approx(161, abs=1)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a PDF, or is damaged"),
        (b"plain text", "not a PDF, or is damaged"),
        (encode(draw_text(["PNG"])), "not a PDF: it is PNG"),
        (b"AT&TFORM\0\0\0\0DJVU", "not a PDF: it is DjVu"),
        (draw_pdf(["cut"])[:700], "The PDF is damaged"),
        (b"%PDF-1.7\n" + b"nothing of a PDF " * 99, "The PDF is damaged"),
        (raw_pdf(CATALOGUE, b"<</Type/Pages/Kids[]/Count 0>>"), "has no pages"),
        (raw_pdf(CATALOGUE, b"<</Type/Pages/Kids[3 0 R 9 0 R]/Count 2>>", b"<</Type/Page>>"), "Page 2"),
        (raw_pdf(CATALOGUE, b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>"), "Page 1 of the PDF is damaged"),
        (
            draw_pdf(["secret"], encrypt=StandardEncryption("password")),
            "encrypted: it opens only with a pass",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(data: bytes, message: str) -> None:
    with pytest.raises(UnreadableImageError, match=message):
        rendered(data)


def test_a_pdf_that_needs_no_password_to_open_is_read() -> None:
    assert len(rendered(draw_pdf(["open"], encrypt=StandardEncryption("", ownerPassword="owner")))) == 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (draw_pdf(*[["page"]] * 101), "has 101 pages; at most 100 are recognized"),
        (
            draw_pdf(["wide"], size=(14_400, 14_400)),
            "Page 1 of the PDF measures 200 x 200 inches; at most 40,000",
        ),
        (draw_pdf(["long"], size=(100, 200_000)), "Page 1 of the PDF measures 1 x 2,778 inches"),
    ],
)
def test_too_much_is_refused_with_its_limit(data: bytes, message: str) -> None:
    with pytest.raises(LimitExceededError, match=message):
        rendered(data)


def test_the_sizes_of_all_pages_are_checked_before_the_first_is_rendered(tmp_path: Path) -> None:
    document = io.BytesIO()
    canvas = Canvas(document)
    for size in (A5, (14_400, 14_400)):
        canvas.setPageSize(size)
        canvas.showPage()
    canvas.save()
    path = tmp_path / "two.pdf"
    path.write_bytes(document.getvalue())
    with path.open("rb") as file, pytest.raises(LimitExceededError, match="Page 2 of the PDF measures"):
        next(render_pages(file))


@pytest.mark.parametrize(
    "data",
    [
        raw_page(b"[" * 1_000_000, stream(b"", b"")),
        nested(1_000, 1),
        raw_page(
            b"300 0 0 300 0 0 cm /X Do",
            stream(
                b"/Type/XObject/Subtype/Image/Width 100000/Height 100000/ColorSpace/DeviceGray"
                b"/BitsPerComponent 8/Filter/FlateDecode",
                zlib.compress(bytes(1_000_000)),
            ),
        ),
    ],
    ids=["brackets", "forms in forms", "image of 10 billion pixels"],
)
def test_deep_and_huge_content_costs_nothing(data: bytes) -> None:
    (scan,) = rendered(data)
    assert scan.pixels.shape == (834, 834, 3)


def test_a_page_that_never_ends_costs_its_process(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pdf"
    path.write_bytes(nested(20, 10))
    process = RecognitionProcess()
    try:
        assert process.wait_until_ready() is None
        with pytest.raises((ProcessEndedError, ProcessTimeoutError)):
            process.ask(
                {"operation": "RecognizePdf", "image": str(path), "sha256": "00", "settings": {}}, 5.0
            )
    finally:
        process.end()
