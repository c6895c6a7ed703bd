"""Words and boxes: hOCR of several generators and the JSON of the service, however odd."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_asposeocr.api import layout
from airflow_provider_asposeocr.api.exceptions import AsposeOcrResultError
from airflow_provider_asposeocr.api.layout import (
    Block,
    LayoutPage,
    Line,
    Word,
    read_hocr,
    read_json_layout,
)
from airflow_provider_asposeocr.api.regions import Box
from airflow_provider_asposeocr.emulator import page as emulated
from airflow_provider_asposeocr.emulator import results

SECRET = "Patient"

TESSERACT = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/t.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">
 <head><title></title><meta name='ocr-system' content='tesseract 5.3.0' /></head>
 <body>
  <div class='ocr_page' id='page_1' title='image "a; bbox 9 9 9 9.png"; bbox 0 0 640 480; ppageno 0'>
   <div class='ocr_photo' id='block_1_1' title="bbox 0 0 9 9"></div>
   <div class='ocr_carea' id='block_1_2' title="bbox 36 92 619 300">
    <p class='ocr_par' id='par_1_1' lang='eng' title="bbox 36 92 580 120">
     <span class='ocr_header' title="bbox 36 92 580 122; baseline 0 -6; x_size 30">
      <span class='ocrx_word' title='bbox 36 92 96 116; x_wconf 91'>R&amp;D</span>
      <span class='ocrx_word' title='bbox 109 92 203 116; x_wconf 90.5'><strong>of <em>x</em></strong></span>
     </span>
    </p>
    <p class='ocr_par' id='par_1_2'>
     <span class='ocr_textfloat' title="bbox 36 126 579 156">
      <span class='ocrx_word' title='bbox 36 126 80 156; x_wconf 0'>&#x141;</span>
      <span class='ocrx_word' title='bbox 90 126 99 156; x_wconf 95'> </span>
     </span>
    </p>
   </div>
  </div>
  <div class='ocr_page' title='bbox 0 0 64 48; image "b; bbox 9 9 9 9"; ppageno 1'></div>
 </body>
</html>"""

TESSERACT_PAGES = [
    LayoutPage(
        1,
        (
            Block(
                "R&D of x\n\u0141",
                (36, 92, 619, 300),
                (
                    Line(
                        (Word("R&D", (36, 92, 96, 116), 91), Word("of x", (109, 92, 203, 116), 90.5)),
                        (36, 92, 580, 122),
                    ),
                    Line((Word("\u0141", (36, 126, 80, 156), 0),), (36, 126, 579, 156)),
                ),
            ),
        ),
        640,
        480,
    ),
    LayoutPage(2, (), 64, 48),
]


def word(text: str, title: str = "bbox 1 2 3 4") -> str:
    """Return the element of a word."""
    return f'<span class="ocrx_word" title="{title}">{text}</span>'


def shown(pages: list[LayoutPage]) -> list[list[list[str]]]:
    """Return the texts of the lines of each block of each page."""
    return [[[line.text for line in block.lines] for block in page.blocks] for page in pages]


def test_hocr_of_tesseract() -> None:
    assert read_hocr(TESSERACT.encode()) == TESSERACT_PAGES


def test_a_page_is_json() -> None:
    first = TESSERACT_PAGES[0].to_dict()
    assert json.loads(json.dumps(first)) == first
    assert first["blocks"][0]["lines"][1] == {
        "box": [36, 126, 579, 156],
        "words": [{"text": "\u0141", "box": [36, 126, 80, 156], "confidence": 0}],
    }
    assert (first["width"], first["height"], first["blocks"][0]["box"]) == (640, 480, [36, 92, 619, 300])


