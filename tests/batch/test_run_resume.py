"""A try resumes the batch of an earlier one that was killed, has failed, or has succeeded."""

from __future__ import annotations

import hashlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_asposeocr.api.exceptions import AsposeOcrHaltedError
from airflow_provider_asposeocr.api.flows import OcrApi
from airflow_provider_asposeocr.batch.runner import AsposeOcrBatchIncompleteError
from airflow_provider_asposeocr.emulator.testing import CONNECTION_VARIABLE, Emulator
from tests.batch.support import CountingStore, batch, image, images, lines, recorded_ids
from tests.running import run

ROOT = Path(__file__).parents[2]


def submissions_of(emulator: Emulator) -> Counter[str]:
    """Return how often each source was submitted."""
    return Counter(submission.sha256 for submission in emulator.submissions)


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_after_a_kill_nothing_is_submitted_twice_but_what_was_not_recorded(
    emulator: Emulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    items, in_flight = 120, 10
    images(tmp_path / "in", items)
    emulator.options.service_seconds = 0.2
    places = (f"{tmp_path}/in/", f"{tmp_path}/out/", f"{tmp_path}/records")
    command = [sys.executable, "-m", "tests.batch.child", *places, str(in_flight)]
    child = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, CONNECTION_VARIABLE: emulator.connection_json()}
    )
    try:
        wait_until(lambda: emulator.calls.submit >= items // 2)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    known = recorded_ids(tmp_path / "records")
    before = [(submission.ocr_task_id, submission.sha256) for submission in emulator.submissions]
    lost = [sha256 for ocr_task_id, sha256 in before if ocr_task_id not in known]

    with caplog.at_level(logging.INFO):
        summary = run(batch(*places[:2], durable_path=places[2], max_in_flight=in_flight))

    assert len(known) > items // 4
    assert len(lost) <= in_flight
    again = submissions_of(emulator)
    assert len(again) == items
    assert {sha256 for sha256, times in again.items() if times > 1} <= set(lost)
    assert max(again.values()) <= 2
    assert summary["succeeded"] == items
    assert summary["skipped"] + summary["resumed"] == len(known)
    assert f"up to {in_flight} of its submissions may not be recorded" in caplog.text
    assert [line["status"] for line in lines(tmp_path / "out")] == ["succeeded"] * items
    # Results of the earlier try are told as well as those of this one.
    assert all(Path(line["uri"].removeprefix("file://")).read_text() for line in lines(tmp_path / "out"))


class Case:
    """A batch of which several tries are run, with Airflow's store or with files."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder = folder
        self.paths = images(folder / "in", 8)
        self.store = CountingStore() if kind == "state store" else None
        self.arguments: dict[str, Any] = {}

    def run(self, max_tries: int = 1, **arguments: Any) -> dict[str, Any]:
        """Run a try."""
        operator = batch(f"{self.folder}/in/", f"{self.folder}/out/", **self.arguments, **arguments)
        more = {"task_state_store": self.store} if self.store else {}
        summary: dict[str, Any] = run(operator, max_tries=max_tries, **more)
        return summary

    def killed(self, monkeypatch: pytest.MonkeyPatch, after: int, **arguments: Any) -> None:
        """Run a try that ends at the wait for so many OCR tasks, as if it was killed: nothing is settled."""
        waiting: list[int] = []

        def wait(*args: Any) -> Any:
            waiting.append(1)
            if len(waiting) > after:
                raise Killed("killed")
            return real(*args)

        real = OcrApi.wait
        with monkeypatch.context() as patch:
            patch.setattr(OcrApi, "wait", wait)
            with pytest.raises(Killed):
                self.run(**arguments)


class Killed(AsposeOcrHaltedError):
    """Ends a try."""


@pytest.fixture(params=["state store", "files"])
def case(request: pytest.FixtureRequest, emulator: Emulator, tmp_path: Path) -> Case:
    return Case(tmp_path, request.param)


def test_running_ocr_tasks_are_resumed(
    emulator: Emulator, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.killed(monkeypatch, after=2, max_in_flight=1)
    report = lines(case.folder / "out")
    summary = case.run()

    statuses = Counter(line["status"] for line in report)
    assert statuses == {"succeeded": 2, "submitted": 1, "pending": 5}
    assert (summary["skipped"], summary["resumed"], summary["succeeded"]) == (2, 1, 8)
    assert max(submissions_of(emulator).values()) == 1
    assert [line["ocr_task_id"] for line in lines(case.folder / "out")[:3]] == [
        line["ocr_task_id"] for line in report[:3]
    ]


@pytest.mark.parametrize(("on_clear", "paid"), [("reuse", 8), ("resubmit", 16)])
def test_a_crash_after_the_end_does_nothing_again_and_a_clear_only_where_that_is_wanted(
    emulator: Emulator, case: Case, on_clear: str, paid: int
) -> None:
    for max_tries, submissions in ((1, 8), (1, 8), (3, paid), (3, paid)):
        assert case.run(max_tries, on_clear=on_clear)["succeeded"] == 8
        assert emulator.calls.submit == submissions


def test_cleared_before_it_has_succeeded_it_is_resumed(
    emulator: Emulator, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.killed(monkeypatch, after=4, max_in_flight=2)
    case.run(max_tries=5)
    assert emulator.calls.submit == 8


def test_a_changed_listing_attaches_no_ocr_task_to_another_file(
    emulator: Emulator, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.killed(monkeypatch, after=4, max_in_flight=2)
    (case.folder / "in/aaa-first.png").write_bytes(image(100))
    case.paths[7].unlink()
    case.run()

    by_source = {line["source"]: line["ocr_task_id"] for line in lines(case.folder / "out")}
    sent = {submission.ocr_task_id: submission.sha256 for submission in emulator.submissions}
    assert list(by_source) == [f"file://{path}" for path in sorted((case.folder / "in").iterdir())]
    for source, ocr_task_id in by_source.items():
        assert (
            sent[ocr_task_id] == hashlib.sha256(Path(source.removeprefix("file://")).read_bytes()).hexdigest()
        )
    assert max(submissions_of(emulator).values()) == 1


@pytest.mark.parametrize("change", ["source", "settings"])
def test_what_has_changed_is_submitted_anew(emulator: Emulator, case: Case, change: str) -> None:
    case.run()
    if change == "source":
        case.paths[3].write_bytes(image(3) + b" with more")
    else:
        case.arguments = {"language": "German"}
    case.run()
    assert emulator.calls.submit == (9 if change == "source" else 16)


def test_what_the_service_has_lost_is_submitted_anew(
    emulator: Emulator, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.killed(monkeypatch, after=0, max_in_flight=2)
    lost = emulator.calls.submit
    emulator.forget_ocr_tasks()
    summary = case.run()
    assert summary["succeeded"] == 8
    assert emulator.calls.submit == 8 + lost


def test_what_failed_for_good_is_not_submitted_again_until_it_is_cleared(
    emulator: Emulator, case: Case
) -> None:
    emulator.inject("finish_with_error", on="submit", times=2)
    for max_tries, submissions in ((1, 8), (1, 8)):
        with pytest.raises(AirflowFailException, match="2 of 8 items failed, 2 of them for good"):
            case.run(max_tries, max_in_flight=1)
        assert emulator.calls.submit == submissions
        failed = [line for line in lines(case.folder / "out") if line["status"] == "failed"]
        assert [line["error"] for line in failed] == ["AsposeOcrTaskError"] * 2
        assert all("could not be recognized" in line["message"] for line in failed)
    assert case.run(max_tries=3)["succeeded"] == 8
    assert emulator.calls.submit == 10


def test_a_result_that_could_not_be_stored_is_not_paid_for_again(emulator: Emulator, case: Case) -> None:
    out = case.folder / "out"
    out.mkdir()
    name = "page-0003"
    case.run()
    stored = next(path for path in out.iterdir() if path.name.startswith(name))
    stored.unlink()
    stored.mkdir()
    case.paths[3].write_bytes(image(3) + b" with more")
    with pytest.raises(AirflowFailException, match="1 of 8 items failed, 1 of them for good"):
        case.run()
    stored.rmdir()
    with pytest.raises(AirflowFailException):
        case.run()
    assert case.run(max_tries=3)["succeeded"] == 8
    assert emulator.calls.submit == 9


def test_what_may_succeed_later_is_submitted_again(emulator: Emulator, case: Case) -> None:
    emulator.inject("never_finish", on="submit", times=1)
    with pytest.raises(AsposeOcrBatchIncompleteError, match="A retry tries the other 1 again"):
        case.run(max_in_flight=1, timeout=0.5)
    assert emulator.calls.cancel == 1
    late = next(line for line in lines(case.folder / "out") if line["status"] == "failed")
    assert late["error"] == "AsposeOcrTimeoutError"
    assert "was cancelled at the service" in late["message"]
    assert late["retryable"] is True

    assert case.run()["succeeded"] == 8
    assert emulator.calls.submit == 9


def test_without_a_record_a_retry_submits_again(emulator: Emulator, case: Case) -> None:
    case.run(durable=False)
    case.run(durable=False)
    assert emulator.calls.submit == 16
    assert not (case.folder / "out/.asposeocr").exists()


def test_the_trial_is_never_recorded_and_its_ids_are_told_nowhere(emulator: Emulator, case: Case) -> None:
    case.run(operation="RecognizeImageTrial")
    assert not (case.folder / "out/.asposeocr").exists()
    assert case.store is None or not case.store.rows
    assert {line["ocr_task_id"] for line in lines(case.folder / "out")} == {None}
    report = (case.folder / "out/report.jsonl").read_text()
    assert not [ocr_task_id for ocr_task_id in emulator.ocr_tasks if ocr_task_id in report]
