"""Submit once: what a retry does after a kill at each point, with each kind of store."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_asposeocr.api.exceptions import AsposeOcrStorageError
from airflow_provider_asposeocr.api.submission import Submission
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator
from airflow_provider_asposeocr.operators.base import AsposeOcrOperator
from tests.durable.conftest import Case, both_ways, killed_in
from tests.running import run
from tests.states import StateStore

BASE = "airflow_provider_asposeocr.operators.base"


@both_ways
@pytest.mark.parametrize(
    "dies_in",
    [
        f"{BASE}.mask_trial_id",  # the id has just been recorded
        "airflow_provider_asposeocr.api.flows.OcrApi.wait",
        "airflow_provider_asposeocr.api.flows.OcrApi.fetch",
        "airflow_provider_asposeocr.files.manifest.deliver",
        "airflow_provider_asposeocr.durable.TaskRecord.delivered",
    ],
)
def test_a_kill_after_the_id_is_recorded_costs_one_submission(
    emulator: Emulator, case: Case, monkeypatch: pytest.MonkeyPatch, dies_in: str, deferrable: bool
) -> None:
    # Results besides text are fetched, and not brought by a poll.
    arguments = {"deferrable": deferrable, "result_type": "TextAndPdf"}
    killed_in(monkeypatch, dies_in, *case(**arguments))
    operator, of_context = case(**arguments)
    manifest = run(operator, **of_context)

    assert emulator.calls.submit == 1
    assert manifest["ocr_task_id"] == emulator.submissions[0].ocr_task_id
    assert Path(manifest["results"][0]["path"]).exists()


@both_ways
def test_a_kill_between_post_and_record_costs_one_more_and_says_so(
    emulator: Emulator,
    case: Case,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    deferrable: bool,
) -> None:
    killed_in(
        monkeypatch, "airflow_provider_asposeocr.durable.TaskRecord.submitted", *case(deferrable=deferrable)
    )
    operator, of_context = case(deferrable=deferrable)
    with caplog.at_level(logging.WARNING):
        run(operator, **of_context)

    assert emulator.calls.submit == 2
    assert "this one is a duplicate" in caplog.text


def test_without_a_record_a_retry_submits_again(
    emulator: Emulator, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_in(monkeypatch, "airflow_provider_asposeocr.files.manifest.deliver", *case(durable=False))
    operator, of_context = case(durable=False)
    run(operator, **of_context)

    assert emulator.calls.submit == 2


@both_ways
@pytest.mark.parametrize(
    ("arguments", "of_context", "warned"),
    [
        ({}, {}, 1),
        ({"durable": False}, {}, 0),
        ({"durable_path": "records"}, {}, 0),
        ({"destination": "out/"}, {}, 0),
        ({}, {"task_state_store": StateStore()}, 0),
        ({"operation": "RecognizeImageTrial"}, {}, 0),
    ],
    ids=["nowhere", "not wanted", "durable_path", "destination", "state store", "trial"],
)
def test_where_no_record_is_kept_a_try_says_so_once(
    emulator: Emulator,
    scan: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    deferrable: bool,
    arguments: dict[str, Any],
    of_context: dict[str, Any],
    warned: int,
) -> None:
    monkeypatch.chdir(tmp_path)
    operator = AsposeOcrOperator(
        **{
            "task_id": "t",
            "operation": "RecognizeImage",
            "source": scan,
            "poll_interval": 0.05,
            "deferrable": deferrable,
            **arguments,
        }
    )
    with caplog.at_level(logging.INFO):
        run(operator, **of_context)

    told = [record for record in caplog.records if "No record of" in record.getMessage()]
    assert [record.levelno for record in told] == [logging.WARNING] * warned
    assert all("Give durable_path or destination" in record.getMessage() for record in told)


def test_an_intent_for_something_else_is_no_duplicate(
    emulator: Emulator, case: Case, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    killed_in(monkeypatch, "airflow_provider_asposeocr.durable.TaskRecord.submitted", *case())
    operator, of_context = case(language="German")
    run(operator, **of_context)

    assert "differ from those of the earlier try" in caplog.text
    assert "duplicate" not in caplog.text


def test_the_warning_of_a_duplicate_outlives_a_try_that_was_refused(
    emulator: Emulator, case: Case, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    killed_in(monkeypatch, "airflow_provider_asposeocr.durable.TaskRecord.submitted", *case())
    emulator.inject("status", on="submit", status=402)
    operator, of_context = case()
    with pytest.raises(AirflowFailException, match="HTTP 402"):
        run(operator, **of_context)
    caplog.clear()
    operator, of_context = case()
    run(operator, **of_context)

    assert "this one is a duplicate" in caplog.text


def test_an_intent_whose_record_fails_halfway_is_taken_back(emulator: Emulator, scan: Path) -> None:
    class AnswersLate(StateStore):
        def set(self, key: str, value: Any) -> None:
            super().set(key, value)
            if "intent" in value:
                raise TimeoutError

    store = AnswersLate()
    with pytest.raises(AsposeOcrStorageError, match="nothing was submitted"):
        run(AsposeOcrRecognizeImageOperator(task_id="t", source=scan), task_state_store=store)

    assert emulator.calls.submit == 0
    assert not [row for row in store.rows.values() if "intent" in row]


def test_kill_leaves_a_recorded_ocr_task_alone(emulator: Emulator, scan: Path) -> None:
    task = AsposeOcrRecognizeImageOperator(task_id="t", source=scan)
    task._submission, task._recorded = Submission("RecognizeImage", "id"), True
    task.on_kill()

    assert emulator.calls.cancel == 0


@pytest.mark.parametrize(
    ("fault", "duplicate"), [({"status": 402}, False), ({"status": 429}, False), ({"status": 500}, True)]
)
def test_only_a_submission_of_unknown_fate_may_be_a_duplicate(
    emulator: Emulator,
    case: Case,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: dict[str, Any],
    duplicate: bool,
) -> None:
    monkeypatch.setattr("airflow_provider_asposeocr.api.retry.RetryPolicy.wait", lambda *_: 0.01)
    emulator.inject("status", on="submit", times=None, **fault)
    operator, of_context = case()
    with pytest.raises(Exception, match=f"HTTP {fault['status']}"):
        run(operator, **of_context)
    emulator.clear_faults()
    operator, of_context = case()
    run(operator, **of_context)

    assert len(emulator.submissions) == 1
    assert ("is a duplicate" in caplog.text) is duplicate
