"""Examples that wait for a person, or for an asset, in a real Airflow."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_1_PLUS

from dags_examples.demo.local_airflow import LocalAirflow
from tests.system.conftest import ROOT

pytestmark = pytest.mark.system

SCAN = ROOT / "dags_examples" / "demo" / "scan.jpg"
WORDS = len(SCAN.with_suffix(".txt").read_text().split())


def eventually(look: Callable[[], Any], seconds: float = 120) -> Any:
    """Return what is found, once there is something."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.5)
    return found


def test_a_new_text_starts_the_dag_that_is_scheduled_on_it(airflow: LocalAirflow, tmp_path: Path) -> None:
    airflow.wait_until_parsed("asposeocr_asset", "asposeocr_on_asset")
    run_id = airflow.trigger("asposeocr_asset", {"source": str(SCAN), "destination": f"file://{tmp_path}/"})
    assert airflow.wait("asposeocr_asset", run_id, 180) == "success"
    uri = airflow.xcom("asposeocr_asset", run_id, "recognize")["uri"]

    def triggered() -> list[str]:
        runs = airflow.rest("GET", "/api/v2/dags/asposeocr_on_asset/dagRuns")["dag_runs"]
        return [run["dag_run_id"] for run in runs]

    (started,) = eventually(triggered)
    assert airflow.wait("asposeocr_on_asset", started, 120) == "success"
    assert airflow.xcom("asposeocr_on_asset", started, "count_words") == {uri: pytest.approx(WORDS, abs=3)}


@pytest.mark.skipif(not AIRFLOW_V_3_1_PLUS, reason="people are asked from Airflow 3.1 on")
@pytest.mark.parametrize(("answer", "state"), [("Approve", "success"), ("Reject", "skipped")])
def test_a_text_of_few_words_waits_for_a_person(airflow: LocalAirflow, answer: str, state: str) -> None:
    dag_id = "asposeocr_approval"
    airflow.wait_until_parsed(dag_id)
    run_id = airflow.trigger(dag_id, {"source": str(SCAN), "min_words": WORDS + 1000})

    def state_of(task_id: str) -> str | None:
        (found,) = [task for task in airflow.task_instances(dag_id, run_id) if task["task_id"] == task_id]
        return str(found["state"])

    path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"
    subjects: list[str] = []

    def answered(task: Any) -> None:
        """Answer each time that the task has let go of its worker to wait for a person.

        Airflow fails a task that is answered before its scheduler has heard that the worker is done: the
        task asks again in its next try, as it would ask a person.
        """
        if task["task_id"] == "approve" and task["state"] in ("awaiting_input", "deferred"):
            time.sleep(3)
            subjects.append(airflow.rest("GET", path)["subject"])
            airflow.rest("PATCH", path, {"chosen_options": [answer], "params_input": {}})

    assert airflow.wait(dag_id, run_id, 240, answered) == "success"
    assert str(SCAN) in subjects[0]
    assert state_of("use_text") == state
