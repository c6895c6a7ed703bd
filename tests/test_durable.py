"""Submit once: what a retry does after a crash at each point, with each kind of store."""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

from airflow_provider_asposeocr.api.exceptions import AsposeOcrStorageError, AsposeOcrTimeoutError
from airflow_provider_asposeocr.api.flows import OcrApi
from airflow_provider_asposeocr.api.submission import RETENTION, Submission
from airflow_provider_asposeocr.durable import StateRecordStore, TaskRecord, record_store_for
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.operators.asposeocr import (
    AsposeOcrRecognizeImageOperator,
    AsposeOcrRecognizeImageTrialOperator,
)
from airflow_provider_asposeocr.operators.base import AsposeOcrOperator
from airflow_provider_asposeocr.operators.batch import AsposeOcrBatchOperator
from tests.running import context, fire, rebuilt, run
from tests.states import StateStore

Case = Callable[..., tuple[Any, dict[str, Any]]]


@pytest.fixture(params=["state store", "durable_path", "beside the destination"])
def case(request: pytest.FixtureRequest, scan: Path, tmp_path: Path) -> Case:
    """Makes a try of one and the same task: the operator, and what is special of its context."""
    accessor = StateStore()

    def make(**arguments: Any) -> tuple[Any, dict[str, Any]]:
        of_store: dict[str, Any] = {"destination": f"{tmp_path}/out/{{ocr_task_id}}/"}
        of_context: dict[str, Any] = {}
        if request.param == "state store":
            of_context["task_state_store"] = accessor
        elif request.param == "durable_path":
            of_store["durable_path"] = f"file://{tmp_path}/records"
        operator = AsposeOcrRecognizeImageOperator(
            **{"task_id": "t", "source": scan, "poll_interval": 0.05, **of_store, **arguments}
        )
        return operator, of_context

    return make


@pytest.fixture(autouse=True)
def _events_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_asposeocr.triggers.asposeocr.MIN_SECONDS", 0)


both_ways = pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferrable"])


class Killed(BaseException):
    """Ends a process in the middle, as ``kill -9`` would: nothing of ours may handle it."""


def killed_in(
    monkeypatch: pytest.MonkeyPatch, method: str, operator: Any, of_context: dict[str, Any]
) -> None:
    """Run a try that dies when it comes to a method."""
    with monkeypatch.context() as patch:

        def die(*args: Any, **kwargs: Any) -> None:
            raise Killed

        patch.setattr(method, die)
        with pytest.raises(Killed):
            run(operator, **of_context)


HOOK = "airflow_provider_asposeocr.hooks.asposeocr.AsposeOcrHook"
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


def test_another_destination_is_no_other_submission(
    emulator: Emulator, case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    killed_in(monkeypatch, "airflow_provider_asposeocr.files.manifest.deliver", *case())
    operator, of_context = case(destination=f"{tmp_path}/out/elsewhere.txt")
    manifest = run(operator, **of_context)

    assert emulator.calls.submit == 1
    assert manifest["uri"].endswith("/elsewhere.txt")


def test_cleared_after_success_runs_anew_but_a_crash_after_delivery_does_not(
    emulator: Emulator, case: Case
) -> None:
    for max_tries, submissions in ((1, 1), (1, 1), (3, 2), (3, 2), (5, 3)):
        operator, of_context = case()
        run(operator, max_tries=max_tries, **of_context)
        assert emulator.calls.submit == submissions


def test_cleared_while_waiting_goes_on_with_the_job(emulator: Emulator, case: Case) -> None:
    operator, of_context = case(deferrable=True)
    with pytest.raises(TaskDeferred):
        operator.execute(context(max_tries=1, **of_context))
    operator, of_context = case(deferrable=True)
    run(operator, max_tries=3, **of_context)

    assert emulator.calls.submit == 1


@both_ways
def test_a_job_that_was_lost_is_submitted_anew_once(
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
def test_a_job_that_failed_is_not_gone_on_with(emulator: Emulator, case: Case, end: str) -> None:
    emulator.inject("finish_with_error" if end == "Error" else "never_finish", on="submit")
    operator, of_context = case(timeout=0.3)
    with pytest.raises((AirflowFailException, AsposeOcrTimeoutError)):
        run(operator, **of_context)
    operator, of_context = case()
    run(operator, **of_context)

    assert emulator.calls.submit == 2


def test_a_job_older_than_the_retention_is_submitted_anew(
    emulator: Emulator, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_in(monkeypatch, "airflow_provider_asposeocr.files.manifest.deliver", *case())
    now = time.time()
    monkeypatch.setattr("airflow_provider_asposeocr.durable.time.time", lambda: now + RETENTION)
    operator, of_context = case()
    run(operator, **of_context)

    assert emulator.calls.submit == 2


def test_a_reattached_job_gets_no_fresh_day(
    emulator: Emulator, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_in(monkeypatch, "airflow_provider_asposeocr.files.manifest.deliver", *case())
    submitted_at = emulator.submissions[0].submitted_at
    operator, of_context = case(deferrable=True, timeout=10 * RETENTION)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context(**of_context))

    assert deferred.value.trigger.wait["deadline"] == pytest.approx(submitted_at + RETENTION, abs=2)


def test_what_cannot_be_recorded_is_not_submitted(emulator: Emulator, scan: Path) -> None:
    accessor = StateStore()
    accessor.broken = True
    operator = AsposeOcrRecognizeImageOperator(task_id="t", source=scan)
    with pytest.raises(AsposeOcrStorageError) as raised:
        run(operator, task_state_store=accessor)

    assert raised.value.retryable
    assert emulator.calls.billed == 0


def test_a_job_whose_record_fails_is_not_lost(
    emulator: Emulator, scan: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class BreaksLater(StateStore):
        def set(self, key: str, value: Any) -> None:
            super().set(key, value)
            self.broken = True

    operator = AsposeOcrRecognizeImageOperator(task_id="t", source=scan, poll_interval=0.05)
    assert run(operator, task_state_store=BreaksLater())["text"]
    assert "a retry would submit it again" in caplog.text


def test_submit_only_returns_the_same_id_after_a_crash_and_a_new_one_after_a_clear(
    emulator: Emulator, scan: Path
) -> None:
    accessor = StateStore()

    def submit(max_tries: int) -> str:
        operator = AsposeOcrRecognizeImageOperator(task_id="t", source=scan, wait_for_completion=False)
        ocr_task_id: str = run(operator, max_tries=max_tries, task_state_store=accessor)
        return ocr_task_id

    first = submit(1)
    assert submit(1) == first
    assert submit(3) != first
    assert emulator.calls.submit == 2


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


def test_kill_leaves_a_recorded_job_alone(emulator: Emulator, scan: Path) -> None:
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
