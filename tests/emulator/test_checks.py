"""Values in messages are short and can be encoded."""

from __future__ import annotations

import pytest

from airflow_provider_asposeocr.emulator.checks import shown


@pytest.mark.parametrize("value", ["x" * 1_000, 10**400, None, 1.5, [["x"] * 1_000], {"a": 1}, "\ud800"])
def test_values_are_shown_in_short(value: object) -> None:
    assert len(shown(value)) < 100
    shown(value).encode()