# fmt: off
ODD_HOCR: dict[str, tuple[str, list[list[list[str]]]]] = {
    "nothing": ("", []),
    "blank page": ('<div class="ocr_page"></div>', [[]]),
    "words alone": (word("a") + " " + word("b"), [[["a b"]]]),
    "words around a line": (word("a") + f'<p class="ocr_line">{word("b")}</p>' + word("c"),
                            [[["a", "b", "c"]]]),
    "words around pages": (word("a") + f'<div class="ocr_page">{word("b")}</div>' + word("c"),
                           [[["a"]], [["b"]], [["c"]]]),
    "line without words": ('<p class="ocr_line">a <b>b</b>c<br/>d</p>', [[["a bc d"]]]),
    "text between words": (f'<p class="ocr_line">a {word("b")} c</p>', [[["a b c"]]]),
    "paragraph without lines": ('<p class="ocr_par">a b</p>', [[["a b"]]]),
    "text outside of all": (f'<title>x</title><div class="ocr_page">y{word("a")}<p>z</p></div>', [[["a"]]]),
    "several classes": ('<b class="big ocrx_word x">a</b>', [[["a"]]]),
    "spans within a word": (word("<span>a<span>b</span></span>c") + word("d"), [[["abc d"]]]),
    "a word within a word": (word(f"a{word('b')}c"), [[["abc"]]]),
    "no end tags": ('<div class="ocr_page"><p class="ocr_par"><b class="ocr_line"><i class="ocrx_word">a',
                    [[["a"]]]),
    "end tags left out": (f'<div class="ocr_page"><p class="ocr_par"><b class="ocr_line">{word("a")}</div>'
                          f'<div class="ocr_page">{word("b")}', [[["a"]], [["b"]]]),
    "end tags of nothing": (f'</div></p><div class="ocr_page"></p>{word("a")}</span></div></div>', [[["a"]]]),
    "upper case": ('<DIV CLASS="ocr_page"><B CLASS="ocrx_word" TITLE="BBOX 1 2 3 4">a</B></DIV>', [[["a"]]]),
    "attributes without values": ('<div class title><i class="ocrx_word" title>a</i></div>', [[["a"]]]),
    "empty element": ('<span class="ocrx_word"/>' + word("a"), [[["a"]]]),
    "entities": (word("&lt;&eacute;&unknown;&#0;&#xD800;&"), [[["<\u00e9&unknown;\ufffd\ufffd&"]]]),
    "an entity of its own": ('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + word("&a;"),
                             [[["&a;"]]]),
    "deep": ("<div>" * 5_000 + word("a"), [[["a"]]]),
    "deep in a word": (word("<span>" * 5_000 + "a" + "</span>" * 5_000) + word("b"), [[["a b"]]]),
}
# fmt: on


@pytest.mark.parametrize(("text", "expected"), ODD_HOCR.values(), ids=list(ODD_HOCR))
def test_odd_hocr(text: str, expected: list[list[list[str]]]) -> None:
    assert shown(read_hocr(text.encode())) == expected


@pytest.mark.parametrize(
    ("title", "box", "confidence"),
    [
        ("", None, None),
        ("x_wconf 91", None, 91),
        ("bbox 1 2 3 4", (1, 2, 3, 4), None),
        ("x_wconf\t5 ;  bbox  1  2\n3 4 ;", (1, 2, 3, 4), 5),
        ("bbox 1.2 2.8 3 4e1", (1, 3, 3, 40), None),
        ("bbox -1 2 3 4; x_wconf -1", (-1, 2, 3, 4), None),
        ("bbox 1 2 3 4; x_wconf 101", (1, 2, 3, 4), None),
        ("bbox 1 2 3 4; x_wconf nan", (1, 2, 3, 4), None),
        ("bbox 1 2 3 4; x_wconf high", (1, 2, 3, 4), None),
        ("x_bboxes 1 1 1 1; bbox 1 2 3 4", (1, 2, 3, 4), None),
    ],
)
def test_the_title_of_a_word(title: str, box: Box | None, confidence: float | None) -> None:
    ((block,),) = (page.blocks for page in read_hocr(word("a", title).encode()))
    assert block.lines[0].words == (Word("a", box, confidence),)


def test_a_box_that_is_not_told_is_that_around() -> None:
    inner = word("a", "bbox 5 2 7 9") + word("b", "") + word("c", "bbox 6 1 9 8")
    (page,) = read_hocr(f'<p class="ocr_par"><b class="ocr_line">{inner}</b></p>'.encode())
    assert page.blocks[0].box == page.blocks[0].lines[0].box == (5, 1, 9, 9)
    assert (page.width, page.height) == (None, None)


# fmt: off
WRONG_HOCR = {
    "text": SECRET, "page of the web": f"<html><body>{SECRET}</body></html>", "JSON": "[]",
    "three numbers": word(SECRET, "bbox 1 2 3"), "five numbers": word(SECRET, "bbox 1 2 3 4 5"),
    "words for numbers": word(SECRET, "bbox a b c d"), "no number": word(SECRET, "bbox 1 2 3 nan"),
    "infinite": word(SECRET, "bbox 1 2 3 1e999"), "33 bits": word(SECRET, f"bbox 1 2 3 {2**31}"),
    "huge": word(SECRET, "bbox 1 2 3 " + "9" * 5000),
    "broken off": word(SECRET) + '<span class="ocrx_word" title="bbox',
    "huge tag": word(SECRET) + f'<p title="{"a" * 100_000}">',
}
# fmt: on


