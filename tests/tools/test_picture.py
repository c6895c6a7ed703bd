"""The picture of the rooms shows the imports of the package."""

from __future__ import annotations

import graphlib
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tools.picture import PICTURE, draw
from tools.rooms import levels, read_rooms, reduced

SVG = "{http://www.w3.org/2000/svg}"


def graph(**imports: str) -> dict[str, frozenset[str]]:
    """Make rooms from the names that each imports."""
    return {room: frozenset(names.split()) for room, names in imports.items()}


def test_the_picture_shows_the_imports() -> None:
    assert PICTURE.read_text() == draw(read_rooms()), (
        "docs/architecture.svg is out of date: make docs-picture"
    )


def test_the_picture_has_a_box_for_each_room_and_an_arrow_for_each_import() -> None:
    rooms = graph(api="", files="api", hooks="api files", emulator="api")
    root = ElementTree.fromstring(draw(rooms))
    assert sorted(text.text or "" for text in root.iter(f"{SVG}text")) == sorted(rooms)
    # That of api by hooks follows from the others.
    assert len([one for one in root.iter(f"{SVG}path") if "marker-end" in one.attrib]) == 3


def test_every_box_is_within_the_picture_and_covers_no_other() -> None:
    root = ElementTree.fromstring(draw(read_rooms()))
    boxes = [
        [float(box.attrib[name]) for name in ("x", "y", "width", "height")] for box in root.iter(f"{SVG}rect")
    ]
    for x, y, width, height in boxes:
        assert 0 <= x <= float(root.attrib["width"]) - width
        assert 0 <= y <= float(root.attrib["height"]) - height
    for one in range(len(boxes)):
        for x, y, width, _ in boxes[:one]:
            assert boxes[one][1] != y or x + width < boxes[one][0] or boxes[one][0] + boxes[one][2] < x


def test_rooms_that_import_each_other_are_refused() -> None:
    with pytest.raises(graphlib.CycleError):
        reduced(graph(api="files", files="api"))


def test_what_imports_nothing_lies_right_below_those_that_import_it() -> None:
    rooms = graph(api="", files="api", hooks="files info", info="")
    assert levels(rooms) == [["api"], ["files", "info"], ["hooks"]]


def test_imports_are_found_anywhere_in_a_module(tmp_path: Path) -> None:
    package = tmp_path / "package"
    texts = {
        "__init__.py": "",
        "info.py": "",
        "api/__init__.py": "",
        "files/source.py": "from package.api import coerce\nimport json\n",
        "hooks/hook.py": (
            "from package import __version__, info\n\n\ndef late():\n    import package.files.source\n"
        ),
    }
    for name, text in texts.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    assert read_rooms(package) == graph(api="", files="api", hooks="files info", info="")


def test_the_picture_is_readable_in_light_and_dark() -> None:
    style = PICTURE.read_text()
    assert "prefers-color-scheme: dark" in style
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", style)
