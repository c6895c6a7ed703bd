"""An auth manager for tests, in which one user may see DAGs, but not their XComs."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager


class FewerXComs(SimpleAuthManager):
    """Refuse the XComs of all DAGs to the user ``outsider``, and the tasks to ``newcomer``."""

    def is_authorized_dag(self, *, user: Any, access_entity: Any = None, **kwargs: Any) -> bool:
        """Tell whether a user may have access to a DAG, or to a kind of its data."""
        refused = {"outsider": DagAccessEntity.XCOM, "newcomer": DagAccessEntity.TASK_INSTANCE}
        if access_entity is not None and refused.get(user.username) is access_entity:
            return False
        return super().is_authorized_dag(user=user, access_entity=access_entity, **kwargs)
