"""One run of a batch: when it counts as failed."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_asposeocr.batch.run import allowed_share, verdict
from airflow_provider_asposeocr.batch.runner import Progress


@pytest.mark.parametrize(
    ("fail_on", "share"),
    [
        *(("any", 0), ("ANY", 0), ("none", 1), (" NONE ", 1)),
        *((0.05, 0.05), ("0.05", 0.05), (0, 0), (1, 1)),
        # A template that renders None must not switch the check off.
        *((None, 0), ("None", 0), (" None ", 0), ("", 0)),
    ],
)
def test_the_share_that_may_fail(fail_on: Any, share: float) -> None:
    assert allowed_share(fail_on) == share


@pytest.mark.parametrize(
    ("failed", "retryable", "share", "says"),
    [
        (0, 0, 0.0, None),
        (5, 0, 0.05, None),
        (100, 9, 1.0, None),
        (6, 0, 0.05, "6 of 100 items failed, 6 of them for good; see r. A retry would not help"),
        (1, 1, 0.0, "1 of 100 items failed, 0 of them for good; see r. A retry tries the other 1 again"),
        (3, 2, 0.0, "3 of 100 items failed, 1 of them for good; see r. A retry tries the other 2 again"),
    ],
)
def test_the_end_of_a_batch(failed: int, retryable: int, share: float, says: str | None) -> None:
    count = Progress(100, succeeded=100 - failed, failed=failed, retryable=retryable, retry_after=7.0)
    error = verdict(count, share, "r")
    if says is None:
        assert error is None
    else:
        assert error is not None
        assert str(error).startswith(says)
        assert error.retryable == bool(retryable)
        assert error.retry_after == (7.0 if retryable else None)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(("succeeded", "failed"), [(99, 0), (0, 0), (50, 49), (0, 99)])
def test_items_without_an_end_are_no_success(succeeded: int, failed: int, share: float) -> None:
    error = verdict(Progress(100, succeeded=succeeded, failed=failed, retry_after=7.0), share, "r")
    assert error is not None
    assert error.retryable
    assert error.retry_after == 7.0
    left = 100 - succeeded - failed
    assert str(error).startswith(f"{left} of 100 items were not brought to an end; see r")
