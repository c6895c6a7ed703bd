"""Read rendered and configured values: the only place that knows how templates, JSON and people write them.

Jinja renders None as a word, a number as its digits and a dict as the text of one. Each reader takes the name
of the field, for the error, and the value. None, nothing but white space and the word ``None`` mean that a
field is not set. An error shows a value only where it is short: any other may be the text of a document.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from airflow_provider_asposeocr.api.exceptions import AsposeOcrSettingsError

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_DATA = re.compile(r"[\[({]\s*[\[({'\"]")
_MAX_SHOWN = 40
_MAX_BITS = 128


def is_unset(value: Any) -> bool:
    """Tell whether a field holds nothing, as a template may have put it.

    :param value: of the field.
    """
    return value is None or (isinstance(value, str) and value.strip() in ("", "None"))


def is_data(text: str) -> bool:
    """Tell whether a text is no name but a list, or a manifest with the text of a document, put into words.

    :param text: such as Jinja leaves of the output of a task.
    """
    return _DATA.match(text.lstrip()) is not None


def decoded(value: Any) -> Any:
    """Return what a template has put into words: the manifest or the list; any other value as it is.

    :param value: of a field.
    """
    return _literal(value) if isinstance(value, str) and is_data(value) else value


def trimmed(text: str) -> str:
    """Return a text without the lines that a template leaves around it. A name may end in a space.

    :param text: such as the name of a file.
    """
    begun = text.lstrip()
    inner = begun.rstrip()
    has_lines_after = len(f"{begun[len(inner) :]}.".splitlines()) > 1
    return inner if has_lines_after else begun


def shown_value(value: Any) -> str:
    """Return what an error may say of a value that it refuses.

    :param value: of a field.
    """
    if isinstance(value, float) or (isinstance(value, int) and value.bit_length() <= _MAX_BITS):
        return repr(value)
    if not isinstance(value, str):
        return f"a {type(value).__name__}"
    if len(value) <= _MAX_SHOWN and value.isprintable() and not is_data(value):
        return repr(value)
    return f"a text of {len(value)} characters"


def word(name: str, value: Any) -> str | None:
    """Read a text without white space, such as the id of a connection or an address.

    :param name: of the field, for the error.
    :param value: a text; None where it is not set.
    :raises AsposeOcrSettingsError: for any other value.
    """
    if is_unset(value):
        return None
    if not isinstance(value, str) or is_data(value) or len(value.split()) > 1:
        raise AsposeOcrSettingsError(f"{name} must be one word, not {shown_value(value)}")
    return value.strip()


def boolean(name: str, value: Any, default: bool) -> bool:
    """Read a truth value.

    :param name: of the field, for the error.
    :param value: a bool, or a word such as ``true`` or ``off``.
    :param default: taken where it is not set.
    :raises AsposeOcrSettingsError: for any other value.
    """
    if is_unset(value):
        return default
    folded = str(value).strip().casefold()
    if folded in _TRUE:
        return True
    if folded in _FALSE:
        return False
    raise AsposeOcrSettingsError(f"{name} must be true or false, not {shown_value(value)}")


def integer(name: str, value: Any, *, minimum: int | None = None) -> int | None:
    """Read a whole number.

    :param name: of the field, for the error.
    :param value: a number or its digits, such as ``90``, ``90.0`` or ``"90"``; None where it is not set.
    :param minimum: the least that it may be.
    :raises AsposeOcrSettingsError: for any other value.
    """
    if is_unset(value):
        return None
    what = "a whole number" if minimum is None else f"a whole number, at least {minimum}"
    try:
        # Not by way of a float, which cannot hold all of them.
        whole = int(value) if isinstance(value, str) else value
    except ValueError:
        whole = value
    if not isinstance(whole, int) or isinstance(whole, bool):
        exact = number(name, value, what)
        whole = int(exact) if exact.is_integer() else None
    if whole is None or (minimum is not None and whole < minimum):
        raise AsposeOcrSettingsError(f"{name} must be {what}, not {shown_value(value)}")
    return whole


def number(name: str, value: Any, what: str = "a number") -> float:
    """Read a finite number.

    :param name: of the field, for the error.
    :param value: a number or its digits.
    :param what: it must be, for the error.
    :raises AsposeOcrSettingsError: for any other value.
    """
    try:
        read = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        read = math.nan
    if not math.isfinite(read):
        raise AsposeOcrSettingsError(f"{name} must be {what}, not {shown_value(value)}")
    return read


def seconds(name: str, value: Any, *, may_be_zero: bool = False) -> float | None:
    """Read a duration.

    :param name: of the field, for the error.
    :param value: seconds as a number or its digits, or a timedelta; None where it is not set.
    :param may_be_zero: whether it may be none at all.
    :raises AsposeOcrSettingsError: if it is not a positive duration.
    """
    if is_unset(value):
        return None
    given = value.total_seconds() if isinstance(value, timedelta) else value
    read = number(name, given, "seconds or a timedelta")
    if read < 0 or not (read or may_be_zero):
        raise AsposeOcrSettingsError(f"{name} must be positive, not {read:g} s")
    return read


def mapping(name: str, value: Any) -> dict[str, Any]:
    """Read names with their values.

    :param name: of the field, for the error.
    :param value: a mapping, or the text of one as JSON or Python writes it; empty where it is not set.
    :raises AsposeOcrSettingsError: for any other value, and for keys that are no text.
    """
    if is_unset(value):
        return {}
    read = _literal(value) if isinstance(value, str) else value
    if read is None:
        return {}
    if not isinstance(read, Mapping) or not all(isinstance(key, str) for key in read):
        raise AsposeOcrSettingsError(
            f"{name} must hold names and values, as a dict or JSON object does, not {shown_value(value)}"
        )
    return dict(read)


def ocr_task_id(value: Any) -> str:
    """Read the service's id of an OCR task.

    :param value: as for :func:`found_task_id`.
    :raises AsposeOcrSettingsError: if it holds no id, or none that the service can have given.
    """
    found = found_task_id(value)
    if is_unset(found):
        raise AsposeOcrSettingsError("ocr_task_id is empty: give the id that the submitting task returned")
    if not isinstance(found, str):
        raise AsposeOcrSettingsError(f"ocr_task_id must be one id, not {shown_value(found)}")
    if not is_usable_id(found):
        raise AsposeOcrSettingsError(
            "ocr_task_id is no id of the service: it holds characters that cannot be shown, or more than "
            f"{MAX_ID_CHARACTERS}"
        )
    return found


def found_task_id(value: Any) -> Any:
    """Return the id of an OCR task that a value holds, unchecked, or the value itself if it holds none.

    :param value: an id, which may have become a number; a manifest; a sequence of one of these; or the text
        of any.
    """
    value = decoded(value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes) and len(value) == 1:
        value = decoded(value[0])
    if isinstance(value, Mapping):
        value = value.get("ocr_task_id")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value.strip() if isinstance(value, str) else value


def _literal(value: str) -> Any:
    for read in (json.loads, ast.literal_eval):
        with suppress(ValueError, SyntaxError, RecursionError, MemoryError):
            return read(value.strip())
    return value


MAX_ID_CHARACTERS = 200
"""Characters of an id of the service at most."""

MAX_NOTICES = 20
"""Messages of the service about one thing at most."""

MAX_LINE_CHARACTERS = 500
"""Characters of a message of the service at most."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_NO_IDS = frozenset({"", "null", "none", "undefined"})


def storable(text: str) -> str:
    """Replace what neither UTF-8 nor PostgreSQL holds: lone surrogates and U+0000.

    :param text: such as the text of a document; all else in it stays.
    """
    return _UNSTORABLE.sub("\ufffd", text)


def one_line(text: str, max_characters: int = MAX_LINE_CHARACTERS) -> str:
    """Make a line that can be shown anywhere: printable characters alone, single spaces, bounded.

    :param text: such as a message or a file name.
    :param max_characters: of the line; a longer one ends in an ellipsis.
    """
    # A little more than the bound, so that what is cut off is seen; far more would only take time.
    head = text[: 4 * max_characters]
    if not head.isprintable():
        head = "".join(character if character.isprintable() else " " for character in head)
    line = " ".join(head.split())
    if len(line) <= max_characters and len(head) == len(text):
        return line
    return f"{line[: max_characters - 1]}\u2026"


def is_usable_id(text: str) -> bool:
    """Tell whether a string can serve as the id of an OCR task: in a URL, a log, a record, a database.

    :param text: without the white space around it.
    """
    return text.isprintable() and len(text) <= MAX_ID_CHARACTERS and text.casefold() not in _NO_IDS