@pytest.mark.parametrize("text", WRONG_HOCR.values(), ids=list(WRONG_HOCR))
def test_what_is_no_hocr_is_an_error_without_its_text(text: str) -> None:
    with pytest.raises(AsposeOcrResultError, match="the Hocr result cannot be read") as caught:
        read_hocr(text.encode())
    assert SECRET not in str(caught.value)
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (word("a") * 501, "more than 1000 tags"),
        (word("a") + "< " * 999, "more than 1000 tags"),
        (word("a") + "<!-->" * 999, "more than 1000 tags"),
        ('<p class="ocr_line">' + "a " * 1001, "more than 1000 words"),
        ('<p class="ocr_line">a b c d</p>' * 251, "more than 1000 words"),
        (word("a") + " " * 99_999, "it has 1000.. bytes, and no more than 100000 are read"),
    ],
)
def test_too_much_hocr_is_an_error(text: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "MAX_TAGS", 1000)
    monkeypatch.setattr(layout, "MAX_HOCR_BYTES", 100_000)
    with pytest.raises(AsposeOcrResultError, match=message):
        read_hocr(text.encode())


def test_as_much_hocr_as_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "MAX_TAGS", 1000)
    assert len(read_hocr((word("a") * 500).encode())[0].blocks[0].lines[0].words) == 500
    monkeypatch.setattr(layout, "MAX_HOCR_BYTES", len(TESSERACT.encode()))
    assert read_hocr(TESSERACT.encode()) == TESSERACT_PAGES


@pytest.mark.parametrize("piece", ["<a ", "<!--", "</a ", "<![CDATA[", "<?", "<a b='", "<script><", "&#1"])
def test_tags_that_are_never_closed_take_little_time(piece: str) -> None:
    """The parser of Python 3.11 takes minutes for some of these if it is given all at once."""
    text = word("a") + piece * 400_000
    begun = time.process_time()
    with suppress(AsposeOcrResultError):
        assert shown(read_hocr(text.encode())) == [[["a"]]]
    assert time.process_time() - begun < 10


BOX = {"topLeftX": 1, "topLeftY": 2, "bottomRightX": 3, "bottomRightY": 4}


@pytest.mark.parametrize(
    "item",
    [
        BOX,
        {"TOPLEFTX": 1, "topLeftY": 2.2, "bottom_right_x": 3.0, "Bottom-Right-Y": 4},
        {"rect": BOX},
        {"Rect": [1, 2, 3, 4]},
        {"box": [1, 2, 3, 4]},
        {"bbox": [1.4, 2, 3, 4]},
        {"boundingBox": [[1, 2], [3, 2], [3, 4], [1, 4]]},
        {"rectangle": [{"x": 3, "y": 4}, {"Y": 2, "X": 3}, {"x": 1, "y": 2}, {"x": 1, "y": 4}]},
    ],
)
def test_the_box_of_a_block_in_json(item: dict[str, Any]) -> None:
    data = json.dumps([item | {"Text": "a\nb", "new": None}]).encode()
    assert read_json_layout(data) == [LayoutPage(1, (Block("a\nb", (1, 2, 3, 4)),))]


def test_the_pages_of_json() -> None:
    blocks = [BOX | {"text": "a", "page": 2}, BOX | {"text": None, "Page": 1}, BOX | {"text": "c", "page": 2}]
    pages = read_json_layout(json.dumps(blocks).encode())
    assert [(page.number, [block.text for block in page.blocks]) for page in pages] == [
        (1, [""]),
        (2, ["a", "c"]),
    ]


@pytest.mark.parametrize("data", [b"", b" \n", b"[]", b"null", b"\xef\xbb\xbf[]"])
def test_no_blocks_of_json(data: bytes) -> None:
    assert read_json_layout(data) == []


# fmt: off
WRONG_JSON: dict[str, Any] = {
    "an object": {"text": SECRET}, "a text": SECRET, "texts": [SECRET], "no box": [{"text": SECRET}],
    "no text": [BOX], "text that is none": [BOX | {"text": [SECRET]}],
    "three corners": [{"text": SECRET, "box": [1, 2, 3]}],
    "texts for numbers": [{"text": SECRET, "box": ["1"] * 4}],
    "truth values": [{"text": SECRET, "box": [True] * 4}],
    "33 bits": [{"text": SECRET, "box": [1, 2, 3, 2**31]}],
    "odd points": [{"text": SECRET, "box": [[1, 2], [3, 2], [3, 4], [1]]}],
    "points of objects": [{"text": SECRET, "box": [{"x": 1}] * 4}],
    "page 0": [BOX | {"text": SECRET, "page": 0}], "page of words": [BOX | {"text": SECRET, "page": SECRET}],
}
# fmt: on


