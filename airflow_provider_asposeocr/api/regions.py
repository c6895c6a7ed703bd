"""Regions of a page: read boxes in every form, spell them for the wire, put the texts back to them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from airflow_provider_asposeocr.api.coerce import decoded, integer, shown_value
from airflow_provider_asposeocr.api.decoding import read_json, shape, unreadable
from airflow_provider_asposeocr.api.exceptions import AsposeOcrSettingsError

Box = tuple[int, int, int, int]
"""Upright box in pixels: left, top, right, bottom."""

MAX_REGIONS = 1000
"""Regions of one OCR task at most."""

MAX_COORDINATE = 2**31 - 1
"""Pixels at most: numbers of the wire have 32 bits."""

_CORNERS = ("topLeftX", "topLeftY", "bottomRightX", "bottomRightY")
_FOLDED_CORNERS = tuple(name.casefold() for name in _CORNERS)
_HOLDERS = ("rect", "rectangle", "box", "bbox", "boundingbox")
_NO_LETTER = re.compile("[^a-z]")


def folded(value: Any) -> dict[str, Any]:
    """Return the members of an object by their names in lower case and of letters alone; none of others.

    :param value: such as ``{"topLeftX": 1}`` or ``{"top_left_x": 1}``.
    """
    if not isinstance(value, Mapping):
        return {}
    named = ((name, member) for name, member in value.items() if isinstance(name, str))
    return {_NO_LETTER.sub("", name.casefold()): member for name, member in named}


def box_of(value: Any) -> Box | None:
    """Read a box that the service has written, or return None for anything else.

    :param value: four numbers, four points, an object of corners, or an object that holds one of these.
    """
    found = _corners(value)
    if found is None:
        return None
    if all(map(_is_coordinate, found)):
        left, top, right, bottom = map(round, found)
        return left, top, right, bottom
    points = [_point(item) for item in found]
    if not all(map(_is_coordinate, chain(*points))):
        return None
    across, down = ([round(number) for number in axis] for axis in zip(*points, strict=True))
    return min(across), min(down), max(across), max(down)


def around(boxes: Iterable[Box | None]) -> Box | None:
    """Return the box around boxes; None if there is none.

    :param boxes: None for one that is not known.
    """
    known = [box for box in boxes if box is not None]
    if not known:
        return None
    left, top, right, bottom = zip(*known, strict=True)
    return min(left), min(top), max(right), max(bottom)


def read_regions(data: bytes) -> list[list[int]]:
    """Read the result of ``DetectRegions``: a list of boxes.

    :param data: the bytes of the result.
    :raises AsposeOcrResultError: if it is anything else.
    """
    value = read_json("DetectRegions", data)
    if value is None:
        return []
    if not isinstance(value, list):
        raise unreadable("DetectRegions", f"it is {shape(value)}, not a list of boxes")
    boxes = []
    for place, item in enumerate(value, 1):
        box = box_of(item)
        if box is None:
            raise unreadable("DetectRegions", f"its item {place} is {shape(item)}, not a box")
        boxes.append([*box])
    return boxes


def wire_regions(value: Any) -> list[dict[str, Any]]:
    """Spell regions as ``RecognizeRegions`` takes them.

    :param value: a list of boxes, each ``[left, top, right, bottom]`` or an object that holds one as ``rect``
        or ``box``, with its ``order`` if that is not its place in the list; the manifest of
        ``DetectRegions``; or the text of one of these.
    :raises AsposeOcrSettingsError: if it is none, or a box can be none of a page.
    """
    given = _detected(decoded(value))
    if isinstance(given, str | bytes) or not isinstance(given, Sequence):
        raise AsposeOcrSettingsError(f"regions must be a list of boxes, not {shown_value(given)}")
    if not given:
        raise AsposeOcrSettingsError("regions is an empty list: there is nothing to recognize")
    if len(given) > MAX_REGIONS:
        raise AsposeOcrSettingsError(
            f"regions has {len(given)} boxes, and no more than {MAX_REGIONS} are sent"
        )
    regions = [_region(f"regions[{place}]", place, item) for place, item in enumerate(given)]
    if len({region["order"] for region in regions}) < len(regions):
        raise AsposeOcrSettingsError(
            "regions have an order in common, so that their texts could not be told apart"
        )
    # Whether the service answers in this order or in that of the request, it is the same.
    return sorted(regions, key=lambda region: int(region["order"]))


def shown_boxes(regions: Sequence[Mapping[str, Any]]) -> list[list[int]]:
    """Return the boxes of regions alone, which may be shown to anyone.

    :param regions: as :func:`wire_regions` has spelled them.
    """
    return [[region["rect"][name] for name in _CORNERS] for region in regions]


def region_texts(texts: Sequence[str], regions: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    """Put the texts that ``RecognizeRegions`` has answered with to their regions.

    One text for several regions is all of theirs, joined by the service; it has neither order nor rect.

    :param texts: as they came, by the ``order`` of their regions.
    :param regions: as :func:`wire_regions` has spelled them; None where they are not known.
    :return: an object with ``order``, ``rect`` and ``text`` for each text.
    :raises AsposeOcrResultError: if there are some, but not as many as regions.
    """
    if not regions:
        return [{"order": None, "rect": None, "text": text} for text in texts]
    if len(texts) == len(regions):
        return [
            {"order": region["order"], "rect": box, "text": text}
            for region, box, text in zip(regions, shown_boxes(regions), texts, strict=True)
        ]
    if len(texts) == 1:
        return [{"order": None, "rect": None, "text": texts[0]}]
    raise unreadable(
        "RecognizeRegions",
        f"{len(texts)} texts came for {len(regions)} regions: which is of which cannot be told",
    )


def _corners(value: Any) -> list[Any] | None:
    """Find the four numbers or points of a box, unread."""
    members = folded(value)
    held = next((members[name] for name in _HOLDERS if name in members), None)
    for candidate in (value, held):
        named = folded(candidate)
        if all(name in named for name in _FOLDED_CORNERS):
            return [named[name] for name in _FOLDED_CORNERS]
        if isinstance(candidate, list | tuple) and len(candidate) == 4:
            return list(candidate)
    return None


def _point(value: Any) -> tuple[Any, Any]:
    """Find the two numbers of a point, unread; None for what is none."""
    members = folded(value)
    if members:
        return members.get("x"), members.get("y")
    return (value[0], value[1]) if isinstance(value, list) and len(value) == 2 else (None, None)


def _is_coordinate(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_COORDINATE


def _detected(value: Any) -> Any:
    """Return the boxes that a manifest of ``DetectRegions`` holds; anything but a mapping as it is."""
    if not isinstance(value, Mapping):
        return value
    if value.get("operation") != "DetectRegions" or not isinstance(value.get("value"), list | tuple):
        raise AsposeOcrSettingsError("regions is a mapping, but no manifest of DetectRegions with its boxes")
    boxes = map(box_of, value["value"])
    # A detector may find what reaches over the edge of the page, or holds no pixel.
    inside = [(max(0, box[0]), max(0, box[1]), box[2], box[3]) for box in boxes if box]
    found = [[*box] for box in inside if box[0] < box[2] and box[1] < box[3]]
    if not found:
        raise AsposeOcrSettingsError("DetectRegions has found no regions: there is nothing to recognize")
    return found


def _region(name: str, place: int, item: Any) -> dict[str, Any]:
    found = _corners(item)
    if found is None:
        raise AsposeOcrSettingsError(
            f"{name} must be a box [left, top, right, bottom], or hold one as rect or box, not "
            f"{shown_value(item)}"
        )
    rect = {
        corner: _integer(f"{name}, {corner}", number, minimum=0)
        for corner, number in zip(_CORNERS, found, strict=True)
    }
    left, top, right, bottom = rect.values()
    if left >= right or top >= bottom:
        raise AsposeOcrSettingsError(
            f"{name} holds no pixel: left {left} must be less than right {right}, and top {top} less than "
            f"bottom {bottom}"
        )
    order = folded(item).get("order")
    return {"rect": rect, "order": place if order is None else _integer(f"{name}, order", order)}


def _integer(name: str, value: Any, minimum: int = -MAX_COORDINATE) -> int:
    number = integer(name, value, minimum=minimum)
    if number is None or number > MAX_COORDINATE:
        raise AsposeOcrSettingsError(
            f"{name} must be a whole number of at most {MAX_COORDINATE}, not {shown_value(value)}"
        )
    return number
