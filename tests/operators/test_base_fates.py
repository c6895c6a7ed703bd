"""What the user decides: whether a submission of unknown fate is repeated, and a late OCR task cancelled."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_asposeocr.api.exceptions import AsposeOcrError
from airflow_provider_asposeocr.api.retry import RetryPolicy
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator
from airflow_provider_asposeocr.operators.base import AsposeOcrOperator
from airflow_provider_asposeocr.operators.batch import AsposeOcrBatchOperator
from tests.batch.support import batch, lines
from tests.running import run
from tests.states import StateStore

UNKNOWN = "whether the service accepted it is not known: a retry submits again, and may pay twice"
BOTH = ("cancel_on_timeout", "repeat_ambiguous_submit")

Try = Callable[..., str]


@pytest.fixture(params=["sync", "deferrable", "batch"])
def one_try(request: pytest.FixtureRequest, scan: Path, tmp_path: Path) -> Try:
    """Run a try of one and the same task, and return its end: nothing, or what the failure says."""
    store = StateStore()

    def make(**arguments: Any) -> Any:
        if request.param == "batch":
            return batch([str(scan)], f"{tmp_path}/out/", **arguments)
        deferrable = request.param == "deferrable"
        return AsposeOcrRecognizeImageOperator(
            task_id="t", source=scan, poll_interval=0.05, deferrable=deferrable, **arguments
        )

    def one_try(**arguments: Any) -> str:
        try:
            run(make(**arguments), task_state_store=store)
        except (AsposeOcrError, AirflowFailException) as error:
            report = tmp_path / "out"
            return lines(report)[0]["message"] if (report / "report.jsonl").exists() else str(error)
        return ""

    return one_try


@pytest.mark.parametrize(
    ("argument", "submissions"),
    [({}, 2), ({"repeat_ambiguous_submit": True}, 2)]
    + [({"repeat_ambiguous_submit": value}, 1) for value in (False, "False", "no", " 0 ")]
    + [({"repeat_ambiguous_submit": value}, 2) for value in ("None", "", None, "yes")],
)
@pytest.mark.parametrize("fault", ["drop_after_accept", "reset_mid_body"])
def test_a_submission_of_unknown_fate_is_repeated_only_if_the_user_lets_it(
    emulator: Emulator,
    one_try: Try,
    monkeypatch: pytest.MonkeyPatch,
    argument: dict[str, Any],
    submissions: int,
    fault: str,
) -> None:
    monkeypatch.setattr(RetryPolicy, "wait", lambda *_: 0.01)
    emulator.inject(fault, on="submit", times=None)
    assert UNKNOWN in one_try(**argument)
    assert len(emulator.submissions) == submissions


@pytest.mark.parametrize("value", [False, "False"])
def test_a_late_task_that_is_not_cancelled_is_found_by_a_retry(
    emulator: Emulator,
    one_try: Try,
    value: Any,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    emulator.inject("never_finish", on="submit")
    failed = one_try(timeout=0.3, cancel_on_timeout=value)
    assert "did not complete before the deadline" in failed
    [(ocr_task_id, ocr_task)] = emulator.ocr_tasks.items()
    # Airflow's logger of tasks writes to the one or the other; the report of a batch has a column for the id.
    told = failed + caplog.text + capsys.readouterr().out
    assert re.search(rf"(?:OCR task {ocr_task_id}|; the OCR task) goes on at the service", told)
    ocr_task.never_finishes = False
    assert one_try(timeout=30, cancel_on_timeout=value) == ""

    assert (emulator.calls.cancel, emulator.calls.submit) == (0, 1)


@pytest.mark.parametrize("argument", [{}, {"cancel_on_timeout": True}, {"cancel_on_timeout": "None"}])
def test_a_late_task_is_cancelled_otherwise(
    emulator: Emulator, one_try: Try, argument: dict[str, Any]
) -> None:
    emulator.inject("never_finish", on="submit")
    assert "was cancelled at the service" in one_try(timeout=0.3, **argument)
    assert one_try(timeout=30, **argument) == ""

    assert (emulator.calls.cancel, emulator.calls.submit) == (1, 2)


@pytest.mark.parametrize("name", BOTH)
def test_what_is_no_truth_value_is_found_before_any_call(emulator: Emulator, one_try: Try, name: str) -> None:
    assert f"{name} must be true or false" in one_try(**{name: "perhaps"})
    assert (emulator.calls.token, emulator.calls.billed) == (0, 0)


@pytest.mark.parametrize("kind", [AsposeOcrOperator, AsposeOcrBatchOperator])
def test_both_may_be_templates(kind: type[AsposeOcrOperator]) -> None:
    assert set(BOTH) <= set(kind.template_fields)
