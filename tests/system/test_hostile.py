"""A real Airflow whose tasks meet a service that sends odd characters in every field of every reply.

What has to stand is everything else: the processes of Airflow, the tasks of others, and what was paid for.
``AIRFLOW_PYTHON`` names the interpreter of another environment, whose Airflow is to be tried.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dags_examples.demo.local_airflow import LocalAirflow, TaskInstance
from tests.hostile.server import HostileServer
from tests.hostile.table import SUCCESS
from tests.system.conftest import HAS_STATE_STORE, SECRET
from tests.system.hostile.postgres import postgres
from tests.system.hostile.service import CASES, ManyTasks

pytestmark = pytest.mark.hostile

AWAITED = ("poll", "status", "fetch")
MAX_SECONDS = 1500.0
"""Seconds that all tasks together may take."""

TASK_SECONDS = 25.0
"""Seconds that each of them waits for the service."""

BYSTANDER_SECONDS = 6.0
"""Seconds that a task of others waits in the triggerer."""

LATE = 60.0
"""Seconds after which a task that a busy Airflow resumes is late."""

EVERY = 15.0
"""Seconds between two runs of the bystander."""

_OF_THE_PROVIDER = re.compile("AsposeOcr[A-Za-z]*Error|AirflowFailException|AirflowSensorTimeout")
_FORGED = re.compile(r"^(?:\x1b\[31m)?\[2026-01-01\] ERROR forged", re.MULTILINE)
_DAG = Path(__file__).parent / "hostile" / "dag.py"


@dataclass
class Outcome:
    """What came of it all, when the run is over.

    :param airflow: where it ran.
    :param run_id: of the tasks that meet the service.
    :param service: the service.
    :param tasks: the task instances by their ids.
    :param before: the processes of the triggerer and the scheduler, when all had begun.
    :param after: those when all was over.
    :param bystanders: how many seconds after its end each task of others was over.
    """

    airflow: LocalAirflow
    run_id: str
    service: ManyTasks
    tasks: dict[str, TaskInstance] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    bystanders: list[float] = field(default_factory=list)

    def log(self, task_id: str) -> str:
        """Return all that was logged for a task."""
        logs = self.airflow.task_logs("hostile", self.run_id)
        return "\n".join(text for path, text in logs.items() if f"task_id={task_id}" in path.parts)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def outcome(
    airflow_python: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Outcome]:
    begun = time.monotonic()
    folder = tmp_path_factory.mktemp("hostile")
    for name in ("dags", "stored", "records"):
        (folder / name).mkdir()
    shutil.copy(_DAG, folder / "dags" / "hostile.py")
    cases = [[number, row.call, row.call in AWAITED] for number, (_, row) in enumerate(CASES)]
    given = {"cases": cases, "longest": TASK_SECONDS, "bystander": BYSTANDER_SECONDS}
    (folder / "dags" / "hostile.json").write_text(json.dumps(given))
    Image.new("L", (64, 20), 255).save(folder / "scan.png")
    service = ManyTasks()
    with ExitStack() as stack:
        env = {"AIRFLOW__CORE__PARALLELISM": "6", "AIRFLOW__CORE__EXECUTOR": "LocalExecutor"}
        if request.param == "postgresql":
            address = stack.enter_context(postgres())
            env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"postgresql+psycopg2://{address}"
        server = stack.enter_context(HostileServer(service))
        stack.callback(server.shutdown)
        airflow = stack.enter_context(
            LocalAirflow(
                folder / "dags", python=airflow_python, connections=connections(server.port), env=env
            )
        )
        if request.param == "sqlite" and airflow.release < (3, 0):
            pytest.skip("on SQLite Airflow 2 runs one task at a time: too few for a trigger to be disturbed")
        airflow.start()
        airflow.wait_until_parsed("hostile", "bystander")
        # The first task of a triggerer makes all that it needs.
        stand_by(airflow)
        conf = {
            "source": str(folder / "scan.png"),
            "folder": f"file://{folder / 'stored'}",
            "records": "" if airflow.release >= HAS_STATE_STORE else str(folder / "records"),
        }
        before = processes(airflow)
        found = Outcome(airflow, airflow.trigger("hostile", conf), service, before=before)
        end = time.monotonic() + MAX_SECONDS
        while airflow.run_state("hostile", found.run_id) not in ("success", "failed"):
            found.bystanders.append(stand_by(airflow))
            assert time.monotonic() < end, "the tasks do not come to their end"
            time.sleep(EVERY)
        found.after = processes(airflow)
        found.tasks = {task["task_id"]: task for task in airflow.task_instances("hostile", found.run_id)}
        report(request, found, f"{airflow.version} with {request.param}", time.monotonic() - begun)
        yield found


def connections(port: int) -> dict[str, str]:
    """Return the connection of all tasks, and one for each that meets an odd answer when it signs in."""
    own = {"conn_type": "asposeocr", "host": f"http://127.0.0.1:{port}", "login": "an-id", "password": SECRET}
    found = {"asposeocr_default": json.dumps(own)}
    for number, (_, row) in enumerate(CASES):
        if row.call == "token":
            found[f"token_{number}"] = json.dumps(own | {"login": f"row-{number}"})
    return found


def processes(airflow: LocalAirflow) -> dict[str, Any]:
    """Return the processes that must not change: the triggerer's, and the scheduler without workers."""
    return {"triggerer": airflow.pids("triggerer"), "scheduler": min(airflow.pids("scheduler"))}


