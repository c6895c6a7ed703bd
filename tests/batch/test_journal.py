"""The journal: whatever is done, and wherever it is cut off, what was committed can be read back."""

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
from airflow_provider_asposeocr.batch.journal import (
    MAX_RECORD_CHARACTERS,
    MAX_SEGMENT_CHARACTERS,
    BatchRecord,
    Kind,
    Record,
    Recorded,
    ended,
    forgotten,
    submitted,
)
from airflow_provider_asposeocr.batch.outcome import ItemStatus, Outcome, Stored
from airflow_provider_asposeocr.batch.stores import FileParts, StateParts
from tests.batch.support import CountingStore

NOW = round(time.time(), 3)
STORED = Stored("Text", "s3://bucket/out/page-12345678.txt", 44, "0" * 64)
DONE = Outcome(ItemStatus.SUCCEEDED, "id", NOW, NOW + 3, 2, (STORED,), ("a warning",))
FAILED = Outcome(ItemStatus.FAILED, "id", NOW, error="AsposeOcrTaskError", message="the task failed")


class Crash(BaseException):
    """The end of a process."""


class Parts:
    """Shards in memory; the process dies when it has made so many writes."""

    def __init__(self) -> None:
        self.shards: dict[int, str] = {}
        self.writes_left = 10**9

    def read(self, number: int) -> Mapping[str, Any] | None:
        return json.loads(self.shards[number]) if number in self.shards else None  # type: ignore[no-any-return]

    def write(self, number: int, shard: Mapping[str, Any]) -> None:
        if not self.writes_left:
            raise Crash
        self.writes_left -= 1
        self.shards[number] = json.dumps(shard)


