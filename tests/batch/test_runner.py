"""The runner of a batch: errors that end it, and its progress."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from types import SimpleNamespace
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
from airflow_provider_asposeocr.batch.item import Item, ItemProcessor
from airflow_provider_asposeocr.batch.runner import Progress, concerns_all, is_outage


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
    options: Any = SimpleNamespace(delivery=None, cancel_on_timeout=True)
    nothing: Any = None
    processor = ItemProcessor(options, nothing, None, nothing, nullcontext)
    entry = asyncio.run(processor.failed(Item("a.png"), error))
    found = concerns_all(error), is_outage(error, delivering=False), entry.retryable
    assert found == (all_items, outage, retried)
    # A storage is the source's own until results are stored: then it is everybody's.
    of_results = isinstance(error, AsposeOcrStorageError)
    assert is_outage(error, delivering=True) == (outage or of_results)


@pytest.mark.parametrize(
    ("count", "seconds", "calls", "line"),
    [
        (Progress(10), 0.0, 0, "0 of 10 items, 0 failed, 0 a minute, billed calls so far: 0, 0.0 s"),
        (
            Progress(1000, succeeded=240, failed=10),
            100.0,
            525,
            "250 of 1000 items, 10 failed, 150 a minute, 5 min 0 s left, 2.10 calls per item, "
            "billed calls so far: 525, 100.0 s",
        ),
        (
            Progress(100_000, succeeded=1000, skipped=900),
            100.0,
            200,
            "1000 of 100000 items, 0 failed, 60 a minute, 27 h 30 min left, 2.00 calls per item, "
            "billed calls so far: 200, 100.0 s",
        ),
        (
            Progress(4, succeeded=4),
            8.0,
            8,
            "4 of 4 items, 0 failed, 30 a minute, 2.00 calls per item, billed calls so far: 8, 8.0 s",
        ),
        (
            Progress(4, succeeded=4, skipped=4),
            0.1,
            0,
            "4 of 4 items, 0 failed, 0 a minute, billed calls so far: 0, 0.1 s",
        ),
    ],
)
def test_how_far_it_is(count: Progress, seconds: float, calls: int, line: str) -> None:
    assert count.line(seconds, calls) == line
