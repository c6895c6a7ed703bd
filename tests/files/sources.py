"""Helpers for tests that open sources."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_asposeocr.api.exceptions import AsposeOcrSourceError, AsposeOcrStorageError
from airflow_provider_asposeocr.files.source import Source, open_source


def content(source: Source) -> bytes:
    """Read all bytes of a source."""
    with source.open() as stream:
        return stream.read()


def refused(source: Any) -> str:
    """Return the message with which a source is refused."""
    with pytest.raises((AsposeOcrSourceError, AsposeOcrStorageError)) as caught:
        open_source(source)
    assert caught.value.retryable is isinstance(caught.value, AsposeOcrStorageError)
    return str(caught.value)