def stand_by(airflow: LocalAirflow) -> float:
    """Run the bystander; how many seconds it took beyond those of its trigger."""
    run_id, begun = airflow.trigger("bystander"), time.monotonic()
    assert airflow.wait("bystander", run_id, 120) == "success", airflow.task_logs("bystander", run_id)
    return time.monotonic() - begun - BYSTANDER_SECONDS


def report(request: pytest.FixtureRequest, found: Outcome, where: str, seconds: float) -> None:
    """Print what came of it."""
    plugins: Any = request.config.pluginmanager
    states = [task["state"] for task in found.tasks.values()]
    with plugins.get_plugin("capturemanager").global_and_fixture_disabled():
        reporter = plugins.get_plugin("terminalreporter")
        reporter.section(f"hostile: Airflow {where}")
        reporter.line(
            f"{len(CASES)} misbehaviours, {len(states)} tasks in {seconds:.0f} s: "
            + ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
        )
        reporter.line(
            f"{len(found.bystanders)} runs of the bystander, at most {max(found.bystanders):.1f} s late; "
            f"triggerer {sorted(found.before['triggerer'])} then {sorted(found.after['triggerer'])}, "
            f"scheduler {found.before['scheduler']} then {found.after['scheduler']}"
        )


def test_no_process_of_airflow_ends(outcome: Outcome) -> None:
    assert outcome.before == outcome.after


def test_the_tasks_of_others_are_over_in_time(outcome: Outcome) -> None:
    assert len(outcome.bystanders) >= 3
    assert max(outcome.bystanders) < LATE


def test_each_task_ends_as_it_should(outcome: Outcome) -> None:
    wrong = {}
    for task_id, task in outcome.tasks.items():
        name, row = CASES[int(task_id.rpartition("_")[2])]
        allowed = {"success" if end == SUCCESS else "failed" for end in row.allowed}
        if task["state"] not in allowed:
            wrong[f"{task_id} ({name})"] = (task["state"], outcome.log(task_id)[-3000:])
    assert wrong == {}


def test_what_fails_says_why_in_words_of_the_provider(outcome: Outcome) -> None:
    failed = [task_id for task_id, task in outcome.tasks.items() if task["state"] == "failed"]
    assert failed
    silent = [
        task_id
        for task_id in failed
        if not re.search(
            "AsposeOcr[A-Za-z]*Error|AirflowFailException|AirflowSensorTimeout", outcome.log(task_id)
        )
    ]
    assert silent == []


def test_nothing_is_paid_for_twice_and_no_result_is_lost(outcome: Outcome) -> None:
    assert max(outcome.service.submissions.values()) == 1
    for task_id, task in outcome.tasks.items():
        if task["state"] != "success":
            continue
        manifest = outcome.airflow.xcom("hostile", outcome.run_id, task_id)
        assert manifest["status"] == "Completed", task_id
        assert manifest["results"] or manifest.get("text") is not None, task_id


def test_an_id_that_is_of_no_use_is_told_as_a_submission_that_was_accepted(outcome: Outcome) -> None:
    numbers = [n for n, (name, row) in enumerate(CASES) if row.call == "submit" and "in the id" in name]
    assert numbers
    for number in numbers:
        assert "accepted" in outcome.log(f"operator_{number}")
        assert outcome.service.submissions[number] == 1


def test_no_log_holds_a_forged_line_a_control_character_or_a_secret(outcome: Outcome) -> None:
    for path, text in outcome.airflow.all_logs().items():
        assert not _FORGED.search(text), path
        assert "\x1b" not in text, path
        assert "\0" not in text, path
        assert SECRET not in text, path
