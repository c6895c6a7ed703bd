"""Strict JSON reader for untrusted input: every value it returns can be compared, shown and written again."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

MAX_DEPTH = 64
"""Maximum nesting of arrays and objects; ASP.NET, which the service runs on, has the same limit."""

MAX_DIGITS = 300
"""Maximum number of digits of a whole number, which still fits into a float."""


def read_json(data: bytes) -> Any:
    """Read JSON in UTF-8; of a member given twice the last one counts.

    :param data: the text.
    :raises ValueError: if it is not JSON, nested too deeply, or contains infinite numbers or lone surrogates.
    """
    text = data.decode("utf-8-sig")
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    # Only such texts can contain what the walk looks for; nearly all others skip it.
    if "\\u" in text or text.count("[") + text.count("{") > MAX_DEPTH:
        _walk(value, MAX_DEPTH)
    return value


def _walk(value: Any, levels: int) -> None:
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, list | dict):
        if not levels:
            raise ValueError("the JSON is nested too deeply")
        for item in value:
            _walk(item, levels - 1)
        if isinstance(value, dict):
            for item in value.values():
                _walk(item, levels - 1)


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("the JSON holds half of a surrogate pair") from None


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError("the JSON holds a number that is too long")
    return int(text)


def _fraction(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("the JSON holds a number that is too large")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_float=_fraction, parse_int=_integer, parse_constant=_refuse_constant)
