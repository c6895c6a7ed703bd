"""The link from a task to its result page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from airflow.configuration import conf
from airflow.providers.common.compat.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import TaskInstanceKey

URL_PREFIX = "/asposeocr"


def base_path() -> str:
    """Return the path of the result pages, below that of the API server."""
    base = conf.get("api", "base_url", fallback="") or ""
    return urlsplit(base).path.rstrip("/") + URL_PREFIX


def page_path(dag_id: str, run_id: str, task_id: str, map_index: int) -> str:
    """Return the path of the page of a task instance, below :func:`base_path`.

    :param dag_id: the DAG.
    :param run_id: the run.
    :param task_id: the task.
    :param map_index: Airflow's map index, -1 for a task that is not mapped.
    """
    dag, run, task = (quote(part, safe="~:+") for part in (dag_id, run_id, task_id))
    return f"/dags/{dag}/runs/{run}/tasks/{task}/{map_index}"


class ResultPageLink(BaseOperatorLink):
    """Lead from a task to its result page. The API server makes the address; no worker has a part in it.

    .. seealso:: https://airflow.apache.org/docs/apache-airflow/stable/howto/define-extra-link.html
    """

    @property
    def name(self) -> str:
        """The label of the button."""
        return "Result page"

    @property
    def operators(self) -> list[type[Any]]:  # type: ignore[override]
        """The operators that have it; not the sensor, which the tab serves.

        They are loaded when Airflow asks, which it does where it shows a DAG.
        """
        from airflow_provider_asposeocr.operators import asposeocr, batch, fetch
        from airflow_provider_asposeocr.operators.base import AsposeOcrOperator

        short = [value for value in vars(asposeocr).values() if isinstance(value, type)]
        single = [kind for kind in short if issubclass(kind, AsposeOcrOperator)]
        return list(
            {*single, AsposeOcrOperator, batch.AsposeOcrBatchOperator, fetch.AsposeOcrFetchResultOperator}
        )

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """Return the address of the page.

        :param operator: the task, as the API server knows it.
        :param ti_key: the task instance.
        """
        return base_path() + page_path(ti_key.dag_id, ti_key.run_id, ti_key.task_id, ti_key.map_index)
