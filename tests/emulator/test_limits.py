"""Limits: each has its message."""

from __future__ import annotations

import pytest

from airflow_provider_asposeocr.emulator import limits


@pytest.mark.parametrize(
    ("size", "part"),
    [
        ((40_000_001, 1), "has 40,000,001 x 1 pixels; at most 40,000,000"),
        ((65_536, 9), "a side may have at most 65,535"),
    ],
)
def test_each_bound_has_its_message(size: tuple[int, int], part: str) -> None:
    limits.check_image_size(8000, 5000)
    with pytest.raises(limits.LimitExceededError, match=part):
        limits.check_image_size(*size)


def test_bounds_of_filters_results_memory_and_time_have_their_messages() -> None:
    with pytest.raises(limits.LimitExceededError, match="A rotation would make an image of 9,000 x 9,000"):
        limits.check_filtered_size("A rotation", 9000, 9000)
    with pytest.raises(limits.LimitExceededError, match="result Pdf exceeds 64 MiB"):
        limits.check_result_size("Pdf", limits.MAX_RESULT_BYTES + 1)
    assert "1120 MiB of memory" in limits.out_of_memory()
    assert "60 seconds" in limits.out_of_time(limits.MAX_SECONDS)
