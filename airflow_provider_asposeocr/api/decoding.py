"""Decode the data of results into values that JSON, XCom and databases hold, within bounds."""

from __future__ import annotations

import json
import math
from typing import Any

from airflow_provider_asposeocr.api.coerce import storable
from airflow_provider_asposeocr.api.exceptions import AsposeOcrResultError

MAX_BYTES = 4 * 1024 * 1024
"""Bytes of a result at most: three bytes of JSON are a list, which takes twenty times as much."""

MAX_DEPTH = 64
"""Nesting of lists and objects at most."""

_MAX_BITS = 64
"""Airflow hands on no larger numbers; these become texts of digits, as suits the number of an invoice."""

_MAX_SHOWN_BITS = 4096
_RESERVED = frozenset({"__classname__", "__id__", "__version__", "__data__", "__type", "__var"})
"""Names by which Airflow tells the type of an object in XCom."""


def unreadable(name: str, reason: str) -> AsposeOcrResultError:
    """Make the error for a result that cannot be read.

    :param name: of the result, such as ``Hocr``.
    :param reason: tells of the form alone, never of the text.
    """
    return AsposeOcrResultError(f"the {name} result cannot be read: {reason}")


def read_text(name: str, data: bytes, max_bytes: int = MAX_BYTES) -> str:
    """Decode text as :attr:`.OcrResult.text` does.

    :param name: of the result, for the error.
    :param data: the bytes of the result.
    :param max_bytes: the most that it may have.
    :raises AsposeOcrResultError: if it has more.
    """
    if len(data) > max_bytes:
        raise unreadable(name, f"it has {len(data)} bytes, and no more than {max_bytes} are read")
    return storable(data.decode("utf-8-sig", errors="replace"))


def read_json(name: str, data: bytes) -> Any:
    """Read JSON; None where there is nothing, as on a blank page.

    :param name: of the result, for the error.
    :param data: the bytes of the result.
    :raises AsposeOcrResultError: if it is no JSON, or too large.
    """
    text = read_text(name, data)
    if not text.strip():
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise unreadable(name, "it is no JSON") from None
    return plain(name, value)


def plain(name: str, value: Any, levels: int = MAX_DEPTH) -> Any:
    """Return a value with lists for tuples, and texts without what a database refuses.

    :param name: of the result, for the error.
    :param value: decoded.
    :param levels: the nesting that it may have.
    :raises AsposeOcrResultError: if it is nested more deeply, or holds anything that JSON does not.
    """
    if isinstance(value, str):
        return storable(value)
    if value is None or isinstance(value, bool) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, int):
        return value if value.bit_length() < _MAX_BITS else _digits(name, value)
    if not levels:
        raise unreadable(name, f"it is nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, list | tuple):
        return [plain(name, item, levels - 1) for item in value]
    if isinstance(value, dict) and not _RESERVED.isdisjoint(value):
        raise unreadable(name, "it has a member of a name that Airflow keeps for itself")
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {storable(key): plain(name, item, levels - 1) for key, item in value.items()}
    raise unreadable(name, "it holds a value that JSON does not know")


def _digits(name: str, value: int) -> str:
    if value.bit_length() > _MAX_SHOWN_BITS:
        raise unreadable(name, "it holds a number of too many digits")
    return str(value)


def shape(value: Any) -> str:
    """Describe a value of JSON without its text.

    :param value: as :func:`plain` returns it.
    """
    if isinstance(value, dict):
        return f"an object of {len(value)} members"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, str):
        return "a text"
    return "null" if value is None else "a truth value" if isinstance(value, bool) else "a number"
