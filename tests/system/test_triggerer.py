"""Sensors that begin or end in the triggerer of a real Airflow: what they return, and who did their work."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS
from cryptography.fernet import Fernet

from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from dags_examples.demo.local_airflow import LocalAirflow
from tests.system.conftest import ROOT, SECRET
from tests.task_states import Change, changes, reading, write_states_down

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not AIRFLOW_V_3_3_PLUS, reason="tasks start in the triggerer from 3.3 on"),
]

DAG_ID = "triggerer"
SCAN = ROOT / "dags_examples" / "demo" / "scan.jpg"
TEXT = "Seven violet herons read the ledger of a lighthouse."
MESSAGE = "The ink of this page is invisible."
SERVICE_SECONDS = 12.0
IN_WORKER = {"queued", "running"}
SOON = 25.0
"""Seconds within which a busy Airflow does what is due."""

_FATES = {"never": "never_finish", "never_soft": "never_finish", "in_error": "finish_with_error"}
_REGULAR = ("by_conf", "by_params", "stored", "mapped", "deferred", "with_outlet")
_KEEP_TRIGGERS = """
CREATE TABLE kept_triggers AS SELECT kwargs FROM trigger WHERE 0;
CREATE TRIGGER keep_triggers AFTER INSERT ON trigger BEGIN
    INSERT INTO kept_triggers VALUES (new.kwargs);
END;
"""


@dataclass(frozen=True)
class Run:
    """The one run of all sensors, when it is over.

    :param airflow: where it ran.
    :param run_id: the run.
    :param ocr_task_ids: that of the OCR task that each sensor waited for.
    :param folder: where results were stored.
    :param changes: the states that its tasks have been in.
    """

    airflow: LocalAirflow
    run_id: str
    ocr_task_ids: dict[str, str]
    folder: Path
    changes: list[Change]

    def states(self, task_id: str, map_index: int = -1) -> list[str | None]:
        """Return what a task has gone through."""
        return [change.state for change in self._of(task_id, map_index)]

    def seconds(self, task_id: str) -> float:
        """Return how long a task took from its first deferral to its end."""
        own = self._of(task_id)
        return own[-1].at - next(change.at for change in own if change.state == "deferred")

    def instance(self, task_id: str) -> dict[str, Any]:
        """Return the row of a task in Airflow's table."""
        return self.rows("select * from task_instance where run_id=? and task_id=?", self.run_id, task_id)[0]

    def xcom(self, task_id: str, map_index: int = -1) -> Any:
        """Return what a task has returned."""
        return self.airflow.xcom(DAG_ID, self.run_id, task_id, map_index=map_index)

    def logs(self, task_id: str) -> dict[str, str]:
        """Return the names and texts of a task's logs."""
        texts = self.airflow.task_logs(DAG_ID, self.run_id)
        return {path.name: text for path, text in texts.items() if f"task_id={task_id}" in path.parts}

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Return what Airflow's database answers."""
        with reading(self.airflow.home) as database:
            cursor = database.execute(query, values)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def _of(self, task_id: str, map_index: int = -1) -> list[Change]:
        own = (task_id, map_index)
        return [change for change in self.changes if (change.task_id, change.map_index) == own]


