"""Run DAGs by ``dag.test()``, or their tasks by ``airflow tasks test``, and write down what came of them.

``python -m tests.inline.program {dag,tasks} RESULT FILE CONF [FILE CONF ...]``: the file RESULT gets an
object that has for each DAG an object of states and one of XComs, by the id of each task and its map index.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS
from airflow.utils.session import create_session

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # Airflow 2 and 3.0
    from airflow.models.dagbag import DagBag  # type: ignore[no-redef]


RUN = "by_hand"


def main(way: str, result: str, *files: str) -> None:
    """Run them."""
    found = {}
    for path, conf in zip(files[::2], files[1::2], strict=True):
        bag = DagBag(path)
        assert bag.import_errors == {}, bag.import_errors
        (dag,) = bag.dags.values()
        if way == "dag":
            dag.test(run_conf=json.loads(conf))
        else:
            test_tasks(dag, path)
        found[dag.dag_id] = outcomes(dag.dag_id)
    Path(result).write_text(json.dumps(found))


def test_tasks(dag: Any, path: str) -> None:
    """Run each task by itself, by the code of the command, as a part of one run that it leaves in place."""
    folder = [] if AIRFLOW_V_3_0_PLUS else ["--subdir", path]
    command("dags", "reserialize")
    command("dags", "trigger", "--run-id", RUN, dag.dag_id)
    for task in dag.tasks:
        # One of those that are mapped stands for all.
        more = ["--map-index", "0"] if hasattr(task, "partial_kwargs") else []
        try:
            command("tasks", "test", *folder, *more, dag.dag_id, task.task_id, RUN)
        except Exception as error:
            print(f"{task.task_id}: {type(error).__name__}: {error}", file=sys.stderr)


def command(*words: str) -> None:
    """Run a command of Airflow's in this process."""
    from airflow.cli.cli_parser import get_parser

    arguments = get_parser().parse_args(words)
    arguments.func(arguments)


def outcomes(dag_id: str) -> dict[str, dict[str, Any]]:
    """Read the states and the XComs that Airflow has stored."""
    from airflow.models.taskinstance import TaskInstance

    states, xcoms = {}, {}
    with create_session() as session:
        own = session.query(TaskInstance).filter(TaskInstance.dag_id == dag_id)
        for ti in own.filter(TaskInstance.state.is_not(None)):
            name = f"{ti.task_id}[{ti.map_index}]"
            states[name] = str(ti.state)
            xcoms[name] = ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index)
    return {"states": states, "xcoms": xcoms}


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    main(*sys.argv[1:])
