"""OCR tasks: retention, restarts, and work that does not grow with their number."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_asposeocr.emulator import ocr_tasks
from airflow_provider_asposeocr.emulator.ocr_tasks import OcrTask, OcrTaskStore, Outcome
from airflow_provider_asposeocr.emulator.options import EmulatorOptions
from airflow_provider_asposeocr.emulator.submission import Submission
from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.client import Client


def test_tasks_are_forgotten_after_their_retention(emulator: Emulator, client: Client) -> None:
    ocr_task_id = client.submit()
    assert client.get(ocr_task_id).json()["taskStatus"] == "Completed"
    emulator.options.retention_seconds = 0
    assert client.get(ocr_task_id).json()["taskStatus"] == "NotExist"
    assert not emulator.ocr_tasks


def test_old_files_are_gone_after_their_retention(emulator: Emulator, client: Client) -> None:
    path = "/v5.0/ocr/ImageProcessing/"
    ocr_task_id = client.call("POST", path + "PostBinarizationFile", files={"file": b"image"}).text
    emulator.options.retention_seconds = 0
    assert client.call("GET", path + "GetResultFile", params={"id": ocr_task_id}).status_code == 204


def test_tasks_survive_a_restart(tmp_path: Path) -> None:
    with Emulator(ocr=False, state_dir=tmp_path, service_seconds=[0, 1000]) as first, Client(first) as client:
        done, waiting = client.submit(), client.submit()
        cancelled = client.submit()
        client.cancel(cancelled)
        before = client.get(done).json()
    with Emulator(ocr=False, state_dir=tmp_path) as second, Client(second) as client:
        assert client.get(done).json() == before
        assert client.get(waiting).json()["taskStatus"] == "Pending"
        assert client.get(cancelled).json()["taskStatus"] == "NotExist"
        assert second.submissions == []


class Examined(OrderedDict[str, Any]):
    """Mapping that counts how often its entries are accessed."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __getitem__(self, key: str) -> Any:
        self.count += 1
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.count += 1
        return super().get(key, default)

    def values(self) -> Any:
        for value in super().values():
            self.count += 1
            yield value

    def items(self) -> Any:
        for item in super().items():
            self.count += 1
            yield item

    def __iter__(self) -> Iterator[str]:
        for key in super().__iter__():
            self.count += 1
            yield key


def submission(index: int, submitted_at: float | None = None, **settings: Any) -> Submission:
    at = time.time() if submitted_at is None else submitted_at
    return Submission(index, f"id-{index}", "RecognizeImage", settings, "00", 5, at)


def done(index: int, submitted_at: float | None = None, **settings: Any) -> OcrTask:
    return OcrTask(submission(index, submitted_at, **settings), outcome=Outcome())


def store(tmp_path: Path, **options: Any) -> tuple[OcrTaskStore, Examined, EmulatorOptions]:
    live = EmulatorOptions(ocr=False, **options)
    made = OcrTaskStore(live, tmp_path)
    examined = made._ocr_tasks = Examined()
    return made, examined, live


@pytest.mark.parametrize("known", [0, 100, 10_000])
def test_a_submission_looks_at_few_tasks(tmp_path: Path, known: int) -> None:
    kept, examined, _ = store(tmp_path)
    for index in range(known):
        kept.add(done(index))
    examined.count = 0
    for index in range(known, known + 100):
        kept.add(done(index))
        assert kept.get(f"id-{index}")
    assert examined.count <= 3 * 100
    assert len(kept) == known + 100


def test_a_shorter_retention_is_paid_by_many_requests(tmp_path: Path) -> None:
    kept, examined, options = store(tmp_path, retention_seconds=1_000)
    for index in range(10_000):
        kept.add(done(index, time.time() - 100))
    options.retention_seconds = 50
    # Nothing of them is seen from now on, though none has been removed yet.
    assert (len(kept), kept.snapshot(), kept.get("id-9999")) == (0, [], None)
    for index in range(10_000, 10_101):
        examined.count = 0
        kept.add(done(index))
        assert examined.count <= 3 * ocr_tasks.MAX_PURGED
    assert len(examined) == len(kept) == 101


def test_tasks_are_forgotten_by_their_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr_tasks, "MAX_KEPT_BYTES", 1_000_000)
    kept, _, _ = store(tmp_path)
    for index in range(20):
        kept.add(done(index, note="x" * 10_000))
    assert [ocr_task.submission.index for ocr_task in kept.snapshot()] == [16, 17, 18, 19]
    kept.add(OcrTask(submission(20), image=tmp_path / "image"))
    results = ({"type": "Pdf", "data": "x" * 900_000},)
    kept.finish("id-20", Outcome(results=results))
    assert [ocr_task.submission.index for ocr_task in kept.snapshot()] == [20]
    kept.fail("id-20", ["an error"])
    for index in range(21, 24):
        kept.add(done(index, note="x" * 10_000))
    assert len(kept) == 4
    kept.clear()
    assert kept._kept_bytes == 0
    kept.add(done(30, note="x" * 100_000))
    assert len(kept) == 1  # one that is alone is kept, however large
