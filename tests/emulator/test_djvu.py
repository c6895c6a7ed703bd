"""DjVu documents: decoded page by page with their hidden text, refused by name, and converted end to end."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pypdfium2
import pytest

from airflow_provider_asposeocr.emulator import djvu, limits
from airflow_provider_asposeocr.emulator.limits import LimitExceededError, UnreadableImageError
from airflow_provider_asposeocr.emulator.page import bounds
from tests.emulator.client import Client
from tests.emulator.pages import draw_text, encode

DATA = Path(__file__).parent / "data"
NOTE, BUNDLE, INDEX = ((DATA / f"{name}.djvu").read_bytes() for name in ("note", "bundle", "index"))
HIDDEN = ["Meeting", "on", "Thursday", "Bring", "the", "signed"]


def refusal(data: bytes) -> str:
    with pytest.raises((LimitExceededError, UnreadableImageError)) as error:
        list(djvu.pages(io.BytesIO(data)))
    return str(error.value)


def sized(width: int, height: int) -> bytes:
    """Return the note with another size in its header."""
    place = NOTE.index(b"INFO") + 8
    return NOTE[:place] + struct.pack(">HH", width, height) + NOTE[place + 4 :]


def test_each_page_has_its_size_and_resolution() -> None:
    scans = [scan for _, scan in djvu.pages(io.BytesIO(BUNDLE))]
    sizes = [scan.pixels.shape[1::-1] for scan in scans]
    assert sizes == [(837, 409), (300, 200), (409, 837), (837, 409), (409, 837)]
    assert [scan.dpi for scan in scans] == [200, 100, 200, 200, 200]
    assert scans[1].pixels[:10].mean() < 30
    assert scans[1].pixels[-10:].mean() > 225


@pytest.mark.parametrize("place", [0, 2, 3, 4], ids=["upright", "left", "upside down", "right"])
def test_hidden_text_is_where_its_words_are(place: int) -> None:
    page, scan = list(djvu.pages(io.BytesIO(BUNDLE)))[place]
    assert [word.text for word in page.words()] == HIDDEN
    ink = scan.pixels[:, :, 0] < 128
    for word in page.words():
        left, top, right, bottom = map(int, bounds([word.quad]))
        assert ink[top:bottom, left:right].mean() > 0.1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (INDEX, "index of an indirect DjVu document"),
        (encode(draw_text(["Note"])), "The file is PNG, not DjVu."),
        (b"%PDF-1.7", "The file is PDF, not DjVu."),
        (b"", "not a DjVu document, or is damaged"),
        (b"nothing", "not a DjVu document, or is damaged"),
        (NOTE[:40], "not a DjVu document, or is damaged"),
        (b"AT&TFORM\0\0\0\x04DJVM", "not a DjVu document, or is damaged"),
        (sized(20_000, 20_000), "20,000 x 20,000 pixels"),
        (sized(6_200, 6_200), "at most 36,000,000 are recognized"),
        (sized(0, 0), "its size is 0x0"),
    ],
)
def test_what_cannot_be_converted_is_refused_by_name(data: bytes, message: str) -> None:
    assert message in refusal(data)


def test_damaged_documents_are_refused_or_converted_in_part() -> None:
    chance = np.random.default_rng(1)
    for _ in range(150):
        damaged = bytearray(BUNDLE)
        for place in chance.integers(16, len(damaged), 8):
            damaged[place] = chance.integers(256)
        try:
            sheets = list(djvu.pages(io.BytesIO(bytes(damaged))))
        except (LimitExceededError, UnreadableImageError):
            continue
        assert all(scan.pixels.size for _, scan in sheets)


def test_too_many_pages_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_PAGES", 4)
    assert refusal(BUNDLE) == "The DjVu document has 5 pages; at most 4 are recognized."


def test_the_sizes_of_all_pages_are_checked_before_the_first_is_decoded() -> None:
    place = BUNDLE.rindex(b"INFO") + 8
    data = BUNDLE[:place] + struct.pack(">HH", 6_200, 6_200) + BUNDLE[place + 4 :]
    with pytest.raises(LimitExceededError, match="6,200 x 6,200"):
        next(djvu.pages(io.BytesIO(data)))


def test_a_document_becomes_a_searchable_pdf(real: Client) -> None:
    pdf = real.results(BUNDLE, "DjVu2PDF")["Pdf"]
    document = pypdfium2.PdfDocument(pdf)
    try:
        sizes = [document[place].get_size() for place in range(len(document))]
        note = (837 * 72 / 200, 409 * 72 / 200)
        assert sizes[0] == pytest.approx(note, abs=0.1)
        assert sizes[1] == pytest.approx((216, 144), abs=0.1)
        assert sizes[2] == pytest.approx(note[::-1], abs=0.1)
        texts = [document[place].get_textpage().get_text_range().split() for place in range(len(document))]
        assert texts[0] == HIDDEN
        assert texts[1] == []
        shown = document[0].render(scale=200 / 72).to_numpy()
    finally:
        document.close()
    _, scan = next(djvu.pages(io.BytesIO(BUNDLE)))
    assert shown.shape[:2] == pytest.approx(scan.pixels.shape[:2], abs=1)
    rows, columns = (min(pair) for pair in zip(shown.shape[:2], scan.pixels.shape[:2], strict=True))
    difference = np.abs(shown[:rows, :columns, 0].astype(int) - scan.pixels[:rows, :columns, 0])
    assert difference.mean() < 3


def test_settings_of_recognition_are_reported_as_ignored(real: Client) -> None:
    ocr_task_id = real.submit(NOTE, "DjVu2PDF", language="English", makeBinarization=True)
    answer = real.wait(ocr_task_id, "DjVu2PDF")
    assert answer["taskStatus"] == "Completed"
    ignored = ["The emulator ignores language.", "The emulator ignores makeBinarization."]
    assert answer["error"]["warnings"] == ignored


def test_an_image_is_refused_with_the_name_of_its_format(real: Client) -> None:
    answer = real.wait(real.submit(encode(draw_text(["Note"]), "TIFF"), "DjVu2PDF"), "DjVu2PDF")
    assert answer["taskStatus"] == "Error"
    assert answer["error"]["messages"] == ["The file is TIFF, not DjVu."]
