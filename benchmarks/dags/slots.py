"""Several ways to do the same: submit an image, wait until the OCR task is completed, fetch the text."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, PokeReturnValue
from airflow.providers.http.operators.http import HttpOperator
from airflow.providers.http.sensors.http import HttpSensor

from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator
from airflow_provider_asposeocr.sensors.asposeocr import AsposeOcrTaskSensor

SOURCE = Path(os.environ["BENCHMARK_SOURCE"])
ENDPOINT = "v5.0/ocr/RecognizeImage"
SETTINGS = {"seconds": "{{ dag_run.conf['seconds'] }}", "run_id": "{{ run_id }}"}
HEADERS = {"Authorization": "Bearer {{ dag_run.conf['token'] }}", "Accept": "application/json"}


def ours(start_from_trigger: bool) -> None:
    """Submit with this provider's operator, wait with its sensor."""
    submit = AsposeOcrRecognizeImageOperator(
        task_id="submit", source=str(SOURCE), extra_settings=SETTINGS, wait_for_completion=False
    )
    AsposeOcrTaskSensor(
        task_id="wait",
        operation="RecognizeImage",
        ocr_task_id=submit.output,
        start_from_trigger=start_from_trigger,
    )


def our_operator() -> None:
    """Do both in one deferrable task."""
    AsposeOcrRecognizeImageOperator(
        task_id="submit", source=str(SOURCE), extra_settings=SETTINGS, deferrable=True
    )


def http(**of_sensor: Any) -> None:
    """Do it with Airflow's own tasks for HTTP."""
    image = base64.b64encode(SOURCE.read_bytes()).decode()
    submit = HttpOperator(
        task_id="submit",
        http_conn_id="service",
        method="POST",
        endpoint=ENDPOINT,
        headers={**HEADERS, "Content-Type": "application/json"},
        data=json.dumps({"image": image, "settings": SETTINGS}),
        response_filter=lambda response: response.json(),
    )
    wait = HttpSensor(
        task_id="wait",
        http_conn_id="service",
        endpoint=ENDPOINT,
        headers=HEADERS,
        request_params={"id": "{{ ti.xcom_pull(task_ids='submit') }}"},
        response_check=completed,
        poke_interval=5,
        **of_sensor,
    )
    submit >> wait


def completed(response: Any) -> PokeReturnValue:
    """Look at an answer of the service; return the text with the last one."""
    task = response.json()
    if task["taskStatus"] in ("Error", "NotExist"):
        raise RuntimeError(task["taskStatus"])
    if task["taskStatus"] != "Completed":
        return PokeReturnValue(is_done=False)
    return PokeReturnValue(is_done=True, xcom_value=base64.b64decode(task["results"][0]["data"]).decode())


WAYS: dict[str, Callable[[], None]] = {
    "sensor": lambda: ours(start_from_trigger=False),
    "sensor_from_trigger": lambda: ours(start_from_trigger=True),
    "operator": our_operator,
    "http_reschedule": lambda: http(mode="reschedule"),
    "http_deferrable": lambda: http(deferrable=True),
}

for name, way in WAYS.items():
    with DAG(dag_id=f"slots_{name}", schedule=None, max_active_runs=1000, max_active_tasks=1000):
        way()
