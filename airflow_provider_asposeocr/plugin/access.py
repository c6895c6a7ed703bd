"""Task instances as the API server knows them, for users who may see them.

The right is asked for before anything is read: it is that to the XComs of the DAG, by Airflow's auth manager.

.. seealso:: https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/auth-manager/index.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.models.dag import DagModel
from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from fastapi import Depends, HTTPException, Path
from sqlalchemy import select

_RESULT_KEY = "return_value"
_MAX_ID = 250


@dataclass(frozen=True, slots=True)
class Instance:
    """A task instance that the user may see.

    :param dag_id: the DAG.
    :param run_id: the run.
    :param task_id: the task.
    :param map_index: -1 for a task that is not mapped.
    :param shows_task: whether the user may see state and arguments of the task, too.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    shows_task: bool


@dataclass(frozen=True, slots=True)
class Known:
    """Result, state and arguments of a task instance, as the database holds them.

    :param has_result: whether there is an XCom ``return_value``.
    :param result: its value.
    :param state: of the task; None where the user may not see it.
    :param try_number: of the last try.
    :param seconds: of the last try.
    :param arguments: rendered, with secrets masked by Airflow.
    """

    has_result: bool
    result: Any = None
    state: str | None = None
    try_number: int | None = None
    seconds: float | None = None
    arguments: Mapping[str, Any] | None = None


def _allowed(
    user: GetUserDep,
    dag_id: Annotated[str, Path(max_length=_MAX_ID)],
    run_id: Annotated[str, Path(max_length=_MAX_ID)],
    task_id: Annotated[str, Path(max_length=_MAX_ID)],
    map_index: Annotated[str, Path(max_length=20)],
) -> Instance:
    """Ask the auth manager, and read the ids of the address."""
    team_name = DagModel.get_team_name(dag_id)
    details = DagDetails(id=dag_id, team_name=team_name)

    def may_read(entity: DagAccessEntity) -> bool:
        # A page may be asked for without a login manager that knows a wildcard: each DAG is asked for by id.
        return get_auth_manager().is_authorized_dag(
            method="GET", access_entity=entity, details=details, user=user
        )

    if dag_id == "~" or not may_read(DagAccessEntity.XCOM):
        raise HTTPException(403, "You may not read the XComs of this DAG.")
    # The tab of a task that is not mapped leaves the placeholder as it is.
    index = -1 if map_index == "{MAP_INDEX}" else _number(map_index)
    return Instance(dag_id, run_id, task_id, index, may_read(DagAccessEntity.TASK_INSTANCE))


def _number(map_index: str) -> int:
    try:
        return max(int(map_index), -1)
    except ValueError:
        raise HTTPException(404, "There is no such task instance.") from None


InstanceDep = Annotated[Instance, Depends(_allowed)]
"""Parameter of a route that needs the right to the XComs of its DAG."""


def read_known(instance: Instance) -> Known:
    """Read what the database holds of a task instance.

    :param instance: that the user may see.
    """
    with create_session() as session:
        # By the database and not by a backend of XComs, which may load code for what it reads.
        found: Any = XComModel.get_many(
            key=_RESULT_KEY,
            dag_ids=instance.dag_id,
            run_id=instance.run_id,
            task_ids=instance.task_id,
            map_indexes=instance.map_index,
            limit=1,
        )
        entry = session.scalars(found).first()
        known = Known(entry is not None, None if entry is None else _decoded(entry.value))
        if not instance.shows_task:
            return known
        keys = (instance.dag_id, instance.run_id, instance.task_id, instance.map_index)
        task = session.scalars(select(TaskInstance).where(*_same(TaskInstance, keys))).first()
        rendered = session.scalars(
            select(RenderedTaskInstanceFields.rendered_fields).where(*_same(RenderedTaskInstanceFields, keys))
        ).first()
        return Known(
            known.has_result,
            known.result,
            str(task.state) if task is not None and task.state else None,
            task.try_number if task is not None else None,
            task.duration if task is not None else None,
            _decoded(rendered) if isinstance(rendered, str | Mapping) else None,
        )


def _same(model: Any, keys: tuple[str, str, str, int]) -> list[Any]:
    names = ("dag_id", "run_id", "task_id", "map_index")
    return [getattr(model, name) == key for name, key in zip(names, keys, strict=True)]


def _decoded(value: Any) -> Any:
    """Return a value that is kept as JSON text, once or, as some releases of Airflow do it, twice."""
    for _ in range(2):
        if not isinstance(value, str):
            break
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            break
    return value
