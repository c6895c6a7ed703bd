"""Eight OCR tasks that wait at the same time, and OCR tasks of the trial whose ids are secrets."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_asposeocr.operators.asposeocr import (
    AsposeOcrRecognizeImageOperator,
    AsposeOcrRecognizeImageTrialOperator,
)
from airflow_provider_asposeocr.sensors.asposeocr import AsposeOcrTaskSensor

SOURCE = "{{ dag_run.conf['source'] }}"

with DAG(
    dag_id="eight_waiting", schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=1)}
):
    AsposeOcrRecognizeImageOperator.partial(
        task_id="operator", source=SOURCE, deferrable=True, poll_interval=2
    ).expand(language=["English", "German", "French", "Italian"])
    submit = AsposeOcrRecognizeImageOperator.partial(
        task_id="submit", source=SOURCE, wait_for_completion=False
    ).expand(language=["English", "German", "French", "Italian"])
    AsposeOcrTaskSensor.partial(task_id="sensor", operation="RecognizeImage", poke_interval=2).expand(
        ocr_task_id=submit.output
    )

with DAG(dag_id="trial", schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=1)}):
    trial = AsposeOcrRecognizeImageTrialOperator(task_id="submit", source=SOURCE, wait_for_completion=False)
    AsposeOcrTaskSensor(task_id="wait", operation="RecognizeImageTrial", ocr_task_id=trial.output)
    mapped = AsposeOcrRecognizeImageTrialOperator.partial(
        task_id="submit_mapped", wait_for_completion=False
    ).expand(source=[SOURCE])
    AsposeOcrTaskSensor.partial(task_id="wait_mapped", operation="RecognizeImageTrial").expand(
        ocr_task_id=mapped.output
    )
