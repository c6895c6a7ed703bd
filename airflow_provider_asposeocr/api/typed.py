"""Typed values of results, for tasks that want fields, rows or boxes instead of a text to parse."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_provider_asposeocr.api import coerce
from airflow_provider_asposeocr.api.decoding import plain, read_json, read_text, shape, unreadable
from airflow_provider_asposeocr.api.exceptions import AsposeOcrResultError, AsposeOcrSettingsError
from airflow_provider_asposeocr.api.layout import read_hocr, read_json_layout
from airflow_provider_asposeocr.api.operations import Operation
from airflow_provider_asposeocr.api.regions import read_regions, region_texts
from airflow_provider_asposeocr.api.settings import is_text
from airflow_provider_asposeocr.api.task import OcrResult, SpooledResult

MAX_FONTS_BYTES = 64 * 1024
"""Bytes of a list of fonts at most: that is read as Python's, which takes a hundred times as much."""

_MAX_RATIO = 16
"""A result is not even read where it is so many times larger than its value may be."""

MAX_CELLS = 500_000
"""Cells of a table at most."""


def typed_value(operation: Operation, result_type: str, data: bytes) -> Any:
    """Read a result as lists, objects, texts and numbers of JSON.

    ``Hocr`` and ``JSON`` become pages, as :meth:`.LayoutPage.to_dict` makes them; ``Csv`` rows of cells;
    the results of ``DetectRegions``, ``IdentifyFont`` and ``RecognizeAndParseInvoice`` boxes, fonts and
    fields. On a blank page they are empty.

    :param operation: that has given it.
    :param result_type: its type, in any case.
    :param data: its bytes.
    :return: None for plain text and whatever is not text.
    :raises AsposeOcrResultError: if it is not of the form that its type and operation promise, or too large.
    """
    if not is_text(result_type):
        return None
    read = _BY_OPERATION.get(operation.name) or _BY_TYPE.get(result_type.casefold())
    return read(data) if read else None


def value_of(
    operation: Operation,
    results: Sequence[OcrResult | SpooledResult],
    wire: Mapping[str, Any] | None,
    max_bytes: int,
    *,
    inline: bool,
) -> tuple[Any, str | None]:
    """Read what the results of an OCR task mean, where that is more than text.

    That is the typed value of the first result that has one; of ``RecognizeRegions`` it is the text of each
    region.

    :param operation: that has given them.
    :param results: of the OCR task.
    :param wire: the settings in the spelling of the wire, where they are known.
    :param max_bytes: the most that the value may take as JSON; 0 for no value.
    :param inline: whether text travels inline; where it does not, no value holds all of it again.
    :return: the value, and a notice if there is one that cannot be read or does not fit.
    """
    reader = _reader(operation, results, wire, inline=inline)
    if reader is None or max_bytes <= 0:
        return None, None
    size, read = reader
    try:
        if size > _MAX_RATIO * max_bytes:
            return None, _left_out(f"of {size} bytes of the result", max_bytes)
        value = read()
    except AsposeOcrResultError as error:
        return None, f"{error}; it is delivered as it came"
    taken = len(json.dumps(value, ensure_ascii=False).encode())
    return (value, None) if taken <= max_bytes else (None, _left_out(f"of {taken} bytes", max_bytes))


def _left_out(why: str, max_bytes: int) -> str:
    return f"the value {why} does not fit into the {max_bytes} bytes that max_inline_bytes leaves: left out"


def _reader(
    operation: Operation,
    results: Sequence[OcrResult | SpooledResult],
    wire: Mapping[str, Any] | None,
    *,
    inline: bool,
) -> tuple[int, Callable[[], Any]] | None:
    """Return what reads the value, with the bytes that it reads; None if there is no value."""
    texts = [result for result in results if result.is_text]
    if operation.name == "RecognizeRegions":
        if not (inline and texts and all(text.type.casefold() == "text" for text in texts)):
            return None
        regions = (wire or {}).get("regions")
        return sum(text.size for text in texts), lambda: region_texts([text.text for text in texts], regions)
    kinds = _BY_TYPE.keys() - (set() if inline else _LAYOUTS)
    known = [text for text in texts if operation.name in _BY_OPERATION or text.type.casefold() in kinds]
    if not known:
        return None
    first = known[0]
    return first.size, lambda: typed_value(operation, first.type, first.data)


def read_fonts(data: bytes) -> dict[str, Any]:
    """Read the result of ``IdentifyFont``: JSON, or what Python writes in its place.

    :param data: such as ``{'style': 'regular', 'font': ['tahoma']}``.
    :return: the members under the names that the service gives them.
    :raises AsposeOcrResultError: if it is anything else.
    """
    text = read_text("IdentifyFont", data, MAX_FONTS_BYTES)
    try:
        fonts = coerce.mapping("fonts", text)
    except AsposeOcrSettingsError:
        raise unreadable("IdentifyFont", "it is no object") from None
    read: dict[str, Any] = plain("IdentifyFont", fonts)
    return read


def read_invoice(data: bytes) -> Any:
    """Read the result of ``RecognizeAndParseInvoice``: an object, or a list, of fields.

    :param data: JSON, in which an empty text and a ``vat`` of -1 mean that the invoice has none: both
        become None.
    :raises AsposeOcrResultError: if it is anything else.
    """
    value = read_json("RecognizeAndParseInvoice", data)
    if value is None:
        return {}
    if not isinstance(value, dict | list):
        raise unreadable("RecognizeAndParseInvoice", f"it is {shape(value)}, not an object")
    return _without_missing(value)


def read_table(data: bytes) -> list[list[str]]:
    """Read the ``Csv`` result, with commas between cells (RFC 4180).

    :param data: the bytes of the result.
    :return: the cells of each row; blank lines are left out.
    :raises AsposeOcrResultError: if its quotes do not match, or it is too large.
    """
    rows: list[list[str]] = []
    left = MAX_CELLS
    try:
        for row in csv.reader(io.StringIO(read_text("Csv", data), newline=""), strict=True):
            left -= len(row)
            if left < 0:
                raise unreadable("Csv", f"it has more than {MAX_CELLS} cells")
            if row:
                rows.append(row)
    except csv.Error:
        raise unreadable("Csv", "a quote of it is not closed, or a cell is too long") from None
    return rows


def _layout(read: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    return lambda data: [page.to_dict() for page in read(data)]


def _without_missing(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _without_missing(member, key) for key, member in value.items()}
    if isinstance(value, list):
        return [_without_missing(item) for item in value]
    is_missing_vat = name.casefold() == "vat" and value in (-1, "-1")
    return None if value == "" or is_missing_vat else value


_BY_OPERATION: Mapping[str, Callable[[bytes], Any]] = {
    "DetectRegions": read_regions,
    "IdentifyFont": read_fonts,
    "RecognizeAndParseInvoice": read_invoice,
}
_LAYOUTS = frozenset({"hocr", "json"})
_BY_TYPE: Mapping[str, Callable[[bytes], Any]] = {
    "hocr": _layout(read_hocr),
    "json": _layout(read_json_layout),
    "csv": read_table,
}
