"""Strict JSON: what is read can be written again."""

from __future__ import annotations

import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_asposeocr.emulator.strict_json import MAX_DEPTH, MAX_DIGITS, read_json

ANY_TEXT = st.text(st.characters(), max_size=10)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)
@given(value=ANY_JSON, ascii_only=st.booleans())
def test_what_is_read_can_be_written(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    try:
        found = read_json(text)
    except ValueError:
        assert not is_plain(value)
    else:
        assert is_plain(value)
        assert found == value
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()


def is_plain(value: Any) -> bool:
    """Return whether a value contains neither a lone surrogate nor an infinite number."""
    if isinstance(value, str):
        return not any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(is_plain, [*value, *value.values()]))
    return not isinstance(value, list) or all(map(is_plain, value))


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_any_bytes_are_json_or_a_value_error(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        read_json(data)


@pytest.mark.parametrize(
    ("depth", "is_read"), [(MAX_DEPTH, True), (MAX_DEPTH + 1, False), (500, False), (10**6, False)]
)
@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_depth_is_bounded(brackets: str, depth: int, is_read: bool) -> None:
    opening = brackets[0] if brackets == "[]" else '{"a":'
    text = (opening * (depth - 1) + brackets + brackets[1] * (depth - 1)).encode()
    if is_read:
        assert read_json(text)
    else:
        with pytest.raises(ValueError, match="nested too deeply"):
            read_json(text)


def test_brackets_in_texts_are_no_depth() -> None:
    assert read_json(json.dumps({"a": "[" * 1_000}).encode()) == {"a": "[" * 1_000}
    assert len(read_json(b"[" + b"[]," * 1_000 + b"[]]")) == 1_001


@pytest.mark.parametrize("text", ["1" * MAX_DIGITS, "-" + "1" * (MAX_DIGITS - 1), "1e308", "-0.0", "1e-999"])
def test_numbers_that_are_read(text: str) -> None:
    assert math.isfinite(read_json(text.encode()) % 7.0)


@pytest.mark.parametrize(
    "text", ["1" * (MAX_DIGITS + 1), "1" * 10**6, "1e309", "-1e999", "NaN", "Infinity", "01", "1."]
)
def test_numbers_that_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_json(text.encode())
