"""A batch record of which a part cannot be understood: that part counts as none, and the rest stays good."""

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
from airflow_provider_asposeocr.batch.record import MAX_DAMAGED_IN_A_ROW, BatchRecord
from airflow_provider_asposeocr.batch.report import ItemStatus
from airflow_provider_asposeocr.durable import FileRecordStore, RecordStore, StateRecordStore
from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.batch.support import CountingStore, batch, images, lines
from tests.batch.test_record import DONE, FAILED, fingerprint
from tests.running import run

DIGITS = 10**400
FORGED = "id\x1b[31mFORGED"
BAD_IDS: list[Any] = [None, 5, ["id"], "", "  ", "null", "id\0", "id\nFORGED", FORGED, "\ud800", "x" * 9999]
BAD_MOMENTS: list[Any] = ["soon", None, True, [], float("nan"), float("inf"), -1, 1e308, DIGITS, 1e12]

SEGMENTS: dict[str, Any] = {
    "empty": "{}",
    "a list": "[1]",
    "a text": '"FORGED"',
    "half of it": '{"batch": "FORG',
    "not UTF-8": "\udcff\udcfe",
    "deep": "[" * 200_000,
    "deep in a row": '{"rows": ' + '{"a": ' * 200_000,
    "many digits": '{"batch": ' + "9" * 5000 + "}",
    "no head": json.dumps({"rows": [[fingerprint(1), "f"]]}),
    "rows null": {"rows": None},
    "rows a text": {"rows": "FORGED"},
    "no id": {"batch": None},
    "max_tries a text": {"max_tries": "FORGED"},
    "open null": {"open": None},
    "finished a text": {"finished": "FORGED"},
}
"""Segments that cannot be understood: their text, or what is changed in a good one."""


def with_member(index: int, value: Any, row: list[Any]) -> list[Any]:
    """Return a row with another value in one place."""
    return [*row[:index], value, *row[index + 1 :]]


ROWS: dict[str, Callable[[list[Any]], Any]] = {
    "null": lambda row: None,
    "a text": lambda row: "FORGED",
    "a number": lambda row: 5,
    "an object": lambda row: {"FORGED": row},
    "empty": lambda row: [],
    "of one member": lambda row: row[:1],
    "of two members": lambda row: row[:2],
    "of three members": lambda row: row[:3],
    "too long": lambda row: [*row, "FORGED"],
    "of an unknown kind": lambda row: [row[0], "FORGED", *row[2:]],
    "of a kind that is a list": lambda row: [row[0], ["s"], *row[2:]],
    "of no item": lambda row: [None, *row[1:]],
    "of a list of items": lambda row: [["FORGED"], *row[1:]],
    **{f"id {value!r:.20}": partial(with_member, 2, value) for value in BAD_IDS},
    **{f"moment {value!r:.20}": partial(with_member, 3, value) for value in BAD_MOMENTS},
}
"""Rows that cannot be understood, made of a good one."""

ENTRIES: dict[str, Callable[[list[Any]], Any]] = {
    "cut off": lambda entry: entry[:1],
    "cut off late": lambda entry: entry[:-1],
    "status unknown": lambda entry: ["FORGED", *entry[1:]],
    "status pending": lambda entry: ["pending", *entry[1:]],
    "status null": lambda entry: [None, *entry[1:]],
    **{
        f"completed {value!r:.20}": partial(with_member, 1, value)
        for value in BAD_MOMENTS
        if value is not None
    },
    "calls a text": lambda entry: [*entry[:2], "FORGED", *entry[3:]],
    "results null": lambda entry: [*entry[:3], None, *entry[4:]],
    "a result of one member": lambda entry: [*entry[:3], [["Text"]], *entry[4:]],
    "a result of numbers": lambda entry: [*entry[:3], [[1, 2, 3, 4]], *entry[4:]],
    "warnings a text": lambda entry: [*entry[:4], "FORGED", *entry[5:]],
    "a warning that is a list": lambda entry: [*entry[:4], [["FORGED"]], *entry[5:]],
    "error a number": lambda entry: [*entry[:5], 5, entry[6]],
    "message a list": lambda entry: [*entry[:6], ["FORGED"]],
}
"""Damage to the part of a row that says how an item has ended."""


