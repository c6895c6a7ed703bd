"""Results are paid for once: what an earlier run has got for the same content is delivered again."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_asposeocr import reuse
from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrConnectionError,
    AsposeOcrSourceChangedError,
    AsposeOcrStorageError,
)
from airflow_provider_asposeocr.api.submission import Submission
from airflow_provider_asposeocr.emulator.testing import CONNECTION_VARIABLE, Emulator
from airflow_provider_asposeocr.files import body
from airflow_provider_asposeocr.operators.asposeocr import (
    AsposeOcrBinarizeImageOperator,
    AsposeOcrRecognizeImageOperator,
)
from airflow_provider_asposeocr.operators.base import AsposeOcrOperator
from tests.batch.support import fail_once, image
from tests.running import run
from tests.storage.stores import Store


def recognize(source: Any, store: Store, **arguments: Any) -> Any:
    """Run an operator that keeps its results in a storage."""
    operator = AsposeOcrRecognizeImageOperator(
        task_id="read",
        source=source,
        reuse_path=f"{store.url}/results/",
        destination_conn_id=store.conn_id,
        **{"poll_interval": 0.05, **arguments},
    )
    return run(operator)


def entries(store: Store) -> dict[str, bytes]:
    return {name: data for name, data in store.files().items() if name.endswith(".zip")}


@pytest.mark.parametrize("deferrable", [False, True])
def test_the_same_content_is_paid_for_once(
    emulator: Emulator, store: Store, scan: Path, tmp_path: Path, deferrable: bool
) -> None:
    first = recognize(scan, store, deferrable=deferrable)
    paid = emulator.calls.billed
    other = tmp_path / "another-name.png"
    other.write_bytes(scan.read_bytes())
    again = recognize(other, store, deferrable=deferrable)
    assert emulator.calls.billed == paid
    assert (first["reused"], again["reused"]) == (False, True)
    assert (again["api_calls"], again["source"]) == (0, f"file://{other}")
    told_apart = {"source": 0, "reused": 0, "api_calls": 0}
    assert {**again, **told_apart} == {**first, **told_apart}


def test_results_are_copied_to_the_destination_to_the_byte(
    emulator: Emulator, local_store: Store, scan: Path, tmp_path: Path
) -> None:
    store = local_store
    emulator.options.result_bytes = 3_000_000
    more = {"result_type": "TextAndPdf"}
    first = recognize(scan, store, destination=f"{tmp_path}/1/", **more)
    paid = emulator.calls.billed
    again = recognize(scan, store, destination=f"{tmp_path}/2/", **more)
    assert emulator.calls.billed == paid
    assert [one["sha256"] for one in again["results"]] == [one["sha256"] for one in first["results"]]
    assert [one["type"] for one in again["results"]] == ["Text", "Pdf"]
    for one in again["results"]:
        assert hashlib.sha256(Path(one["path"]).read_bytes()).hexdigest() == one["sha256"]


@pytest.mark.parametrize(
    "change",
    [
        {"language": "Ukrainian"},
        {"rotate": 90},
        {"result_type": "Pdf", "destination": True},
        {"extra_settings": {"brandNew": 1}},
        {"operation": "RecognizeReceipt"},
        {"content": True},
        {"service": True},
        {"reuse_max_age": 0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_results_depend_on_is_paid_for(
    emulator: Emulator,
    local_store: Store,
    scan: Path,
    tmp_path: Path,
    change: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    change = dict(change)

    def once(**arguments: Any) -> Any:
        given = {"operation": "RecognizeImage", "source": scan, "durable": False, **arguments}
        folder = f"{local_store.url}/r"
        return run(AsposeOcrOperator(task_id="t", reuse_path=folder, poll_interval=0.05, **given))

    once()
    submitted = emulator.calls.submit
    if change.pop("content", False):
        scan.write_bytes(image(7))
    if change.pop("service", False):
        elsewhere = os.environ[CONNECTION_VARIABLE].replace("127.0.0.1", "localhost")
        monkeypatch.setenv(CONNECTION_VARIABLE, elsewhere)
    if change.pop("destination", False):
        change["destination"] = f"{tmp_path}/out/"
    assert not once(**change)["reused"]
    assert emulator.calls.submit == submitted + 1
    assert once(**change)["reused"] == (change != {"reuse_max_age": 0})


def test_the_connection_names_a_folder_for_all(
    emulator: Emulator, local_store: Store, scan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = json.loads(os.environ[CONNECTION_VARIABLE])
    connection["extra"] = {**(connection.get("extra") or {}), "reuse_path": f"{local_store.url}/of-all"}
    monkeypatch.setenv(CONNECTION_VARIABLE, json.dumps(connection))
    for reused in (False, True):
        operator = AsposeOcrRecognizeImageOperator(task_id="t", source=scan, poll_interval=0.05)
        assert run(operator)["reused"] == reused


def test_without_a_folder_nothing_is_kept(emulator: Emulator, scan: Path) -> None:
    for _ in range(2):
        assert not run(AsposeOcrRecognizeImageOperator(task_id="t", source=scan, poll_interval=0.05))[
            "reused"
        ]
    assert emulator.calls.submit == 2


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _flipped(data: bytes) -> bytes:
    """Change the result and nothing else."""
    place = data.index(b"PK\x03\x04") + 30 + len("0") + 20
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def _described_otherwise(**change: Any) -> Callable[[bytes], bytes]:
    def spoil(data: bytes) -> bytes:
        source, target = io.BytesIO(data), io.BytesIO()
        with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
            for name in old.namelist():
                content = old.read(name)
                if name == "entry.json":
                    content = json.dumps(json.loads(content) | change).encode()
                new.writestr(name, content)
        return target.getvalue()

    return spoil


def _compressed(data: bytes) -> bytes:
    source, target = io.BytesIO(data), io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return target.getvalue()


_RESULTS_OF = {"id": "x", "taskStatus": "Completed"}
SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "something else": lambda data: b"no zip at all",
    "cut": _cut,
    "another result": _flipped,
    "compressed": _compressed,
    "another key": _described_otherwise(key="0" * 64),
    "a moment that is none": _described_otherwise(completed_at="yesterday"),
    "a moment to come": _described_otherwise(completed_at=1e300),
    "before all time": _described_otherwise(submitted_at=-1),
    "no OCR task": _described_otherwise(task=None),
    "an empty OCR task": _described_otherwise(task={}),
    "a result without a type": _described_otherwise(task={**_RESULTS_OF, "results": [{}]}),
    "results that are none": _described_otherwise(task={**_RESULTS_OF, "results": "no"}),
    "an OCR task that failed": _described_otherwise(task={"id": "x", "taskStatus": "Error", "results": []}),
    "results that are missing": _described_otherwise(task={**_RESULTS_OF, "results": [{"type": "Text"}] * 9}),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_damaged_entry_counts_as_none_and_is_replaced(
    emulator: Emulator,
    local_store: Store,
    scan: Path,
    how: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    recognize(scan, local_store)
    ((name, data),) = entries(local_store).items()
    local_store.put(name, SPOILT[how](data))
    assert not recognize(scan, local_store)["reused"]
    assert "damaged" in caplog.text
    assert emulator.calls.submit == 2
    assert recognize(scan, local_store)["reused"]


@pytest.mark.no_cover
def test_no_bit_of_an_entry_can_be_flipped_to_another_result(
    emulator: Emulator, local_store: Store, scan: Path
) -> None:
    first = recognize(scan, local_store)
    ((name, data),) = entries(local_store).items()
    store = reuse.ReuseStore(f"{local_store.url}/results", None)
    key = name.rpartition("/")[2].removesuffix(".zip")
    new = Submission("RecognizeImage", "", reuse_key=key)
    for place in range(len(data)):
        local_store.put(name, data[:place] + bytes([data[place] ^ (1 << place % 8)]) + data[place + 1 :])
        with store.lookup(new) as kept:
            assert kept is None or kept.task.text == first["text"]


@pytest.mark.parametrize("deferrable", [False, True])
def test_what_is_sent_is_what_was_looked_up(
    emulator: Emulator, local_store: Store, scan: Path, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    """Neither time nor size tells that the file is another one."""
    identified, before = reuse.ReuseStore.identified, scan.stat()

    def changing(self: Any, source: Any) -> Any:
        found = identified(self, source)
        scan.write_bytes(scan.read_bytes()[:-1] + b"!")
        os.utime(scan, ns=(before.st_atime_ns, before.st_mtime_ns))
        return found

    monkeypatch.setattr(reuse.ReuseStore, "identified", changing)
    with pytest.raises(AsposeOcrSourceChangedError):
        recognize(scan, local_store, deferrable=deferrable)
    assert (entries(local_store), emulator.ocr_tasks) == ({}, {})


def test_an_ocr_task_of_other_content_is_not_resumed(
    emulator: Emulator, local_store: Store, scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither time nor size tells that the file is another one."""
    before, records = scan.stat(), {"durable_path": f"{tmp_path}/records"}
    fail_once(monkeypatch, "wait", call=1, error=AsposeOcrConnectionError("gone"))
    with pytest.raises(AsposeOcrConnectionError):
        recognize(scan, local_store, **records)
    scan.write_bytes(scan.read_bytes()[:-1] + b"!")
    os.utime(scan, ns=(before.st_atime_ns, before.st_mtime_ns))
    manifest = recognize(scan, local_store, **records)
    sent = {submission.ocr_task_id: submission.sha256 for submission in emulator.submissions}
    assert len(sent) == 2
    assert sent[manifest["ocr_task_id"]] == hashlib.sha256(scan.read_bytes()).hexdigest()


