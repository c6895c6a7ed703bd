"""The batch record: whatever is done, and wherever it is cut off, what was committed can be read back."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_asposeocr.api.exceptions import AsposeOcrStorageError
from airflow_provider_asposeocr.api.submission import RETENTION
from airflow_provider_asposeocr.batch.record import (
    MAX_ROW_CHARACTERS,
    MAX_SEGMENT_CHARACTERS,
    BatchRecord,
    Kind,
    Row,
    row_of,
)
from airflow_provider_asposeocr.batch.report import Entry, ItemStatus, StoredFile
from airflow_provider_asposeocr.durable import FileRecordStore, RecordStore, StateRecordStore
from tests.batch.support import CountingStore

NOW = round(time.time(), 3)
STORED = StoredFile("Text", "s3://bucket/out/page-12345678.txt", 44, "0" * 64)
DONE = Entry(ItemStatus.SUCCEEDED, "id", NOW, NOW + 3, 2, (STORED,), ("a warning",))
FAILED = Entry(ItemStatus.FAILED, "id", NOW, error="AsposeOcrTaskError", message="the task failed")


class Crash(BaseException):
    """The end of a process."""


class MemoryStore:
    """Segments in memory; the process dies when it has made so many writes."""

    def __init__(self) -> None:
        self.segments: dict[str, str] = {}
        self.writes_left = 10**9

    def read(self, key: str) -> Mapping[str, Any] | None:
        return json.loads(self.segments[key]) if key in self.segments else None

    def write(self, key: str, record: Mapping[str, Any]) -> None:
        if not self.writes_left:
            raise Crash
        self.writes_left -= 1
        self.segments[key] = json.dumps(record)


def fingerprint(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()[:32]


def resumed(number: int) -> Entry:
    """Return the entry of an OCR task that is to be resumed."""
    return Entry(ItemStatus.SUBMITTED, f"id-{number}", NOW)


def submitted(number: int, at: float = NOW) -> Row:
    return row_of(fingerprint(number), Kind.SUBMITTED, replace(resumed(number), submitted_at=at))


def test_a_new_record_knows_nothing() -> None:
    assert BatchRecord(MemoryStore(), 1).recall(fingerprint(1)) is None


def test_a_running_ocr_task_is_resumed() -> None:
    store = MemoryStore()
    BatchRecord(store, 1).write([submitted(1)], unrecorded=0)

    assert BatchRecord(store, 1).recall(fingerprint(1)) == resumed(1)
    assert BatchRecord(store, 1).recall(fingerprint(2)) is None


def test_a_delivered_item_is_told_as_it_was() -> None:
    store = MemoryStore()
    rows = [submitted(1), row_of(fingerprint(1), Kind.DONE, DONE)]
    BatchRecord(store, 1).write(rows, unrecorded=0)

    entry = BatchRecord(store, 1).recall(fingerprint(1))

    assert entry == DONE
    assert entry.line("s", "BinarizeImage") == DONE.line("s", "BinarizeImage")


def test_an_ocr_task_that_is_gone_is_submitted_anew() -> None:
    store = MemoryStore()
    BatchRecord(store, 1).write([submitted(1), row_of(fingerprint(1), Kind.FORGOTTEN, DONE)], unrecorded=0)
    assert BatchRecord(store, 1).recall(fingerprint(1)) is None


def test_an_ocr_task_older_than_the_service_keeps_it_is_submitted_anew(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = MemoryStore()
    BatchRecord(store, 1).write([submitted(1, NOW - RETENTION)], unrecorded=0)
    with caplog.at_level(logging.WARNING):
        assert BatchRecord(store, 1).recall(fingerprint(1)) is None
    assert "1 OCR tasks of earlier tries are older than the 24 hours" in caplog.text


@pytest.mark.parametrize(
    ("kind", "when_cleared"),
    [(Kind.REFUSED, None), (Kind.UNDELIVERED, Entry(ItemStatus.SUBMITTED, "id", NOW))],
)
def test_what_failed_for_good_stays_so_until_the_task_is_cleared(
    kind: Kind, when_cleared: Entry | None
) -> None:
    store = MemoryStore()
    BatchRecord(store, 1).write([row_of(fingerprint(1), kind, FAILED)], unrecorded=0)

    assert BatchRecord(store, 1).recall(fingerprint(1)) == FAILED
    assert BatchRecord(store, 3).recall(fingerprint(1)) == when_cleared


def test_cleared_after_success_nothing_is_new() -> None:
    store = MemoryStore()
    first = BatchRecord(store, 1)
    first.write([row_of(fingerprint(1), Kind.DONE, DONE)], unrecorded=0)
    first.finish()
    assert BatchRecord(store, 3).recall(fingerprint(1)) == DONE


def test_cleared_after_success_everything_is_new_with_resubmit(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = MemoryStore()
    first = BatchRecord(store, 1)
    first.write([row_of(fingerprint(n), Kind.DONE, DONE) for n in range(200)], unrecorded=0)
    first.finish()

    assert BatchRecord(store, 1).recall(fingerprint(1)) is not None
    with caplog.at_level(logging.WARNING):
        anew = BatchRecord(store, 3, resubmit=True)
    assert "the batch had succeeded, and on_clear is resubmit" in caplog.text
    assert anew.recall(fingerprint(1)) is None
    # Segments of the one before lie behind its first.
    anew.write([submitted(7)], unrecorded=1)
    assert len(store.segments) > 1
    again = BatchRecord(store, 3)
    assert again.recall(fingerprint(1)) is None
    assert again.recall(fingerprint(7)) is not None


def test_cleared_without_success_it_is_resumed() -> None:
    store = MemoryStore()
    BatchRecord(store, 1).write([row_of(fingerprint(1), Kind.DONE, DONE)], unrecorded=0)
    assert BatchRecord(store, 3).recall(fingerprint(1)) is not None


def test_how_many_ocr_tasks_may_be_lost_is_told(caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryStore()
    BatchRecord(store, 1).write([submitted(1)], unrecorded=50)
    with caplog.at_level(logging.WARNING):
        BatchRecord(store, 1)
    assert "up to 50 of its submissions may not be recorded" in caplog.text


def test_a_store_that_cannot_be_read_stops_the_batch() -> None:
    store = CountingStore()
    store.broken = True
    with pytest.raises(AsposeOcrStorageError, match="cannot be read: ConnectionError"):
        BatchRecord(StateRecordStore(store), 1)


def test_segments_are_measured_not_guessed() -> None:
    store = CountingStore()
    record = BatchRecord(StateRecordStore(store), 1)
    long = replace(DONE, results=(replace(STORED, uri="s3://b/" + "é\U0001f600" * 300),) * 3)
    for number in range(100):
        record.write([submitted(number)], unrecorded=50)
        record.write([row_of(fingerprint(number), Kind.DONE, long)], unrecorded=50)

    assert store.longest <= MAX_SEGMENT_CHARACTERS
    again = BatchRecord(StateRecordStore(store), 1)
    assert all(again.recall(fingerprint(number)) is not None for number in range(100))


@pytest.mark.parametrize(
    "entry",
    [
        replace(DONE, warnings=("\U0001f600" * 300,) * 10),
        replace(FAILED, message="\U0001f600" * 1000),
        replace(DONE, results=(replace(STORED, uri="x" * 5000),) * 3),
        replace(DONE, results=(replace(STORED, uri="\U0001f600" * 5000),)),
        replace(DONE, ocr_task_id="\U0001f600" * 200, results=(replace(STORED, uri="y" * 9000),)),
    ],
)
def test_the_longest_row_fits(entry: Entry) -> None:
    row = row_of(fingerprint(1), Kind.DONE, entry)
    assert len(json.dumps(row)) <= MAX_ROW_CHARACTERS
    assert row[2] == entry.ocr_task_id


def test_the_work_for_ten_thousand_items_is_small() -> None:
    store = CountingStore()
    record = BatchRecord(StateRecordStore(store), 1)
    for start in range(0, 10_000, 25):
        numbers = range(start, start + 25)
        rows: list[Row] = [submitted(n) for n in numbers]
        rows += [row_of(fingerprint(n), Kind.DONE, DONE) for n in numbers]
        record.write(rows, unrecorded=50)

    kept = sum(map(len, store.rows.values()))
    assert kept < 5_000_000
    assert store.characters < 3 * kept
    assert store.writes < 2 * 400


@pytest.mark.parametrize("kind", ["state store", "files"])
def test_both_stores_keep_the_same(kind: str, tmp_path: Path) -> None:
    state = CountingStore()

    def store() -> RecordStore:
        if kind == "files":
            return FileRecordStore(f"{tmp_path}/records", ("dag", "task", "run", "-1"), None)
        return StateRecordStore(state)

    BatchRecord(store(), 1).write([submitted(n) for n in range(500)], unrecorded=0)
    again = BatchRecord(store(), 1)
    assert [again.recall(fingerprint(n)) for n in range(500)] == [resumed(n) for n in range(500)]


rows = st.builds(
    lambda number, kind, length: (
        submitted(number)
        if kind == "s"
        else row_of(fingerprint(number), Kind.FORGOTTEN, DONE)
        if kind == "f"
        else row_of(
            fingerprint(number), Kind(kind), replace(DONE, results=(replace(STORED, uri="x" * length),))
        )
    ),
    st.integers(0, 30),
    st.sampled_from("sdruf"),
    st.integers(1, 9000),
)


@settings(max_examples=150, deadline=None)
@given(
    tries=st.lists(
        st.tuples(st.lists(st.lists(rows, max_size=12), max_size=8), st.integers(0, 12)), max_size=4
    )
)
def test_what_is_read_back_is_a_beginning_of_what_was_written(
    tries: list[tuple[list[list[Row]], int]],
) -> None:
    store = MemoryStore()
    kept: list[Row] = []
    for commits, survives in tries:
        store.writes_left = 10**9
        record = BatchRecord(store, 1)
        store.writes_left = survives
        committed, written = list(kept), list(kept)
        try:
            for commit in commits:
                written += commit
                record.write(commit, unrecorded=5)
                committed += commit
        except Crash:
            pass
        kept = [row for key in sorted(store.segments) for row in json.loads(store.segments[key])["rows"]]
        assert kept == written[: len(kept)]
        assert len(kept) >= len(committed)

    store.writes_left = 10**9
    record, last = BatchRecord(store, 1), {row[0]: row for row in kept}
    for number in range(31):
        row = last.get(fingerprint(number))
        entry = record.recall(fingerprint(number))
        assert (entry is None) == (row is None or row[1] == "f")
        if row is not None and row[1] == "s":
            assert entry == resumed(number)
    assert all(len(segment) <= MAX_SEGMENT_CHARACTERS for segment in store.segments.values())
