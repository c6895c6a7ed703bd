"""An Airflow whose tasks run in Celery workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from dags_examples.demo.processes import LOOPBACK
from tests.system.crashes.airflow_to_kill import AirflowToKill

WORKERS = ("worker-1", "worker-2")
SLOTS = 4
"""Tasks that a worker runs at a time, unless told otherwise."""

PATIENCE = 120.0
"""Seconds that a worker has to start."""

_NOTICED_SOON = {
    # Of a worker that is killed, a task counts as dead once it has sent no heartbeat for so long ...
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    # ... and one that it had taken and not begun is sent again once it has been queued for so long. Airflow's
    # own values are 300 s and 600 s.
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "45",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
    # The machine is busy: its components are not dead if they are late.
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "60",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "60",
}


class CeleryAirflow(AirflowToKill):
    """An Airflow with two Celery workers, beside its other components.

    :param dags_folder: folder of the DAG file.
    :param python: interpreter of the environment that has Airflow and its provider for Celery.
    :param connections: the connections, by their ids.
    :param database: address of a PostgreSQL database, from the user's name on.
    :param broker: address of Redis.
    """

    def __init__(
        self, dags_folder: Path, *, python: Path, connections: Mapping[str, str], database: str, broker: str
    ) -> None:
        super().__init__(dags_folder, python=python, connections=connections)
        self.slots = SLOTS
        self._env |= _NOTICED_SOON | {
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            # Hardly more than the workers can run: what is sent to Celery waits there, where it is timed out.
            "AIRFLOW__CORE__PARALLELISM": str(SLOTS * len(WORKERS) + SLOTS),
            "AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG": "400",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{database}",
            "AIRFLOW__CELERY__BROKER_URL": broker,
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql+psycopg2://{database}",
        }

    def start_workers(self, slots: int) -> None:
        """Start the workers that do not run, and wait until all are ready.

        :param slots: tasks that each runs at a time.
        """
        self.slots = slots
        for worker in WORKERS:
            if worker not in self._components:
                (self.home / f"{worker}.log").unlink(missing_ok=True)
                self.bring_back(worker)
        self.wait_for(lambda: all(map(self._is_ready, WORKERS)), PATIENCE, "the workers to be ready")

    def stop_workers(self) -> None:
        """Ask the workers to end, and wait until they have."""
        for worker in WORKERS:
            for what, is_met in self.terminate(worker):
                self.wait_for(is_met, PATIENCE, what)

    def wait_for(self, is_met: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait for a condition while all components are alive.

        :param is_met: the condition.
        :param seconds: to wait at most.
        :param what: the condition in words.
        """
        self._until(is_met, seconds, what)

    def worker_of(self, pid: int | None) -> str | None:
        """Return the worker that a process belongs to.

        :param pid: of the process.
        """
        return next(
            (worker for worker in WORKERS if worker in self._components and pid in self.pids(worker)), None
        )

    def _is_ready(self, worker: str) -> bool:
        log = self.home / f"{worker}.log"
        return log.exists() and " ready." in log.read_text(errors="replace")

    def _commands(self) -> dict[str, tuple[str, ...]]:
        common = ("celery", "worker", "--skip-serve-logs", "--without-gossip", "--without-mingle")
        return super()._commands() | {
            worker: (
                *common,
                *("--celery-hostname", f"{worker}@{LOOPBACK}", "--concurrency", str(self.slots)),
                *("--pid", str(self.home / f"{worker}-{time.monotonic_ns()}.pid")),
            )
            for worker in WORKERS
        }
