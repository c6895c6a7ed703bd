"""Regions, named and detected, end to end."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from airflow_provider_asposeocr.emulator.recognition import work
from airflow_provider_asposeocr.emulator.settings import MAX_REGIONS
from tests.emulator.client import Client
from tests.emulator.pages import block, draw_text, encode, hocr_words, overlap
from tests.emulator.pdfs import pdf_words

BLOCKS = {
    (60, 40): [
        "Northern Office Supplies, 12 Station Road, Leeds, England",
        "Telephone 0113 496 0000, open from Monday to Friday",
    ],
    (60, 260): [
        "We would like to thank you for",
        "your order of fourteen chairs,",
        "which left our warehouse this",
        "morning by the usual carrier.",
    ],
    (640, 260): [
        "The second copy is enclosed",
        "together with the contract,",
        "which both parties accepted",
        "during the last cold winter.",
    ],
    (60, 560): [
        "Kind regards, on behalf of all the people in our office,",
        "Margaret Whitfield, who is the head of the warehouse",
    ],
}
Rect = Sequence[float]


@pytest.fixture(scope="module")
def page() -> Image.Image:
    """Draw a page with a heading, two columns and a closing."""
    paper = Image.new("L", (1200, 760), 255)
    for place, lines in BLOCKS.items():
        paper.paste(block(lines), place)
    return paper


def rects() -> list[Rect]:
    """Return the boxes of the blocks as they are drawn."""
    sizes = {place: block(lines).size for place, lines in BLOCKS.items()}
    return [(left, top, left + width, top + height) for (left, top), (width, height) in sizes.items()]


def region(rect: Rect, order: int, margin: int = 8) -> dict[str, Any]:
    left, top, right, bottom = (int(side) for side in rect)
    corners = (left - margin, top - margin, right + margin, bottom + margin)
    names = ("topLeftX", "topLeftY", "bottomRightX", "bottomRightY")
    return {"rect": dict(zip(names, corners, strict=True)), "order": order}


def results(
    real: Client, image: bytes, regions: list[dict[str, Any]], **settings: Any
) -> list[tuple[str, bytes]]:
    ocr_task_id = real.submit(image, "RecognizeRegions", regions=regions, **settings)
    answer = real.wait(ocr_task_id, "RecognizeRegions")
    assert answer["taskStatus"] == "Completed", answer["error"]
    return [(result["type"], base64.b64decode(result["data"])) for result in answer["results"]]


def test_one_result_for_each_region_in_their_order(real: Client, page: Image.Image) -> None:
    regions = [region(rect, order) for rect, order in zip(rects(), (3, 0, 2, 1), strict=True)]
    texts = [("Text", "\n".join(lines)) for lines in BLOCKS.values()]
    found = [(kind, data.decode()) for kind, data in results(real, encode(page), regions)]
    assert found == [texts[place] for place in (1, 3, 2, 0)]


def test_several_types_follow_each_other_region_by_region(real: Client, page: Image.Image) -> None:
    heading, _, _, closing = (region(rect, 0) for rect in rects())
    found = results(real, encode(page), [closing, heading], resultType="TextAndPdfAndHocr")
    assert [kind for kind, _ in found] == ["Text", "Pdf", "Hocr"] * 2
    for place, lines in ((0, BLOCKS[60, 560]), (3, BLOCKS[60, 40])):
        words = " ".join(lines).split()
        (of_pdf,) = pdf_words(found[place + 1][1])
        of_hocr = hocr_words(found[place + 2][1])
        assert found[place][1].decode().split() == words
        assert [word for word, _ in of_pdf] == [word for word, _ in of_hocr] == words
        assert all(bottom < 90 for _, (_, _, _, bottom) in of_hocr)  # on the cut-out, not on the page


def test_a_region_is_cut_to_the_image(real: Client, page: Image.Image) -> None:
    wide = {"rect": {"topLeftX": 600, "topLeftY": 200, "bottomRightX": 99_999, "bottomRightY": 99_999}}
    ((_, text),) = results(real, encode(page), [wide])
    assert text.decode().split("\n")[:4] == BLOCKS[640, 260]


def test_regions_refer_to_the_image_as_shown_before_its_filters(real: Client, page: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    stored = encode(page.rotate(90, expand=True), "JPEG", exif=exif)
    regions = [region(rects()[0], 0)]
    filters = {"makeUpsampling": True, "makeBinarization": True}
    for image, settings in ((stored, filters), (encode(page.rotate(3, fillcolor=255)), {})):
        ((_, text),) = results(real, image, regions if image is stored else [grown(regions[0])], **settings)
        assert text.decode().split("\n") == BLOCKS[60, 40]


def grown(of: dict[str, Any]) -> dict[str, Any]:
    return region(
        [of["rect"][name] for name in ("topLeftX", "topLeftY", "bottomRightX", "bottomRightY")], 0, 30
    )


def test_a_region_with_a_single_letter_is_straightened_like_its_page(real: Client) -> None:
    paper = draw_text(["I", "", "Line of the page that shows its skew", "and another line of the same skew"])
    image = encode(paper.rotate(-5, fillcolor=255))
    for deskew, size in ((True, (204, 77)), (False, (200, 60))):
        ((_, png),) = results(
            real, image, [region((100, 100, 300, 160), 0, 0)], resultType="ImagePNG", makeSkewCorrect=deskew
        )
        with Image.open(io.BytesIO(png)) as filtered:
            assert filtered.size == pytest.approx(size, abs=1)


def test_a_region_outside_of_the_image_is_refused_by_its_place(real: Client, page: Image.Image) -> None:
    regions = [region(rects()[0], 0), region((1300, 20, 1400, 90), 1, 0)]
    answer = real.wait(real.submit(encode(page), "RecognizeRegions", regions=regions), "RecognizeRegions")
    assert answer["taskStatus"] == "Error"
    assert answer["error"]["messages"] == [
        "Region 1 (1300, 20, 1400, 90) lies outside of the image, which has 1,200 x 760 pixels."
    ]


def test_as_many_regions_as_there_may_be(real: Client) -> None:
    """A thousand small regions, most of them blank, end in time."""
    paper = Image.new("L", (1000, 1000), 255)
    paper.paste(block(["first"]), (4, 8))
    paper.paste(block(["last"]), (904, 968))
    cells = [(100 * (place % 10), 10 * (place // 10)) for place in range(MAX_REGIONS)]
    regions = [region((left, top, left + 100, top + 40), place, 0) for place, (left, top) in enumerate(cells)]
    found = results(real, encode(paper), regions)
    assert len(found) == MAX_REGIONS
    assert found[0][1] == b"first"
    assert b"last" in {text for _, text in found[-50:]}


def detected(real: Client, image: bytes, **settings: Any) -> list[Rect]:
    answer = real.results(image, "DetectRegions", **settings)
    assert list(answer) == ["Other"]
    found: list[Rect] = json.loads(answer["Other"])
    assert all(isinstance(side, int) for rect in found for side in rect)
    return found


@pytest.mark.parametrize(
    "settings",
    [{}, {"makeUpsampling": True, "makeBinarization": True}, {"makeSkewCorrect": False}],
    ids=["plain", "filtered", "not straightened"],
)
def test_blocks_are_found_where_they_are(real: Client, page: Image.Image, settings: dict[str, Any]) -> None:
    found = detected(real, encode(page), **settings)
    assert len(found) == len(BLOCKS)
    assert all(overlap(*pair) > 0.7 for pair in zip(found, rects(), strict=True)), found


@pytest.mark.parametrize("degrees", [90, 180])
def test_boxes_refer_to_the_image_before_it_is_turned(real: Client, page: Image.Image, degrees: int) -> None:
    lying = page.rotate(degrees, expand=True)
    found = detected(real, encode(lying), rotate=degrees)
    assert len(found) == len(BLOCKS)
    width, height = page.size
    for box, (left, top, right, bottom) in zip(found, rects(), strict=True):
        turned = {
            90: (top, width - right, bottom, width - left),
            180: (width - right, height - bottom, width - left, height - top),
        }[degrees]
        assert overlap(box, turned) > 0.7


def test_boxes_refer_to_the_image_before_it_is_straightened(real: Client, page: Image.Image) -> None:
    skewed = page.rotate(-4, expand=True, fillcolor=255)
    image = encode(skewed)
    found = detected(real, image)
    assert len(found) == len(BLOCKS)
    texts = [text.decode() for _, text in results(real, image, [region(rect, 0, 0) for rect in found])]
    for text, lines in zip(texts, BLOCKS.values(), strict=True):
        assert lines[0] in text


def test_boxes_refer_to_pixels_that_are_not_square(real: Client, page: Image.Image) -> None:
    width, height = page.size
    fax = page.resize((width, height // 2), Image.Resampling.LANCZOS)
    found = detected(real, encode(fax, "TIFF", dpi=(150, 75)))
    halves = [(left, top / 2, right, bottom / 2) for left, top, right, bottom in rects()]
    assert len(found) == len(halves)
    assert all(overlap(*pair) > 0.65 for pair in zip(found, halves, strict=True)), found


def test_a_blank_page_has_no_regions(real: Client) -> None:
    assert detected(real, encode(Image.new("L", (600, 400), 255))) == []


def test_regions_of_a_detection_can_be_recognized(real: Client, page: Image.Image) -> None:
    found = detected(real, encode(page))
    texts = results(real, encode(page), [region(rect, place, 0) for place, rect in enumerate(found)])
    assert [text.decode().split("\n") for _, text in texts] == list(BLOCKS.values())


def test_a_part_that_is_too_large_to_be_straightened_is_read_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = draw_text(["The invoice was sent", "on Monday at noon"]).rotate(-3, fillcolor=255)
    path = tmp_path / "image"
    path.write_bytes(encode(image))
    for module in ("imaging", "limits"):
        limit = f"airflow_provider_asposeocr.emulator.{module}.MAX_FILTERED_PIXELS"
        monkeypatch.setattr(limit, image.width * image.height)
    rect = {"topLeftX": 0, "topLeftY": 0, "bottomRightX": image.width, "bottomRightY": image.height}
    settings = {"regions": [{"order": 0, "rect": rect}]}
    request = {"operation": "RecognizeRegions", "settings": settings, "image": str(path), "sha256": ""}
    outcome = work(request)
    assert outcome.messages == ()
    assert base64.b64decode(outcome.results[0]["data"]).split()[:4] == b"The invoice was sent".split()
