"""Documents for the result page: pages of words with their boxes, tables, and fields."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from airflow_provider_asposeocr.api.layout import Block, LayoutPage, Line, Word
from airflow_provider_asposeocr.api.regions import Box, around, box_of

MAX_WORDS = 20_000
"""Words of a page that are shown, at most."""

MAX_ROWS = 1_000
MAX_COLUMNS = 100
MAX_FIELDS = 2_000
_MAX_DEPTH = 8
_LOW_CONFIDENCE = 60
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_MAX_UNIT = 20_000
"""Characters of a word, or of a block without words, that are shown."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Word, or block without words, as it is drawn.

    :param number: counted from 0 on its page.
    :param text: its characters.
    :param box: left, top, right and bottom in pixels; None where it is not told.
    :param confidence: from 0 to 100; None where it is not told.
    """

    number: int
    text: str
    box: Box | None
    confidence: float | None

    @property
    def is_doubtful(self) -> bool:
        """Tell whether the engine was not sure."""
        return self.confidence is not None and self.confidence < _LOW_CONFIDENCE

    @property
    def corners(self) -> str:
        """Its box as a text with blanks between the numbers."""
        return "" if self.box is None else " ".join(f"{number:g}" for number in self.box)


@dataclass(frozen=True, slots=True)
class DrawnPage:
    """Page of a document, as it is drawn.

    :param number: counted from 1, among the pages that the result has.
    :param count: of these.
    :param in_document: its number in the document, of which a result may leave out blank pages.
    :param blocks: each a list of lines, each a list of units.
    :param width: in pixels; 0 where it is not known.
    :param height: in pixels; 0 where it is not known.
    :param is_sized: whether the result tells its size; else it is as large as its boxes need.
    :param has_more: whether words are left out.
    """

    number: int
    count: int
    in_document: int
    blocks: tuple[tuple[tuple[Unit, ...], ...], ...]
    width: int
    height: int
    is_sized: bool
    has_more: bool

    @property
    def units(self) -> Iterator[Unit]:
        """All units that have a box."""
        return (unit for block in self.blocks for line in block for unit in line if unit.box is not None)


def drawn_page(pages: Sequence[LayoutPage], number: int) -> DrawnPage | None:
    """Prepare one page.

    :param pages: of the document.
    :param number: of the page, counted from 1; the nearest one where there is none such.
    :return: None for a document without pages.
    """
    if not pages:
        return None
    at = min(max(number, 1), len(pages))
    page = pages[at - 1]
    left = MAX_WORDS
    blocks = []
    for block in page.blocks:
        lines = []
        for line in block.lines or (Line((Word(block.text, block.box),), block.box),):
            words = line.words[:left]
            first = MAX_WORDS - left
            left -= len(words)
            lines.append(
                tuple(
                    Unit(place, word.text[:_MAX_UNIT], word.box, word.confidence)
                    for place, word in enumerate(words, first)
                )
            )
            if not left:
                break
        blocks.append(tuple(lines))
        if not left:
            break
    if page.width and page.height:
        return DrawnPage(at, len(pages), page.number, tuple(blocks), page.width, page.height, True, not left)
    extent = around(block.box for block in page.blocks) or (0, 0, 0, 0)
    size = int(extent[2]), int(extent[3])
    return DrawnPage(at, len(pages), page.number, tuple(blocks), *size, False, not left)


def pages_of_value(value: Any) -> list[LayoutPage]:
    """Read the pages of a typed value, as a manifest holds it.

    :param value: pages, regions with their texts, or boxes, whoever has written them.
    :return: none if it is neither.
    """
    if not isinstance(value, list):
        return []
    items = list(islice(value, MAX_WORDS))
    if items and all(isinstance(item, Mapping) and isinstance(item.get("blocks"), list) for item in items):
        return [_page(number, item) for number, item in enumerate(items, 1)]
    regions = [_region(item, number) for number, item in enumerate(items, 1)]
    found = [region for region in regions if region is not None]
    return [LayoutPage(1, tuple(found))] if found and len(found) == len(regions) else []


def _region(item: Any, number: int) -> Block | None:
    if isinstance(item, Mapping) and isinstance(text := item.get("text"), str):
        return Block(text, box_of(item.get("rect")))
    box = box_of(item)
    return None if box is None else Block(f"Region {number}", box)


def _page(number: int, item: Mapping[str, Any]) -> LayoutPage:
    blocks = tuple(_block(block) for block in _mappings(item["blocks"]))
    return LayoutPage(number, blocks, _pixels(item.get("width")), _pixels(item.get("height")))


def _block(item: Mapping[str, Any]) -> Block:
    lines = tuple(
        Line(tuple(_word(word) for word in _mappings(line.get("words"))), box_of(line.get("box")))
        for line in _mappings(item.get("lines"))
    )
    text = item.get("text")
    return Block(text if isinstance(text, str) else "", box_of(item.get("box")), lines)


def _word(item: Mapping[str, Any]) -> Word:
    text, confidence = item.get("text"), item.get("confidence")
    is_number = isinstance(confidence, int | float) and not isinstance(confidence, bool)
    return Word(
        text if isinstance(text, str) else "", box_of(item.get("box")), confidence if is_number else None
    )


def _mappings(value: Any) -> Iterable[Mapping[str, Any]]:
    return (item for item in value if isinstance(item, Mapping)) if isinstance(value, list) else ()


def _pixels(value: Any) -> int | None:
    return value if type(value) is int and 0 < value < 1_000_000 else None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells.

    :param rows: all of one length, at most :data:`MAX_ROWS`.
    :param count: of all rows.
    :param has_more: whether rows or columns are left out.
    """

    rows: tuple[tuple[str, ...], ...]
    count: int
    has_more: bool


