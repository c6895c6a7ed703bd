"""Keep the errors of an item's source or of a storage where they belong: no item ends a batch."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_asposeocr.api.exceptions import AsposeOcrUnexpectedError, contained
from airflow_provider_asposeocr.api.http import RequestBody
from airflow_provider_asposeocr.files.listing import display_name
from airflow_provider_asposeocr.files.paths import uri_of


def own_error(raised: BaseException) -> Exception:
    """Return what the current asyncio task has met as an error of its own work.

    :param raised: what was raised.
    :raises BaseException: the same, if it comes from outside: the task was cancelled, or all is to end.
    """
    task = asyncio.current_task()
    cancelled = isinstance(raised, asyncio.CancelledError) and task is not None and task.cancelling() > 0
    if cancelled or isinstance(raised, KeyboardInterrupt | SystemExit | GeneratorExit):
        raise raised
    return raised if isinstance(raised, Exception) else AsposeOcrUnexpectedError.of(raised)


def name_of(item: Any) -> str:
    """Name an item for a log or the report, even one that fails when it is asked for its name.

    :param item: one of a :class:`.Listing`.
    """
    try:
        return contained(display_name, item)
    except Exception:
        return f"a {type(item).__name__}"


def address_of(item: Any) -> str | None:
    """Return the path or URI of an item; None if it has none, or fails when it is asked.

    :param item: one of a :class:`.Listing`.
    """
    try:
        return contained(uri_of, item)
    except Exception:
        return None


@dataclass(frozen=True, slots=True)
class ContainedBody:
    """A request body that is read while it is sent, :func:`contained`.

    :param body: the body.
    """

    body: RequestBody = field(repr=False)

    @property
    def content_type(self) -> str:
        """The value of the Content-Type header."""
        return self.body.content_type

    def __len__(self) -> int:
        return len(self.body)

    def __iter__(self) -> Iterator[bytes]:
        chunks = iter(self.body)
        while (chunk := contained(next, chunks, None)) is not None:
            yield chunk
