"""Crashes in a real Airflow: what is killed, terminated, cleared or late pays once and ends as it should.

All scenarios run at the same time, as far as they do not strike at Airflow itself: each is a generator that
yields what it waits for. The report prints a line for each.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from airflow_provider_asposeocr.emulator.calls import CallCounts
from airflow_provider_asposeocr.emulator.submission import Submission
from airflow_provider_asposeocr.emulator.testing import CONNECTION_VARIABLE, Emulator
from airflow_provider_asposeocr.hooks import tokens
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from dags_examples.demo.local_airflow import LocalAirflow
from dags_examples.demo.processes import family, free_port
from tests.system.conftest import ROOT

pytestmark = pytest.mark.crash

SCAN = ROOT / "dags_examples" / "demo" / "scan.jpg"
DAGS = Path(__file__).parent / "dags" / "crashes.py"
MANY = 20
AWAITED = "awaited by sensors"
ENDED = {"success", "failed", "skipped", "upstream_failed"}
LONGEST = 90.0
"""Seconds after which a scenario counts as one that hangs."""

QUICK = {
    "AIRFLOW__CORE__PARALLELISM": "8",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "12",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "8",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "4",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "5",
}
"""A death of a component is noticed within seconds."""


@dataclass(frozen=True)
class Expected:
    """How a scenario has to end.

    :param state: of the task.
    :param submissions: at the service, of one task.
    :param cancels: at the service, of the task's jobs.
    :param says: a pattern that the task's log holds.
    :param tries: how often the task may run at most, and at least.
    """

    state: str = "success"
    submissions: int = 1
    cancels: int = 0
    says: str = ""
    tries: tuple[int, int] = (2, 2)


ONCE = (1, 1)
REATTACHED = "Going on with task"
CANCELLED = r"task [0-9a-f-]{36} was cancelled at the service"
EXPECTED = {
    "killed_while_waiting": Expected(says=REATTACHED),
    "killed_before_the_record": Expected(submissions=2, says="this one is a duplicate"),
    "killed_at_the_deferral": Expected(says=REATTACHED),
    "killed_before_the_delivery": Expected(says=REATTACHED),
    "killed_in_the_delivery": Expected(says=REATTACHED),
    "killed_after_the_delivery": Expected(says=REATTACHED),
    "terminated_before_the_post": Expected(),
    "terminated_while_waiting": Expected(says=REATTACHED),
    "cleared_while_waiting": Expected(says=REATTACHED),
    "cleared_after_success": Expected(
        submissions=2, says="the task was cleared after its results had been delivered"
    ),
    "marked_failed_deferred": Expected("failed", cancels=1, tries=ONCE),
    "marked_failed_under_load": Expected("failed", cancels=1, tries=ONCE),
    "marked_failed_running": Expected("failed", says="Killed while waiting", tries=ONCE),
    "timeout_deferred": Expected("failed", cancels=1, says=CANCELLED, tries=ONCE),
    "timeout_running": Expected("failed", cancels=1, says=CANCELLED, tries=ONCE),
    "execution_timeout_deferred": Expected("failed", cancels=1, says=CANCELLED, tries=ONCE),
    "execution_timeout_running": Expected("failed", cancels=1, says=CANCELLED, tries=ONCE),
    "sensor_deferred": Expected("failed", 0, says="AirflowSensorTimeout", tries=ONCE),
    "sensor_poking": Expected("failed", 0, says="AirflowSensorTimeout", tries=ONCE),
    "sensor_deferred_soft": Expected("skipped", 0, says="Skipping task", tries=ONCE),
    "sensor_poking_soft": Expected("skipped", 0, says="Skipping task", tries=ONCE),
    "triggerer killed": Expected("20 wait on", MANY),
    "triggerer terminated": Expected("20 wait on", MANY),
    "service restarted": Expected("20 wait on", MANY),
    "scheduler and its workers killed": Expected("20 wait on", MANY + 1),
    "synchronous": Expected(says=REATTACHED, tries=(2, 3)),
    "many": Expected("20 success", MANY, tries=(1, 2)),
}


@dataclass
class Row:
    """What was seen of a scenario."""

    state: str = "did not run"
    submissions: int = 0
    cancels: int = 0
    tries: int = 0
    seconds: float = 0.0
    log: str = field(default="", repr=False)


class Service:
    """The emulator, with a memory of its earlier lives.

    :param folder: where it keeps its jobs.
    """

    def __init__(self, folder: Path) -> None:
        self.emulator = Emulator(free_port(), ocr=False, service_seconds=_service_seconds, state_dir=folder)
        self._submissions: list[Submission] = []
        self._counts: list[tuple[str, CallCounts]] = []

    def restart(self, is_noticed: Callable[[], bool]) -> Iterator[Wait]:
        """Go away, and come back with the same jobs when that has been noticed."""
        submissions, counts = self.emulator.submissions, list(self.emulator.calls.by_task.items())
        self.emulator.stop()
        yield "a failing poll", is_noticed
        self.emulator.start()
        self._submissions += submissions
        self._counts += counts

    def of(self, scenario: str) -> list[Submission]:
        """The submissions of a scenario; of all that begin so."""
        found = [*self._submissions, *self.emulator.submissions]
        return [one for one in found if str(one.settings.get("scenario", "")).startswith(scenario)]

    def count(self, scenario: str, kind: str) -> int:
        """Calls of one kind for the jobs of a scenario."""
        ids = {one.ocr_task_id for one in self.of(scenario)}
        counts = [*self._counts, *list(self.emulator.calls.by_task.items())]
        return sum(getattr(own, kind) for ocr_task_id, own in counts if ocr_task_id in ids)

    def polls_of_each(self, scenario: str) -> list[int]:
        """Polls of each job in the present life of the service."""
        counts = self.emulator.calls.by_task
        return [counts[one.ocr_task_id].poll if one.ocr_task_id in counts else 0 for one in self.of(scenario)]

    def release(self, scenario: str) -> None:
        """Let the jobs of a scenario be done."""
        ids = {one.ocr_task_id for one in self.of(scenario)}
        for ocr_task_id, job in self.emulator.jobs.items():
            if ocr_task_id in ids:
                job.ready_at = time.time()


Wait = tuple[str, Callable[[], bool]]
"""What a scenario waits for, in words and as a condition."""

_QUICK_JOBS = (
    "killed_before",
    "killed_at",
    "killed_in",
    "killed_after",
    "terminated_before",
    "cleared_after",
)


def _service_seconds(submission: Submission) -> float:
    """Jobs of tasks that stop by themselves are soon done; the others wait to be released."""
    scenario = str(submission.settings.get("scenario"))
    return 2.0 if scenario.startswith(_QUICK_JOBS) else 1e6


class CrashingAirflow(LocalAirflow):
    """An Airflow whose components die and come back."""

    def kill(self, component: str) -> None:
        """``kill -9`` a component with all its processes, as the end of its container would."""
        leader = self._components.pop(component)
        for process in family(leader.pid):
            _send(process.pid, signal.SIGKILL)
        leader.wait(20)

    def terminate(self, component: str) -> Iterator[Wait]:
        """Ask a component to end, as a rollout would."""
        leader = self._components.pop(component)
        leader.send_signal(signal.SIGTERM)
        yield f"the end of the {component}", lambda: leader.poll() is not None

    def bring_back(self, component: str) -> None:
        """Start a component anew."""
        self._spawn(component, *self._commands()[component])


def _is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def _send(pid: int, signum: int) -> None:
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        return


class Stage:
    """All scenarios on one Airflow and one service."""

    def __init__(self, airflow: CrashingAirflow, service: Service, folder: Path) -> None:
        self.airflow = airflow
        self.service = service
        self.folder = folder
        self.rows: dict[str, Row] = {}
        self._runs: dict[str, str] = {}
        self._tasks: dict[str, list[dict[str, Any]]] = {}

    def start(self, dag_id: str, **conf: str) -> None:
        """Start a run of a DAG."""
        values = {"source": str(SCAN), "folder": str(self.folder), **conf}
        self._runs[dag_id] = self.airflow.trigger(dag_id, values)

    def play(self, scenarios: dict[str, Iterator[Wait]]) -> None:
        """Run scenarios side by side until each has ended or has waited too long."""
        waits: dict[str, Wait] = {}
        begun = time.monotonic()
        for name, scenario in scenarios.items():
            self.rows[name] = Row()
            waits[name] = next(scenario)
        while waits:
            self.airflow.check_alive()
            self._look()
            for name, (what, is_met) in list(waits.items()):
                try:
                    if is_met():
                        waits[name] = next(scenarios[name])
                    elif time.monotonic() - begun > LONGEST:
                        raise AssertionError(f"hangs, waiting for {what}")
                except StopIteration:
                    del waits[name]
                except AssertionError as error:
                    self.rows[name].state = str(error)
                    del waits[name]
            time.sleep(0.25)

    # -- scenarios ---------------------------------------------------------------------------------------

    def killed_at_a_stop(self, task_id: str, signum: int = signal.SIGKILL) -> Iterator[Wait]:
        """The task's process is killed where it stops."""
        yield "the stop", self._file(task_id, "stopped").exists
        yield from self._strike(task_id, partial(_send, self._pid(task_id, "stopped"), signum))

    def killed_while_waiting(self, task_id: str, signum: int = signal.SIGKILL) -> Iterator[Wait]:
        """The process of a synchronous task is killed between two polls."""
        yield "polls", lambda: self.service.count(task_id, "poll") >= 2
        yield from self._strike(task_id, partial(_send, self._pid(task_id, "try1"), signum), goes_on=True)

    def cleared_while_waiting(self, task_id: str) -> Iterator[Wait]:
        """A user clears a deferred task."""
        yield "polls", lambda: self.service.count(task_id, "poll") >= 2
        yield from self._strike(task_id, partial(self._clear, task_id), goes_on=True)

    def cleared_after_success(self, task_id: str) -> Iterator[Wait]:
        """A user clears a task that has succeeded."""
        yield "success", lambda: self._state(task_id) == "success"
        yield from self._strike(
            task_id, partial(self._clear, task_id), after=self._file(task_id, "try2").exists
        )

    def marked_failed(self, task_id: str, *, cancelled: bool) -> Iterator[Wait]:
        """A user marks a waiting task failed."""
        yield "polls", lambda: self.service.count(task_id, "poll") >= 2
        if cancelled:
            is_over = partial(self._is_cancelled, task_id)
        else:
            is_over = partial(_is_gone, self._pid(task_id, "try1"))
        yield from self._strike(task_id, partial(self._mark_failed, task_id), after=is_over)

    def runs_out_of_time(self, task_id: str) -> Iterator[Wait]:
        """A job does not complete in time."""
        yield "its start", lambda: self._state(task_id) in {"running", "deferred", *ENDED}
        yield from self._strike(task_id, lambda: None)

    def outage(self, name: str, strike: Iterator[Wait]) -> Iterator[Wait]:
        """Something breaks while many tasks wait; all of them wait on afterwards."""
        begun = time.monotonic()
        yield from strike
        before = self.service.polls_of_each("many")
        yield (
            "polls of all jobs",
            lambda: all(
                now > was for now, was in zip(self.service.polls_of_each("many"), before, strict=True)
            ),
        )
        if self._file("synchronous", "try1").exists() and "scheduler" in name:
            polls = self.service.count("synchronous", "poll")
            yield "the next try", self._file("synchronous", "try2").exists
            yield "polls of the next try", lambda: self.service.count("synchronous", "poll") > polls
        states = [task["state"] for task in self._tasks["outages"] if task["task_id"] == "many"]
        row = self.rows[name]
        row.state = f"{states.count('deferred')} wait on"
        row.submissions = len(self.service.of("many"))
        row.cancels = self.service.count("many", "cancel")
        if "scheduler" in name:
            row.submissions += len(self.service.of("synchronous"))
            row.cancels += self.service.count("synchronous", "cancel")
        row.tries = 2
        row.seconds = time.monotonic() - begun

    def killed(self, component: str) -> Iterator[Wait]:
        """``kill -9`` of a component, which is then started anew."""
        self.airflow.kill(component)
        self.airflow.bring_back(component)
        yield f"the {component}", lambda: bool(self.airflow.pids(component))

    def terminated(self, component: str) -> Iterator[Wait]:
        """SIGTERM of a component, which is then started anew."""
        yield from self.airflow.terminate(component)
        self.airflow.bring_back(component)

    def end_of_all(self, task_id: str, scenario: str) -> Iterator[Wait]:
        """What has waited through all outages comes to its end."""
        begun = time.monotonic()
        self.service.release(scenario)
        yield "the end", lambda: set(self._states(task_id)) <= ENDED
        states = self._states(task_id)
        self._fill(task_id, scenario, begun)
        if len(states) > 1:
            self.rows[task_id].state = f"{states.count('success')} success"

    def sees_an_outage(self) -> bool:
        """Whether a trigger has found that the service cannot be reached."""
        logs = self.airflow.task_logs("outages", self._runs["outages"])
        return any("cannot be reached" in text for text in logs.values())

    # -- parts of scenarios ------------------------------------------------------------------------------

    def _strike(
        self,
        task_id: str,
        strike: Callable[[], None],
        *,
        goes_on: bool = False,
        after: Callable[[], bool] = lambda: True,
    ) -> Iterator[Wait]:
        begun = time.monotonic()
        strike()
        if goes_on:
            yield "the next try", self._file(task_id, "try2").exists
            polls = self.service.count(task_id, "poll")
            yield "polls of the next try", lambda: self.service.count(task_id, "poll") > polls
            self.service.release(task_id)
        yield "what follows", after
        yield "the end", lambda: self._state(task_id) in ENDED
        self._fill(task_id, task_id, begun)

    def _fill(self, task_id: str, scenario: str, begun: float) -> None:
        row = self.rows[task_id]
        row.state = str(self._state(task_id))
        row.submissions = len(self.service.of(scenario))
        row.cancels = self.service.count(scenario, "cancel")
        row.tries = max(task["try_number"] for task in self._all() if task["task_id"] == task_id)
        row.seconds = time.monotonic() - begun
        dag_id = self._dag_of(task_id)
        logs = self.airflow.task_logs(dag_id, self._runs[dag_id])
        row.log = "\n".join(text for path, text in logs.items() if f"task_id={task_id}/" in f"{path}")

    def _is_cancelled(self, task_id: str) -> bool:
        return self.service.count(task_id, "cancel") > 0

    def _clear(self, task_id: str) -> None:
        dag_id = self._dag_of(task_id)
        body = {
            "dry_run": False,
            "dag_run_id": self._runs[dag_id],
            "task_ids": [task_id],
            "only_failed": False,
            "reset_dag_runs": True,
        }
        self.airflow.rest("POST", f"/api/v2/dags/{dag_id}/clearTaskInstances", body)
        self._look()

    def _mark_failed(self, task_id: str) -> None:
        dag_id = self._dag_of(task_id)
        path = f"/api/v2/dags/{dag_id}/dagRuns/{self._runs[dag_id]}/taskInstances/{task_id}"
        self.airflow.rest("PATCH", path, {"new_state": "failed"})

    def _look(self) -> None:
        for dag_id, run_id in self._runs.items():
            self._tasks[dag_id] = self.airflow.task_instances(dag_id, run_id)

    def _all(self) -> Iterator[dict[str, Any]]:
        for tasks in self._tasks.values():
            yield from tasks

    def _states(self, task_id: str) -> list[str]:
        return [str(task["state"]) for task in self._all() if task["task_id"] == task_id]

    def _state(self, task_id: str) -> str | None:
        return next(iter(self._states(task_id)), None)

    def _dag_of(self, task_id: str) -> str:
        return next(task["dag_id"] for task in self._all() if task["task_id"] == task_id)

    def _file(self, task_id: str, what: str) -> Path:
        return self.folder / f"{task_id}.{what}"

    def _pid(self, task_id: str, what: str) -> int:
        pid = int(self._file(task_id, what).read_text())
        # Only ever a process of this Airflow.
        assert pid in self.airflow.pids("scheduler"), f"{task_id} is not running any more"
        return pid


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> dict[str, Row]:
    """What all scenarios have come to."""
    begun, started = time.monotonic(), 0.0
    folder = tmp_path_factory.mktemp("crashes")
    for name in ("dags", "marks", "state"):
        (folder / name).mkdir()
    shutil.copy(DAGS, folder / "dags")
    service = Service(folder / "state")
    with service.emulator as emulator, pytest.MonkeyPatch.context() as patch:
        connection = emulator.connection_json()
        patch.setenv(CONNECTION_VARIABLE, connection)
        tokens.forget_all()
        awaited = AsposeOcrHook().submit("RecognizeImage", SCAN, {"scenario": AWAITED})
        connections = {"asposeocr_default": connection}
        with CrashingAirflow(folder / "dags", connections=connections, env=QUICK) as airflow:
            stage = Stage(airflow, service, folder / "marks")
            try:
                airflow.start()
                airflow.wait_until_parsed("crashes", "endings", "outages")
                started = time.monotonic() - begun
                for dag_id in ("crashes", "endings", "outages"):
                    stage.start(dag_id, ocr_task_id=awaited)
                play_all(stage)
            finally:
                seconds = time.monotonic() - begun
                report(request, stage.rows, f"Airflow was up after {started:.0f} s of {seconds:.0f} s")
    assert service.count(AWAITED, "cancel") == 0, "a sensor has cancelled the job that it waited for"
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
            "all wait": iter([("all to wait", lambda: all_wait(stage))]),
        }
    )
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


