"""A journal of which a part cannot be understood: that part counts as none, and the rest stays good."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_asposeocr.api.exceptions import AsposeOcrStorageError
from airflow_provider_asposeocr.batch.journal import MAX_DAMAGED_IN_A_ROW, BatchRecord, Parts
from airflow_provider_asposeocr.batch.stores import FileParts, StateParts
from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.batch.support import CountingStore, batch, images, lines
from tests.batch.test_journal import DONE, FAILED, job, match
from tests.running import run

DIGITS = 10**400
FORGED = "id\x1b[31mFORGED"
BAD_IDS: list[Any] = [None, 5, ["id"], "", "  ", "null", "id\0", "id\nFORGED", FORGED, "\ud800", "x" * 9999]
BAD_MOMENTS: list[Any] = ["soon", None, True, [], float("nan"), float("inf"), -1, 1e308, DIGITS, 1e12]

SHARDS: dict[str, Any] = {
    "empty": "{}",
    "a list": "[1]",
    "a text": '"FORGED"',
    "half of it": '{"journal": "FORG',
    "not UTF-8": "\udcff\udcfe",
    "deep": "[" * 200_000,
    "deep in a record": '{"records": ' + '{"a": ' * 200_000,
    "many digits": '{"journal": ' + "9" * 5000 + "}",
    "no head": json.dumps({"records": [[match(1)[:32], "f"]]}),
    "records null": {"records": None},
    "records a text": {"records": "FORGED"},
    "no id": {"journal": None},
    "max_tries a text": {"max_tries": "FORGED"},
    "open null": {"open": None},
    "finished a text": {"finished": "FORGED"},
}
"""Shards that cannot be understood: their text, or what is changed in a good one."""


def with_member(index: int, value: Any, record: list[Any]) -> list[Any]:
    """Return a record with another value in one place."""
    return [*record[:index], value, *record[index + 1 :]]


RECORDS: dict[str, Callable[[list[Any]], Any]] = {
    "null": lambda record: None,
    "a text": lambda record: "FORGED",
    "a number": lambda record: 5,
    "an object": lambda record: {"FORGED": record},
    "empty": lambda record: [],
    "of one member": lambda record: record[:1],
    "of two members": lambda record: record[:2],
    "of three members": lambda record: record[:3],
    "too long": lambda record: [*record, "FORGED"],
    "of an unknown kind": lambda record: [record[0], "FORGED", *record[2:]],
    "of a kind that is a list": lambda record: [record[0], ["s"], *record[2:]],
    "of no item": lambda record: [None, *record[1:]],
    "of a list of items": lambda record: [["FORGED"], *record[1:]],
    **{f"id {value!r:.20}": partial(with_member, 2, value) for value in BAD_IDS},
    **{f"moment {value!r:.20}": partial(with_member, 3, value) for value in BAD_MOMENTS},
}
"""What may have become of a record."""

OUTCOMES: dict[str, Callable[[list[Any]], Any]] = {
    "cut off": lambda outcome: outcome[:1],
    "cut off late": lambda outcome: outcome[:-1],
    "status unknown": lambda outcome: ["FORGED", *outcome[1:]],
    "status pending": lambda outcome: ["pending", *outcome[1:]],
    "status null": lambda outcome: [None, *outcome[1:]],
    **{
        f"completed {value!r:.20}": partial(with_member, 1, value)
        for value in BAD_MOMENTS
        if value is not None
    },
    "calls a text": lambda outcome: [*outcome[:2], "FORGED", *outcome[3:]],
    "results null": lambda outcome: [*outcome[:3], None, *outcome[4:]],
    "a result of one member": lambda outcome: [*outcome[:3], [["Text"]], *outcome[4:]],
    "a result of numbers": lambda outcome: [*outcome[:3], [[1, 2, 3, 4]], *outcome[4:]],
    "warnings a text": lambda outcome: [*outcome[:4], "FORGED", *outcome[5:]],
    "a warning that is a list": lambda outcome: [*outcome[:4], [["FORGED"]], *outcome[5:]],
    "error a number": lambda outcome: [*outcome[:5], 5, outcome[6]],
    "message a list": lambda outcome: [*outcome[:6], ["FORGED"]],
}
"""What may have become of the part that says how an item has ended."""


@pytest.fixture(params=["state store", "files"])
def parts(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Both kinds of store: the parts, and how to put any text into one."""
    if request.param == "files":
        files = FileParts(f"{tmp_path}/records", ("dag", "task", "run", "-1"), None)

        def put_file(number: int, text: str) -> None:
            files.write(number, {})
            Path(files._store(number)._path.path).write_bytes(text.encode(errors="surrogateescape"))

        return files, put_file
    store = CountingStore()
    state = StateParts(store)

    def put_row(number: int, text: str) -> None:
        store.rows[state._store(number)._key] = text

    return state, put_row


def three_shards() -> list[dict[str, Any]]:
    """A journal of three shards, with an item of each kind in each."""
    head = {"journal": "0123456789abcdef", "max_tries": 1, "open": 0, "finished": False}
    return [
        {
            **head,
            "records": [
                submitted_record(3 * number),
                ended_record(3 * number + 1, "d"),
                ended_record(3 * number + 2, "r"),
            ],
        }
        for number in range(3)
    ]


def submitted_record(number: int) -> list[Any]:
    return [match(number)[:32], "s", f"id-{number}", round(time.time(), 3)]


def ended_record(number: int, kind: str) -> list[Any]:
    outcome = DONE if kind == "d" else FAILED
    return [match(number)[:32], kind, f"id-{number}", outcome.submitted_at, *outcome.to_record()]


def known(journal: BatchRecord) -> set[int]:
    """The items that a journal knows, of the first twelve."""
    return {number for number in range(12) if journal.recall(match(number)) is not None}


