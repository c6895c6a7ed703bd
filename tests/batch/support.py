"""What tests of batches share: images, operators, reports, and a store as Airflow 3.3 hands it to a task."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from airflow_provider_asposeocr.api.flows import OcrApi
from airflow_provider_asposeocr.batch import item
from airflow_provider_asposeocr.files import manifest
from airflow_provider_asposeocr.operators.batch import AsposeOcrBatchOperator
from tests.states import StateStore

MAX_STATE = 64 * 1024

STEPS: dict[str, Any] = {
    "open_source": item,
    "fingerprint": item,
    "make_body": item,
    "wait": OcrApi,
    "deliver": manifest,
}
"""Steps on the way of an item, each with the module or class that calls it."""


class CountingStore(StateStore):
    """A store whose values must not be too long, as Airflow's; it counts what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.characters = 0
        self.longest = 0
        self.threads: set[str] = set()

    def set(self, key: str, value: Any) -> None:
        size = len(json.dumps(value))
        if size > MAX_STATE:
            raise ValueError("too long")
        super().set(key, value)
        self.writes += 1
        self.characters += size
        self.longest = max(self.longest, size)
        self.threads.add(threading.current_thread().name)

    def batch_rows(self) -> list[Any]:
        """Return all rows of the batch record."""
        return [row for segment in self.rows.values() for row in json.loads(segment)["rows"]]


def image(number: int = 0) -> bytes:
    """Return an image that no other number has."""
    stream = io.BytesIO()
    Image.new("L", (64, 32), 255).save(stream, "PNG")
    return stream.getvalue() + f"page {number}".encode()


def images(folder: Path, count: int) -> list[Path]:
    """So many images in a new folder."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"page-{number:04}.png" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(image(number))
    return paths


def batch(sources: Any, destination: Any, **arguments: Any) -> AsposeOcrBatchOperator:
    """Return an operator that polls fast."""
    return AsposeOcrBatchOperator(
        **{
            "task_id": "batch",
            "sources": sources,
            "destination": destination,
            "poll_interval": 0.05,
            **arguments,
        }
    )


def lines(folder: Path, name: str = "report.jsonl") -> list[dict[str, Any]]:
    """Return the lines of a report."""
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def recorded_ids(folder: Path) -> set[str]:
    """Return the ids in a batch record that is kept in files."""
    segments = [json.loads(path.read_text()) for path in folder.glob("*-batch_*.json")]
    return {row[2] for segment in segments for row in segment["rows"] if len(row) > 2}


def fail_once(monkeypatch: pytest.MonkeyPatch, step: str, *, call: int, error: BaseException) -> None:
    """Let one call of one of the :data:`STEPS` raise an error, by its number."""
    original, called = getattr(STEPS[step], step), []

    def failing(*args: Any, **kwargs: Any) -> Any:
        called.append(1)
        if len(called) == call:
            raise error
        return original(*args, **kwargs)

    monkeypatch.setattr(STEPS[step], step, failing)