def all_wait(stage: Stage) -> bool:
    """Whether all tasks that are to live through outages wait."""
    service = stage.service
    polled = service.polls_of_each("many")
    return len(polled) == MANY and all(polled) and service.count("synchronous", "poll") > 0


def report(request: pytest.FixtureRequest, rows: dict[str, Row], *more: str) -> None:
    """Print a line for each scenario."""
    plugins = request.config.pluginmanager
    with plugins.get_plugin("capturemanager").global_and_fixture_disabled():
        reporter = plugins.get_plugin("terminalreporter")
        reporter.section("crashes")
        reporter.line(f"{'scenario':34} {'outcome':12} submits cancels tries seconds")
        for name in EXPECTED:
            row = rows.get(name, Row())
            figures = f"{row.submissions:7} {row.cancels:7} {row.tries:5} {row.seconds:7.1f}"
            reporter.line(f"{name:34} {row.state:12} {figures}")
        for line in more:
            reporter.line(line)


@pytest.mark.parametrize("name", EXPECTED)
def test_scenario(rows: dict[str, Row], name: str) -> None:
    expected, row = EXPECTED[name], rows[name]

    assert row.state == expected.state, row.log
    assert row.submissions == expected.submissions, row.log
    assert row.cancels == expected.cancels, row.log
    assert re.search(expected.says, row.log)
    assert expected.tries[0] <= row.tries <= expected.tries[1]


def test_a_user_who_marks_a_waiting_task_failed_does_not_wait_for_the_cancellation(
    rows: dict[str, Row],
) -> None:
    assert rows["marked_failed_deferred"].seconds < 10
