"""Layout of recognized pages: words, lines and blocks with their boxes, from hOCR and from JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from itertools import groupby
from typing import Any

from airflow_provider_asposeocr.api.decoding import read_json, read_text, shape, unreadable
from airflow_provider_asposeocr.api.regions import MAX_COORDINATE, Box, around, box_of, folded

MAX_HOCR_BYTES = 16 * 1024 * 1024
"""Bytes of hOCR at most; a word takes about a hundred."""

MAX_TAGS = 500_000
"""Tags of hOCR at most, two for a word, and words without any."""

_CHUNK = 16 * 1024
_MAX_OPEN = 64 * 1024
"""Characters of a single tag or comment at most: the parser reads an open one again with each chunk."""

_PAGE, _BLOCK, _LINE, _WORD = range(1, 5)
_LEVELS: Mapping[str, int] = {
    "ocr_page": _PAGE,
    **dict.fromkeys(("ocr_carea", "ocrx_block", "ocr_par"), _BLOCK),
    **dict.fromkeys(
        ("ocr_line", "ocrx_line", "ocr_header", "ocr_footer", "ocr_caption", "ocr_textfloat"), _LINE
    ),
    "ocrx_word": _WORD,
}
_QUOTED = re.compile(r'"[^"]*"')


@dataclass(frozen=True, slots=True)
class Word:
    """Recognized word.

    :param text: its characters.
    :param box: its position; None where it is not told.
    :param confidence: of the engine, from 0 to 100; None where it is not told.
    """

    text: str
    box: Box | None = None
    confidence: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"text": self.text, "box": _listed(self.box), "confidence": self.confidence}


@dataclass(frozen=True, slots=True)
class Line:
    """Line of words.

    :param words: at least one, in reading order.
    :param box: its position; that around its words where it is not told.
    """

    words: tuple[Word, ...]
    box: Box | None = None

    @property
    def text(self) -> str:
        """Words of the line, with single spaces between."""
        return " ".join(word.text for word in self.words)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"box": _listed(self.box), "words": [word.to_dict() for word in self.words]}


@dataclass(frozen=True, slots=True)
class Block:
    """Paragraph or column.

    :param text: its lines, with line breaks between.
    :param box: its position; that around its lines where it is not told.
    :param lines: in reading order; none where the result tells of blocks alone.
    """

    text: str
    box: Box | None = None
    lines: tuple[Line, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        lines = [line.to_dict() for line in self.lines]
        return {"text": self.text, "box": _listed(self.box), "lines": lines}


@dataclass(frozen=True, slots=True)
class LayoutPage:
    """Page of a document.

    :param number: counted from 1.
    :param blocks: in reading order; none on a blank page.
    :param width: in pixels; None where it is not told.
    :param height: in pixels; None where it is not told.
    """

    number: int
    blocks: tuple[Block, ...] = ()
    width: int | None = None
    height: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values, with each box as a list: left, top, right, bottom."""
        return {
            "number": self.number,
            "width": self.width,
            "height": self.height,
            "blocks": [block.to_dict() for block in self.blocks],
        }


def read_json_layout(data: bytes) -> list[LayoutPage]:
    """Read the ``JSON`` result: blocks with their text, in one list for all pages.

    :param data: the bytes of the result; empty for a blank page.
    :raises AsposeOcrResultError: if it is of another form.
    """
    value = read_json("JSON", data)
    if value is None:
        return []
    if not isinstance(value, list):
        raise unreadable("JSON", f"it is {shape(value)}, not a list of blocks")
    pages: dict[int, list[Block]] = {}
    for place, item in enumerate(value, 1):
        members, box = folded(item), box_of(item)
        text, page = members.get("text", item), members.get("page", 1)
        if box is None or not isinstance(text, str | None):
            raise unreadable("JSON", f"its item {place} is {shape(item)}, not a block with a box and a text")
        if type(page) is not int or not 0 < page <= MAX_COORDINATE:
            raise unreadable("JSON", f"the page of its item {place} is {shape(page)}, but none of a document")
        pages.setdefault(page, []).append(Block(text or "", box))
    return [LayoutPage(number, tuple(blocks)) for number, blocks in sorted(pages.items())]


def read_hocr(data: bytes) -> list[LayoutPage]:
    """Read the ``Hocr`` result, or hOCR of any other generator.

    Text without a word's element counts as words without a box, and what lies outside of a line, block or
    page as in one of its own.

    :param data: the bytes of the result; empty for a blank page.
    :raises AsposeOcrResultError: if it is no hOCR, or too large.
    """
    text = read_text("Hocr", data, MAX_HOCR_BYTES)
    if text.count("<") > MAX_TAGS:
        raise unreadable("Hocr", f"it has more than {MAX_TAGS} tags")
    parser = _HocrParser()
    try:
        for start in range(0, len(text), _CHUNK):
            parser.feed(text[start : start + _CHUNK])
            if len(parser.rawdata) > _MAX_OPEN:
                raise unreadable("Hocr", f"a tag or comment of it has more than {_MAX_OPEN} characters")
        if "<" in parser.rawdata:
            # The parser would look for the end of each tag that has none, in all that follows.
            raise unreadable("Hocr", "it breaks off within a tag")
        parser.close()
    except (AssertionError, ValueError):
        # The parser's own, for odd sections and for character references of thousands of digits.
        raise unreadable("Hocr", "it is no HTML") from None
    if text.strip() and not parser.is_hocr:
        raise unreadable("Hocr", "no element of it is of a class of hOCR")
    return parser.pages()