@pytest.fixture(params=["state store", "files"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Both kinds of store, and how to put any text in place of a segment."""
    if request.param == "files":
        files = FileRecordStore(f"{tmp_path}/records", ("dag", "task", "run", "-1"), None)

        def put_file(number: int, text: str) -> None:
            files.write(f"batch_{number:05}", {})
            (path,) = (tmp_path / "records").glob(f"*-batch_{number:05}.json")
            path.write_bytes(text.encode(errors="surrogateescape"))

        return files, put_file
    state = CountingStore()

    def put_row(number: int, text: str) -> None:
        state.rows[f"asposeocr_batch_{number:05}"] = text

    return StateRecordStore(state), put_row


def three_segments() -> list[dict[str, Any]]:
    """Return a record of three segments, with an item of each kind in each."""
    head = {"batch": "0123456789abcdef", "max_tries": 1, "open": 0, "finished": False}
    return [
        {
            **head,
            "rows": [
                submitted_row(3 * number),
                ended_row(3 * number + 1, "d"),
                ended_row(3 * number + 2, "r"),
            ],
        }
        for number in range(3)
    ]


def submitted_row(number: int) -> list[Any]:
    return [fingerprint(number), "s", f"id-{number}", round(time.time(), 3)]


def ended_row(number: int, kind: str) -> list[Any]:
    entry = DONE if kind == "d" else FAILED
    return [fingerprint(number), kind, f"id-{number}", entry.submitted_at, *entry.to_row()]


def known(record: BatchRecord) -> set[int]:
    """Return the items that a record knows, of the first twelve."""
    return {number for number in range(12) if record.recall(fingerprint(number)) is not None}


def opened(store: RecordStore, caplog: pytest.LogCaptureFixture) -> BatchRecord:
    """Open a record that is damaged: with one warning, which shows nothing of it."""
    caplog.clear()
    with caplog.at_level(logging.INFO):
        record = BatchRecord(store, 1)
    (warning,) = (line for line in caplog.records if line.levelno >= logging.WARNING)
    assert "damaged and count as none" in warning.getMessage()
    assert warning.exc_info is None
    assert not [text for text in ("FORGED", "999", "\x1b", "[[[") if text in caplog.text]
    return record


@pytest.mark.parametrize("where", range(3))
@pytest.mark.parametrize("damage", SEGMENTS.values(), ids=SEGMENTS)
def test_a_segment_that_cannot_be_understood(
    store: Any, caplog: pytest.LogCaptureFixture, damage: Any, where: int
) -> None:
    kept, put = store
    segments = three_segments()
    for number, segment in enumerate(segments):
        put(number, json.dumps(segment))
    put(where, damage if isinstance(damage, str) else json.dumps({**segments[where], **damage}))

    record = opened(kept, caplog)

    lost = {3 * where, 3 * where + 1, 3 * where + 2}
    assert known(record) == set(range(9)) - lost
    # What is found out now is recorded behind what is good.
    record.write([submitted_row(number) for number in (*lost, 11)], unrecorded=0)
    assert known(BatchRecord(kept, 1)) == {*range(9), 11}


def test_a_batch_record_of_which_nothing_is_left(store: Any, caplog: pytest.LogCaptureFixture) -> None:
    kept, put = store
    for number in range(3):
        put(number, "{}")
    record = opened(kept, caplog)
    assert known(record) == set()
    record.write([submitted_row(4)], unrecorded=0)
    assert known(BatchRecord(kept, 1)) == {4}


@pytest.mark.parametrize("kind", ["s", "d", "u"])
@pytest.mark.parametrize("damage", ROWS.values(), ids=ROWS)
def test_a_row_that_cannot_be_understood(
    store: Any, caplog: pytest.LogCaptureFixture, damage: Callable[[list[Any]], Any], kind: str
) -> None:
    bad = damage(submitted_row(1) if kind == "s" else ended_row(1, kind))
    check_bad(bad, store, caplog)


@pytest.mark.parametrize("kind", ["d", "r", "u"])
@pytest.mark.parametrize("damage", ENTRIES.values(), ids=ENTRIES)
def test_an_entry_that_cannot_be_understood(
    store: Any, caplog: pytest.LogCaptureFixture, damage: Callable[[list[Any]], Any], kind: str
) -> None:
    good = ended_row(1, kind)
    check_bad([*good[:4], *damage(good[4:])], store, caplog)


def check_bad(bad: Any, store: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Check that one bad row among good ones is none, and is gone when its segment is written again."""
    kept, put = store
    segments = three_segments()
    segments[2]["rows"].insert(1, bad)
    segments[2]["rows"][2:] = [ended_row(8, "d")]
    segments[0]["rows"][1:2] = []
    for number, segment in enumerate(segments):
        put(number, json.dumps(segment))

    record = opened(kept, caplog)

    assert known(record) == {0, 2, 3, 4, 5, 6, 8}
    kinds = (ItemStatus.SUBMITTED, ItemStatus.SUCCEEDED, ItemStatus.FAILED)
    for number in known(record):
        entry = record.recall(fingerprint(number))
        assert entry is not None
        assert entry.status is (ItemStatus.SUCCEEDED if number == 8 else kinds[number % 3])
    record.write([submitted_row(1)], unrecorded=0)
    assert known(BatchRecord(kept, 1)) == {0, 1, 2, 3, 4, 5, 6, 8}


def test_a_bad_row_hides_no_earlier_one(store: Any, caplog: pytest.LogCaptureFixture) -> None:
    kept, put = store
    (segment, *_) = three_segments()
    segment["rows"] = [submitted_row(1), ended_row(1, "d")[:5]]
    put(0, json.dumps(segment))
    entry = opened(kept, caplog).recall(fingerprint(1))
    assert entry is not None
    assert (entry.status, entry.ocr_task_id) == (ItemStatus.SUBMITTED, "id-1")


def test_a_store_that_understands_nothing_at_all_is_not_asked_for_ever() -> None:
    asked: list[str] = []

    class Broken:
        def read(self, key: str) -> dict[str, Any]:
            asked.append(key)
            return {}

        def write(self, key: str, record: Any) -> None:
            """Keep nothing."""

    assert known(BatchRecord(Broken(), 1)) == set()
    assert len(asked) == MAX_DAMAGED_IN_A_ROW + 1


@pytest.mark.parametrize("error", [ConnectionError, PermissionError, TimeoutError, RuntimeError])
def test_a_store_that_cannot_be_reached_is_worth_a_retry(error: type[Exception]) -> None:
    class Gone:
        def get(self, key: str) -> Any:
            raise error("GET https://store/x?sig=s3cret failed")

    with pytest.raises(AsposeOcrStorageError, match=f"cannot be read: {error.__name__}"):
        BatchRecord(StateRecordStore(Gone()), 1)


@pytest.mark.parametrize("damage", ["{}", "[" * 200_000, "9" * 5000, '{"rows": null}'])
def test_a_batch_runs_all_the_same(emulator: Emulator, tmp_path: Path, damage: str) -> None:
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
