"""Which errors end a batch, and when a batch with failed items counts as failed."""

from __future__ import annotations

from typing import Any

from airflow_provider_asposeocr.api import coerce
from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrAuthError,
    AsposeOcrCertificateError,
    AsposeOcrConnectionError,
    AsposeOcrError,
    AsposeOcrHaltedError,
    AsposeOcrRateLimitError,
    AsposeOcrRequestError,
    AsposeOcrServerError,
    AsposeOcrSettingsError,
    AsposeOcrStorageError,
    AsposeOcrTaskNotFoundError,
)
from airflow_provider_asposeocr.api.retry import MAX_SLEEP
from airflow_provider_asposeocr.batch.progress import Progress

MAX_FAILURES_IN_A_ROW = 5
"""So many items that fail in a row because the service or the storage of the results is down end a batch: the
next ones would fail as well, and each attempt may be billed."""

_ALL = (AsposeOcrAuthError, AsposeOcrCertificateError, AsposeOcrHaltedError, AsposeOcrSettingsError)
_ALL_STATUSES = frozenset({402, 403, 404, 405})
_OUTAGES = (AsposeOcrConnectionError, AsposeOcrServerError, AsposeOcrRateLimitError)


class AsposeOcrBatchError(AsposeOcrError):
    """Items of a batch failed, all of them for good."""


class AsposeOcrBatchIncompleteError(AsposeOcrBatchError):
    """Items of a batch failed, and some of them may succeed when they are tried again."""

    retryable = True


def concerns_all(error: AsposeOcrError) -> bool:
    """Whether every other item would fail with the same error."""
    if isinstance(error, AsposeOcrRequestError):
        status = error.status or 0
        return status in _ALL_STATUSES or 300 <= status < 400
    if isinstance(error, AsposeOcrRateLimitError):
        return (error.retry_after or 0.0) > MAX_SLEEP
    return isinstance(error, _ALL)


def is_outage(error: AsposeOcrError, *, delivering: bool) -> bool:
    """Tell whether the service or the storage of the results may be down.

    :param error: what an item failed with.
    :param delivering: whether its results were being stored. Before that, a storage is that of its source,
        which no other item needs to share.
    """
    return isinstance(error, _OUTAGES) or (delivering and isinstance(error, AsposeOcrStorageError))


def can_be_retried(error: AsposeOcrError) -> bool:
    """Whether a retry of the Airflow task may help the item: one that the service has lost is sent anew."""
    return error.retryable or isinstance(error, AsposeOcrTaskNotFoundError)


def allowed_share(fail_on: Any) -> float:
    """The share of items that may fail without failing the batch.

    :param fail_on: ``any``, also where it is not set; ``none``; or a fraction as a number or its digits.
    :raises AsposeOcrSettingsError: for anything else.
    """
    # A template writes a value that is not set as None: that is none of the words.
    word = "any" if coerce.is_unset(fail_on) else str(fail_on).strip().casefold()
    if word in ("any", "none"):
        return float(word == "none")
    wanted = "'any', 'none' or a fraction such as 0.05"
    share = coerce.number("fail_on", fail_on, wanted)
    if not 0 <= share <= 1:
        raise AsposeOcrSettingsError(f"fail_on must be {wanted}, not {coerce.shown_value(fail_on)}")
    return share


def verdict(count: Progress, share: float, report: str) -> AsposeOcrBatchError | None:
    """The error that a batch ends with, or None if it has succeeded.

    :param count: what became of its items.
    :param share: from :func:`allowed_share`.
    :param report: the URI of the report.
    """
    if count.ended < count.items:
        return AsposeOcrBatchIncompleteError(
            f"{count.items - count.ended} of {count.items} items were not brought to an end; see {report}. A "
            "retry goes on with them",
            retry_after=count.retry_after,
        )
    if count.failed <= share * count.items:
        return None
    found = (
        f"{count.failed} of {count.items} items failed, {count.failed - count.retryable} of them for good; "
        f"see {report}"
    )
    if not count.retryable:
        return AsposeOcrBatchError(f"{found}. A retry would not help: clear the task to try them again")
    return AsposeOcrBatchIncompleteError(
        f"{found}. A retry tries the other {count.retryable} again", retry_after=count.retry_after
    )
