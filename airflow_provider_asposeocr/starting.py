"""Starting a sensor in the triggerer, without a worker (Airflow 3.3 and later)."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import XComArg

from airflow_provider_asposeocr.api.exceptions import AsposeOcrSettingsError

_HANGS = (
    *("task_state_store", "asset_state_store", "inlet_events", "outlet_events", "triggering_asset_events"),
    *("prev_start_date_success", "prev_end_date_success", "prev_data_interval_", "get_dag"),
    *("get_previous_dagrun", "get_first_reschedule_date", "get_task_breadcrumbs"),
)
"""What a template cannot use there: the triggerer does not answer, and the task would hang."""


def triggerer_template(value: Any) -> str:
    """The id of a task as a template that the triggerer can render.

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
        _check_template(value)
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


def _check_template(template: str) -> None:
    if template.count("xcom_pull") > template.count("map_indexes"):
        raise AsposeOcrSettingsError(
            "start_from_trigger=True: xcom_pull without map_indexes hangs in the triggerer; write "
            "ti.xcom_pull(task_ids=..., map_indexes=-1), or give the output of the task itself"
        )
    if unknown := [name for name in _HANGS if name in template]:
        raise AsposeOcrSettingsError(
            f"start_from_trigger=True: {unknown[0]} cannot be used in a template that the triggerer renders"
        )