def match(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def job(number: int, at: float = NOW) -> Recorded:
    return Recorded(f"id-{number}", at)


def test_a_new_journal_knows_nothing() -> None:
    assert BatchRecord(Parts(), 1).recall(match(1)) is None


def test_a_job_under_way_is_gone_on_with() -> None:
    parts = Parts()
    BatchRecord(parts, 1).write([submitted(match(1), job(1))], unrecorded=0)

    entry = BatchRecord(parts, 1).recall(match(1))

    assert entry is not None
    assert entry.job == job(1)
    assert entry.outcome is None
    assert BatchRecord(parts, 1).recall(match(2)) is None


def test_what_is_done_is_told_as_it_was() -> None:
    parts = Parts()
    records = [submitted(match(1), job(1)), ended(match(1), Kind.DONE, DONE)]
    BatchRecord(parts, 1).write(records, unrecorded=0)

    entry = BatchRecord(parts, 1).recall(match(1))

    assert entry is not None
    assert entry.outcome == DONE
    assert entry.outcome.line("s") == DONE.line("s")


def test_a_job_that_is_gone_is_submitted_anew() -> None:
    parts = Parts()
    BatchRecord(parts, 1).write([submitted(match(1), job(1)), forgotten(match(1))], unrecorded=0)
    assert BatchRecord(parts, 1).recall(match(1)) is None


def test_a_job_older_than_the_service_keeps_it_is_submitted_anew(caplog: pytest.LogCaptureFixture) -> None:
    parts = Parts()
    BatchRecord(parts, 1).write([submitted(match(1), job(1, NOW - RETENTION))], unrecorded=0)
    with caplog.at_level(logging.WARNING):
        assert BatchRecord(parts, 1).recall(match(1)) is None
    assert "1 jobs of earlier tries are older than the 24 hours" in caplog.text


@pytest.mark.parametrize(
    ("kind", "when_cleared"), [(Kind.REFUSED, None), (Kind.UNDELIVERED, Recorded("id", NOW))]
)
def test_what_failed_for_good_stays_so_until_the_task_is_cleared(
    kind: Kind, when_cleared: Recorded | None
) -> None:
    parts = Parts()
    BatchRecord(parts, 1).write([ended(match(1), kind, FAILED)], unrecorded=0)

    retried = BatchRecord(parts, 1).recall(match(1))
    cleared = BatchRecord(parts, 3).recall(match(1))

    assert retried is not None
    assert retried.outcome == FAILED
    assert (cleared.job if cleared else None) == when_cleared


def test_cleared_after_success_everything_is_new(caplog: pytest.LogCaptureFixture) -> None:
    parts = Parts()
    first = BatchRecord(parts, 1)
    first.write([ended(match(n), Kind.DONE, DONE) for n in range(200)], unrecorded=0)
    first.finish()

    assert BatchRecord(parts, 1).recall(match(1)) is not None
    with caplog.at_level(logging.WARNING):
        anew = BatchRecord(parts, 3)
    assert "was cleared after the batch had succeeded" in caplog.text
    assert anew.recall(match(1)) is None
    # Shards of the one before lie behind its first.
    anew.write([submitted(match(7), job(7))], unrecorded=1)
    assert len(parts.shards) > 1
    again = BatchRecord(parts, 3)
    assert again.recall(match(1)) is None
    assert again.recall(match(7)) is not None


def test_cleared_without_success_goes_on() -> None:
    parts = Parts()
    BatchRecord(parts, 1).write([ended(match(1), Kind.DONE, DONE)], unrecorded=0)
    assert BatchRecord(parts, 3).recall(match(1)) is not None


def test_how_many_jobs_may_be_lost_is_told(caplog: pytest.LogCaptureFixture) -> None:
    parts = Parts()
    BatchRecord(parts, 1).write([submitted(match(1), job(1))], unrecorded=50)
    with caplog.at_level(logging.WARNING):
        BatchRecord(parts, 1)
    assert "up to 50 of its submissions may not be recorded" in caplog.text


def test_a_store_that_cannot_be_read_stops_the_batch() -> None:
    store = CountingStore()
    store.broken = True
    with pytest.raises(AsposeOcrStorageError, match="cannot be read: ConnectionError"):
        BatchRecord(StateParts(store), 1)


def test_shards_are_measured_not_guessed() -> None:
    store = CountingStore()
    journal = BatchRecord(StateParts(store), 1)
    long = replace(DONE, results=(replace(STORED, uri="s3://b/" + "é\U0001f600" * 300),) * 3)
    for number in range(100):
        journal.write([submitted(match(number), job(number))], unrecorded=50)
        journal.write([ended(match(number), Kind.DONE, long)], unrecorded=50)

    assert store.longest <= MAX_SEGMENT_CHARACTERS
    again = BatchRecord(StateParts(store), 1)
    assert all(again.recall(match(number)) is not None for number in range(100))


@pytest.mark.parametrize(
    "outcome",
    [
        replace(DONE, warnings=("\U0001f600" * 300,) * 10),
        replace(FAILED, message="\U0001f600" * 1000),
        replace(DONE, results=(replace(STORED, uri="x" * 5000),) * 3),
        replace(DONE, results=(replace(STORED, uri="\U0001f600" * 5000),)),
        replace(DONE, ocr_task_id="\U0001f600" * 200, results=(replace(STORED, uri="y" * 9000),)),
    ],
)
def test_the_longest_record_fits(outcome: Outcome) -> None:
    record = ended(match(1), Kind.DONE, outcome)
    assert len(json.dumps(record)) <= MAX_RECORD_CHARACTERS
    assert record[2] == outcome.ocr_task_id


def test_the_work_for_ten_thousand_items_is_small() -> None:
    store = CountingStore()
    journal = BatchRecord(StateParts(store), 1)
    for start in range(0, 10_000, 25):
        numbers = range(start, start + 25)
        records: list[Record] = [submitted(match(n), job(n)) for n in numbers]
        records += [ended(match(n), Kind.DONE, DONE) for n in numbers]
        journal.write(records, unrecorded=50)

    kept = sum(map(len, store.rows.values()))
    assert kept < 5_000_000
    assert store.characters < 3 * kept
    assert store.writes < 2 * 400


@pytest.mark.parametrize("kind", ["state store", "files"])
def test_both_stores_keep_the_same(kind: str, tmp_path: Path) -> None:
    state = CountingStore()

    def parts() -> StateParts | FileParts:
        if kind == "files":
            return FileParts(f"{tmp_path}/records", ("dag", "task", "run", "-1"), None)
        return StateParts(state)

    BatchRecord(parts(), 1).write([submitted(match(n), job(n)) for n in range(500)], unrecorded=0)
    again = BatchRecord(parts(), 1)
    assert [again.recall(match(n)) for n in range(500)] == [
        BatchRecord(parts(), 1).recall(match(n)) for n in range(500)
    ]
    assert all(again.recall(match(n)) is not None for n in range(500))


records = st.builds(
    lambda number, kind, length: (
        submitted(match(number), job(number))
        if kind == "s"
        else forgotten(match(number))
        if kind == "f"
        else ended(match(number), Kind(kind), replace(DONE, results=(replace(STORED, uri="x" * length),)))
    ),
    st.integers(0, 30),
    st.sampled_from("sdruf"),
    st.integers(1, 9000),
)


@settings(max_examples=150, deadline=None)
@given(
    tries=st.lists(
        st.tuples(st.lists(st.lists(records, max_size=12), max_size=8), st.integers(0, 12)), max_size=4
    )
)
def test_what_is_read_back_is_a_beginning_of_what_was_written(
    tries: list[tuple[list[list[Record]], int]],
) -> None:
    parts = Parts()
    kept: list[Record] = []
    for commits, survives in tries:
        parts.writes_left = 10**9
        journal = BatchRecord(parts, 1)
        parts.writes_left = survives
        committed, written = list(kept), list(kept)
        try:
            for commit in commits:
                written += commit
                journal.write(commit, unrecorded=5)
                committed += commit
        except Crash:
            pass
        kept = [
            record
            for number in sorted(parts.shards)
            for record in json.loads(parts.shards[number])["records"]
        ]
        assert kept == written[: len(kept)]
        assert len(kept) >= len(committed)

    parts.writes_left = 10**9
    journal, last = BatchRecord(parts, 1), {record[0]: record for record in kept}
    for number in range(31):
        record = last.get(match(number)[:32])
        entry = journal.recall(match(number))
        assert (entry is None) == (record is None or record[1] == "f")
        if entry is not None and record is not None and record[1] == "s":
            assert entry.job == job(number)
    assert all(len(shard) <= MAX_SEGMENT_CHARACTERS for shard in parts.shards.values())
