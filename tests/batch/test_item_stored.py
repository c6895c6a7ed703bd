"""Items that an earlier try has delivered: their results may be gone, or wanted elsewhere."""

from __future__ import annotations

import json
import logging
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_asposeocr.api.submission import RETENTION
from airflow_provider_asposeocr.batch import stored
from airflow_provider_asposeocr.batch.runner import AsposeOcrBatchIncompleteError
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.files.storage import StoragePath, storage_path
from tests.batch.support import CountingStore, batch, image, images, lines
from tests.running import run
from tests.storage.stores import Store

TEXT = "The quick brown fox jumps over the lazy dog."


class Tries:
    """Tries of one batch of six images, with one record."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = CountingStore()
        self.to = "out"
        images(folder / "in", 6)

    def run(self, max_tries: int = 1, **arguments: Any) -> dict[str, Any]:
        """Run a try."""
        operator = batch(f"{self.folder}/in/", f"{self.folder}/{self.to}/", **arguments)
        summary: dict[str, Any] = run(operator, max_tries=max_tries, task_state_store=self.store)
        return summary

    @property
    def stored(self) -> list[Path]:
        """Return the results, by their sources."""
        return sorted((self.folder / self.to).glob("page-*"))


@pytest.fixture
def tries(emulator: Emulator, tmp_path: Path) -> Tries:
    return Tries(tmp_path)


def test_what_is_where_it_belongs_costs_nothing(emulator: Emulator, tries: Tries) -> None:
    tries.run()
    calls = emulator.calls.billed
    assert tries.run()["skipped"] == 6
    assert emulator.calls.billed == calls


def test_deleted_results_are_delivered_again(
    emulator: Emulator, tries: Tries, caplog: pytest.LogCaptureFixture
) -> None:
    tries.run()
    before = lines(tries.folder / "out")
    for path in tries.stored[:2]:
        path.unlink()
    calls = emulator.calls.billed
    with caplog.at_level(logging.WARNING):
        summary = tries.run()
    assert (summary["skipped"], summary["resumed"], summary["succeeded"]) == (4, 2, 6)
    assert [path.read_text() for path in tries.stored] == [TEXT] * 6
    assert emulator.calls.submit == 6
    assert emulator.calls.billed == calls + 2
    assert [line["uri"] for line in lines(tries.folder / "out")] == [line["uri"] for line in before]
    assert caplog.text.count("are not at the destination: delivering them again") == 2


@pytest.mark.parametrize("cleared", [False, True])
def test_another_destination_gets_all_results(emulator: Emulator, tries: Tries, cleared: bool) -> None:
    if cleared:
        # A batch that has not succeeded: one of its items fails for good.
        emulator.inject("finish_with_error", on="submit", times=1)
        with pytest.raises(AirflowFailException):
            tries.run(max_in_flight=1)
    else:
        tries.run()
    tries.to = "elsewhere"
    tries.run(max_tries=1 + cleared)
    assert [path.read_text() for path in tries.stored] == [TEXT] * 6
    assert emulator.calls.submit == 6 + cleared
    assert tries.run(max_tries=1 + cleared)["skipped"] == 6
    tries.to = "out"
    assert tries.run(max_tries=1 + cleared)["succeeded"] == 6
    assert len(tries.stored) == 6
    assert emulator.calls.submit == 6 + cleared


@pytest.mark.parametrize("cleared", [False, True])
def test_results_that_are_taken_away_while_the_batch_is_cleared(
    emulator: Emulator, tries: Tries, cleared: bool
) -> None:
    emulator.inject("finish_with_error", on="submit", times=1)
    for _ in range(2):
        with pytest.raises(AirflowFailException, match="1 of 6 items failed"):
            tries.run(max_in_flight=1)
        assert len(tries.stored) == 5
        shutil.rmtree(tries.folder / "out")
    assert emulator.calls.submit == 6
    tries.run(max_tries=2)
    assert [path.read_text() for path in tries.stored] == [TEXT] * 6
    assert emulator.calls.submit == 7


@pytest.mark.parametrize("why", ["lost", "deleted", "old"])
def test_what_the_service_keeps_no_longer_is_submitted_anew(
    emulator: Emulator, tries: Tries, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    tries.run(delete_remote=why == "deleted")
    if why == "lost":
        emulator.forget_ocr_tasks()
    if why == "old":
        make_older(tries.store)
    tries.stored[3].unlink()
    calls = emulator.calls.billed
    assert tries.run()["succeeded"] == 6
    assert [path.read_text() for path in tries.stored] == [TEXT] * 6
    assert emulator.calls.submit == 7
    # Nobody is asked about what is too old to be there.
    assert emulator.calls.billed == calls + (2 if why == "old" else 3)
    assert "submitting anew" in caplog.text


def make_older(store: CountingStore) -> None:
    """Let a day pass over the batch record."""
    for key, value in store.rows.items():
        segment = json.loads(value)
        for row in segment["rows"]:
            row[3] -= RETENTION
        store.rows[key] = json.dumps(segment)


def test_a_file_that_is_a_folder_now_fails_alone_and_is_delivered_once_it_is_gone(
    emulator: Emulator, tries: Tries
) -> None:
    tries.run()
    stored = tries.stored[3]
    stored.unlink()
    stored.mkdir()
    with pytest.raises(AirflowFailException, match="1 of 6 items failed, 1 of them for good"):
        tries.run()
    stored.rmdir()
    assert tries.run(max_tries=2)["succeeded"] == 6
    assert stored.read_text() == TEXT
    assert emulator.calls.submit == 6


@pytest.mark.parametrize("count", [2, 60])
def test_one_of_several_results_that_is_gone_is_delivered_again(
    emulator: Emulator, tmp_path: Path, count: int
) -> None:
    texts = [{"type": "Text", "data": "Zmlyc3Q="}] * count
    body = json.dumps({"taskStatus": "Completed", "results": texts})
    emulator.inject("status", on="poll", status=200, body=body, times=None)
    images(tmp_path / "in", 1)
    store = CountingStore()
    operator = batch(f"{tmp_path}/in/", f"{tmp_path}/{'long' * 20}/{{stem}}.txt", durable_path=None)
    run(operator, task_state_store=store)
    out = tmp_path / ("long" * 20)
    assert run(operator, task_state_store=store)["skipped"] == 1
    (out / "page-0000-2.txt").unlink()
    assert run(operator, task_state_store=store)["resumed"] == 1
    assert len(list(out.glob("page-*"))) == count
    assert emulator.calls.submit == 1


class TestRemote:
    """Results in a storage that is reached over a network."""

    @pytest.fixture
    def again(self, emulator: Emulator, remote: Store) -> Any:
        """Run a try."""
        for number in range(6):
            remote.put(f"in/page-{number}.png", image(number))
        store = CountingStore()

        def one(to: str = "out/") -> dict[str, Any]:
            places = (f"{remote.url}/in/", f"{remote.url}/{to}")
            conns = {"source_conn_id": remote.conn_id, "destination_conn_id": remote.conn_id}
            summary: dict[str, Any] = run(batch(*places, **conns), task_state_store=store)
            return summary

        return one

    def test_a_folder_is_listed_once(
        self, emulator: Emulator, remote: Store, again: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        listed: list[str] = []
        names_beside = stored._names_beside

        def counting(path: StoragePath) -> frozenset[str] | None:
            listed.append(str(path))
            time.sleep(0.05)
            return names_beside(path)

        monkeypatch.setattr(stored, "_names_beside", counting)
        again()
        assert not listed
        assert again()["skipped"] == 6
        assert len(listed) == 1

    def test_results_that_are_gone_are_delivered_again(
        self, emulator: Emulator, remote: Store, again: Any
    ) -> None:
        again()
        gone = next(name for name in remote.files() if name.startswith("out/page-2"))
        remote.delete(gone)
        summary = again()
        assert (summary["skipped"], summary["resumed"]) == (5, 1)
        assert remote.files()[gone] == TEXT.encode()
        assert again("new/")["resumed"] == 6
        assert sum(name.startswith("new/page-") for name in remote.files()) == 6
        assert emulator.calls.submit == 6

    def test_a_folder_that_is_gone_is_an_empty_one(self, remote: Store) -> None:
        path = storage_path(f"{remote.url}/never/there.txt", remote.conn_id)
        assert stored._names_beside(path) == frozenset()

    def test_a_folder_that_may_not_be_listed_is_trusted(
        self,
        emulator: Emulator,
        again: Any,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        again()
        self.break_listing(monkeypatch, PermissionError("AccessDenied"))
        assert again()["skipped"] == 6
        assert caplog.text.count("may not be listed") == 1

    def test_a_storage_that_is_down_is_left_to_a_retry(
        self,
        emulator: Emulator,
        again: Any,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        again()
        with monkeypatch.context() as patch:
            self.break_listing(patch, ConnectionError("https://store/x?sig=s3cret"))
            with pytest.raises(AsposeOcrBatchIncompleteError) as caught:
                again()
        assert "out/ cannot be listed: ConnectionError" in caplog.text
        assert "s3cret" not in f"{caught.value}{caplog.text}"
        assert again()["skipped"] == 6
        assert emulator.calls.submit == 6

    def break_listing(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        """Let the storage of results fail when a folder is listed."""
        names_beside = stored._names_beside

        class Broken:
            def __init__(self, fs: Any) -> None:
                self._fs = fs

            def __getattr__(self, name: str) -> Any:
                return getattr(self._fs, name)

            def ls(self, folder: str, detail: bool) -> list[str]:
                raise error

        def broken(path: StoragePath) -> frozenset[str] | None:
            return names_beside(replace(path, fs=Broken(path.fs)))

        monkeypatch.setattr(stored, "_names_beside", broken)
