"""Resolutions by the metadata of a file."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from airflow_provider_asposeocr.emulator.resolution import DEFAULT_DPI, resolution_of


@pytest.mark.parametrize(
    ("info", "dpi", "aspect"),
    [
        ({}, DEFAULT_DPI, 1),
        ({"dpi": (300, 300)}, 300, 1),
        ({"dpi": (204, 98)}, 204, 204 / 98),
        ({"dpi": (204, 196)}, 204, 1),
        ({"dpi": (0, 200)}, 200, 1),
        ({"dpi": (float("nan"), float("inf"))}, DEFAULT_DPI, 1),
        ({"dpi": (65535, 65535)}, DEFAULT_DPI, 1),
        ({"dpi": (1200, 100)}, 1200, 1),
        ({"dpi": ("many",)}, DEFAULT_DPI, 1),
        ({"resolution": (2, 1)}, DEFAULT_DPI, 2),
        ({"aspect": (1, 2)}, DEFAULT_DPI, 0.5),
        ({"jfif_unit": 0, "jfif_density": (1, 2)}, DEFAULT_DPI, 0.5),
    ],
)
def test_resolutions(info: dict[str, object], dpi: float, aspect: float) -> None:
    image = SimpleNamespace(info=info, format="TIFF")
    assert resolution_of(image) == pytest.approx((dpi, aspect))  # type: ignore[arg-type]
