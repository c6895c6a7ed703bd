"""Binarize and recognize an image, in the order that you choose when you trigger the DAG.

Either the black-and-white image is recognized (`source=binarize.output` reads the stored result of the task
before), or the original is, and a black-and-white copy of it then goes to the archive. No image goes through
XCom.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, TaskGroup, task

from airflow_provider_asposeocr.operators.asposeocr import (
    AsposeOcrBinarizeImageOperator,
    AsposeOcrRecognizeImageOperator,
)

ORDERS = ["binarize_then_recognize", "recognize_then_binarize"]

with DAG(
    dag_id="asposeocr_preprocessing",
    schedule=None,
    doc_md=__doc__,
    tags=["asposeocr", "example"],
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    params={
        "source": Param(
            str(Path(__file__).parent / "demo" / "scan.jpg"), type="string", description="The image to read"
        ),
        "destination": Param(
            "file:///tmp/asposeocr/", type="string", description="Destination of the black-and-white image"
        ),
        "order": Param(ORDERS[0], enum=ORDERS, description="The order of the two operations"),
    },
):
    original: dict[str, Any] = {"source": "{{ params.source }}", "deferrable": True}
    archive = {"destination": "{{ params.destination }}"}

    @task.branch
    def choose(params: dict[str, Any]) -> str:
        """Name the group of tasks to run."""
        return str(params["order"])

    with TaskGroup("binarize_then_recognize") as binarize_first:
        binarize = AsposeOcrBinarizeImageOperator(task_id="binarize", **original, **archive)
        of_binarized = AsposeOcrRecognizeImageOperator(
            task_id="recognize", source=binarize.output, deferrable=True
        )

    with TaskGroup("recognize_then_binarize") as recognize_first:
        of_original = AsposeOcrRecognizeImageOperator(task_id="recognize", **original)
        of_original >> AsposeOcrBinarizeImageOperator(task_id="binarize", **original, **archive)

    @task(trigger_rule="none_failed_min_one_success")
    def count_words(ti: Any = None) -> int:
        """Count the words: a stand-in for your own use of the text."""
        # Pulled here, since the rendered fields of this task would show an argument with its text.
        manifests = [ti.xcom_pull(task_ids=of.task_id) for of in (of_binarized, of_original)]
        return sum(len(manifest["text"].split()) for manifest in manifests if manifest)

    choose() >> [binarize_first, recognize_first]
    [of_binarized, of_original] >> count_words()
