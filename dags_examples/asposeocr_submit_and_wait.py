"""Submit in one task, wait in another, use the text in a third.

The sensor waits in the triggerer for ``Completed`` and returns the manifest. Use this form if the id is
needed elsewhere, or if submitting and waiting need different pools or retries.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator
from airflow_provider_asposeocr.sensors.asposeocr import AsposeOcrTaskSensor

with DAG(
    dag_id="asposeocr_submit_and_wait",
    schedule=None,
    doc_md=__doc__,
    tags=["asposeocr", "example"],
    # A retry is cheap; without one, a trigger that fires while the scheduler is busy can fail a task.
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    params={
        "source": Param(
            str(Path(__file__).parent / "demo" / "scan.jpg"), type="string", description="The image to read"
        ),
    },
):
    submit = AsposeOcrRecognizeImageOperator(
        task_id="submit",
        source="{{ params.source }}",
        wait_for_completion=False,
    )
    wait = AsposeOcrTaskSensor(
        task_id="wait",
        operation="RecognizeImage",
        ocr_task_id=submit.output,
    )

    @task
    def first_line(ti: Any = None) -> dict[str, Any]:
        """Measure the first line: a stand-in for your own use of the text."""
        # Pulled here, since the rendered fields of this task would show an argument with its text.
        manifest = ti.xcom_pull(task_ids="wait")
        lines = manifest["text"].splitlines() or [""]
        return {"ocr_task_id": manifest["ocr_task_id"], "characters_in_first_line": len(lines[0])}

    wait >> first_line()
