"""Settings as the service reads them."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.emulator.settings import AppliedSettings, SettingsError

IMAGE = get_operation("RecognizeImage")


@pytest.mark.parametrize("value", [0, -90, 90.0, (1 << 31) - 1, -(1 << 31), -1593755.0])
def test_a_whole_number_of_32_bits_is_read_however_json_writes_it(value: float) -> None:
    assert AppliedSettings.from_wire(IMAGE, {"Rotate": value}).rotate == value


@pytest.mark.parametrize("value", [1 << 31, -(1 << 31) - 1, 0.5, 1e300, float("inf"), True, "90", [90]])
def test_anything_else_is_refused_by_name(value: Any) -> None:
    with pytest.raises(SettingsError, match=r"The value of Rotate must be a whole number\.") as caught:
        AppliedSettings.from_wire(IMAGE, {"rotate": value})
    assert caught.value.name == "Rotate"
