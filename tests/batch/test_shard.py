"""Shards of a batch: what belongs to which, and that a run keeps to its number."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_asposeocr.api.exceptions import AsposeOcrSettingsError, AsposeOcrStorageError
from airflow_provider_asposeocr.batch.shard import Shard, keep_to, read_shard
from airflow_provider_asposeocr.durable import FileRecordStore, StateRecordStore
from tests.states import StateStore

URIS = ["s3://inbox/2026/a.png", "gs://inbox/b c.png", "/data/ä.pdf", "https://host/scan?id=7"]


def owner(item: Any, count: int) -> int:
    """Return the only shard that takes a source."""
    (index,) = [index for index in range(count) if Shard(index, count).takes(item)]
    return index


def test_the_shard_of_a_source_is_the_same_in_each_process_and_release() -> None:
    """Another hash would send running batches to other shards, and pay for them twice."""
    assert [owner(uri, 4) for uri in URIS] == [1, 3, 0, 2]
    assert [owner(uri, 1000) for uri in URIS] == [389, 231, 696, 390]
    script = (
        "from airflow_provider_asposeocr.batch.shard import Shard\n"
        f"print([[i for i in range(4) if Shard(i, 4).takes(uri)] for uri in {URIS!r}])"
    )
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == "[[1], [3], [0], [2]]"


def test_shards_are_of_about_the_same_size() -> None:
    sizes = Counter(owner(f"s3://inbox/2026/11/page-{number:05}.png", 8) for number in range(8000))
    assert len(sizes) == 8
    assert 900 < min(sizes.values()) <= max(sizes.values()) < 1100


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ("/data//in/./a.png", "file:///data/in/a.png"),
        (Path("/data/in/a.png"), "/data/in/a.png"),
        ({"bucket": "inbox", "key": "a.png"}, "s3://inbox/a.png"),
        ({"uri": "s3://inbox/a.png", "text": "of a document"}, "s3://inbox/a.png"),
        (
            "https://host/a.png?X-Amz-Signature=1&X-Amz-Date=2&page=3",
            "https://host/a.png?page=3&X-Amz-Signature=4&X-Amz-Date=5",
        ),
    ],
)
def test_spellings_of_one_source_are_in_one_shard(one: Any, same: Any) -> None:
    assert owner(one, 997) == owner(same, 997)


def test_sources_without_a_name_are_in_one_shard() -> None:
    class Broken:
        @property
        def uri(self) -> str:
            raise ValueError("no name")

    assert len({owner(item, 997) for item in (Broken(), 5, None, {"uri": None}, b"bytes")}) == 1
    assert owner("/data/\udcff.png", 3) in range(3)


@pytest.mark.parametrize(
    ("shards", "shard", "read"),
    [
        (None, None, None),
        ("None", "", None),
        (4, 3, Shard(3, 4)),
        ("4", " 0 ", Shard(0, 4)),
        (1, 0, Shard(0, 1)),
    ],
)
def test_a_shard_is_read_as_templates_write_it(shards: Any, shard: Any, read: Shard | None) -> None:
    assert read_shard(shards, shard) == read


@pytest.fixture(params=["files", "states"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "files":
        return FileRecordStore(str(tmp_path), ("dag", "task", "run"), None)
    return StateRecordStore(StateStore())


def test_a_run_keeps_to_its_number(store: Any) -> None:
    for index in (0, 3, 0):
        keep_to(Shard(index, 4), store)
    with pytest.raises(
        AsposeOcrSettingsError, match=r"begun with shards=4, and now shards is 5.*Set shards to 4"
    ):
        keep_to(Shard(4, 5), store)
    keep_to(Shard(1, 4), store)


@pytest.mark.parametrize("record", [{}, {"shards": "4"}, {"shards": None}, {"other": 1}])
def test_a_damaged_number_counts_as_none(
    store: Any, record: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    store.write("shards", record)
    with caplog.at_level(logging.WARNING):
        keep_to(Shard(0, 4), store)
    assert "damaged" in caplog.text
    with pytest.raises(AsposeOcrSettingsError):
        keep_to(Shard(0, 3), store)


def test_a_number_that_cannot_be_recorded_keeps_back_the_batch() -> None:
    class Full(StateStore):
        def set(self, key: str, value: Any) -> None:
            raise OSError(28, "of a user")

    with pytest.raises(AsposeOcrStorageError, match=r"nothing was submitted, .*: No space left on device"):
        keep_to(Shard(0, 4), StateRecordStore(Full()))
    broken = StateStore()
    broken.broken = True
    with pytest.raises(AsposeOcrStorageError, match="cannot be read"):
        keep_to(Shard(0, 4), StateRecordStore(broken))