def table_of(value: Any) -> Table | None:
    """Read the rows of a table.

    :param value: a list of lists, whoever has written it.
    :return: None if it is none.
    """
    if not isinstance(value, list) or not value or not all(isinstance(row, list) for row in value):
        return None
    width = max(len(row) for row in value)
    columns = min(width, MAX_COLUMNS)
    rows = tuple((*map(_cell, row[:columns]), *[""] * (columns - len(row))) for row in value[:MAX_ROWS])
    return Table(rows, len(value), width > columns or len(value) > MAX_ROWS) if columns else None


def _cell(value: Any) -> str:
    return "" if value is None else str(value)[:_MAX_UNIT]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an invoice or of anything else that has names and values.

    :param level: how deep it lies, from 0.
    :param name: of it, in words.
    :param value: None where the document has none, or where fields of a deeper level follow.
    :param is_group: whether fields of a deeper level follow.
    """

    level: int
    name: str
    value: str | None
    is_group: bool = False


def fields_of(value: Any) -> list[Field]:
    """Read names and values, of any depth, one after the other.

    :param value: an object, or a list of such, whoever has written it.
    :return: none if it has neither.
    """
    return list(islice(_fields(value, 0), MAX_FIELDS)) if isinstance(value, Mapping | list) else []


def _fields(value: Any, level: int) -> Iterator[Field]:
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value, 1)
    for key, member in pairs:
        name = _words(str(key)) if isinstance(value, Mapping) else str(key)
        if isinstance(member, list) and all(not isinstance(item, Mapping | list) for item in member):
            yield Field(level, name, ", ".join(map(_cell, member[:MAX_FIELDS])) or None)
        elif isinstance(member, Mapping | list) and level < _MAX_DEPTH:
            yield Field(level, name, None, is_group=True)
            yield from _fields(member, level + 1)
        else:
            yield Field(level, name, None if member is None else _cell(member))


def _words(name: str) -> str:
    """Write ``invoiceNumber`` and ``invoice_number`` as words."""
    spaced = _HUMP.sub(" ", name[:200]).replace("_", " ").strip()
    return spaced[:1].upper() + spaced[1:].lower() if not name.isupper() else spaced
