"""Decide where a task begins and ends: in a worker or in the triggerer."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator, XComArg, conf
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_2_PLUS

from airflow_provider_asposeocr.api import coerce
from airflow_provider_asposeocr.api.exceptions import AsposeOcrSettingsError


def why_a_worker_ends(task: Any) -> str | None:
    """Say why a deferred task that has succeeded goes back to a worker; None if the trigger ends it.

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


_HANGS = (
    *("task_state_store", "asset_state_store", "inlet_events", "outlet_events", "triggering_asset_events"),
    *("prev_start_date_success", "prev_end_date_success", "prev_data_interval_", "get_dag"),
    *("get_previous_dagrun", "get_first_reschedule_date", "get_task_breadcrumbs"),
)
"""Names that no template can use there: the triggerer does not answer, and the task would hang."""


def triggerer_template(value: Any) -> str:
    """Return the id of an OCR task as a template that the triggerer can render.

    :param value: an id, a template, or the output of a task.
    :raises AsposeOcrSettingsError: if the triggerer could not render it, and would hang.
    """
    if isinstance(value, XComArg):
        return _pull(value)
    if not isinstance(value, str):
        raise AsposeOcrSettingsError(
            "start_from_trigger=True needs ocr_task_id as text, a template or the output of a task, not "
            f"a {type(value).__name__}"
        )
    if "{{" in value or "{%" in value:
        if value.count("xcom_pull") > value.count("map_indexes"):
            raise AsposeOcrSettingsError(
                "start_from_trigger=True: xcom_pull without map_indexes hangs in the triggerer; write "
                "ti.xcom_pull(task_ids=..., map_indexes=-1), or give the output of the task itself"
            )
        if unknown := [name for name in _HANGS if name in value]:
            raise AsposeOcrSettingsError(
                f"start_from_trigger=True: {unknown[0]} cannot be used in a template that the triggerer "
                "renders"
            )
    return value


def _pull(output: Any) -> str:
    operator, key = getattr(output, "operator", None), getattr(output, "key", None)
    if operator is None or key is None:
        raise AsposeOcrSettingsError(
            "start_from_trigger=True takes the output of a task as it is: map and zip need a worker"
        )
    if operator.is_mapped or next(operator.iter_mapped_task_groups(), None) is not None:
        raise AsposeOcrSettingsError(
            "start_from_trigger=True cannot wait on the output of a mapped task: it is many ids"
        )
    return f"{{{{ ti.xcom_pull(task_ids={operator.task_id!r}, key={key!r}, map_indexes=-1) }}}}"
