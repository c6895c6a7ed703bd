"""Which errors end a batch, when it counts as failed, and how its progress is told."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrAuthError,
    AsposeOcrCertificateError,
    AsposeOcrConnectionError,
    AsposeOcrDestinationError,
    AsposeOcrError,
    AsposeOcrHaltedError,
    AsposeOcrRateLimitError,
    AsposeOcrRequestError,
    AsposeOcrServerError,
    AsposeOcrSettingsError,
    AsposeOcrSourceError,
    AsposeOcrStorageError,
    AsposeOcrTaskError,
    AsposeOcrTaskNotFoundError,
    AsposeOcrTimeoutError,
)
from airflow_provider_asposeocr.batch.policy import (
    allowed_share,
    can_be_retried,
    concerns_all,
    is_outage,
    verdict,
)
from airflow_provider_asposeocr.batch.progress import Progress


@pytest.mark.parametrize(
    ("error", "all_items", "outage", "retried"),
    [
        (AsposeOcrAuthError("e"), True, False, False),
        (AsposeOcrCertificateError("e"), True, False, False),
        (AsposeOcrSettingsError("e"), True, False, False),
        (AsposeOcrHaltedError("e"), True, False, True),
        (AsposeOcrRequestError("e", status=402), True, False, False),
        (AsposeOcrRequestError("e", status=403), True, False, False),
        (AsposeOcrRequestError("e", status=404), True, False, False),
        (AsposeOcrRequestError("e", status=302), True, False, False),
        (AsposeOcrRequestError("e", status=400), False, False, False),
        (AsposeOcrRequestError("e", status=413), False, False, False),
        (AsposeOcrRateLimitError("e", status=429, retry_after=5), False, True, True),
        (AsposeOcrRateLimitError("e", status=429, retry_after=300), True, True, True),
        (AsposeOcrConnectionError("e"), False, True, True),
        (AsposeOcrServerError("e"), False, True, True),
        (AsposeOcrStorageError("e"), False, False, True),
        (AsposeOcrTimeoutError("e"), False, False, True),
        (AsposeOcrTaskNotFoundError("e"), False, False, True),
        (AsposeOcrTaskError("e"), False, False, False),
        (AsposeOcrSourceError("e"), False, False, False),
        (AsposeOcrDestinationError("e"), False, False, False),
    ],
    ids=lambda value: f"{type(value).__name__} {value.status}" if isinstance(value, AsposeOcrError) else None,
)
def test_each_error(error: AsposeOcrError, all_items: bool, outage: bool, retried: bool) -> None:
    found = concerns_all(error), is_outage(error, delivering=False), can_be_retried(error)
    assert found == (all_items, outage, retried)
    # A storage is the source's own until results are stored: then it is everybody's.
    of_results = isinstance(error, AsposeOcrStorageError)
    assert is_outage(error, delivering=True) == (outage or of_results)


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


@pytest.mark.parametrize(
    ("count", "seconds", "calls", "line"),
    [
        (Progress(10), 0.0, 0, "0 of 10 items, 0 failed, 0 a minute"),
        (
            Progress(1000, succeeded=240, failed=10),
            100.0,
            525,
            "250 of 1000 items, 10 failed, 150 a minute, 5 min 0 s left, 2.10 calls per item",
        ),
        (
            Progress(100_000, succeeded=1000, skipped=900),
            100.0,
            200,
            "1000 of 100000 items, 0 failed, 60 a minute, 27 h 30 min left, 2.00 calls per item",
        ),
        (Progress(4, succeeded=4), 8.0, 8, "4 of 4 items, 0 failed, 30 a minute, 2.00 calls per item"),
        (Progress(4, succeeded=4, skipped=4), 0.1, 0, "4 of 4 items, 0 failed, 0 a minute"),
    ],
)
def test_how_far_it_is(count: Progress, seconds: float, calls: int, line: str) -> None:
    assert count.line(seconds, calls) == line
