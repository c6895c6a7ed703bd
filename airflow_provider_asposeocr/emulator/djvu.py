"""Decoding of DjVu documents: bundled pages in, images with their hidden text out, one at a time.

The decoder is djvu-rs. Its bindings do not tell how a page is turned, nor whether the pages are in files of
their own, so that is read from the chunks of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO

import djvu_rs
import numpy as np

from airflow_provider_asposeocr.emulator.decoding import HEAD_BYTES, name_of_format
from airflow_provider_asposeocr.emulator.imaging import Pixels, Scan
from airflow_provider_asposeocr.emulator.limits import (
    MAX_DJVU_PIXELS,
    UnreadableImageError,
    check_image_size,
    check_page_count,
)
from airflow_provider_asposeocr.emulator.page import Line, Page, Quad, Word
from airflow_provider_asposeocr.emulator.panics import refused
from airflow_provider_asposeocr.emulator.quads import quad_of, turned_back
from airflow_provider_asposeocr.emulator.resolution import DEFAULT_DPI

_FORM = re.compile(rb"(?s)AT&TFORM.{4}(DJV[UM]|BM44|PM44)")
_BODY = 16
"""Bytes before the first chunk of a document."""

_BUNDLED = 0x80
_INFO_FLAGS = 9
_QUARTERS_LEFT = {6: 1, 2: 2, 5: 3}
"""Turn of a page by the lowest three bits of its flags; it is upright with all others."""

_DPI = range(25, 6001)
_DAMAGED = "The file is not a DjVu document, or is damaged."


def pages(file: IO[bytes]) -> Iterator[tuple[Page, Scan]]:
    """Decode the pages of a document, each with the text that is hidden on it.

    :param file: the encoded document.
    :raises UnreadableImageError: if it is none, is damaged, or has its pages in other files.
    :raises LimitExceededError: if it has too many pages, or a page is too large.
    """
    file.seek(0)
    data = file.read()
    if not _FORM.match(data):
        name = name_of_format(data[:HEAD_BYTES])
        raise UnreadableImageError(f"The file is {name}, not DjVu." if name else _DAMAGED)
    if _is_indirect(data):
        raise UnreadableImageError(
            "The file is only the index of an indirect DjVu document, whose pages are in other files."
        )
    with refused(_DAMAGED, djvu_rs.Error):
        document = djvu_rs.Document.from_bytes(data)
        count = document.page_count()
    check_page_count("DjVu document", count)
    # All pages are checked before the first one takes any time.
    for number in range(count):
        with refused(_DAMAGED, djvu_rs.Error):
            page = document.page(number)
            check_image_size(page.width, page.height, MAX_DJVU_PIXELS)
    turns = _turns(data)
    for number in range(count):
        with refused(_DAMAGED, djvu_rs.Error):
            sheet = _sheet(document.page(number), turns[number] if len(turns) == count else 0)
        yield sheet


def _sheet(page: djvu_rs.Page, turn: int) -> tuple[Page, Scan]:
    layer = page.text_layer()
    scan = Scan(_rendered(page), float(page.dpi if page.dpi in _DPI else DEFAULT_DPI))
    height, width = scan.pixels.shape[:2]
    # The text is where it would be if the page were not turned.
    lines = [line for zone in (layer["zones"] if layer else ()) for line in _lines(zone)]
    moved = [line.moved(lambda point: turned_back(point, -turn % 4, width, height)) for line in lines]
    return Page(width, height, (tuple((line,) for line in moved),) if moved else ()), scan


def _rendered(page: djvu_rs.Page) -> Pixels:
    pixels = np.asarray(page.render().to_numpy_zerocopy(), np.uint8)
    return np.ascontiguousarray(pixels[:, :, :3])


def _lines(zone: djvu_rs.TextZone) -> Iterator[Line]:
    if zone["kind"] in ("Line", "Word", "Character") or not zone["children"]:
        if words := tuple(_words(zone)):
            yield Line(words, 1.0, _quad(zone))
    else:
        for child in zone["children"]:
            yield from _lines(child)


def _words(zone: djvu_rs.TextZone) -> Iterator[Word]:
    if zone["kind"] in ("Word", "Character") or not zone["children"]:
        if text := " ".join(zone["text"].split()):
            yield Word(text, 1.0, _quad(zone))
    else:
        for child in zone["children"]:
            yield from _words(child)


def _quad(zone: djvu_rs.TextZone) -> Quad:
    rect = zone["rect"]
    left, top, right, bottom = rect["x"], rect["y"], rect["x"] + rect["width"], rect["y"] + rect["height"]
    return quad_of(((left, top), (right, top), (right, bottom), (left, bottom)))


def _is_indirect(data: bytes) -> bool:
    """Return whether the pages of a document are in files of their own."""
    directory = next((start for kind, start, _ in _chunks(data, _BODY, len(data)) if kind == b"DIRM"), None)
    return directory is not None and directory < len(data) and not data[directory] & _BUNDLED


def _turns(data: bytes) -> list[int]:
    """Return by how many quarter turns to the left each page is shown."""
    if data[12:16] == b"DJVM":
        whole = _chunks(data, _BODY, len(data))
        bodies = [(start + 4, end) for _, start, end in whole if data[start : start + 4] == b"DJVU"]
    else:
        bodies = [(_BODY, len(data))]
    return [_turn(data, start, end) for start, end in bodies]


def _turn(data: bytes, start: int, end: int) -> int:
    for kind, body, _ in _chunks(data, start, end):
        if kind == b"INFO" and body + _INFO_FLAGS < len(data):
            return _QUARTERS_LEFT.get(data[body + _INFO_FLAGS] & 7, 0)
    return 0


def _chunks(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind of each chunk, and where its content starts and ends."""
    while start + 8 <= end:
        body = start + 8
        start = body + int.from_bytes(data[start + 4 : body], "big")
        yield data[body - 8 : body - 4], body, start
        start += start % 2
