"""Every state that task instances of a real Airflow have been in, and when, written down by its database.

A row of Airflow's table of task instances holds the last state only, and of several stays in a worker the
last alone. A trigger of SQLite sees each change as it is made: none is too short for it, as one would be for
somebody who looks from time to time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

_NOW = "(julianday('now') - 2440587.5) * 86400.0"
_SET_UP = f"""
CREATE TABLE IF NOT EXISTS task_states
    (at REAL, dag_id TEXT, run_id TEXT, task_id TEXT, map_index INTEGER, try_number INTEGER, state TEXT);
CREATE TRIGGER IF NOT EXISTS write_task_states AFTER UPDATE OF state ON task_instance
WHEN new.state IS NOT old.state BEGIN
    INSERT INTO task_states VALUES
        ({_NOW}, new.dag_id, new.run_id, new.task_id, new.map_index, new.try_number, new.state);
END;
"""


@dataclass(frozen=True)
class Change:
    """A task instance that has come into a state.

    :param at: when, in seconds since the epoch.
    :param task_id: the task.
    :param map_index: its map index, -1 where it is not mapped.
    :param try_number: the try.
    :param state: the state; None before a task is scheduled, and again where it is cleared.
    """

    at: float
    task_id: str
    map_index: int
    try_number: int
    state: str | None


def write_states_down(home: Path, more: str = "") -> None:
    """Begin, for all runs that are started from now on.

    :param home: the ``AIRFLOW_HOME`` of an Airflow that runs on SQLite.
    :param more: SQL that sets up what else is to be remembered.
    """
    with closing(sqlite3.connect(home / "airflow.db", timeout=60)) as database:
        database.executescript(_SET_UP + more)


def changes(home: Path, dag_id: str, run_id: str) -> list[Change]:
    """Return what the tasks of a run have gone through, oldest first.

    :param home: the ``AIRFLOW_HOME``.
    :param dag_id: the DAG.
    :param run_id: the run.
    """
    query = "select at, task_id, map_index, try_number, state from task_states where dag_id=? and run_id=?"
    with reading(home) as database:
        return [Change(*row) for row in database.execute(f"{query} order by rowid", (dag_id, run_id))]


@contextmanager
def reading(home: Path) -> Iterator[sqlite3.Connection]:
    """Read Airflow's database.

    :param home: the ``AIRFLOW_HOME``.
    """
    path = f"file:{home}/airflow.db?mode=ro"
    with closing(sqlite3.connect(path, uri=True, timeout=60)) as database:
        yield database
