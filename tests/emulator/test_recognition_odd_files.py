"""Odd and bad files, sent to a real emulator: the quick ones of what ``tests.emulator.bad_files`` sends."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pypdfium2
import pytest
from PIL import Image

from tests.emulator.bad_files import MAX_MEMORY, text_of, watched_memory
from tests.emulator.client import Client
from tests.emulator.odd_bombs import bombs
from tests.emulator.odd_demands import demanding
from tests.emulator.odd_file import TEXT, OddFile
from tests.emulator.odd_files import HONEST_FILES
from tests.emulator.odd_scans import fax
from tests.emulator.odd_strangers import no_images
from tests.emulator.pages import hocr_words

_SLOW = {
    "a large screen with tiny text",
    "a plan with little text",
    "a receipt of a telephone",
    "a poster",
    "a banner",
    "all white, nearly 40 million pixels",
    "JPEG of 300 scans",
    "TIFF of a million strips",
    "GIF of 39 million pixels",
    "TIFF of 36 million pixels, deflated",
    "TIFF of 36 million pixels of 6 bytes",
    "PNG in 200,000 pieces",
    "PNG of 4 billion pixels",
}


_CHEAP_DEMANDS = {"40 million pixels turned by 45 degrees", "4 million pixels doubled"}


_EVERY = 5


def _quick() -> list[OddFile]:
    tiffs = [file for file in HONEST_FILES if file.name.startswith("TIFF")]
    others = [file for file in HONEST_FILES if not file.name.startswith("TIFF")]
    demands = [file for file in demanding() if file.name in _CHEAP_DEMANDS]
    files = [*others, *tiffs[::_EVERY], *bombs(), *demands, *no_images()]
    return [file for file in files if file.name not in _SLOW]


FILES = _quick()


@pytest.fixture(scope="module")
def answers(real: Client) -> Iterator[dict[str, dict[str, Any]]]:
    """Send all files at once, so that both processes are busy."""
    with watched_memory() as peaks:
        ids = {file.name: real.submit(file.make(), file.operation, **file.settings) for file in FILES}
        yield {file.name: real.wait(ids[file.name], file.operation) for file in FILES}
    assert max(peaks) < MAX_MEMORY


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_an_odd_file(file: OddFile, answers: dict[str, dict[str, Any]]) -> None:
    answer = answers[file.name]
    messages = " ".join((answer["error"] or {}).get("messages") or [])
    if file.text is not None:
        assert (answer["taskStatus"], text_of(answer)) == ("Completed", file.text), messages
    elif file.error is not None:
        assert answer["taskStatus"] == "Error"
        assert file.error in messages
    assert "Invoice" not in messages


@pytest.mark.parametrize(("across", "down"), [(1, 2), (2, 1)])
def test_boxes_and_images_of_a_fax_are_in_its_own_frame(real: Client, across: int, down: int) -> None:
    image = fax(204 / across, 204 / down, squeezed=(across, down))
    with Image.open(io.BytesIO(image)) as stored:
        size = stored.size
    results = real.results(image, resultType="TextAndPdfAndHocr", makeSkewCorrect=False)
    assert results["Text"].decode() == TEXT
    words = hocr_words(results["Hocr"])
    assert [text for text, _ in words] == TEXT.split()
    left, top, right, bottom = words[0][1]
    height, width = bottom - top, right - left
    # In square pixels the first word is about four times as wide as high.
    assert width * across / (height * down) == pytest.approx(4, rel=0.25)
    assert max(box[2] for _, box in words) <= size[0]
    assert max(box[3] for _, box in words) <= size[1]
    png = real.results(image, resultType="ImagePNG", makeSkewCorrect=False)["ImagePNG"]
    with Image.open(io.BytesIO(png)) as returned:
        assert returned.size == size
        assert returned.info["dpi"] == pytest.approx((204 / across, 204 / down), rel=0.01)
    document = pypdfium2.PdfDocument(results["Pdf"])
    try:
        found = document[0].get_size()
    finally:
        document.close()
    assert found == pytest.approx((size[0] * across * 72 / 204, size[1] * down * 72 / 204), rel=0.01)


def test_a_black_and_white_fax_keeps_its_size(real: Client) -> None:
    png = real.results(fax(204, 98), "BinarizeImage")["ImagePNG"]
    with Image.open(io.BytesIO(png)) as image, Image.open(io.BytesIO(fax(204, 98))) as original:
        assert image.size == original.size
        assert image.info["dpi"] == pytest.approx((204, 98), rel=0.01)


def test_more_memory_than_allowed_is_an_error_and_the_next_task_is_served() -> None:
    """Set the limit as in a recognition process, only lower."""
    script = """
import base64, io, sys, tempfile
from PIL import Image
from airflow_provider_asposeocr.emulator import engine, limits, recognition
from airflow_provider_asposeocr.emulator.settings import AppliedSettings
from tests.emulator.odd_file import encoded, page
engine.load_engine()
large = encoded(Image.new("RGB", (6000, 6000), "white"), "PNG")
limits.MAX_RESIDENT_BYTES = limits.memory_of_this_process()["VmRSS"] + (150 << 20)
limits.limit_memory()
for data in (large, encoded(page(), "PNG")):
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        request = {"operation": "RecognizeImage", "image": file.name, "sha256": "", "settings": {}}
        outcome = recognition.work(request)
    print(outcome.messages or base64.b64decode(outcome.results[0]["data"]).decode())
"""
    if sys.platform != "linux":
        pytest.skip("only Linux bounds the memory of a process")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-P", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    first, *others = done.stdout.splitlines()
    assert "MiB of memory, the most that it gets" in first
    assert others == TEXT.splitlines()
