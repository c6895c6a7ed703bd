"""Whether a task may end in the triggerer, without a worker to end it."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator, conf
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_2_PLUS

from airflow_provider_asposeocr.api import coerce


def why_a_worker_ends(task: Any) -> str | None:
    """Why a deferred task that has succeeded goes back to a worker, or None if the trigger may end it.

    A task that ends in the triggerer saves a worker slot and some seconds, but Airflow then leaves out what
    only a worker does on success. Failures always go back: a worker knows what is worth a retry.

    :param task: an operator or sensor with the fields of :class:`.OcrTaskMixin`. One that keeps a record of
        its submission says so by ``keeps_record``.

    .. seealso:: https://airflow.apache.org/docs/apache-airflow/stable/authoring-and-scheduling/deferring.html
    """
    # Not at the top: it loads all plugins, and this module is loaded wherever a DAG is parsed.
    from airflow.providers.common.compat.sdk import get_listener_manager

    reasons = {
        "the results are stored": not coerce.is_unset(task.destination),
        "the results at the service are deleted": str(task.delete_remote).strip().lower() != "false",
        "the record of the submission is kept": getattr(task, "keeps_record", False),
        "it has outlets, and a worker reports asset events": bool(task.outlets),
        "it has operator links, which a worker fills": bool(task.operator_extra_links),
        "it has a map_index_template, which a worker renders": task.map_index_template is not None,
        "it has multiple_outputs, which a worker takes apart": bool(task.multiple_outputs),
        "it has do_xcom_push=False": not task.do_xcom_push,
        "it has a callback on success": bool(task.on_success_callback),
        "it has a post_execute": _has_post_execute(task),
        "there are listeners, such as OpenLineage": bool(get_listener_manager().has_listeners),
        "Airflow 3.0 and 3.1 spoil the XCom of a task that ends in the triggerer": (
            AIRFLOW_V_3_0_PLUS and not AIRFLOW_V_3_2_PLUS
        ),
        "there is a custom XCom backend": not conf.get("core", "xcom_backend").endswith(".BaseXCom"),
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


def _has_post_execute(task: Any) -> bool:
    own = getattr(task.post_execute, "__func__", None)
    return getattr(task, "_post_execute_hook", None) is not None or own is not BaseOperator.post_execute
