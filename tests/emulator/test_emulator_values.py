"""Values from anybody: JSON that can be written again, switches and faults that can be acted upon."""

from __future__ import annotations

import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_asposeocr.emulator.checks import shown
from airflow_provider_asposeocr.emulator.faults import Fault
from airflow_provider_asposeocr.emulator.options import EmulatorOptions, LogNormal
from airflow_provider_asposeocr.emulator.strict_json import MAX_DEPTH, MAX_DIGITS, read_json
from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.client import Client

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
    """Whether there is neither half a character nor a number without end in a value."""
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


@pytest.mark.parametrize("value", ["x" * 1_000, 10**400, None, 1.5, [["x"] * 1_000], {"a": 1}, "\ud800"])
def test_values_are_shown_in_short(value: object) -> None:
    assert len(shown(value)) < 100
    shown(value).encode()


@pytest.mark.parametrize("name", sorted({*EmulatorOptions.__dataclass_fields__} - {"state_dir", "ocr"}))
@pytest.mark.parametrize("value", [object(), [object()], float("nan"), -1, 10**400, "\n", {"a": 1}, True])
def test_a_switch_holds_what_can_be_acted_upon(
    emulator: Emulator, client: Client, name: str, value: Any
) -> None:
    """Whatever a switch is set to, it is refused or requests are answered."""
    with contextlib.suppress(ValueError):
        setattr(emulator.options, name, value)
    answer = client.post()
    assert answer.status_code in (200, 413), answer.text
    if answer.status_code == 200:
        assert client.get(answer.json() if answer.text.startswith('"') else answer.text).status_code == 200
    assert client.token().status_code in (200, 400)


@pytest.mark.parametrize(
    "arguments", [(0,), (-1,), (float("nan"),), (1, -1), (1, float("inf")), (1, 0.5, "x"), ("1",)]
)
def test_distributions_that_cannot_be_drawn_from(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match=r"median|sigma|seed"):
        LogNormal(*arguments)


def test_the_secret_is_not_shown_when_it_is_refused() -> None:
    with pytest.raises(ValueError, match="client_secret") as refused:
        EmulatorOptions(client_secret=b"my own")  # type: ignore[arg-type]
    assert "my own" not in str(refused.value)


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_that_has_no_body(emulator: Emulator, client: Client, status: int) -> None:
    emulator.inject("status", status=status, body="no", headers={"X-Any": "yes"})
    answer = client.get("x")
    assert (answer.status_code, answer.content, answer.headers["X-Any"]) == (status, b"", "yes")
    assert client.get("x").status_code == 200


@pytest.mark.parametrize(
    "values",
    [
        {"status": 199},
        {"status": 600},
        {"status": True},
        {"after": -1},
        {"times": "1"},
        {"probability": 1.5},
        {"seconds": float("nan")},
        {"seconds": float("inf")},
        {"body": b"bytes"},
        {"body": "\ud800"},
        {"headers": {"a": "\n"}},
        {"headers": {"a b": "c"}},
        {"headers": [("a", "b")]},
        {"location": "/\u20ac"},
        {"messages": "text"},
        {"on": 5},
    ],
)
def test_faults_that_could_not_strike(values: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        Fault("status", **values)


def test_half_a_character_reaches_the_client_as_an_escape(emulator: Emulator, client: Client) -> None:
    emulator.options.scripted_text = "a \ud800 b"
    emulator.options.messages = ["\udfff"]
    emulator.options.plain_data = True
    answer = client.get(client.submit())
    assert "\\ud800" in answer.text
    body = answer.json()
    assert (body["results"][0]["data"], body["error"]["messages"]) == ("a \ud800 b", ["\udfff"])
    emulator.inject("finish_with_error", on="submit", messages=["\ud800"])
    assert client.get(client.submit()).json()["error"]["messages"] == ["\ud800"]
    assert client.call("GET", "/_emulator/ocr-tasks").json()[-1]["messages"] == ["\ud800"]
