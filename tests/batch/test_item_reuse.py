"""A batch pays once for a content: across its items, and across runs that keep their results."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_asposeocr.api.exceptions import AsposeOcrConnectionError
from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.batch.support import batch, fail_once, image, images, lines
from tests.running import run
from tests.storage.stores import Store


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    images(tmp_path / "in", 6)
    return tmp_path / "in"


def texts(folder: Path) -> list[bytes]:
    return [Path(line["uri"].removeprefix("file://")).read_bytes() for line in lines(folder)]


def test_a_second_run_pays_for_what_is_new_and_changed(
    emulator: Emulator, store: Store, inbox: Path, tmp_path: Path
) -> None:
    def day(number: int) -> dict[str, Any]:
        place = {"reuse_path": f"{store.url}/kept", "destination_conn_id": store.conn_id, "durable": False}
        summary: dict[str, Any] = run(batch(f"{inbox}/", f"{store.url}/out-{number}/", **place))
        return summary

    assert (day(1)["reused"], emulator.calls.submit) == (0, 6)
    (inbox / "new.png").write_bytes(image(70))
    (inbox / "page-0001.png").write_bytes(image(71))
    (inbox / "page-0002.png").rename(inbox / "renamed.png")
    summary = day(2)
    assert (summary["items"], summary["succeeded"], summary["reused"]) == (7, 7, 5)
    assert emulator.calls.submit == 6 + 2
    paid = emulator.calls.billed
    summary = day(3)
    assert (summary["reused"], summary["api_calls"]) == (7, 0)
    assert emulator.calls.billed == paid


@pytest.mark.parametrize("reuse_path", [None, "kept/"])
@pytest.mark.parametrize("operation", ["RecognizeImage", "BinarizeImage"])
def test_equal_contents_are_submitted_once(
    emulator: Emulator, inbox: Path, tmp_path: Path, operation: str, reuse_path: str | None
) -> None:
    emulator.options.service_seconds = 0.3
    for name in "abcd":
        (inbox / f"{name}.png").write_bytes(image(0))
    large = image(5) + bytes(2_000_000)
    (inbox / "large-1.png").write_bytes(large)
    (inbox / "large-2.png").write_bytes(large)
    more = {"reuse_path": f"{tmp_path}/{reuse_path}"} if reuse_path else {}
    out = tmp_path / "out"
    summary = run(batch(f"{inbox}/", f"{out}/", operation=operation, **more))
    assert (summary["items"], summary["succeeded"], summary["reused"]) == (12, 12, 5)
    assert emulator.calls.submit == 7
    told = lines(out)
    assert len({line["uri"] for line in told}) == 12
    assert sum(line["reused"] for line in told) == 5
    assert all(line["api_calls"] == 0 for line in told if line["reused"])
    assert sum(line["api_calls"] for line in told) == summary["api_calls"] == emulator.calls.billed
    same = {line["sha256"] for line in told if Path(line["source"]).name in {f"{n}.png" for n in "abcd"}}
    assert len(same) == 1
    assert all(texts(out))


def test_the_failure_of_a_content_is_that_of_all_its_items(emulator: Emulator, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in "abc":
        (tmp_path / "in" / f"{name}.png").write_bytes(image(0))
    emulator.inject("finish_with_error", on="submit", times=None)
    summary = run(batch(f"{tmp_path}/in/", f"{tmp_path}/out/", fail_on="none"))
    assert (summary["failed"], emulator.calls.submit) == (3, 1)
    assert {line["error"] for line in lines(tmp_path / "out")} == {"AsposeOcrTaskError"}


def test_an_item_whose_own_storage_fails_leaves_what_is_paid_for_to_the_next(
    emulator: Emulator, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    for name in "ab":
        (tmp_path / "in" / f"{name}.png").write_bytes(image(0))
    (tmp_path / "out" / "a").write_text("no folder")
    place = f"{tmp_path}/out/{{stem}}/text.txt"
    summary = run(batch(f"{tmp_path}/in/", place, fail_on="none", max_in_flight=1))
    assert (summary["succeeded"], summary["failed"], emulator.calls.submit) == (1, 1, 1)
    assert (tmp_path / "out" / "b" / "text.txt").read_text()


def test_copies_of_what_is_late_are_late_together(emulator: Emulator, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in "abc":
        (tmp_path / "in" / f"{name}.png").write_bytes(image(0))
    emulator.inject("never_finish", on="submit", times=None)
    summary = run(batch(f"{tmp_path}/in/", f"{tmp_path}/out/", fail_on="none", timeout=0.5))
    assert (summary["failed"], emulator.calls.submit) == (3, 1)


@pytest.mark.parametrize("on_clear", ["reuse", "resubmit"])
def test_clearing_pays_again_only_where_that_is_wanted(
    emulator: Emulator, inbox: Path, tmp_path: Path, on_clear: str
) -> None:
    for max_tries in (1, 3):
        more = {"reuse_path": f"{tmp_path}/kept", "on_clear": on_clear}
        run(batch(f"{inbox}/", f"{tmp_path}/out/", **more), max_tries=max_tries)
    assert emulator.calls.submit == (6 if on_clear == "reuse" else 12)


def test_a_resumed_item_keeps_its_results(
    emulator: Emulator, inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = {"reuse_path": f"{tmp_path}/kept"}
    fail_once(monkeypatch, "wait", call=3, error=AsposeOcrConnectionError("gone"))
    first = run(batch(f"{inbox}/", f"{tmp_path}/out/", fail_on="none", **more))
    assert first["failed"] == 1
    second = run(batch(f"{inbox}/", f"{tmp_path}/out/", **more))
    assert (second["succeeded"], second["resumed"], emulator.calls.submit) == (6, 1, 6)
    assert run(batch(f"{inbox}/", f"{tmp_path}/again/", **more))["reused"] == 6


CHILD = """
import json, sys
from tests.batch.support import batch
from tests.running import run
run(batch(sys.argv[1], sys.argv[2], reuse_path=sys.argv[3], max_in_flight=8))
"""


@pytest.mark.parametrize("after", [0.15, 0.4, 0.8])
def test_a_kill_damages_no_entry(emulator: Emulator, tmp_path: Path, after: float) -> None:
    emulator.options.service_seconds = 0.2
    images(tmp_path / "in", 40)
    arguments = [f"{tmp_path}/in/", f"{tmp_path}/out/", f"{tmp_path}/kept"]
    process = subprocess.Popen([sys.executable, "-c", CHILD, *arguments], env=os.environ.copy())
    try:
        _wait_for(emulator, int(40 * after))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    submitted = emulator.calls.submit
    summary = run(batch(*arguments[:2], reuse_path=arguments[2]))
    assert (summary["succeeded"], summary["failed"]) == (40, 0)
    # At most those that were on their way when it was killed are submitted again.
    assert emulator.calls.submit - 40 <= 8
    assert submitted < 40
    again = run(batch(arguments[0], f"{tmp_path}/again/", reuse_path=arguments[2]))
    assert (again["reused"], again["api_calls"]) == (40, 0)
    assert sorted(texts(tmp_path / "again")) == sorted(texts(tmp_path / "out"))


def _wait_for(emulator: Emulator, submissions: int) -> None:
    end = time.monotonic() + 60
    while emulator.calls.submit < submissions:
        assert time.monotonic() < end
        time.sleep(0.01)