def opened(parts: Parts, caplog: pytest.LogCaptureFixture) -> BatchRecord:
    """Open a journal that is damaged: with one warning, which shows nothing of it."""
    caplog.clear()
    with caplog.at_level(logging.INFO):
        journal = BatchRecord(parts, 1)
    (warning,) = (record for record in caplog.records if record.levelno >= logging.WARNING)
    assert "damaged and count as none" in warning.getMessage()
    assert warning.exc_info is None
    assert not [text for text in ("FORGED", "999", "\x1b", "[[[") if text in caplog.text]
    return journal


@pytest.mark.parametrize("where", range(3))
@pytest.mark.parametrize("damage", SHARDS.values(), ids=SHARDS)
def test_a_shard_that_cannot_be_understood(
    parts: Any, caplog: pytest.LogCaptureFixture, damage: Any, where: int
) -> None:
    store, put = parts
    shards = three_shards()
    for number, shard in enumerate(shards):
        put(number, json.dumps(shard))
    put(where, damage if isinstance(damage, str) else json.dumps({**shards[where], **damage}))

    journal = opened(store, caplog)

    lost = {3 * where, 3 * where + 1, 3 * where + 2}
    assert known(journal) == set(range(9)) - lost
    # What is found out now is recorded behind what is good.
    journal.write([submitted_record(number) for number in (*lost, 11)], unrecorded=0)
    assert known(BatchRecord(store, 1)) == {*range(9), 11}


def test_a_journal_of_which_nothing_is_left(parts: Any, caplog: pytest.LogCaptureFixture) -> None:
    store, put = parts
    for number in range(3):
        put(number, "{}")
    journal = opened(store, caplog)
    assert known(journal) == set()
    journal.write([submitted_record(4)], unrecorded=0)
    assert known(BatchRecord(store, 1)) == {4}


@pytest.mark.parametrize("kind", ["s", "d", "u"])
@pytest.mark.parametrize("damage", RECORDS.values(), ids=RECORDS)
def test_a_record_that_cannot_be_understood(
    parts: Any, caplog: pytest.LogCaptureFixture, damage: Callable[[list[Any]], Any], kind: str
) -> None:
    bad = damage(submitted_record(1) if kind == "s" else ended_record(1, kind))
    check_bad(bad, parts, caplog)


@pytest.mark.parametrize("kind", ["d", "r", "u"])
@pytest.mark.parametrize("damage", OUTCOMES.values(), ids=OUTCOMES)
def test_an_outcome_that_cannot_be_understood(
    parts: Any, caplog: pytest.LogCaptureFixture, damage: Callable[[list[Any]], Any], kind: str
) -> None:
    good = ended_record(1, kind)
    check_bad([*good[:4], *damage(good[4:])], parts, caplog)


def check_bad(bad: Any, parts: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Check that one bad record among good ones is none, and is gone when its shard is written again."""
    store, put = parts
    shards = three_shards()
    shards[2]["records"].insert(1, bad)
    shards[2]["records"][2:] = [ended_record(8, "d")]
    shards[0]["records"][1:2] = []
    for number, shard in enumerate(shards):
        put(number, json.dumps(shard))

    journal = opened(store, caplog)

    assert known(journal) == {0, 2, 3, 4, 5, 6, 8}
    for number in known(journal):
        entry = journal.recall(match(number))
        assert entry is not None
        assert entry.job or entry.outcome
    journal.write([submitted_record(1)], unrecorded=0)
    assert known(BatchRecord(store, 1)) == {0, 1, 2, 3, 4, 5, 6, 8}


def test_a_bad_record_hides_no_earlier_one(parts: Any, caplog: pytest.LogCaptureFixture) -> None:
    store, put = parts
    (shard, *_) = three_shards()
    shard["records"] = [submitted_record(1), ended_record(1, "d")[:5]]
    put(0, json.dumps(shard))
    entry = opened(store, caplog).recall(match(1))
    assert entry is not None
    assert entry.job is not None
    assert entry.job.ocr_task_id == job(1).ocr_task_id


def test_a_store_that_understands_nothing_at_all_is_not_asked_for_ever() -> None:
    asked: list[int] = []

    class Broken:
        def read(self, number: int) -> dict[str, Any]:
            asked.append(number)
            return {}

        def write(self, number: int, shard: Any) -> None:
            """Keep nothing."""

    assert known(BatchRecord(Broken(), 1)) == set()
    assert len(asked) == MAX_DAMAGED_IN_A_ROW + 1


@pytest.mark.parametrize("error", [ConnectionError, PermissionError, TimeoutError, RuntimeError])
def test_a_store_that_cannot_be_reached_is_worth_a_retry(error: type[Exception]) -> None:
    class Gone:
        def get(self, key: str) -> Any:
            raise error("GET https://store/x?sig=s3cret failed")

    with pytest.raises(AsposeOcrStorageError, match=f"cannot be read: {error.__name__}"):
        BatchRecord(StateParts(Gone()), 1)


@pytest.mark.parametrize("damage", ["{}", "[" * 200_000, "9" * 5000, '{"records": null}'])
def test_a_batch_goes_on_all_the_same(emulator: Emulator, tmp_path: Path, damage: str) -> None:
    images(tmp_path / "in", 4)
    store = CountingStore()

    def again() -> Any:
        return run(batch(f"{tmp_path}/in/", f"{tmp_path}/out/"), task_state_store=store)

    again()
    (key,) = store.rows
    store.rows[key] = damage
    assert again()["succeeded"] == 4
    assert emulator.calls.submit == 8
    assert again()["skipped"] == 4
    assert [line["status"] for line in lines(tmp_path / "out")] == ["succeeded"] * 4