@pytest.fixture(scope="module")
def run(airflow: LocalAirflow, service: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return all sensors at the same time, from the beginning to the end."""
    folder = tmp_path_factory.mktemp("stored")
    airflow.wait_until_parsed(DAG_ID)
    write_states_down(airflow.home, _KEEP_TRIGGERS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_ASPOSEOCR_DEFAULT", service.connection_json())
        patch.setattr(service.options, "ocr", False)
        patch.setattr(service.options, "scripted_text", TEXT)
        patch.setattr(service.options, "service_seconds", SERVICE_SECONDS)
        ocr_task_ids = submit_all(service)
        run_id = airflow.trigger(DAG_ID, {"source": str(SCAN), "folder": f"file://{folder}", **ocr_task_ids})
        assert airflow.wait(DAG_ID, run_id, 180) == "failed", "some of them are made to fail"
    return Run(airflow, run_id, ocr_task_ids, folder, changes(airflow.home, DAG_ID, run_id))


def submit_all(service: Emulator) -> dict[str, str]:
    """Submit what the sensors wait for, each its own task with its own fate."""
    ocr_task_ids = {}
    for name in (*_REGULAR, *_FATES):
        if name in _FATES:
            service.inject(_FATES[name], on="submit", messages=[MESSAGE])
        ocr_task_ids[name] = AsposeOcrHook().submit("RecognizeImage", SCAN)
    return ocr_task_ids


@pytest.mark.parametrize("task_id", ["by_output", "by_pull", "by_conf", "by_params"])
def test_begun_and_ended_in_the_triggerer_no_worker_is_taken(run: Run, task_id: str) -> None:
    assert run.states(task_id) == ["deferred", "success"], run.logs(task_id)
    manifest = run.xcom(task_id)
    assert manifest["ocr_task_id"] == (run.ocr_task_ids.get(task_id) or run.xcom("submit"))
    assert (manifest["status"], manifest["text"]) == ("Completed", TEXT)
    # A worker would have left its host, its process and a log of its own.
    instance = run.instance(task_id)
    assert (instance["queued_dttm"], instance["pid"], instance["hostname"]) == (None, None, "")
    assert instance["try_number"] <= 1
    assert run.logs(task_id)
    assert all(".trigger." in name for name in run.logs(task_id))


def test_the_next_task_reads_what_the_trigger_has_written(run: Run) -> None:
    assert run.xcom("read") == {"ocr_task_id": run.xcom("submit"), "characters": len(TEXT)}


@pytest.mark.parametrize(("task_id", "end"), [("never", "failed"), ("never_soft", "skipped")])
def test_its_timeout_holds_without_a_worker(run: Run, service: Emulator, task_id: str, end: str) -> None:
    states = run.states(task_id)
    assert states[0] == "deferred"
    assert states[-1] == end
    assert states.count("running") == 1, "it is not retried"
    assert 8 <= run.seconds(task_id) < 8 + SOON
    shown = "AirflowSensorTimeout" if end == "failed" else "Skipped instead of failing"
    assert shown in "".join(run.logs(task_id).values())
    calls = service.calls.by_ocr_task[run.ocr_task_ids[task_id]]
    assert calls.poll >= 1
    assert calls.cancel == 0
    assert service.ocr_tasks[run.ocr_task_ids[task_id]].status == "Processing"


def test_an_error_of_the_service_fails_it_at_once(run: Run) -> None:
    states = run.states("in_error")
    assert states[0] == "deferred"
    assert states[-1] == "failed"
    assert states.count("running") == 1, "it is not retried"
    assert MESSAGE in "".join(run.logs("in_error").values())


def test_a_worker_stores_what_has_a_destination(run: Run) -> None:
    states = run.states("stored")
    assert states[0] == "deferred"
    assert states[-1] == "success"
    assert states.count("running") == 1
    stored = run.xcom("stored")["results"][0]
    assert Path(stored["path"]).parent == run.folder
    assert Path(stored["path"]).read_text() == TEXT


@pytest.mark.parametrize("map_index", [0, 1])
def test_mapped_it_begins_in_a_worker(run: Run, map_index: int) -> None:
    states = run.states("mapped", map_index)
    assert [state for state in states if state != "scheduled"] == ["queued", "running", "deferred", "success"]
    assert run.xcom("mapped", map_index)["text"] == TEXT


def test_a_deferred_sensor_ends_in_the_triggerer(run: Run) -> None:
    states = run.states("deferred")
    assert [state for state in states if state != "scheduled"] == ["queued", "running", "deferred", "success"]
    assert run.xcom("deferred")["text"] == TEXT


def test_with_an_outlet_a_worker_ends_it_and_reports_the_event(run: Run) -> None:
    states = run.states("with_outlet")
    assert states.count("running") == 2
    assert states[-1] == "success"
    assert run.xcom("with_outlet")["text"] == TEXT
    events = run.rows(
        "select uri from asset_event join asset on asset.id = asset_id "
        "where source_run_id=? and source_task_id='with_outlet'",
        run.run_id,
    )
    assert events == [{"uri": "asposeocr://triggerer/with_outlet"}]


@pytest.mark.parametrize(("task_id", "end"), [("hanging", "failed"), ("hanging_soft", "skipped")])
def test_a_template_that_hangs_is_ended(run: Run, task_id: str, end: str) -> None:
    assert run.states(task_id)[0] == "deferred"
    assert run.states(task_id)[-1] == end
    assert 8 <= run.seconds(task_id) < 8 + SOON
    assert "Unable to decode message" in (run.airflow.home / "triggerer.log").read_text()


def test_neither_logs_nor_triggers_hold_a_secret_a_token_or_the_text(run: Run, service: Emulator) -> None:
    places = {str(path): text for path, text in run.airflow.all_logs().items()}
    for name in ("api-server", "scheduler", "triggerer", "dag-processor", "task_id=by_output"):
        assert any(name in path for path in places), f"no log of {name}"
    fields = run.rows("select rendered_fields from rendered_task_instance_fields where run_id=?", run.run_id)
    assert fields
    places["rendered fields"] = str(fields)
    places["trigger arguments"] = trigger_arguments(run)
    assert run.ocr_task_ids["deferred"] in places["trigger arguments"]
    assert service.tokens
    for hidden in (SECRET, TEXT, *service.tokens):
        assert [place for place, text in places.items() if hidden in text] == []


def trigger_arguments(run: Run) -> str:
    """Return the arguments of all triggers that there have been, which Airflow encrypts."""
    keys = {
        process_environment(pid).get("AIRFLOW__CORE__FERNET_KEY") for pid in run.airflow.pids("triggerer")
    }
    fernet = Fernet(next(key for key in keys if key))
    kept = run.rows("select kwargs from kept_triggers")
    return "\n".join(decrypted(fernet, row["kwargs"]) for row in kept)


def decrypted(fernet: Fernet, arguments: str) -> str:
    """Return arguments in the clear; Airflow does not encrypt those that a worker has deferred with."""
    return arguments if arguments.startswith("{") else fernet.decrypt(arguments).decode()


def process_environment(pid: int) -> dict[str, str]:
    """Return the environment of a process that may have ended."""
    try:
        return dict(psutil.Process(pid).environ())
    except psutil.Error:
        return {}
