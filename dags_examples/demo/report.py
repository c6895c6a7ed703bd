"""Output of the demo: events as they happen, the recognized text, and the reasons of failures."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dags_examples.demo.local_airflow import LocalAirflow, TaskInstance

_TAIL_LINES = 25
_STATES = {
    "running": "running in a worker",
    "deferred": "waiting in the triggerer, no worker slot held",
    "up_for_reschedule": "waiting between two polls, no worker slot held",
    "up_for_retry": "failed, will be retried",
    "success": "done",
    "failed": "FAILED",
}


class Progress:
    """Print one line for each event, with the seconds since the start."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._start

    def tell(self, line: str) -> None:
        """Print a line.

        :param line: the event
        """
        print(f"[{self.seconds:6.1f} s] {line}", flush=True)

    def tell_task(self, task: TaskInstance) -> None:
        """Print the state of a task, unless it is one that lasts only an instant.

        :param task: the task instance as Airflow's REST API describes it
        """
        if state := _STATES.get(task["state"]):
            attempt = f" (try {task['try_number']})" if task["try_number"] > 1 else ""
            self.tell(f"{_name(task)}: {state}{attempt}")


def show_text(text: str) -> None:
    """Print the recognized text between two rules.

    :param text: the text
    """
    rule = "-" * 78
    print(f"\nRecognized text\n{rule}\n{text.strip() or '(no text was found)'}\n{rule}")


def show_rows(rows: Sequence[Sequence[str]]) -> None:
    """Print a table.

    :param rows: the cells of each row
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print("\nTable")
    for row in rows:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def show_fields(fields: Mapping[str, Any]) -> None:
    """Print the fields of an invoice; those that it lacks are left out.

    :param fields: the value of each
    """
    print("\nInvoice")
    for name, value in fields.items():
        if value is not None:
            print(f"  {name:18}{value}")


def describe_calls(counts: Mapping[str, Any]) -> str:
    """Return the API calls in one line, billed calls and sign-ins apart.

    :param counts: counts by kind, from the emulator
    """
    kinds = {"submit": "submit", "poll": "result", "status": "status", "cancel": "cancel", "file": "file"}
    parts = [f"{counts[kind]} {name}" for kind, name in kinds.items() if counts.get(kind)]
    return f"{counts['billed']} billed ({', '.join(parts)}); {counts['token']} sign-ins, which are free"


def failure_report(airflow: LocalAirflow, dag_id: str, run_id: str) -> str:
    """Return the end of the log of each failed task of a DAG run.

    :param airflow: the Airflow that ran it
    :param dag_id: the DAG
    :param run_id: the run
    """
    failed = [task for task in airflow.task_instances(dag_id, run_id) if task["state"] == "failed"]
    parts = [f"{_name(task)} failed; the end of its log:\n{log_tail(airflow, task)}" for task in failed]
    return "\n\n".join(parts) or f"{dag_id} failed, although none of its tasks did"


def log_tail(airflow: LocalAirflow, task: TaskInstance) -> str:
    """Return the end of the log of a task's latest try, or of the scheduler's log if it has none.

    :param airflow: the Airflow that ran it
    :param task: the task instance as Airflow's REST API describes it
    """
    parts = {f"task_id={task['task_id']}"} | (
        {f"map_index={task['map_index']}"} if task["map_index"] >= 0 else set()
    )
    # A trigger logs to its own file, beside the worker's.
    log = "".join(
        text
        for path, text in airflow.task_logs(task["dag_id"], task["dag_run_id"]).items()
        if parts.issubset(path.parts) and path.name.startswith(f"attempt={task['try_number']}.log")
    )
    if not log:
        scheduler = (airflow.home / "scheduler.log").read_text(errors="replace")
        return f"  it has none; the end of the scheduler's:\n{_tail(scheduler)}"
    return _tail(log)


def plain_log_line(line: str) -> str:
    """Return a readable line of a task's log: Airflow 3 writes JSON, Airflow 2 text.

    :param line: the line in the file
    """
    try:
        record = json.loads(line)
        text = f"{record['level']:8} {record['event']}"
    except (ValueError, TypeError, KeyError):
        return line
    errors = [f"{error['exc_type']}: {error['exc_value']}" for error in record.get("error_detail") or []]
    return "\n         ".join([text, *errors])


def shown_path(path: Path) -> str:
    """Return a path relative to the current directory if it is inside.

    :param path: an absolute path
    """
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _tail(log: str) -> str:
    lines = [plain_log_line(line) for line in log.splitlines() if "::group::" not in line]
    return "\n".join(f"  {line}" for line in lines[-_TAIL_LINES:] if "::endgroup::" not in line)


def _name(task: TaskInstance) -> str:
    number = f"[{task['map_index']}]" if task["map_index"] >= 0 else ""
    return f"{task['dag_id']}.{task['task_id']}{number}"
