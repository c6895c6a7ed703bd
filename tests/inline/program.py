"""Run a DAG by ``dag.test()``, or its tasks by ``airflow tasks test``, and print what came of them as JSON.

``python -m tests.inline.program {dag,tasks} FILE CONF``: the last line of the output is an object of states
and one of XComs, by the id of each task and its map index.
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


def main(way: str, path: str, conf: str) -> None:
    """Run them."""
    bag = DagBag(path)
    assert bag.import_errors == {}, bag.import_errors
    (dag,) = bag.dags.values()
    if way == "dag":
        dag.test(run_conf=json.loads(conf))
    else:
        test_tasks(dag, path)
    print(json.dumps(outcomes(dag.dag_id)))


def test_tasks(dag: Any, path: str) -> None:
    """Run each task by itself, by the code of the command."""
    from airflow.cli.cli_parser import get_parser

    parser = get_parser()
    for task in dag.tasks:
        more = ["--map-index", "0"] if task.is_mapped else []
        folder = [] if AIRFLOW_V_3_0_PLUS else ["--subdir", path]
        arguments = parser.parse_args(["tasks", "test", *folder, *more, dag.dag_id, task.task_id])
        try:
            arguments.func(arguments)
        except Exception as error:
            print(f"{task.task_id}: {type(error).__name__}: {error}", file=sys.stderr)


def outcomes(dag_id: str) -> dict[str, dict[str, Any]]:
    """Read the states and the XComs that Airflow has stored."""
    from airflow.models.taskinstance import TaskInstance

    states, xcoms = {}, {}
    with create_session() as session:
        for ti in session.query(TaskInstance).filter(TaskInstance.dag_id == dag_id):
            name = f"{ti.task_id}[{ti.map_index}]"
            states[name] = str(ti.state)
            xcoms[name] = ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index)
    return {"states": states, "xcoms": xcoms}


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    main(*sys.argv[1:])
