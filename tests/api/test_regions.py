"""Regions: boxes in every form, the form of the wire, and texts by region."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_asposeocr.api.exceptions import AsposeOcrResultError, AsposeOcrSettingsError
from airflow_provider_asposeocr.api.layout import Block
from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.api.regions import MAX_REGIONS, read_regions, region_texts, wire_regions
from airflow_provider_asposeocr.emulator.settings import AppliedSettings

RECT = {"topLeftX": 10, "topLeftY": 20, "bottomRightX": 30, "bottomRightY": 40}
OTHER = {"topLeftX": 0, "topLeftY": 0, "bottomRightX": 1, "bottomRightY": 2}
WIRE = [{"rect": RECT, "order": 0}, {"rect": OTHER, "order": 1}]
BOXES = [[10, 20, 30, 40], [0, 0, 1, 2]]
MANIFEST = {"operation": "DetectRegions", "text": "[[9,9]]", "value": BOXES, "results": [{"type": "Other"}]}


@pytest.mark.parametrize(
    "value",
    [
        BOXES,
        tuple(map(tuple, BOXES)),
        [["10", " 20 ", 30.0, "40.0"], ["0", "0", "1", "2"]],
        [{"rect": box} for box in BOXES],
        [{"Box": box, "order": None} for box in BOXES],
        [{"box": box, "order": place} for place, box in enumerate(BOXES)],
        [RECT, OTHER],
        [{"rect": RECT}, {"rect": OTHER}],
        [Block("a", (10, 20, 30, 40)).to_dict(), Block("b", (0, 0, 1, 2)).to_dict()],
        WIRE,
        MANIFEST,
        MANIFEST | {"results": [{"value": WIRE}]},
    ],
)
def test_every_form_of_boxes_in_the_spelling_of_the_wire(value: Any) -> None:
    assert wire_regions(value) == WIRE
    # As Jinja renders it, and as a task writes it.
    assert wire_regions(f" {value}\n") == WIRE
    assert wire_regions(json.dumps(value)) == WIRE


def test_regions_are_sent_in_their_order() -> None:
    regions = wire_regions([{"rect": BOXES[0], "order": order} for order in (7, "-3", None, 0)] + BOXES[:1])
    assert [region["order"] for region in regions] == [-3, 0, 2, 4, 7]


def test_an_order_belongs_to_one_region() -> None:
    with pytest.raises(AsposeOcrSettingsError, match="an order in common"):
        wire_regions([{"box": BOXES[0], "order": 1}, BOXES[1]])


def test_the_emulator_takes_them() -> None:
    applied = AppliedSettings.from_wire(get_operation("RecognizeRegions"), {"regions": wire_regions(BOXES)})
    assert [[region.left, region.top, region.right, region.bottom] for region in applied.regions] == BOXES


# fmt: off
WRONG: dict[str, tuple[Any, str]] = {
    "nothing": (None, "regions must be a list of boxes, not a NoneType"),
    "a word": ("all", "regions must be a list of boxes, not 'all'"),
    "an empty list": ([], "regions is an empty list"),
    "a number": (5, "regions must be a list of boxes, not 5"),
    "a set": ({1, 2, 3, 4}, "regions must be a list of boxes, not a set"),
    "one box": ([1, 2, 3, 4], r"regions\[0\] must be a box \[left, top, right, bottom\], .* not 1"),
    "three numbers": ([BOXES[0], [1, 2, 3]], r"regions\[1\] must be a box .* not a list"),
    "no rect": ([{"order": 1}], r"regions\[0\] must be a box .* not a dict"),
    "a text": (["Confidential. " * 9], r"regions\[0\] must be a box .* not a text of 126 characters"),
    "too many": ([BOXES[0]] * (MAX_REGIONS + 1), "regions has 1001 boxes, and no more than 1000 are sent"),
    "negative": ([[-1, 0, 1, 1]], r"regions\[0\], topLeftX must be a whole number, at least 0, not -1"),
    "fraction": ([[0, 0.5, 1, 1]], r"regions\[0\], topLeftY must be a whole number, at least 0, not 0\.5"),
    "33 bits": ([[0, 0, 2**31, 1]], r"regions\[0\], bottomRightX must be a whole number of at most 2147"),
    "not set": ([[0, 0, 1, None]], r"regions\[0\], bottomRightY must be a whole number of at most"),
    "truth value": ([[0, 0, True, 1]], r"regions\[0\], bottomRightX must be a whole number"),
    "points": ([[[0, 0], [1, 0], [1, 1], [0, 1]]], r"regions\[0\], topLeftX must be a whole number"),
    "no width": ([[5, 0, 5, 1]], r"regions\[0\] holds no pixel: left 5 must be less than right 5"),
    "upside down": ([[0, 9, 1, 2]], r"regions\[0\] holds no pixel: .* top 9 less than bottom 2"),
    "odd order": ([{"box": BOXES[0], "order": "first"}], r"regions\[0\], order must be a whole number"),
    "huge order": ([{"box": BOXES[0], "order": 2**31}], r"regions\[0\], order must be .* at most"),
    "another manifest": (MANIFEST | {"operation": "RecognizeImage"}, "no manifest of DetectRegions"),
    "no value": ({"operation": "DetectRegions"}, "no manifest of DetectRegions with its boxes"),
    "a value that was left out": (MANIFEST | {"value": None}, "no manifest of DetectRegions with its boxes"),
    "a blank page": (MANIFEST | {"value": []}, "DetectRegions has found no regions"),
    "deep": ("[[" * 50_000, "regions must be a list of boxes, not a text of 100000 characters"),
}
# fmt: on


@pytest.mark.parametrize(("value", "message"), WRONG.values(), ids=list(WRONG))
def test_what_can_be_no_region_is_an_error_that_names_the_place(value: Any, message: str) -> None:
    with pytest.raises(AsposeOcrSettingsError, match=message) as caught:
        wire_regions(value)
    assert "Confidential" not in str(caught.value)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(["rect", "box", "order", "operation", "results", *RECT]), inner)
    ),
    max_leaves=20,
)


@settings(max_examples=100, deadline=None)
@given(VALUES | st.lists(st.lists(st.integers(0, 9), min_size=4, max_size=4)))
def test_any_value_is_regions_or_the_one_error(value: Any) -> None:
    try:
        regions = wire_regions(value)
    except AsposeOcrSettingsError:
        return
    assert wire_regions(regions) == regions
    for region in regions:
        rect = region["rect"]
        assert 0 <= rect["topLeftX"] < rect["bottomRightX"] < 2**31
        assert 0 <= rect["topLeftY"] < rect["bottomRightY"] < 2**31


@pytest.mark.parametrize(
    ("data", "boxes"),
    [
        (b"[[10,20,30,40], [0, 0, 1, 2.4]]\n", BOXES),
        (json.dumps(WIRE).encode(), BOXES),
        (b"[]", []),
        (b"", []),
    ],
)
def test_the_result_of_detect_regions(data: bytes, boxes: list[list[int]]) -> None:
    assert read_regions(data) == boxes


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[[1,2,3,4]", "it is no JSON"),
        (b'{"a": 1}', "it is an object of 1 members, not a list of boxes"),
        (b"[[1,2,3,4],[1,2,3]]", "its item 2 is a list of 3, not a box"),
        (b'["Confidential"]', "its item 1 is a text, not a box"),
        (b"[null]", "its item 1 is null, not a box"),
        (b"[true]", "its item 1 is a truth value, not a box"),
        (b"[1]", "its item 1 is a number, not a box"),
    ],
)
def test_what_is_no_list_of_boxes_is_an_error(data: bytes, message: str) -> None:
    with pytest.raises(AsposeOcrResultError, match=f"the DetectRegions result cannot be read: {message}"):
        read_regions(data)


def test_each_text_is_put_to_its_region() -> None:
    regions = [{"rect": OTHER, "order": 1}, {"rect": RECT, "order": 2}]
    assert region_texts(["first", "second"], regions) == [
        {"order": 1, "rect": [0, 0, 1, 2], "text": "first"},
        {"order": 2, "rect": [10, 20, 30, 40], "text": "second"},
    ]


def test_one_text_is_that_of_one_region_or_of_all() -> None:
    assert region_texts(["a"], WIRE[:1]) == [{"order": 0, "rect": [10, 20, 30, 40], "text": "a"}]
    assert region_texts(["a\nb"], WIRE) == [{"order": None, "rect": None, "text": "a\nb"}]


@pytest.mark.parametrize("texts", [[], ["a", "b", "c"]])
def test_texts_of_other_number_than_regions_are_an_error(texts: list[str]) -> None:
    with pytest.raises(AsposeOcrResultError, match=f"{len(texts)} texts came for 2 regions"):
        region_texts(texts, WIRE)


def test_texts_of_unknown_regions_have_no_order() -> None:
    assert region_texts(["a", "b"], None) == [{"order": None, "rect": None, "text": text} for text in "ab"]
