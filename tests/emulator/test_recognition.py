"""Real recognition, end to end."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
import requests
from PIL import Image, ImageOps

from airflow_provider_asposeocr.api.languages import LANGUAGES
from airflow_provider_asposeocr.emulator.scripts import UNREADABLE_LANGUAGES
from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.client import API, Client
from tests.emulator.pages import HAN, Page, draw_text, encode, hocr_words, scan, scanned_letter, word_accuracy

NOTE = ["Meeting on Thursday at noon", "Bring the signed contract, please."]
COLUMNS = (
    [
        *(
            "The invoice for our delivery of",
            "fourteen wooden chairs was sent on",
            "Monday and should be paid within",
        ),
        *("thirty days after receipt. Please", "quote the order number in your", "letter."),
    ],
    [
        *("A second copy has been enclosed", "with the signed contract, which"),
        *("both parties accepted last winter,", "although some details of transport"),
    ],
)


@pytest.fixture(scope="module")
def letter() -> Page:
    return scanned_letter(font="Vera.ttf")


@pytest.fixture(scope="module")
def note() -> bytes:
    return encode(draw_text(NOTE))


def test_a_scanned_letter(real: Client, letter: Page) -> None:
    text = real.results(letter.image)["Text"].decode()
    assert word_accuracy(letter.text, text) >= 0.98


def test_a_binarized_letter(real: Client, letter: Page) -> None:
    png = real.results(letter.image, "BinarizeImage")["ImagePNG"]
    with Image.open(io.BytesIO(png)) as image:
        assert (image.format, image.mode) == ("PNG", "1")
        with Image.open(io.BytesIO(letter.image)) as original:
            assert image.size == original.size
    text = real.results(png)["Text"].decode()
    assert word_accuracy(letter.text, text) >= 0.98


def test_combined_results_agree(real: Client, note: bytes) -> None:
    results = real.results(note, resultType="TextAndPdfAndHocr")
    assert list(results) == ["Text", "Pdf", "Hocr"]
    assert results["Text"].decode().split("\n") == NOTE
    words = " ".join(NOTE).split()
    assert pdf_words(results["Pdf"]) == words
    hocr = hocr_words(results["Hocr"])
    assert [text for text, _ in hocr] == words
    tops = [top for _, (_, top, _, _) in hocr]
    assert max(tops[:5]) < min(tops[5:])


def test_json_and_png(real: Client, note: bytes) -> None:
    (block,) = json.loads(real.results(note, resultType="JSON")["JSON"])
    assert block["text"].split("\n") == NOTE
    assert 0 < block["topLeftX"] < block["bottomRightX"]
    png = real.results(note, resultType="ImagePNG", makeBinarization=True, makeSkewCorrect=False)["ImagePNG"]
    with Image.open(io.BytesIO(png)) as image:
        assert image.mode == "1"


def test_sideways_text_is_found(real: Client) -> None:
    page = draw_text(NOTE).rotate(90, expand=True)
    assert real.results(encode(page))["Text"].decode().split("\n") == NOTE
    assert pdf_words(real.results(encode(page), resultType="Pdf")["Pdf"]) == " ".join(NOTE).split()


def test_rotation_and_all_filters(real: Client) -> None:
    page = draw_text(NOTE, dpi=100).rotate(30, expand=True, fillcolor=255)
    filters: dict[str, Any] = {
        "makeContrastCorrection": True,
        "makeBinarization": True,
        "makeUpsampling": True,
    }
    assert real.results(encode(page), rotate=30, **filters)["Text"].decode().split("\n") == NOTE


def test_a_blank_page_has_no_text(real: Client) -> None:
    blank = encode(Image.new("L", (400, 300), 255))
    assert real.results(blank) == {"Text": b""}
    assert list(real.results(blank, resultType="PdfAndHocr")) == ["Pdf", "Hocr"]


def test_the_trial_masks_some_words(real: Client, note: bytes) -> None:
    first, second = (real.results(note, "RecognizeImageTrial")["Text"].decode() for _ in range(2))
    assert first == second
    words = list(zip(first.split(), " ".join(NOTE).split(), strict=True))
    assert sum(seen != written for seen, written in words) == 1
    assert all(seen in (written, "*" * len(written)) for seen, written in words)


@pytest.mark.parametrize("image", [b"not an image", encode(draw_text(NOTE))[:200]])
@pytest.mark.parametrize("operation", ["RecognizeImage", "BinarizeImage"])
def test_unreadable_images_end_in_an_error(real: Client, image: bytes, operation: str) -> None:
    answer = real.wait(real.submit(image, operation), operation)
    assert answer["taskStatus"] == "Error"
    assert "not an image" in answer["error"]["messages"][0]


@pytest.mark.parametrize("language", ["Russian", "Greek", "Devanagari", "Vietnamese"])
def test_languages_that_cannot_be_read_are_refused_by_name(real: Client, note: bytes, language: str) -> None:
    answer = real.wait(real.submit(note, language=language.lower()))
    assert answer["taskStatus"] == "Error"
    assert language in answer["error"]["messages"][0]


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        ("Chinese", ["十二把椅子的发票已于星期一寄出。", "付款期限为收到货物后三十天。"]),
        ("Japanese", ["いつもお世話になっております。", "契約書は東京の倉庫に保管されています。"]),
    ],
)
def test_han_and_kana_are_read_without_blanks(real: Client, language: str, lines: list[str]) -> None:
    results = real.results(encode(draw_text(lines, font=HAN)), language=language, resultType="TextAndPdf")
    assert results["Text"].decode().split("\n") == lines
    assert pdf_words(results["Pdf"]) == lines


def test_no_other_script_is_seen_in_a_row_of_signs(real: Client) -> None:
    rows = ["Subtotal 12.50", "* * * * * * * * * *", "+ + + # # # = = = ~ ~ ~", "Total 12.50"]
    for size in (8, 11, 16):
        text = real.results(encode(draw_text(rows, points=size)))["Text"].decode()
        assert text.isascii()
        assert text.startswith("Subtotal 12.50")


@pytest.mark.parametrize("gutter", [16, 40])
def test_columns_are_read_one_after_the_other(real: Client, gutter: int) -> None:
    left, right = columns_without_margins()
    canvas = Image.new("L", (left.width + gutter + right.width, max(left.height, right.height)), 255)
    canvas.paste(left, (0, 0))
    canvas.paste(right, (left.width + gutter, 0))
    page = scan(ImageOps.expand(canvas, 60, 255), angle=0.4, noise=6)
    assert real.results(encode(page))["Text"].decode().split() == " ".join([*COLUMNS[0], *COLUMNS[1]]).split()


def test_the_old_form_gives_a_png(real: Client, note: bytes) -> None:
    path = API + "ImageProcessing/"
    ocr_task_id = real.call("POST", path + "PostBinarizationFile", files={"file": note}).text
    assert real.wait(ocr_task_id, "ImageProcessing/GetResultTask")["taskStatus"] == "Completed"
    file = real.call("GET", path + "GetResultFile", params={"id": ocr_task_id})
    assert file.content.startswith(b"\x89PNG")


def test_other_formats(real: Client) -> None:
    page = draw_text(NOTE)
    transparent = Image.new("RGBA", page.size, (0, 0, 0, 0))
    transparent.putalpha(page.point(lambda value: 255 - value))
    turned = page.rotate(180)
    exif = Image.Exif()
    exif[0x0112] = 3  # to be shown upside down
    images = [
        encode(page, "TIFF"),
        encode(page, "BMP"),
        encode(page, "GIF"),
        encode(transparent),
        encode(turned, "JPEG", exif=exif),
    ]
    for image in images:
        assert real.results(image)["Text"].decode().split("\n") == NOTE


def test_the_server_answers_while_it_recognizes(real: Client, letter: Page) -> None:
    ocr_task_id = real.submit(letter.image)
    answered = sum(real.get("unknown").ok for _ in range(20))
    # Twenty answers, one after the other, and the letter is still not read.
    assert real.get(ocr_task_id).json()["taskStatus"] in ("Pending", "Processing")
    assert answered == 20
    real.cancel(ocr_task_id)


def test_min_processing_seconds(real: Client, note: bytes) -> None:
    real.emulator.options.min_processing_seconds = 3.0
    try:
        started = time.monotonic()
        assert real.wait(real.submit(note))["taskStatus"] == "Completed"
        assert time.monotonic() - started >= 3.0
    finally:
        real.emulator.options.min_processing_seconds = 0.0


def test_pending_tasks_are_done_after_a_restart(tmp_path: Path, note: bytes) -> None:
    with Emulator(state_dir=tmp_path) as first, Client(first) as client:
        ocr_task_id = client.submit(note)
    # The engine takes longer to load than the emulator to stop: nothing has been recognized yet.
    with Emulator(state_dir=tmp_path) as second, Client(second) as client:
        assert client.wait(ocr_task_id)["taskStatus"] == "Completed"
        assert second.ocr_tasks[ocr_task_id].image is None
    assert [path.name for path in tmp_path.iterdir()] == [f"{ocr_task_id}.json"]


def test_stop_does_not_wait_for_the_engine(letter: Page) -> None:
    emulator = Emulator()
    with emulator, Client(emulator) as client:
        ocr_task_id = client.submit(letter.image)
        until = time.monotonic() + 30
        while client.get(ocr_task_id).json()["taskStatus"] != "Processing" and time.monotonic() < until:
            time.sleep(0.01)
        url = emulator.url
    # The page takes seconds, and so does the engine before it: a stop that waited would see it completed.
    assert emulator.ocr_tasks[ocr_task_id].status != "Completed"
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=5)


def pdf_words(data: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(data)
    try:
        text: str = document[0].get_textpage().get_text_range()
    finally:
        document.close()
    return text.split()


def columns_without_margins() -> tuple[Image.Image, Image.Image]:
    """Draw two columns, cut to their ink."""
    left, right = (draw_text(lines, font="Vera.ttf") for lines in COLUMNS)
    return left.crop(ImageOps.invert(left).getbbox()), right.crop(ImageOps.invert(right).getbbox())


def test_languages_that_it_cannot_read_are_those_of_the_service() -> None:
    assert set(LANGUAGES) > UNREADABLE_LANGUAGES
