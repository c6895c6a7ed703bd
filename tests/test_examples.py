"""The example DAGs as they stand: each parses, serializes, and renders its templates."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # Airflow 2 and 3.0
    from airflow.models.dagbag import DagBag  # type: ignore[no-redef]
try:
    from airflow.serialization.serialized_objects import DagSerialization
except ImportError:  # before Airflow 3.2
    from airflow.serialization.serialized_objects import SerializedDAG as DagSerialization  # type: ignore

EXAMPLES = sorted((Path(__file__).parents[1] / "dags_examples").glob("*.py"))
MANIFEST = {
    "ocr_task_id": "an-id",
    "source": "file:///tmp/scan.png",
    "uri": "file:///tmp/page.png",
    "text": "some text",
    "results": [],
}


def imported(path: Path) -> list[str]:
    """Return the modules that a file imports from, anywhere in it."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]


def missing_module(path: Path) -> str | None:
    """Return the first module that a file imports and this environment does not have."""
    for name in imported(path):
        try:
            found = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            found = None
        if found is None:
            return name
    return None


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    """Return the file of an example whose provider is installed."""
    found: Path = request.param
    if missing := missing_module(found):
        pytest.skip(f"{missing} is not installed")
    return found


@pytest.fixture
def dag(path: Path) -> DAG:
    """Return the DAG of an example."""
    bag = DagBag(path)
    assert bag.import_errors == {}
    (found,) = bag.dags.values()
    return found


def test_is_called_as_its_file(dag: DAG, path: Path) -> None:
    assert dag.dag_id == path.stem


def test_says_what_it_does(dag: DAG) -> None:
    assert dag.doc_md
    assert "example" in dag.tags


def test_its_tasks_are_retried(dag: DAG) -> None:
    assert [task.task_id for task in dag.tasks if not task.retries] == []


def test_serializes(dag: DAG) -> None:
    fields = json.loads(json.dumps(DagSerialization.to_dict(dag)))["dag"]
    assert fields.get("dag_id", fields.get("_dag_id")) == dag.dag_id


def test_its_templates_render(dag: DAG) -> None:
    rendered = 0
    for task in dag.tasks:
        is_mapped = hasattr(task, "partial_kwargs")
        plain = task.unmap(dict.fromkeys(mapped_over(task), "inbox/page.png")) if is_mapped else task
        plain.render_template_fields(context(dag))
        for name in plain.template_fields:
            for text in strings(getattr(plain, name)):
                assert "{{" not in text, f"{task.task_id}.{name}"
                rendered += 1
    assert rendered or all(task.task_type == "_PythonDecoratedOperator" for task in dag.tasks)


@pytest.mark.parametrize(
    ("example", "package"),
    [
        *((extra, f"airflow-provider-asposeocr[{extra}]") for extra in ("s3", "sftp", "gcs", "azure")),
        ("postgres_search", "apache-airflow-providers-postgres"),
    ],
)
def test_without_its_provider_it_says_what_to_install(
    example: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = EXAMPLES[0].with_name(f"asposeocr_{example}.py")
    providers = [name for name in imported(path) if name.startswith("airflow.providers.")]
    for name in set(providers) - {"airflow.providers.common.compat.sdk"}:
        monkeypatch.setitem(sys.modules, name, None)
    bag = DagBag(path)
    assert bag.import_errors == {}
    (dag,) = bag.dags.values()
    only: Any
    (only,) = dag.tasks
    with pytest.raises(AirflowFailException, match=rf"install {re.escape(package)}$"):
        only.python_callable()


def mapped_over(task: Any) -> list[str]:
    """Return the arguments that a mapped task has a value of its own for."""
    return list(task.expand_input.value)


def context(dag: DAG) -> Any:
    """Return the little of a context that the examples use, with the defaults of their params."""
    params = dag.params.dump()
    ti = SimpleNamespace(
        xcom_pull=lambda *args, **kwargs: MANIFEST,
        get_relevant_upstream_map_indexes=lambda *args, **kwargs: None,
        dag_id=dag.dag_id,
        run_id="run",
        map_index=-1,
    )
    return {
        "params": params,
        "dag_run": SimpleNamespace(conf=params, run_id="run"),
        "ti": ti,
        "run_id": "run",
        "expanded_ti_count": None,
    }


def strings(value: Any) -> Iterator[str]:
    """Yield all texts in a rendered field."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from strings(inner)