@dataclass(slots=True)
class _Element:
    """Element of hOCR that is not closed yet.

    :param level: the document itself has none, which is 0.
    :param tag: its name.
    :param properties: those of its title.
    :param items: texts, words, lines, blocks or pages in it.
    :param nested: the open elements within it that have the same tag.
    """

    level: int = 0
    tag: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    items: list[Any] = field(default_factory=list)
    nested: int = 0


class _HocrParser(HTMLParser):
    """Follow the elements of hOCR, of which no more than four are open at a time, through any other."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open = [_Element()]
        self._loose = 0
        self.is_hocr = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element of a lower level than the one around it; any other is a part of that."""
        attributes = dict(attrs)
        classes = (attributes.get("class") or "").split()
        level = next((_LEVELS[name] for name in classes if name in _LEVELS), 0)
        if level > self._open[-1].level:
            self.is_hocr = True
            self._open.append(_Element(level, tag, _properties(attributes.get("title") or "")))
        elif (same := self._innermost(tag)) is not None:
            same.nested += 1
        elif tag == "br":
            self.handle_data("\n")

    def handle_endtag(self, tag: str) -> None:
        """Close an element, and what was left open within it."""
        same = self._innermost(tag)
        if same is not None and same.nested:
            same.nested -= 1
        elif same is not None:
            while self._close() is not same:
                pass

    def handle_data(self, data: str) -> None:
        """Take the text of blocks, lines and words."""
        if self._open[-1].level >= _BLOCK:
            self._open[-1].items.append(data)

    def pages(self) -> list[LayoutPage]:
        """Return what was read."""
        while len(self._open) > 1:
            self._close()
        pages = _gathered(self._blocks(self._open[0].items), Block, lambda blocks: [_page({}, blocks)])
        return [replace(page, number=number) for number, page in enumerate(pages, 1)]

    def _innermost(self, tag: str) -> _Element | None:
        return next((element for element in reversed(self._open[1:]) if element.tag == tag), None)

    def _close(self) -> _Element:
        element = self._open.pop()
        own, items = element.properties, element.items
        if element.level == _WORD:
            text = " ".join("".join(items).split())
            self._open[-1].items += [Word(text, _box(own), _confidence(own))] if text else []
        elif element.level == _LINE:
            self._open[-1].items += _line(own, self._words(items))
        elif element.level == _BLOCK:
            self._open[-1].items += _block(own, self._lines(items))
        else:
            self._open[-1].items.append(_page(own, self._blocks(items)))
        return element

    def _words(self, items: Iterable[Any]) -> Iterator[Any]:
        return _gathered(items, str, self._loose_words)

    def _lines(self, items: Iterable[Any]) -> Iterator[Any]:
        return _gathered(self._words(items), Word, lambda words: _line({}, words))

    def _blocks(self, items: Iterable[Any]) -> Iterator[Any]:
        return _gathered(self._lines(items), Line, lambda lines: _block({}, lines))

    def _loose_words(self, texts: Iterable[str]) -> list[Word]:
        words = [Word(text) for text in "".join(texts).split(maxsplit=MAX_TAGS - self._loose)]
        self._loose += len(words)
        if self._loose > MAX_TAGS:
            raise unreadable("Hocr", f"it has more than {MAX_TAGS} words")
        return words


def _gathered(
    items: Iterable[Any], kind: type, gather: Callable[[Iterable[Any]], Iterable[Any]]
) -> Iterator[Any]:
    """Yield items, with what comes of them in place of those of a kind that follow each other."""
    for is_kind, group in groupby(items, lambda item: isinstance(item, kind)):
        if is_kind:
            yield from gather(group)
        else:
            yield from group


def _line(own: Mapping[str, str], words: Iterable[Word]) -> list[Line]:
    listed = tuple(words)
    return [Line(listed, _box(own) or around(word.box for word in listed))] if listed else []


def _block(own: Mapping[str, str], lines: Iterable[Line]) -> list[Block]:
    listed = tuple(lines)
    text = "\n".join(line.text for line in listed)
    return [Block(text, _box(own) or around(line.box for line in listed), listed)] if listed else []


def _page(own: Mapping[str, str], blocks: Iterable[Block]) -> LayoutPage:
    box = _box(own)
    size = (box[2] - box[0], box[3] - box[1]) if box else (None, None)
    return LayoutPage(0, tuple(blocks), *size)


def _properties(title: str) -> dict[str, str]:
    """Read ``bbox 1 2 3 4; x_wconf 91``; a name of a file, in quotes, may hold anything."""
    named = (entry.split(maxsplit=1) for entry in _QUOTED.sub("", title).split(";"))
    return {pair[0].casefold(): pair[1] for pair in named if len(pair) == 2}


def _box(own: Mapping[str, str]) -> Box | None:
    if "bbox" not in own:
        return None
    box = box_of([_number(number) for number in own["bbox"].split()])
    if box is None:
        raise unreadable("Hocr", "a bbox of it is not four numbers of pixels")
    return box


def _confidence(own: Mapping[str, str]) -> float | None:
    confidence = _number(own.get("x_wconf", ""))
    return confidence if confidence is not None and 0 <= confidence <= 100 else None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _listed(box: Box | None) -> list[int] | None:
    return None if box is None else list(box)
