"""The writer of a batch record: many items share a write, and none is submitted that cannot be recorded."""

from __future__ import annotations

import asyncio
import threading
import traceback
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_asposeocr.api.exceptions import AsposeOcrStorageError
from airflow_provider_asposeocr.batch import record
from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.batch.support import CountingStore, batch, images
from tests.running import run


class TestStateStore:
    """Airflow's own store."""

    @pytest.fixture
    def store(self) -> CountingStore:
        return CountingStore()

    def test_it_is_never_called_on_the_event_loop(
        self, emulator: Emulator, tmp_path: Path, store: CountingStore
    ) -> None:
        images(tmp_path / "in", 20)
        run(batch(f"{tmp_path}/in/", f"{tmp_path}/out/"), task_state_store=store)
        assert store.threads
        assert all(name == "MainThread" or name.startswith("asposeocr-batch_") for name in store.threads)

    def test_many_items_share_a_write(self, emulator: Emulator, tmp_path: Path, store: CountingStore) -> None:
        images(tmp_path / "in", 200)
        run(batch(f"{tmp_path}/in/", f"{tmp_path}/out/"), task_state_store=store)
        assert store.writes <= 30
        assert store.longest <= 32 * 1024
        assert len(store.batch_rows()) == 400

    def test_when_it_cannot_be_written_nothing_is_submitted(
        self, emulator: Emulator, tmp_path: Path, store: CountingStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        images(tmp_path / "in", 3)

        def fail(key: str, value: Any) -> None:
            raise ConnectionError

        monkeypatch.setattr(store, "set", fail)
        with pytest.raises(AsposeOcrStorageError, match="nothing was submitted"):
            run(batch(f"{tmp_path}/in/", f"{tmp_path}/out/"), task_state_store=store)
        assert emulator.calls.submit == 0

    def test_when_it_fails_later_no_more_is_submitted_than_may_be_lost(
        self, emulator: Emulator, tmp_path: Path, store: CountingStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(record, "COMMIT_INTERVAL", 0.02)
        images(tmp_path / "in", 40)

        def fail_later(key: str, value: Any) -> None:
            if emulator.calls.submit:
                raise ConnectionError
            CountingStore.set(store, key, value)

        monkeypatch.setattr(store, "set", fail_later)
        with pytest.raises(AsposeOcrStorageError, match="nothing more is submitted, since the record"):
            run(batch(f"{tmp_path}/in/", f"{tmp_path}/out/", max_in_flight=4), task_state_store=store)
        assert emulator.calls.submit <= 4

    @pytest.mark.parametrize("after", [0, 1, 2, 99], ids=["at first", "later", "at last", "when read"])
    def test_its_errors_show_no_address(
        self,
        emulator: Emulator,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        after: int,
    ) -> None:
        monkeypatch.setattr(record, "COMMIT_INTERVAL", 0.01)

        class Leaky(CountingStore):
            def get(self, key: str) -> Any:
                if after == 99:
                    raise OSError("GET https://store/x?sig=s3cret failed")
                return super().get(key)

            def set(self, key: str, value: Any) -> None:
                if value["finished"] if after == 2 else self.writes >= after:
                    raise OSError("PUT https://store/x?sig=s3cret failed")
                super().set(key, value)

        images(tmp_path / "in", 4)
        operator = batch(f"{tmp_path}/in/", f"{tmp_path}/out/")
        if after == 2:
            run(operator, task_state_store=Leaky())
            assert "The end of the batch is not recorded (OSError)" in caplog.text
        else:
            with pytest.raises(AsposeOcrStorageError, match="OSError") as raised:
                run(operator, task_state_store=Leaky())
            assert "s3cret" not in "".join(traceback.format_exception(raised.value))
        assert "s3cret" not in caplog.text

    def test_when_it_fails_for_a_moment_it_is_tried_again(
        self, emulator: Emulator, tmp_path: Path, store: CountingStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(record, "COMMIT_INTERVAL", 0.02)
        images(tmp_path / "in", 20)
        failures = iter(range(2))

        def fail_at_times(key: str, value: Any) -> None:
            if emulator.calls.submit and next(failures, None) is not None:
                raise ConnectionError
            CountingStore.set(store, key, value)

        monkeypatch.setattr(store, "set", fail_at_times)
        summary = run(batch(f"{tmp_path}/in/", f"{tmp_path}/out/"), task_state_store=store)
        assert summary["succeeded"] == 20
        assert len(store.batch_rows()) == 40


async def test_committed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows wait for each other, whoever brings them; what came in during a commit is not lost."""
    monkeypatch.setattr(record, "COMMIT_INTERVAL", 0.01)
    gate, written = threading.Event(), []

    class Slow:
        def write(self, rows: list[Any], *, unrecorded: int) -> None:
            gate.wait()
            written.append((list(rows), unrecorded))

    writer = record.RecordWriter(Slow(), lambda: 7)  # type: ignore[arg-type]
    running = asyncio.create_task(writer.run())
    first = writer.add(["a"])
    await asyncio.sleep(0.02)
    second = writer.add(["b"])
    third = writer.add(["c"])
    assert not first.is_set()
    gate.set()
    await asyncio.gather(*(writer.settle(committed) for committed in (first, second, third)))
    writer.close()
    await running
    assert written[:2] == [([["a"]], 7), ([["b"], ["c"]], 7)]
