"""A task for each misbehaviour of the service, and a DAG that has nothing to do with them.

``hostile.json`` beside this file says for each misbehaviour its number, the kind of call that it strikes, and
whether a sensor meets it as well; and how many seconds the tasks wait.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, BaseOperator

from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator
from airflow_provider_asposeocr.sensors.asposeocr import AsposeOcrTaskSensor

try:
    from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
except ImportError:
    from airflow.triggers.temporal import TimeDeltaTrigger  # type: ignore[no-redef]

GIVEN = json.loads(Path(__file__).with_name("hostile.json").read_text())
STORED = ("status", "fetch")
"""Calls of tasks whose text no trigger may read: their status is polled, and their results are fetched."""
ASIDE = {"destination": "{{ dag_run.conf['folder'] }}/", "max_inline_bytes": 0}

with DAG(dag_id="hostile", schedule=None, max_active_tasks=100, default_args={"retries": 0}):
    for number, call, is_awaited in GIVEN["cases"]:
        more: dict[str, Any] = dict(ASIDE) if call in STORED else {}
        if call == "token":
            more["asposeocr_conn_id"] = f"token_{number}"
        AsposeOcrRecognizeImageOperator(
            task_id=f"operator_{number}",
            source="{{ dag_run.conf['source'] }}",
            extra_settings={"row": number},
            durable_path="{{ dag_run.conf['records'] }}",
            deferrable=True,
            poll_interval=1,
            timeout=GIVEN["longest"],
            **more,
        )
        if is_awaited:
            AsposeOcrTaskSensor(
                task_id=f"sensor_{number}",
                operation="RecognizeImage",
                ocr_task_id=f"awaited-{number}",
                deferrable=True,
                start_from_trigger=True,
                poke_interval=1,
                timeout=timedelta(seconds=GIVEN["longest"]),
                **more,
            )


class Bystander(BaseOperator):
    """Waits in the triggerer for a few seconds, as any task of any DAG may."""

    def execute(self, context: Any) -> None:
        """Wait."""
        trigger = TimeDeltaTrigger(timedelta(seconds=GIVEN["bystander"]))
        self.defer(trigger=trigger, method_name="execute_complete")

    def execute_complete(self, context: Any, event: Any) -> str:
        """Return when the trigger has fired."""
        return str(event)


with DAG(dag_id="bystander", schedule=None, default_args={"retries": 0}):
    Bystander(task_id="wait", priority_weight=10_000)
