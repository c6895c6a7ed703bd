"""Many mapped tasks at the same time, which a test gives a connection with a wrong secret."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_asposeocr.operators.base import AsposeOcrOperator

MANY = 50

with DAG(
    dag_id="wrong_secret",
    schedule=None,
    max_active_tasks=MANY,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=1)},
):
    AsposeOcrOperator.partial(
        task_id="recognize",
        operation="RecognizeImage",
        source="{{ dag_run.conf['source'] }}",
        deferrable=True,
    ).expand(extra_settings=[{"number": number} for number in range(MANY)])
