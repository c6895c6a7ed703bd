"""The records of submissions: where they lie, what they hold, and what becomes of damaged ones."""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_asposeocr.api.exceptions import AsposeOcrStorageError, AsposeOcrTimeoutError
from airflow_provider_asposeocr.api.flows import OcrApi
from airflow_provider_asposeocr.api.submission import Submission
from airflow_provider_asposeocr.durable import StateRecordStore, TaskRecord, record_store_for
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.operators.asposeocr import (
    AsposeOcrRecognizeImageOperator,
    AsposeOcrRecognizeImageTrialOperator,
)
from airflow_provider_asposeocr.operators.batch import AsposeOcrBatchOperator
from tests.running import context, run
from tests.states import StateStore


@pytest.mark.parametrize(
    ("end", "message"),
    [("finish_with_error", "could not be recognized"), ("never_finish", "before the deadline")],
)
def test_a_storage_of_records_that_has_gone_hides_no_reason(
    emulator: Emulator,
    scan: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    end: str,
    message: str,
) -> None:
    def gone(*_: Any) -> Any:
        raise AsposeOcrStorageError("sftp://records cannot be reached")

    original = OcrApi.wait

    def wait(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr("airflow_provider_asposeocr.durable.source_path", gone)
        return original(*args, **kwargs)

    monkeypatch.setattr(OcrApi, "wait", wait)
    emulator.inject(end, on="submit")
    task = AsposeOcrRecognizeImageOperator(
        task_id="t", source=scan, poll_interval=0.05, timeout=0.3, durable_path=f"{tmp_path}/records"
    )
    with pytest.raises((AirflowFailException, AsposeOcrTimeoutError), match=message):
        run(task)


@pytest.mark.parametrize("many", [False, True])
def test_records_that_can_be_kept_nowhere_fail_for_good(
    emulator: Emulator, scan: Path, tmp_path: Path, many: bool
) -> None:
    arguments: dict[str, Any] = {"task_id": "t", "durable_path": "nowhere://records"}
    task: Any = (
        AsposeOcrBatchOperator(sources=[str(scan)], destination=f"{tmp_path}/out/", **arguments)
        if many
        else AsposeOcrRecognizeImageOperator(source=scan, **arguments)
    )
    with pytest.raises(AirflowFailException, match="no storage is registered for nowhere"):
        run(task)
    assert emulator.calls.billed == 0


def test_what_cannot_be_recorded_is_not_submitted(emulator: Emulator, scan: Path) -> None:
    accessor = StateStore()
    accessor.broken = True
    operator = AsposeOcrRecognizeImageOperator(task_id="t", source=scan)
    with pytest.raises(AsposeOcrStorageError) as raised:
        run(operator, task_state_store=accessor)

    assert raised.value.retryable
    assert emulator.calls.billed == 0


def test_an_ocr_task_whose_record_fails_is_not_lost(
    emulator: Emulator, scan: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class BreaksLater(StateStore):
        def set(self, key: str, value: Any) -> None:
            super().set(key, value)
            self.broken = True

    operator = AsposeOcrRecognizeImageOperator(task_id="t", source=scan, poll_interval=0.05)
    assert run(operator, task_state_store=BreaksLater())["text"]
    (ocr_task_id,) = emulator.ocr_tasks
    told = f"OCR task {ocr_task_id} is not recorded (ConnectionError): a retry would submit it again"
    assert told in caplog.text


def test_the_trial_leaves_no_record(emulator: Emulator, scan: Path) -> None:
    accessor = StateStore()
    operator = AsposeOcrRecognizeImageTrialOperator(task_id="t", source=scan, poll_interval=0.05)
    run(operator, task_state_store=accessor)

    assert accessor.rows == {}


def test_a_record_is_small_and_holds_no_text(emulator: Emulator, scan: Path) -> None:
    accessor = StateStore()
    run(
        AsposeOcrRecognizeImageOperator(task_id="t", source=scan, poll_interval=0.05),
        task_state_store=accessor,
    )
    [row] = accessor.rows.values()

    assert len(row) < 500
    assert "fox" not in row
    assert str(scan) not in row


def test_tasks_do_not_share_records(emulator: Emulator, scan: Path, tmp_path: Path) -> None:
    for map_index in (0, 1):
        operator = AsposeOcrRecognizeImageOperator(
            task_id="t", source=scan, poll_interval=0.05, durable_path=f"{tmp_path}/records"
        )
        run(operator, map_index=map_index)

    assert emulator.calls.submit == 2
    assert len(list((tmp_path / "records").iterdir())) == 2


DAMAGED: dict[str, Any] = {
    "empty": "{}",
    "null": "null",
    "a list": "[1]",
    "of another kind": '{"FORGED": 1}',
    "half of it": '{"ocr_task_id": "FORG',
    "not UTF-8": "\udcff\udcfe",
    "deep": "[" * 200_000,
    "many digits": '{"submitted_at": ' + "9" * 5000 + "}",
    "no fingerprint": {"fingerprint": None},
    "intent without a fingerprint": '{"intent": true, "max_tries": 1}',
    **{
        f"id {value!r:.20}": {"ocr_task_id": value}
        for value in (
            None,
            5,
            ["id"],
            "",
            "null",
            "id\0",
            "id\nFORGED",
            "id\x1b[31mFORGED",
            "\ud800",
            "x" * 9999,
        )
    },
    **{
        f"moment {value!r:.20}": {"submitted_at": value}
        for value in ("soon", None, True, [1], float("nan"), float("inf"), -1, 1e308, 10**400, 1e12)
    },
}
"""Records that cannot be understood: their text, or what is changed in a good one."""


@pytest.mark.parametrize("kind", ["state store", "files"])
@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_record_counts_as_none(
    emulator: Emulator, scan: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, damage: Any
) -> None:
    accessor, folder = StateStore(), tmp_path / "records"

    def again() -> None:
        of_store = {"durable_path": str(folder)} if kind == "files" else {}
        operator = AsposeOcrRecognizeImageOperator(task_id="t", source=scan, poll_interval=0.05, **of_store)
        run(operator, task_state_store=accessor)

    def damaged(text: str) -> str:
        return damage if isinstance(damage, str) else json.dumps({**json.loads(text), **damage})

    again()
    if kind == "files":
        [path] = folder.iterdir()
        path.write_bytes(damaged(path.read_text()).encode(errors="surrogateescape"))
    else:
        [key] = accessor.rows
        accessor.rows[key] = damaged(accessor.rows[key])
    caplog.clear()
    with caplog.at_level(logging.WARNING, "airflow_provider_asposeocr"):
        again()

    assert emulator.calls.submit == 2
    warnings = [record.getMessage() for record in caplog.records if "damaged" in record.getMessage()]
    # Airflow's store tells a null from nothing no more than it lets one be kept.
    assert len(warnings) == (0 if (kind, damage) == ("state store", "null") else 1)
    assert not [text for text in ("FORGED", "\x1b", "999", "[[[") if text in caplog.text]


class Leaky(StateStore):
    """A store whose client tells the address with its signature in every error."""

    reads = writes = True

    def get(self, key: str) -> Any:
        if not self.reads:
            raise OSError("GET https://store/x?sig=s3cret failed")
        return super().get(key)

    def set(self, key: str, value: Any) -> None:
        if not self.writes:
            raise OSError("PUT https://store/x?sig=s3cret failed for user:s3cret@host")
        super().set(key, value)


@pytest.mark.parametrize("what", ["recall", "intent", "submitted", "delivered", "forget"])
def test_errors_of_the_store_show_no_address(what: str, caplog: pytest.LogCaptureFixture) -> None:
    store = Leaky()
    record = TaskRecord(StateRecordStore(store), 1)
    store.reads, store.writes = what != "recall", what == "recall"
    submission = Submission("RecognizeImage", "id", "s", 5, "same", time.time())

    def intend() -> None:
        with record.intent("same") as fate:
            fate.sending()

    calls: dict[str, Callable[[], Any]] = {
        "recall": lambda: record.recall("same", "s"),
        "intent": intend,
        "submitted": lambda: record.submitted(submission),
        "delivered": lambda: record.delivered(submission),
        "forget": lambda: record.forget(),
    }
    told = ""
    if what in ("submitted", "delivered", "forget"):
        assert calls[what]() is False
    else:
        with pytest.raises(AsposeOcrStorageError, match="OSError") as raised:
            calls[what]()
        told = "".join(traceback.format_exception(raised.value))
    assert "s3cret" not in told + caplog.text
    assert not [line for line in caplog.records if line.exc_info]


def test_a_record_that_cannot_be_forgotten_hides_no_reason(emulator: Emulator, scan: Path) -> None:
    class ForgetsNothing(StateStore):
        def set(self, key: str, value: Any) -> None:
            if "intent" not in value:
                raise OSError("the store is down")
            super().set(key, value)

    emulator.inject("status", on="submit", status=402)
    task = AsposeOcrRecognizeImageOperator(task_id="t", source=scan)
    with pytest.raises(AirflowFailException, match="HTTP 402"):
        task.execute(context(task_state_store=ForgetsNothing()))


@pytest.mark.parametrize(
    ("destination", "folder"),
    [
        ("s3://bucket", "s3://bucket/.asposeocr"),
        ("s3://bucket/", "s3://bucket/.asposeocr"),
        ("s3://bucket/text/{stem}.txt", "s3://bucket/text/.asposeocr"),
        ("s3://bucket/{stem}/a.txt", "s3://bucket/.asposeocr"),
        ("file:///data/out/a.txt", "file:///data/out/.asposeocr"),
        ("/data/out/", "/data/out/.asposeocr"),
        ("a.txt", "./.asposeocr"),
    ],
)
def test_records_lie_beside_the_results(
    monkeypatch: pytest.MonkeyPatch, destination: str, folder: str
) -> None:
    folders: list[str] = []
    monkeypatch.setattr(
        "airflow_provider_asposeocr.durable.FileRecordStore", lambda path, *_: folders.append(path)
    )
    record_store_for(context(), path=None, destination=destination, conn_id=None)

    assert folders == [folder]
