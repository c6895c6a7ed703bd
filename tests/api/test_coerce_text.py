"""Strings from outside: what is left of them."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_asposeocr.api.coerce import MAX_ID_CHARACTERS, is_usable_id, one_line, storable

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=200)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ""),
        ("plain\ttext\r\nwith\x0clines\x1b[0m", "plain\ttext\r\nwith\x0clines\x1b[0m"),
        ("a\x00b", "a\ufffdb"),
        ("\ud800\udfff", "\ufffd\ufffd"),
        ("\U0001f600\u200d\u202e\ufeff", "\U0001f600\u200d\u202e\ufeff"),
    ],
)
def test_a_document_keeps_all_that_can_be_stored(text: str, kept: str) -> None:
    assert storable(text) == kept


@given(text=ANY_TEXT)
def test_what_is_stored_can_be_encoded_and_loses_no_place(text: str) -> None:
    kept = storable(text)
    kept.encode()
    assert "\x00" not in kept
    assert len(kept) == len(text)
    assert all(a == b or b == "\ufffd" for a, b in zip(text, kept, strict=True))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        ("  plain  text ", "plain text"),
        ("two\nlines\r\nand\ta tab", "two lines and a tab"),
        ("a\x00b\x1b[31mc\x7fd\x85e", "a b [31mc d e"),
        ("\ud800lone", "lone"),
        ("r\u202el\u2028line\u2029p\u00a0space", "r l line p space"),
        ("Gr\u00fc\u00dfe \u0939\u093f\u0928\u094d\u0926\u0940 \U0001f600", None),
        ("x" * 20, "x" * 20),
        ("x" * 21, "x" * 19 + "\u2026"),
        (" " * 100 + "x", "\u2026"),
        ("x" * 10_000_000, "x" * 19 + "\u2026"),
    ],
)
def test_a_line(text: str, line: str | None) -> None:
    assert one_line(text, 20) == (text if line is None else line)


@given(text=ANY_TEXT, most=st.integers(1, 60))
def test_a_line_is_one_that_can_be_shown_anywhere(text: str, most: int) -> None:
    line = one_line(text, most)
    line.encode()
    assert len(line) <= most
    assert line.isprintable()
    assert line == line.strip()
    assert "  " not in line
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in line)
    assert one_line(line, most) == line


@given(text=ANY_TEXT)
def test_an_id_that_is_usable_can_be_written_anywhere(text: str) -> None:
    if is_usable_id(text):
        assert json.loads(json.dumps(text).encode()) == text
        assert text.isprintable()
        assert 0 < len(text) <= MAX_ID_CHARACTERS


@pytest.mark.parametrize(
    "text", ["5abe66e1-d823-48c1-bcb7-5c05c1719976", "TTS a/b+c?d=e&f#g%20\u00e9~.'", "42"]
)
def test_ids_that_are_usable(text: str) -> None:
    assert is_usable_id(text)


@pytest.mark.parametrize(
    "text", ["", "null", "None", "NULL", "undefined", "a\x00", "a\nb", "\ud800", "x" * 201]
)
def test_ids_that_are_not(text: str) -> None:
    assert not is_usable_id(text)
