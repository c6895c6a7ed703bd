"""Find the parts of an image that hold text, and recognize each by itself.

`regions=detect.output` hands the boxes to the second task, whose `value` is a list of `order`, `rect` and
`text`. Boxes that are always the same, such as those of a form, can be given: `regions=[[60, 60, 480, 118]]`.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_asposeocr.operators.asposeocr import (
    AsposeOcrDetectRegionsOperator,
    AsposeOcrRecognizeRegionsOperator,
)

with DAG(
    dag_id="asposeocr_regions",
    schedule=None,
    doc_md=__doc__,
    tags=["asposeocr", "example"],
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10), "deferrable": True},
    params={
        "source": Param(
            str(Path(__file__).parent / "documents" / "invoice.png"), type="string", description="The image"
        ),
    },
):
    detect = AsposeOcrDetectRegionsOperator(task_id="detect", source="{{ params.source }}")
    recognize = AsposeOcrRecognizeRegionsOperator(
        task_id="recognize", source="{{ params.source }}", regions=detect.output
    )

    @task
    def count_texts(ti: Any = None) -> int:
        """Count the regions with text: a stand-in for your own use of them."""
        return sum(bool(region["text"].strip()) for region in ti.xcom_pull(task_ids="recognize")["value"])

    recognize >> count_texts()