def test_a_storage_that_cannot_be_asked_submits_nothing(
    emulator: Emulator, local_store: Store, scan: Path
) -> None:
    recognize(scan, local_store)
    ((name, _),) = entries(local_store).items()
    local_store.delete(name)
    (Path(local_store.url.removeprefix("file://")) / name).mkdir()
    with pytest.raises(AsposeOcrStorageError, match="nothing was submitted"):
        recognize(scan, local_store)
    assert emulator.calls.submit == 1


def test_what_cannot_be_kept_is_delivered_all_the_same(
    emulator: Emulator, scan: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        operator = AsposeOcrRecognizeImageOperator(
            task_id="t", source=scan, reuse_path="/proc/nowhere", poll_interval=0.05
        )
        assert run(operator)["text"]
    assert "cannot be kept for reuse" in caplog.text


def test_whatever_fails_in_keeping_is_only_logged(
    emulator: Emulator, local_store: Store, scan: Path, caplog: pytest.LogCaptureFixture, monkeypatch: Any
) -> None:
    def full(*args: Any, **kwargs: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("airflow_provider_asposeocr.reuse.zipfile.ZipFile", full)
    assert recognize(scan, local_store)["text"]
    assert "cannot be kept for reuse: No space left on device" in caplog.text


@pytest.mark.parametrize("path", ["https://bucket.example/results", "nowhere://bucket/results"])
def test_a_folder_that_is_none_fails_before_the_first_call(emulator: Emulator, scan: Path, path: str) -> None:
    with pytest.raises(AirflowFailException):
        run(AsposeOcrRecognizeImageOperator(task_id="t", source=scan, reuse_path=path))
    assert emulator.calls.billed == 0


def test_trial_operations_are_never_kept(emulator: Emulator, local_store: Store, scan: Path) -> None:
    for _ in range(2):
        operator = AsposeOcrOperator(
            task_id="t",
            operation="RecognizeImageTrial",
            source=scan,
            reuse_path=f"{local_store.url}/r",
            poll_interval=0.05,
        )
        assert not run(operator)["reused"]
    assert local_store.files() == {}


def test_an_id_is_asked_for_not_a_result(emulator: Emulator, local_store: Store, scan: Path) -> None:
    recognize(scan, local_store)
    assert recognize(scan, local_store, wait_for_completion=False) in emulator.ocr_tasks
    assert emulator.calls.submit == 2


def test_a_known_object_is_not_read_again(
    emulator: Emulator, s3_store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = image(1) + bytes(3_000_000)
    source, renamed = s3_store.put("in/scan.png", content), s3_store.put("in/renamed.png", content)
    read: list[str] = []

    def counted(source: Any) -> Any:
        read.append(source.name)
        return body.read_exactly(source)

    monkeypatch.setattr(reuse, "read_exactly", counted)
    found = [
        recognize(uri, s3_store, source_conn_id=s3_store.conn_id)["reused"]
        for uri in (source, source, renamed, renamed, source)
    ]
    assert found == [False, True, True, True, True]
    assert read == ["scan.png", "renamed.png"]
    s3_store.put("in/scan.png", content + b"!")
    assert not recognize(source, s3_store, source_conn_id=s3_store.conn_id)["reused"]
    assert read == ["scan.png", "renamed.png", "scan.png"]


def test_a_source_that_changes_after_it_was_looked_up_is_not_sent(
    emulator: Emulator, local_store: Store, scan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identified = reuse.ReuseStore.identified

    def changing(self: Any, source: Any) -> Any:
        found = identified(self, source)
        scan.write_bytes(image(9).ljust(scan.stat().st_size, b"!")[: scan.stat().st_size])
        os.utime(scan, (1, 1))
        return found

    monkeypatch.setattr(reuse.ReuseStore, "identified", changing)
    with pytest.raises(Exception, match="changed while it was read"):
        recognize(scan, local_store)
    assert entries(local_store) == {}


def test_images_are_reused_too(emulator: Emulator, local_store: Store, scan: Path, tmp_path: Path) -> None:
    results = [
        run(
            AsposeOcrBinarizeImageOperator(
                task_id="t",
                source=scan,
                destination=f"{tmp_path}/out-{number}/",
                reuse_path=f"{local_store.url}/r",
                poll_interval=0.05,
            )
        )
        for number in range(2)
    ]
    assert [one["reused"] for one in results] == [False, True]
    assert results[0]["results"][0]["sha256"] == results[1]["results"][0]["sha256"]
