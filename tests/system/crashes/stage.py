"""The scenarios. Each is a generator that yields what it waits for, so that many run side by side."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tests.system.conftest import ROOT
from tests.system.crashes import Wait
from tests.system.crashes.airflow_to_kill import AirflowToKill, is_gone, send
from tests.system.crashes.expected import EXPECTED, MANY, Row
from tests.system.crashes.service import Service

SCAN = ROOT / "dags_examples" / "demo" / "scan.jpg"
ENDED = {"success", "failed", "skipped", "upstream_failed"}
MAX_SECONDS = 90.0
"""Seconds after which a scenario counts as one that hangs."""
LATE_SECONDS = 25.0
"""The ``timeout`` of the task whose deadline passes while the triggerer is away."""
MAX_SECONDS_IN_A_ROW = 600.0
"""The same where one task runs at a time."""


class Stage:
    """All scenarios on one Airflow and one service.

    :param airflow: where the DAGs run.
    :param service: what they call.
    :param folder: where tasks leave files.
    :param records: the folder of their ``durable_path``; empty to leave records to Airflow.
    """

    def __init__(self, airflow: AirflowToKill, service: Service, folder: Path, records: str) -> None:
        self.airflow = airflow
        self.service = service
        self.folder = folder
        self.records = records
        self.rows: dict[str, Row] = {}
        self._max_seconds = MAX_SECONDS_IN_A_ROW if airflow.runs_one_task_at_a_time else MAX_SECONDS
        self._runs: dict[str, str] = {}
        self._tasks: dict[str, list[dict[str, Any]]] = {}

    def start(self, dag_id: str, **conf: str) -> None:
        """Start a run of a DAG."""
        values = {"source": str(SCAN), "folder": str(self.folder), "durable_path": self.records, **conf}
        self._runs[dag_id] = self.airflow.trigger(dag_id, values)

    def play(self, scenarios: dict[str, Iterator[Wait]]) -> None:
        """Run scenarios side by side until each has ended or has waited too long.

        Those that this version of Airflow cannot have are left out.
        """
        waits: dict[str, Wait] = {}
        begun = time.monotonic()
        for name, scenario in scenarios.items():
            missing = EXPECTED[name].missing(self.airflow.release) if name in EXPECTED else ""
            self.rows[name] = Row(missing=missing)
            if not missing:
                waits[name] = next(scenario)
        while waits:
            self.airflow.check_alive()
            self._look()
            for name, (what, is_met) in list(waits.items()):
                try:
                    if is_met():
                        waits[name] = next(scenarios[name])
                    elif time.monotonic() - begun > self._max_seconds:
                        raise AssertionError(f"hangs, waiting for {what}")
                except StopIteration:
                    del waits[name]
                except AssertionError as error:
                    self.rows[name].state = str(error)
                    del waits[name]
            time.sleep(0.25)

    # -- scenarios ---------------------------------------------------------------------------------------

    def killed_at_a_stop(self, task_id: str, signum: int = signal.SIGKILL) -> Iterator[Wait]:
        """Return the task's process is killed where it stops."""
        yield "the stop", self._file(task_id, "stopped").exists
        yield from self._strike(task_id, partial(send, self._pid(task_id, "stopped"), signum))

    def killed_while_waiting(self, task_id: str, signum: int = signal.SIGKILL) -> Iterator[Wait]:
        """Return the process of a synchronous task is killed between two polls."""
        yield "polls", lambda: self.service.count(task_id, "poll") >= 2
        yield from self._strike(task_id, partial(send, self._pid(task_id, "try1"), signum), goes_on=True)

    def cleared_while_waiting(self, task_id: str) -> Iterator[Wait]:
        """Yield a user clears a deferred task."""
        yield "polls", lambda: self.service.count(task_id, "poll") >= 2
        yield from self._strike(task_id, partial(self._clear, task_id), goes_on=True)

    def cleared_after_success(self, task_id: str) -> Iterator[Wait]:
        """Yield a user clears a task that has succeeded."""
        yield "success", lambda: self._state(task_id) == "success"
        yield from self._strike(
            task_id, partial(self._clear, task_id), after=self._file(task_id, "try2").exists
        )

    def marked_failed(self, task_id: str, *, cancelled: bool) -> Iterator[Wait]:
        """Yield a user marks a waiting task failed."""
        yield "polls", lambda: self.service.count(task_id, "poll") >= 2
        if cancelled:
            is_over = partial(self._is_cancelled, task_id)
        else:
            is_over = partial(is_gone, self._pid(task_id, "try1"))
        yield from self._strike(task_id, partial(self._mark_failed, task_id), after=is_over)

    def runs_out_of_time(self, task_id: str) -> Iterator[Wait]:
        """Return an OCR task does not complete in time."""
        yield "its start", lambda: self._state(task_id) in {"running", "deferred", *ENDED}
        yield from self._strike(task_id, lambda: None)

    def all_wait(self) -> Iterator[Wait]:
        """Yield all tasks that are to live through outages wait for their OCR tasks.

        The synchronous one starts last: where one task runs at a time, none gets in after it.
        """
        yield "polls of many", lambda: self._count_polled("many") == MANY
        self.start("synchronous")
        yield "a synchronous poll", lambda: self._count_polled("synchronous") == 1

    def outage(self, name: str, strike: Iterator[Wait]) -> Iterator[Wait]:
        """Something breaks while many tasks wait; all of them wait on afterwards."""
        begun = time.monotonic()
        yield from strike
        before = self.service.polls_of_each("many")
        yield (
            "polls of all OCR tasks",
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

    def away_at_the_deadline(self, task_id: str) -> Iterator[Wait]:
        """Return the triggerer is away while an OCR task completes and its deadline passes."""
        self.start(task_id)
        yield "a poll", lambda: self.service.count(task_id, "poll") >= 1
        self.airflow.kill("triggerer")
        polls, killed = self.service.count(task_id, "poll"), time.monotonic()
        self.service.release(task_id)
        # The deadline counts from the submission, which was before the poll.
        yield "the deadline", lambda: time.monotonic() - killed > LATE_SECONDS
        assert self.service.count(task_id, "poll") == polls, "a triggerer that is away has polled"
        self.airflow.bring_back("triggerer")
        yield "the end", lambda: self._state(task_id) in ENDED
        self._fill(task_id, task_id, killed)

    def terminated(self, component: str) -> Iterator[Wait]:
        """SIGTERM of a component, which is then started anew."""
        yield from self.airflow.terminate(component)
        self.airflow.bring_back(component)

    def end_of_all(self, task_id: str, scenario: str) -> Iterator[Wait]:
        """Yield what has waited through all outages comes to its end."""
        begun = time.monotonic()
        self.service.release(scenario)
        yield "the end", lambda: set(self._states(task_id)) <= ENDED
        states = self._states(task_id)
        self._fill(task_id, scenario, begun)
        if len(states) > 1:
            self.rows[task_id].state = f"{states.count('success')} success"

    def sees_an_outage(self) -> bool:
        """Tell whether a trigger has found that the service cannot be reached."""
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

    def _count_polled(self, scenario: str) -> int:
        return sum(polls > 0 for polls in self.service.polls_of_each(scenario))

    def _clear(self, task_id: str) -> None:
        dag_id = self._dag_of(task_id)
        self.airflow.clear(dag_id, self._runs[dag_id], task_id)
        self._look()

    def _mark_failed(self, task_id: str) -> None:
        dag_id = self._dag_of(task_id)
        self.airflow.mark_failed(dag_id, self._runs[dag_id], task_id)

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
        return str(next(task["dag_id"] for task in self._all() if task["task_id"] == task_id))

    def _file(self, task_id: str, what: str) -> Path:
        return self.folder / f"{task_id}.{what}"

    def _pid(self, task_id: str, what: str) -> int:
        pid = int(self._file(task_id, what).read_text())
        # Only ever a process of this Airflow.
        assert pid in self.airflow.pids("scheduler"), f"{task_id} is not running any more"
        return pid
