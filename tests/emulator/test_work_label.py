"""Recognition of labels, end to end."""

from __future__ import annotations

import pytest
from PIL import Image, ImageDraw, ImageFont

from tests.emulator.client import Client
from tests.emulator.pages import FONTS, encode

TEXTS = [
    (20, 15, 48, "ORGANIC GREEN TEA"),
    (20, 90, 22, "Net weight 250 g"),
    (20, 150, 13, "Ingredients: green tea leaves, jasmine"),
    (20, 175, 13, "flowers, natural lemon flavour"),
    (20, 230, 10, "Store in a cool dry place. Keep out of reach of children."),
    (20, 260, 9, "Best before: 31/12/2027"),
    (20, 300, 30, "4 006381 333931"),
    (20, 360, 10, "Distributed by Highland Tea Ltd., Leeds"),
]
LINES = [text for *_, text in TEXTS]


@pytest.fixture(scope="module")
def label() -> Image.Image:
    """Draw a label with large, small and tiny text."""
    paper = Image.new("L", (600, 400), 255)
    pen = ImageDraw.Draw(paper)
    for left, top, size, text in TEXTS:
        pen.text((left, top), text, font=ImageFont.truetype(str(FONTS / "Vera.ttf"), size), fill=10)
    return paper


def test_texts_of_all_sizes_keep_their_lines(real: Client, label: Image.Image) -> None:
    text = real.results(encode(label), "RecognizeLabel")["Text"].decode()
    assert [line for line in text.split("\n") if line] == LINES


def test_its_spelling_is_that_of_english(real: Client, label: Image.Image) -> None:
    settings = {"language": "Polish", "makeSpellCheck": True}
    answer = real.wait(real.submit(encode(label), "RecognizeLabel", **settings), "RecognizeLabel")
    assert answer["error"]["warnings"] == ["Labels are read in English only, not in Polish."]


def test_the_language_is_english(real: Client, label: Image.Image) -> None:
    warnings = {}
    for language in ("English", "Russian"):
        ocr_task_id = real.submit(encode(label), "RecognizeLabel", language=language)
        answer = real.wait(ocr_task_id, "RecognizeLabel")
        assert answer["taskStatus"] == "Completed"
        warnings[language] = (answer["error"] or {}).get("warnings")
    assert warnings == {"English": None, "Russian": ["Labels are read in English only, not in Russian."]}
