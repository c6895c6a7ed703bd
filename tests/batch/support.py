"""What tests of batches share: images, operators, reports, and a store as Airflow 3.3 hands it to a task."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path
from typing import Any

from PIL import Image

from airflow_provider_asposeocr.operators.batch import AsposeOcrBatchOperator
from tests.states import StateStore

MOST_STATE = 64 * 1024


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
        if size > MOST_STATE:
            raise ValueError("too long")
        super().set(key, value)
        self.writes += 1
        self.characters += size
        self.longest = max(self.longest, size)
        self.threads.add(threading.current_thread().name)

    def records(self) -> list[Any]:
        """All records of the journal."""
        return [record for row in self.rows.values() for record in json.loads(row)["records"]]


def image(number: int = 0) -> bytes:
    """An image that no other number has."""
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
    """An operator that polls fast."""
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
    """The lines of a report."""
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def recorded_ids(folder: Path) -> set[str]:
    """The ids in a journal that is kept in files."""
    shards = [json.loads(path.read_text()) for path in folder.glob("*.json")]
    return {record[2] for shard in shards for record in shard["records"] if len(record) > 2}
