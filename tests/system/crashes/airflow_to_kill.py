"""An Airflow whose components die and come back, and whose users clear and mark tasks."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from dags_examples.demo.local_airflow import LocalAirflow
from dags_examples.demo.processes import family
from tests.system.crashes import Wait

_NOTICE_SOON = {
    "AIRFLOW__CORE__PARALLELISM": "8",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "8",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "4",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "5",
    # After how long a task's process counts as dead, and how often that is looked at: Airflow 3, Airflow 2.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "12",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": "12",
    "AIRFLOW__SCHEDULER__ZOMBIE_DETECTION_INTERVAL": "2",
}
"""The death of a component is noticed within seconds."""


class AirflowToKill(LocalAirflow):
    """An Airflow that a test strikes at.

    :param dags_folder: folder of the DAG file.
    :param python: interpreter of the environment whose Airflow is to be run.
    :param connections: the connections, by their ids.
    """

    def __init__(self, dags_folder: Path, *, python: Path, connections: Mapping[str, str]) -> None:
        super().__init__(dags_folder, python=python, connections=connections, env=_NOTICE_SOON)

    @property
    def runs_one_task_at_a_time(self) -> bool:
        """Whether its executor is the SequentialExecutor, whose scheduler stands still while a task runs."""
        return self.release < (3, 0)

    def kill(self, component: str) -> None:
        """``kill -9`` a component with all its processes, as the end of its container would."""
        leader = self._components.pop(component)
        for process in family(leader.pid):
            send(process.pid, signal.SIGKILL)
        leader.wait(20)

    def terminate(self, component: str) -> Iterator[Wait]:
        """Ask a component to end, as a rollout would."""
        leader = self._components.pop(component)
        leader.send_signal(signal.SIGTERM)
        yield f"the end of the {component}", lambda: leader.poll() is not None

    def bring_back(self, component: str) -> None:
        """Start a component anew."""
        self._spawn(component, *self._commands()[component])

    def clear(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Clear a task, as a user would."""
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": [task_id],
            "only_failed": False,
            "reset_dag_runs": True,
        }
        self.rest("POST", f"{self._rest.prefix}/dags/{dag_id}/clearTaskInstances", body)

    def mark_failed(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Mark a task failed, as a user would."""
        body = {"new_state": "failed"} | ({"dry_run": False} if self.release < (3, 0) else {})
        self.rest("PATCH", f"{self._rest.run_path(dag_id, run_id)}/taskInstances/{task_id}", body)


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def send(pid: int, signum: int) -> None:
    """Send a signal to a process, if it still lives."""
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        return
