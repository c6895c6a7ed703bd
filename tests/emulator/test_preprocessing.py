"""Preprocessing operations, end to end: an image in, a PNG out that reads better."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from airflow_provider_asposeocr.emulator import imaging
from tests.emulator.client import API, Client
from tests.emulator.pages import curl, draw_text, encode, letter, scan, word_accuracy

LINES = letter(14)


def accuracy(client: Client, image: bytes) -> float:
    text = client.results(image, makeSkewCorrect=False)["Text"].decode()
    return word_accuracy("\n".join(LINES), text)


def opened(png: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG"
    return image


def test_a_skewed_page_is_straightened(real: Client) -> None:
    page = draw_text(LINES).rotate(9, resample=Image.Resampling.BICUBIC, expand=True, fillcolor=255)
    png = real.results(encode(page, dpi=(150, 150)), "DeskewImage")["ImagePNG"]
    image = opened(png)
    assert imaging.find_skew(np.asarray(image.convert("RGB"))) == 0
    assert image.size > page.size
    assert image.info["dpi"] == pytest.approx((150, 150), abs=0.1)


def test_a_straight_page_is_unchanged(real: Client) -> None:
    page = draw_text(LINES).convert("RGB")
    for operation in ("DeskewImage", "DewarpImage"):
        image = opened(real.results(encode(page), operation)["ImagePNG"])
        assert np.array_equal(np.asarray(image), np.asarray(page))


def test_small_text_reads_better_once_it_is_upscaled(real: Client) -> None:
    large = draw_text(LINES, dpi=200, points=9, font="Vera.ttf")
    small = large.resize((large.width // 4, large.height // 4), Image.Resampling.BOX)
    small = scan(small, angle=0, noise=5)
    image = encode(small, dpi=(50, 50))
    png = real.results(image, "UpscaleImage")["ImagePNG"]
    upscaled = opened(png)
    assert upscaled.size == (2 * small.width, 2 * small.height)
    assert upscaled.info["dpi"] == pytest.approx((100, 100), abs=0.1)
    assert accuracy(real, png) > accuracy(real, image) + 0.1


def test_a_curled_page_becomes_readable(real: Client) -> None:
    page = encode(scan(curl(draw_text(LINES, font="Vera.ttf"), 50), angle=0))
    assert accuracy(real, page) < 0.6
    assert accuracy(real, real.results(page, "DewarpImage")["ImagePNG"]) > 0.95


def test_an_image_without_lines_is_returned_with_a_warning(real: Client) -> None:
    blank = Image.new("RGB", (300, 200), (240, 250, 230))
    answer = real.wait(real.submit(encode(blank), "DewarpImage"), "DewarpImage")
    assert answer["taskStatus"] == "Completed"
    assert "no lines of text" in answer["error"]["warnings"][0]
    image = opened(real.results(encode(blank), "DewarpImage")["ImagePNG"])
    assert np.array_equal(np.asarray(image), np.asarray(blank))


@pytest.mark.parametrize("name", ["PostSkewCorrectionFile", "PostDewarpingFile", "PostUpsamplingImageFile"])
def test_the_old_forms_give_the_same(real: Client, name: str) -> None:
    operation = {"PostS": "DeskewImage", "PostD": "DewarpImage", "PostU": "UpscaleImage"}[name[:5]]
    image = encode(curl(draw_text(LINES[:4]), 6).rotate(3, expand=True, fillcolor=255))
    path = API + "ImageProcessing/"
    ocr_task_id = real.call("POST", path + name, files={"file": image}).text
    assert real.wait(ocr_task_id, "ImageProcessing/GetResultTask")["taskStatus"] == "Completed"
    file = real.call("GET", path + "GetResultFile", params={"id": ocr_task_id})
    assert file.content == real.results(image, operation)["ImagePNG"]


@pytest.mark.parametrize("operation", ["DeskewImage", "DewarpImage", "UpscaleImage"])
def test_what_is_no_image_is_refused(real: Client, operation: str) -> None:
    answer = real.wait(real.submit(b"%PDF-1.7", operation), operation)
    assert answer["taskStatus"] == "Error"
    assert "it is PDF" in answer["error"]["messages"][0]