@pytest.mark.parametrize("value", WRONG_JSON.values(), ids=list(WRONG_JSON))
def test_what_is_no_list_of_blocks_is_an_error_without_its_text(value: Any) -> None:
    with pytest.raises(AsposeOcrResultError, match="the JSON result cannot be read: ") as caught:
        read_json_layout(json.dumps(value).encode())
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("data", [b"{", b"[" * 100_000, b"\xff", b"NaN", b"1e999", b"[[[]]]" + b" " * 2**22])
def test_what_is_no_json_is_an_error(data: bytes) -> None:
    with pytest.raises(AsposeOcrResultError, match="the JSON result cannot be read: "):
        read_json_layout(data)


def test_an_error_names_the_place_and_the_shape() -> None:
    with pytest.raises(AsposeOcrResultError, match="its item 2 is an object of 1 members, not a block with"):
        read_json_layout(json.dumps([BOX | {"text": "a"}, {"text": "b"}]).encode())


MARKUP = st.lists(
    st.sampled_from(
        [
            '<div class="ocr_page" title="bbox 0 0 9 9">',
            '<p class="ocr_par">',
            '<span class="ocr_line">',
            '<span class="ocrx_word" title="bbox 1 2 3 4; x_wconf 9">',
            '<span class="ocrx_word" title="bbox 1 2 3">',
            *(
                "<span>",
                "</span>",
                "</p>",
                "</div>",
                "<br/>",
                "a b",
                "&lt;",
                "&#",
                "<",
                "<![",
                "<!--",
                "-->",
                "'",
            ),
        ]
    )
).map("".join)


@settings(max_examples=60, deadline=None)
@example(b"<![x]>")
@example(b"&#" + b"9" * 5000 + b";")
@example(b"<p class=ocrx_word>&#" + b"9" * 5000 + b"; <![x]>")
@given(MARKUP.map(str.encode) | st.binary() | st.text().map(lambda text: word(text).encode()))
def test_any_bytes_are_pages_or_the_one_error(data: bytes) -> None:
    for read in (read_hocr, read_json_layout):
        try:
            pages = read(data)
        except AsposeOcrResultError:
            continue
        assert [page.number for page in pages] == list(range(1, len(pages) + 1))
        json.dumps([page.to_dict() for page in pages], allow_nan=False).encode()


TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=8
)


def quad(left: float, top: float, right: float, bottom: float) -> emulated.Quad:
    """Return the corners of an upright box."""
    return (left, top), (right, top), (right, bottom), (left, bottom)


def line(words: list[emulated.Word]) -> emulated.Line:
    """Return the line of some words."""
    return emulated.Line(tuple(words), 0.9, quad(*emulated.bounds([word.quad for word in words])))


NUMBERS = st.integers(0, 400).map(float)
QUADS = st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS).map(lambda numbers: quad(*sorted(numbers)))
WORDS = st.builds(emulated.Word, TEXTS, st.integers(0, 100).map(lambda percent: percent / 100), QUADS)
ROWS = st.lists(WORDS, min_size=1, max_size=3).map(lambda words: (line(words),))
BLOCKS = st.lists(ROWS, min_size=1, max_size=2).map(tuple)
SIDES = st.integers(1, 999)
PAGES = st.builds(emulated.Page, SIDES, SIDES, st.lists(BLOCKS, max_size=2).map(tuple))
"""Pages as the emulator's engine makes them, with whole pixels."""


def whole(quads: list[emulated.Quad]) -> Box:
    """Return the box around quads of whole pixels."""
    left, top, right, bottom = map(int, emulated.bounds(quads))
    return left, top, right, bottom


@settings(max_examples=40, deadline=None)
@given(st.lists(PAGES, min_size=1, max_size=3))
def test_what_the_emulator_writes_comes_back(pages: list[emulated.Page]) -> None:
    read = read_hocr(results.to_hocr(pages))
    with_blocks = {page.number: page.blocks for page in read_json_layout(results.to_json(pages))}
    assert [(page.number, page.width, page.height) for page in read] == [
        (number, page.width, page.height) for number, page in enumerate(pages, 1)
    ]
    for own, page in zip(read, pages, strict=True):
        words = [word for block in own.blocks for line in block.lines for word in line.words]
        assert words == [
            Word(word.text, whole([word.quad]), round(word.confidence * 100)) for word in page.words()
        ]
        blocks = [
            (emulated.block_text(block), whole([line.quad for row in block for line in row]))
            for block in page.blocks
        ]
        assert [(block.text, block.box) for block in own.blocks] == blocks
        assert [(block.text, block.box) for block in with_blocks.get(own.number, ())] == blocks
