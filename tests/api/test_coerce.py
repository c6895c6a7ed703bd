"""Readers of rendered and configured values: reader x form."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_asposeocr.api import coerce
from airflow_provider_asposeocr.api.exceptions import AsposeOcrSettingsError

ID = "6e6bc56a-e74b-43de-9239-3df84592db58"
UNSET = (None, "", " ", "\n", "None", " None\n")
DOCUMENT = "Confidential. The patient, born in 1970, was seen on Monday."
MANIFEST = {"ocr_task_id": ID, "text": DOCUMENT, "uri": None}

READERS: dict[str, Callable[[Any], Any]] = {
    "word": partial(coerce.word, "it"),
    "boolean": lambda value: coerce.boolean("it", value, True),
    "integer": partial(coerce.integer, "it"),
    "at least 1": partial(coerce.integer, "it", minimum=1),
    "number": partial(coerce.number, "it"),
    "seconds": partial(coerce.seconds, "it"),
    "mapping": partial(coerce.mapping, "it"),
    "id": coerce.ocr_task_id,
}

# fmt: off
RIGHT: dict[str, list[tuple[Any, Any]]] = {
    "word": [("a", "a"), (" a\n", "a"), ("none", "none"), ("{stem}", "{stem}")],
    "boolean": [(True, True), (False, False), ("true", True), (" False ", False), ("ON", True),
                ("off", False), ("yes", True), ("no", False), (1, True), (0, False), ("0", False),
                (numpy.bool_(False), False)],
    "integer": [(90, 90), ("90", 90), (" 90\n", 90), (90.0, 90), ("90.0", 90), ("-5", -5), (-5, -5),
                ("1e3", 1000),
                (2**63 + 1, 2**63 + 1), (str(2**63 + 1), 2**63 + 1), (numpy.int64(7), 7), (0, 0)],
    "at least 1": [(1, 1), ("1", 1), (1.0, 1)],
    "number": [(1, 1.0), ("1.5", 1.5), (" 2 ", 2.0), (-1, -1.0)],
    "seconds": [(1, 1.0), ("1.5", 1.5), (timedelta(minutes=1), 60.0)],
    "mapping": [({"a": 1}, {"a": 1}), ('{"a": [1]}', {"a": [1]}), ("{'a': True}", {"a": True}), ("null", {}),
                ({}, {}), (" {} ", {})],
    "id": [(ID, ID), (f" {ID}\n", ID), (4711, "4711"), ([ID], ID), ((ID,), ID), (f'["{ID}"]', ID),
           (f"['{ID}']", ID), (MANIFEST, ID), ([MANIFEST], ID), (str(MANIFEST), ID), (str([MANIFEST]), ID),
           ({"ocr_task_id": 4711}, "4711")],
}

WRONG = {
    "word": [DOCUMENT, "a b", 5, True, ["a"], {"a": 1}, b"a", str(MANIFEST), MANIFEST, object()],
    "boolean": ["maybe", 2, -1, 1.5, [True], {}, DOCUMENT, str(MANIFEST), MANIFEST, math.nan],
    "integer": ["many", 1.5, "1.5", True, [1], {"a": 1}, math.nan, math.inf, "nan", "1e400", "9" * 5000,
                DOCUMENT, str(MANIFEST), MANIFEST],
    "at least 1": [0, -1, "0", "-1", 0.0, 0.5],
    "number": ["many", True, None, [1], math.nan, math.inf, "inf", 10**5000, DOCUMENT, MANIFEST],
    "seconds": ["soon", 0, -1, "0", timedelta(0), timedelta(seconds=-1), True, [1], math.nan, "inf",
                DOCUMENT, MANIFEST],
    "mapping": ["abc", "[1]", [1], 5, "5", {1: 2}, "{1: 2}", '{"a": ', DOCUMENT, object()],
    "id": [[], [ID, ID], {"id": ID}, {"ocr_task_id": None}, True, object(), b"id", "a\nb", "x" * 1000, [None],
           [[ID]], {"ocr_task_id": ["a", "b"]}, DOCUMENT * 10],
}
# fmt: on


@pytest.mark.parametrize(
    ("reader", "value", "meaning"), [(reader, *row) for reader, rows in RIGHT.items() for row in rows]
)
def test_each_form_of_a_value(reader: str, value: Any, meaning: Any) -> None:
    read = READERS[reader](value)
    assert read == meaning
    assert type(read) is type(meaning)


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        pytest.param(reader, value, id=f"{reader}-{number}")
        for reader, values in WRONG.items()
        for number, value in enumerate(values)
    ],
)
def test_any_other_value_is_refused_and_not_shown(reader: str, value: Any) -> None:
    with pytest.raises(AsposeOcrSettingsError) as caught:
        READERS[reader](value)
    message = str(caught.value)
    assert "it must" in message or "ocr_task_id" in message
    assert "patient" not in message
    assert len(message) < 200
    assert caught.value.__context__ is None or caught.value.__suppress_context__


@pytest.mark.parametrize("unset", UNSET)
def test_what_is_not_set(unset: Any) -> None:
    assert coerce.is_unset(unset)
    assert coerce.word("it", unset) is None
    assert coerce.boolean("it", unset, True) is True
    assert coerce.boolean("it", unset, False) is False
    assert coerce.integer("it", unset, minimum=1) is None
    assert coerce.seconds("it", unset) is None
    assert coerce.mapping("it", unset) == {}
    with pytest.raises(AsposeOcrSettingsError, match="ocr_task_id is empty"):
        coerce.ocr_task_id(unset)


@pytest.mark.parametrize("value", [0, False, "none", "null", "0", [], {}])
def test_what_is_set(value: Any) -> None:
    assert not coerce.is_unset(value)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("reader", READERS)
@given(value=ANYTHING | ANYTHING.map(str) | ANYTHING.map(repr))
def test_a_reader_raises_nothing_else(reader: str, value: Any) -> None:
    with suppress(AsposeOcrSettingsError):
        READERS[reader](value)


@given(value=st.text())
def test_a_text_that_is_no_data_stays_itself(value: str) -> None:
    assert coerce.is_data(value) or coerce.decoded(value) is value


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        *(("a", "a"), (" a", "a"), ("a ", "a "), ("a b ", "a b "), ("", ""), (" ", "")),
        *(("\n a\n ", "a"), ("a\r\n", "a"), ("a \n", "a"), ("\ta\t", "a\t")),
    ],
)
def test_lines_around_a_text_go_and_its_own_spaces_stay(text: str, inner: str) -> None:
    assert coerce.trimmed(text) == inner
