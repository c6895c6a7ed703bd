"""Crashes in a real Airflow: what is killed, terminated, cleared or late pays once and ends as it should.

All scenarios run at the same time, as far as they do not strike at Airflow itself. The report prints a line
for each. ``AIRFLOW_PYTHON`` names the interpreter of another environment whose Airflow is to be struck at;
where that has no task state store, the records of submissions are kept in a ``durable_path``.
"""

from __future__ import annotations

import re
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_asposeocr.emulator.testing import CONNECTION_VARIABLE
from airflow_provider_asposeocr.hooks import auth
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from tests.system.conftest import HAS_STATE_STORE
from tests.system.crashes.airflow_to_kill import AirflowToKill
from tests.system.crashes.expected import EXPECTED, Row
from tests.system.crashes.service import Service
from tests.system.crashes.stage import SCAN, Stage

pytestmark = pytest.mark.crash

DAGS = Path(__file__).parent / "dags" / "crashes.py"
AWAITED = "awaited by sensors"


@pytest.fixture(scope="module")
def rows(
    airflow_python: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> dict[str, Row]:
    """Return what all scenarios have come to."""
    begun, started = time.monotonic(), 0.0
    folder = tmp_path_factory.mktemp("crashes")
    for name in ("dags", "marks", "records", "state"):
        (folder / name).mkdir()
    shutil.copy(DAGS, folder / "dags")
    service = Service(folder / "state")
    with service.emulator as emulator, pytest.MonkeyPatch.context() as patch:
        connection = emulator.connection_json()
        patch.setenv(CONNECTION_VARIABLE, connection)
        auth.forget_all()
        awaited = AsposeOcrHook().submit("RecognizeImage", SCAN, {"scenario": AWAITED})
        connections = {"asposeocr_default": connection}
        with AirflowToKill(folder / "dags", python=airflow_python, connections=connections) as airflow:
            records = "" if airflow.release >= HAS_STATE_STORE else str(folder / "records")
            stage = Stage(airflow, service, folder / "marks", records)
            try:
                airflow.start()
                airflow.wait_until_parsed("crashes", "endings", "late", "outages", "synchronous")
                started = time.monotonic() - begun
                for dag_id in ("crashes", "endings", "outages"):
                    stage.start(dag_id, ocr_task_id=awaited)
                play_all(stage)
            finally:
                seconds = time.monotonic() - begun
                report(request, stage, f"Airflow was up after {started:.0f} s of {seconds:.0f} s")
    assert service.count(AWAITED, "cancel") == 0, "a sensor has cancelled the OCR task that it waited for"
    return stage.rows


def play_all(stage: Stage) -> None:
    """First what strikes single tasks, then what strikes all of them."""
    stopped = [name for name in EXPECTED if name.startswith(("killed_before", "killed_at", "killed_in"))]
    late = [name for name in EXPECTED if name.startswith(("timeout", "execution_timeout", "sensor"))]
    stage.play(
        {name: stage.killed_at_a_stop(name) for name in (*stopped, "killed_after_the_delivery")}
        | {name: stage.runs_out_of_time(name) for name in late}
        | {
            "killed_while_waiting": stage.killed_while_waiting("killed_while_waiting"),
            "terminated_while_waiting": stage.killed_while_waiting(
                "terminated_while_waiting", signal.SIGTERM
            ),
            "terminated_before_the_post": stage.killed_at_a_stop(
                "terminated_before_the_post", signal.SIGTERM
            ),
            "cleared_while_waiting": stage.cleared_while_waiting("cleared_while_waiting"),
            "cleared_after_success": stage.cleared_after_success("cleared_after_success"),
            # The triggerer has not used its API yet, whose start takes it seconds.
            "marked_failed_under_load": stage.marked_failed("marked_failed_under_load", cancelled=True),
            "marked_failed_running": stage.marked_failed("marked_failed_running", cancelled=False),
        }
    )
    stage.play({"late": stage.away_at_the_deadline("late")})
    stage.play({"all wait": stage.all_wait()})
    # When all is quiet, since it is timed.
    marked = "marked_failed_deferred"
    stage.play({marked: stage.marked_failed(marked, cancelled=True)})
    for name, strike in {
        "triggerer killed": stage.killed("triggerer"),
        "triggerer terminated": stage.terminated("triggerer"),
        "service restarted": stage.service.restart(stage.sees_an_outage),
        "scheduler and its workers killed": stage.killed("scheduler"),
    }.items():
        stage.play({name: stage.outage(name, strike)})
    stage.play(
        {
            "many": stage.end_of_all("many", "many"),
            "synchronous": stage.end_of_all("synchronous", "synchronous"),
        }
    )


def report(request: pytest.FixtureRequest, stage: Stage, *more: str) -> None:
    """Print a line for each scenario."""
    plugins: Any = request.config.pluginmanager
    with plugins.get_plugin("capturemanager").global_and_fixture_disabled():
        reporter = plugins.get_plugin("terminalreporter")
        where = f"records in {'a durable_path' if stage.records else 'the task state store'}"
        reporter.section(f"crashes: Airflow {stage.airflow.version}, {where}")
        reporter.line(f"{'scenario':34} {'outcome':12} submits cancels tries seconds")
        for name in EXPECTED:
            row = stage.rows.get(name, Row())
            figures = f"{row.submissions:7} {row.cancels:7} {row.tries:5} {row.seconds:7.1f}"
            reporter.line(f"{name:34} " + (row.missing or f"{row.state:12} {figures}"))
        for line in more:
            reporter.line(line)


@pytest.mark.parametrize("name", EXPECTED)
def test_scenario(rows: dict[str, Row], name: str) -> None:
    expected, row = EXPECTED[name], rows[name]
    if row.missing:
        pytest.skip(row.missing)

    assert row.state == expected.state, row.log
    assert row.submissions == expected.submissions, row.log
    assert row.cancels == expected.cancels, row.log
    assert re.search(expected.says, row.log), row.log
    assert expected.tries[0] <= row.tries <= expected.tries[1]


def test_a_user_who_marks_a_waiting_task_failed_does_not_wait_for_the_cancellation(
    rows: dict[str, Row],
) -> None:
    row = rows["marked_failed_deferred"]
    if row.missing:
        pytest.skip(row.missing)

    assert row.seconds < 10
