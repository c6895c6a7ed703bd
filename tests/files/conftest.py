"""Fixtures of sources and destinations: an object store in memory, and a web server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.files.object_store import ObjectStore, attach
from tests.files.web import Web, serve


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """Stand in for ``s3://`` in this test."""
    storage = ObjectStore()
    attach(monkeypatch, "s3", storage)
    return storage


@pytest.fixture
def web() -> Iterator[Web]:
    """Return a small web server."""
    with serve() as running:
        yield running
