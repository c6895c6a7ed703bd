"""Submit once: which OCR tasks a try re-attaches to, and which it submits anew."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

from airflow_provider_asposeocr.api.exceptions import AsposeOcrTimeoutError
from airflow_provider_asposeocr.api.submission import RETENTION
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator
from tests.durable.conftest import Case, both_ways, killed_in
from tests.running import context, fire, rebuilt, run
from tests.states import StateStore


@pytest.mark.parametrize("change", ["source", "settings", "operation"])
def test_a_change_between_tries_submits_anew_and_says_so(
    emulator: Emulator,
    case: Case,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    scan: Path,
    change: str,
) -> None:
    killed_in(monkeypatch, "airflow_provider_asposeocr.files.manifest.deliver", *case())
    arguments: dict[str, Any] = {}
    if change == "source":
        scan.write_bytes(scan.read_bytes() + b"more")
    elif change == "settings":
        arguments["language"] = "German"
    operator, of_context = case(**arguments)
    if change == "operation":
        operator.operation = "RecognizeReceipt"
        emulator.inject("status", on="submit", status=402)
        with pytest.raises(AirflowFailException):
            run(operator, **of_context)
    else:
        run(operator, **of_context)

    assert emulator.calls.submit == 2
    assert "differ from those of the earlier try" in caplog.text


def test_another_destination_is_no_other_submission(
    emulator: Emulator, case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    killed_in(monkeypatch, "airflow_provider_asposeocr.files.manifest.deliver", *case())
    operator, of_context = case(destination=f"{tmp_path}/out/elsewhere.txt")
    manifest = run(operator, **of_context)

    assert emulator.calls.submit == 1
    assert manifest["uri"].endswith("/elsewhere.txt")


@pytest.mark.parametrize(("on_clear", "paid"), [("reuse", [1, 1, 1]), ("resubmit", [1, 2, 3])])
def test_cleared_after_success_it_pays_again_where_that_is_wanted_but_never_after_a_crash(
    emulator: Emulator, case: Case, on_clear: str, paid: list[int]
) -> None:
    for max_tries, submissions in zip((1, 3, 5), paid, strict=True):
        for _ in range(2):
            operator, of_context = case(on_clear=on_clear)
            run(operator, max_tries=max_tries, **of_context)
            assert emulator.calls.submit == submissions


def test_cleared_after_it_was_lost_it_is_submitted_anew(emulator: Emulator, case: Case) -> None:
    for max_tries in (1, 3):
        operator, of_context = case()
        run(operator, max_tries=max_tries, **of_context)
        emulator.forget_ocr_tasks()
    assert emulator.calls.submit == 2


def test_on_clear_is_one_of_two_words(emulator: Emulator, case: Case) -> None:
    operator, of_context = case(on_clear="restart")
    with pytest.raises(AirflowFailException, match="on_clear must be reuse or resubmit"):
        run(operator, **of_context)
    assert emulator.calls.billed == 0


def test_cleared_while_waiting_re_attaches(emulator: Emulator, case: Case) -> None:
    operator, of_context = case(deferrable=True)
    with pytest.raises(TaskDeferred):
        operator.execute(context(max_tries=1, **of_context))
    operator, of_context = case(deferrable=True)
    run(operator, max_tries=3, **of_context)

    assert emulator.calls.submit == 1


@both_ways
def test_an_ocr_task_that_was_lost_is_submitted_anew_once(
    emulator: Emulator, case: Case, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    killed_in(monkeypatch, "airflow_provider_asposeocr.api.flows.OcrApi.wait", *case(deferrable=deferrable))
    emulator.forget_ocr_tasks()
    operator, of_context = case(deferrable=deferrable)
    try:
        manifest = run(operator, **of_context)
    except TaskDeferred as deferred:  # the worker that resumes submits anew and defers again
        event = fire(rebuilt(deferred.trigger))
        manifest = operator.execute_complete(context(**of_context), event=event, **(deferred.kwargs or {}))

    assert emulator.calls.submit == 2
    assert manifest["ocr_task_id"] == emulator.submissions[1].ocr_task_id


@pytest.mark.parametrize("end", ["Error", "timeout"])
def test_an_ocr_task_that_failed_is_not_re_attached_to(emulator: Emulator, case: Case, end: str) -> None:
    emulator.inject("finish_with_error" if end == "Error" else "never_finish", on="submit")
    operator, of_context = case(timeout=0.3)
    with pytest.raises((AirflowFailException, AsposeOcrTimeoutError)):
        run(operator, **of_context)
    operator, of_context = case()
    run(operator, **of_context)

    assert emulator.calls.submit == 2


def test_an_ocr_task_older_than_the_retention_is_submitted_anew(
    emulator: Emulator, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_in(monkeypatch, "airflow_provider_asposeocr.files.manifest.deliver", *case())
    now = time.time()
    monkeypatch.setattr("airflow_provider_asposeocr.durable.time.time", lambda: now + RETENTION)
    operator, of_context = case()
    run(operator, **of_context)

    assert emulator.calls.submit == 2


def test_a_reattached_ocr_task_gets_no_fresh_day(
    emulator: Emulator, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_in(monkeypatch, "airflow_provider_asposeocr.files.manifest.deliver", *case())
    submitted_at = emulator.submissions[0].submitted_at
    operator, of_context = case(deferrable=True, timeout=10 * RETENTION)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context(**of_context))

    assert deferred.value.trigger.wait["deadline"] == pytest.approx(submitted_at + RETENTION, abs=2)


def test_submit_only_returns_the_same_id_unless_it_was_cleared_after_it_came_to_nothing(
    emulator: Emulator, scan: Path
) -> None:
    accessor = StateStore()

    def submit(max_tries: int) -> str:
        operator = AsposeOcrRecognizeImageOperator(task_id="t", source=scan, wait_for_completion=False)
        ocr_task_id: str = run(operator, max_tries=max_tries, task_state_store=accessor)
        return ocr_task_id

    first = submit(1)
    assert submit(1) == first
    assert submit(3) == first
    assert emulator.calls.submit == 1
    emulator.forget_ocr_tasks()
    assert submit(3) == first
    assert submit(5) != first
    assert emulator.calls.submit == 2
