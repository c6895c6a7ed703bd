"""Sensors that begin in the triggerer, end there, or both, each with a task to wait for of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest import mock

from airflow.providers.common.compat.sdk import DAG, Asset, task

from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator
from airflow_provider_asposeocr.sensors import asposeocr as sensors

FEW = timedelta(seconds=8)
MIN_WAIT = timedelta(seconds=4)


def wait(name: str, ocr_task_id: Any = None, **arguments: Any) -> sensors.AsposeOcrTaskSensor:
    """Make a sensor; by default it waits for the task that ``dag_run.conf`` has under its own name."""
    arguments = {"start_from_trigger": True, **arguments}
    ocr_task_id = ocr_task_id or f"{{{{ dag_run.conf['{name}'] }}}}"
    return sensors.AsposeOcrTaskSensor(
        task_id=name, operation="RecognizeImage", ocr_task_id=ocr_task_id, **arguments
    )


with DAG(
    dag_id="triggerer",
    schedule=None,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=1)},
    params={"by_params": "", "mapped": ""},
):
    submit = AsposeOcrRecognizeImageOperator(
        task_id="submit", source="{{ dag_run.conf['source'] }}", wait_for_completion=False
    )
    by_output = wait("by_output", submit.output)
    submit >> wait("by_pull", "{{ ti.xcom_pull(task_ids='submit', map_indexes=-1) }}")

    @task
    def read(ti: Any = None) -> dict[str, Any]:
        """Stand for whatever is done with the text."""
        manifest = ti.xcom_pull(task_ids="by_output")
        return {"ocr_task_id": manifest["ocr_task_id"], "characters": len(manifest["text"])}

    by_output >> read()

    wait("by_conf")
    wait("by_params", "{{ params.by_params }}")
    wait("never", timeout=FEW)
    wait("never_soft", timeout=FEW, soft_fail=True)
    wait("in_error")
    wait("stored", destination="{{ dag_run.conf['folder'] }}/")
    sensors.AsposeOcrTaskSensor.partial(
        task_id="mapped", operation="RecognizeImage", start_from_trigger=True
    ).expand(ocr_task_id=["{{ dag_run.conf['mapped'] }}", "{{ params.mapped }}"])
    wait("deferred", start_from_trigger=False)
    wait("with_outlet", start_from_trigger=False, outlets=[Asset("asposeocr://triggerer/with_outlet")])

    # The triggerer has no answer to this, and the provider cannot know all that can be written in a template.
    with mock.patch.object(sensors, "TRIGGER_GRACE", MIN_WAIT.total_seconds()):
        for name, soft in (("hanging", False), ("hanging_soft", True)):
            wait(name, "{{ ti['get_' ~ 'dag'](ti.dag_id) }}", timeout=MIN_WAIT, retries=0, soft_fail=soft)
