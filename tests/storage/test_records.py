"""Old records beside the results: which are removed, and that nothing else is, in each storage."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fsspec
import pytest

from airflow_provider_asposeocr import durable
from airflow_provider_asposeocr.durable import MAX_REMOVED, FileRecordStore
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.files.storage import StoragePath
from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator
from tests.batch.support import batch, images
from tests.running import run
from tests.storage.stores import S3, Local, Store

HOUR = 3600.0


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def put(place: Store, name: str, *, hours: float, content: bytes = b"{}") -> str:
    """Store a file as if it had been written so many hours ago."""
    place.put(name, content)
    at = time.time() - hours * HOUR
    if isinstance(place, Local):
        os.utime(place.folder / name, (at, at))
    elif isinstance(place, S3):
        from moto.backends import get_backend

        bucket = get_backend("s3")["123456789012"]["aws"].buckets[place.bucket]
        bucket.keys[name].last_modified = datetime.fromtimestamp(at, UTC).replace(tzinfo=None)
    return name


def recognize(place: Store, scan: Path, **arguments: Any) -> None:
    run(
        AsposeOcrRecognizeImageOperator(
            **{
                "task_id": "t",
                "source": scan,
                "destination": f"{place.url}/out/",
                "destination_conn_id": place.conn_id,
                "poll_interval": 0.05,
                **arguments,
            }
        )
    )


def left(place: Store, folder: str = "out/.asposeocr/") -> set[str]:
    """Name what is in a folder."""
    return {name.removeprefix(folder) for name in place.files() if name.startswith(folder)}


OLD = {f"{digest('old')}-task.json", f"{digest('ancient')}-task.json", f"{digest('run')}-shards.json"} | {
    f"{digest('old batch')}-batch_{part:05}.json" for part in range(3)
}
KEPT = {
    f"{digest('young')}-task.json": 23.0,
    # A batch that writes to the last part of its record alone.
    f"{digest('long batch')}-batch_00000.json": 40.0,
    f"{digest('long batch')}-batch_00001.json": 1.0,
    # What others have put there.
    "report.json": 99.0,
    f"{digest('x')[:63]}-task.json": 99.0,
    f"{digest('x')}.txt": 99.0,
    f"{digest('x')}-batch_00000.json.bak": 99.0,
    f"{digest('x').upper()}-task.json": 99.0,
    f"below/{digest('x')}-task.json": 99.0,
}


def test_the_next_task_removes_old_records_and_nothing_else(
    store: Store, emulator: Emulator, scan: Path
) -> None:
    for name in OLD:
        put(store, f"out/.asposeocr/{name}", hours=25)
    for name, hours in KEPT.items():
        put(store, f"out/.asposeocr/{name}", hours=hours)
    put(store, f"out/{digest('a result')}.json", hours=99)
    recognize(store, scan)

    own = left(store) - set(KEPT)
    assert left(store) >= set(KEPT)
    assert len(own) == 1
    assert f"out/{digest('a result')}.json" in store.files()


def test_a_batch_does_as_well(local_store: Store, emulator: Emulator, tmp_path: Path) -> None:
    images(tmp_path / "in", 2)
    for name in OLD:
        put(local_store, f"out/.asposeocr/{name}", hours=25)
    run(batch(f"{tmp_path}/in/", f"{local_store.url}/out/"))

    [own] = left(local_store)
    assert own.endswith("-batch_00000.json")


def test_in_a_folder_that_the_user_has_named_all_stays(
    local_store: Store, emulator: Emulator, scan: Path
) -> None:
    for name in OLD:
        put(local_store, f"mine/{name}", hours=99)
    recognize(local_store, scan, durable_path=f"{local_store.url}/mine")

    assert left(local_store, "mine/") > OLD


def test_so_many_at_a_time_the_oldest_first(local_store: Store) -> None:
    names = [f"{digest(str(number))}-task.json" for number in range(MAX_REMOVED + 7)]
    for number, name in enumerate(names):
        put(local_store, f".asposeocr/{name}", hours=1000 - number)

    def write() -> None:
        FileRecordStore(f"{local_store.url}/.asposeocr", ("own",), None).write("task", {"max_tries": 1})

    write()
    assert left(local_store, ".asposeocr/") - {f"{digest('own')}-task.json"} == set(names[-7:])
    # Once in each process and folder.
    write()
    assert len(left(local_store, ".asposeocr/")) == 8


def test_the_clock_of_the_storage_counts(local_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    put(local_store, f".asposeocr/{digest('young')}-task.json", hours=1)
    monkeypatch.setattr("airflow_provider_asposeocr.durable.time.time", lambda: 4e9)
    FileRecordStore(f"{local_store.url}/.asposeocr", ("own",), None).write("task", {"max_tries": 1})

    assert len(left(local_store, ".asposeocr/")) == 2


def test_memory_has_no_more_than_a_time_of_creation() -> None:
    fs = fsspec.filesystem("memory")
    own, old, young = (f"/records/.asposeocr/{digest(name)}-task.json" for name in ("own", "old", "young"))
    for path, hours in ((own, 0), (young, 1), (old, 25)):
        fs.pipe_file(path, b"{}")
        fs.store[path].created = datetime.fromtimestamp(time.time() - hours * HOUR, UTC)
    durable._tidy(StoragePath("memory", own.removeprefix("/"), None, fs))

    assert set(fs.ls("/records/.asposeocr", detail=False)) == {own, young}
    fs.rm("/records", recursive=True)


@pytest.mark.parametrize("fails", ["ls", "rm_file"])
def test_a_failure_is_nobodys_concern(
    local_store: Store,
    emulator: Emulator,
    scan: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fails: str,
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError("https://u:s3cret@host")

    put(local_store, f"out/.asposeocr/{digest('old')}-task.json", hours=25)
    monkeypatch.setattr(f"fsspec.implementations.local.LocalFileSystem.{fails}", fail)
    with caplog.at_level(logging.DEBUG, "airflow_provider_asposeocr"):
        recognize(local_store, scan)

    lines = [record for record in caplog.records if "Old records were not removed" in record.getMessage()]
    assert [record.levelno for record in lines] == [logging.DEBUG]
    assert "s3cret" not in caplog.text
    assert len(left(local_store)) == 2
