"""Accuracy benchmark: its measure of errors, and its pages."""

from __future__ import annotations

import random
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.accuracy import character_error, tables, targets
from benchmarks.accuracy_pages import KINDS, is_columns, pages

TEXTS = st.text("abc \n", max_size=12)


def distance(one: str, other: str) -> int:
    """Return the edit distance, slowly and plainly."""
    row = list(range(len(other) + 1))
    for place, character in enumerate(one, 1):
        diagonal, row[0] = row[0], place
        for column, found in enumerate(other, 1):
            change = diagonal + (character != found)
            diagonal, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, change)
    return row[-1]


@given(TEXTS, TEXTS)
def test_the_error_is_the_edit_distance(expected: str, found: str) -> None:
    wanted, got = " ".join(expected.split()), " ".join(found.split())
    assert character_error(expected, found) == distance(wanted, got) / max(1, len(wanted))


def test_a_page_follows_from_its_seed() -> None:
    kinds = ("short note", "receipt")
    once, again, other = (
        [KINDS[kind](kind, random.Random(seed)) for kind in kinds] for seed in ("1", "1", "2")
    )
    assert [page.text for page in once] == [page.text for page in again]
    assert [page.image.tobytes() for page in once] == [page.image.tobytes() for page in again]
    assert all(one.text != two.text for one, two in zip(once, other, strict=True))
    assert next(pages(1, 1)).kind == next(iter(KINDS))


def test_targets_and_tables_take_their_figures_from_the_pages() -> None:
    figures = [
        {"kind": kind, "peer": "emulator", "error_percent": place / 10, "cpu_seconds": 1.0}
        for place, kind in enumerate(KINDS)
    ]
    data = {"pages": figures, "seed": 5}
    errors, columns, short, dense = targets(data)
    assert errors.measured == f"{(len(KINDS) - 1) / 20:.2f}"
    assert not errors.met
    assert float(columns.measured) == pytest.approx(
        mean(place / 10 for place, kind in enumerate(KINDS) if is_columns(kind)), abs=0.01
    )
    assert short.met
    assert dense.met
    rows = tables(data)[1].rows
    assert len(rows) == len(KINDS) + 1
    assert rows[-1] is not None
    assert rows[-1][0] == "all"
