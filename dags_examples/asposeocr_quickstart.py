"""Binarize a scan, recognize the black-and-white image, use the text.

No image goes through XCom: the second task reads the stored result of the first. Both wait in the triggerer,
without a worker slot.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_asposeocr.operators.asposeocr import (
    AsposeOcrBinarizeImageOperator,
    AsposeOcrRecognizeImageOperator,
)

with DAG(
    dag_id="asposeocr_quickstart",
    schedule=None,
    doc_md=__doc__,
    tags=["asposeocr", "example"],
    # A retry is cheap; without one, a trigger that fires while the scheduler is busy can fail a task.
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    params={
        "source": Param(
            str(Path(__file__).parent / "demo" / "scan.jpg"), type="string", description="The image to read"
        ),
        "destination": Param(
            "file:///tmp/asposeocr/", type="string", description="Destination of the black-and-white image"
        ),
    },
):
    binarize = AsposeOcrBinarizeImageOperator(
        task_id="binarize",
        source="{{ params.source }}",
        destination="{{ params.destination }}",
        deferrable=True,
    )
    recognize = AsposeOcrRecognizeImageOperator(
        task_id="recognize",
        source=binarize.output,
        language="English",
        deferrable=True,
    )

    @task
    def count_words(ti: Any = None) -> dict[str, Any]:
        """Count the words: a stand-in for loading the text into a warehouse, an index or a mail."""
        # Pulled here, since the rendered fields of this task would show an argument with its text.
        manifest = ti.xcom_pull(task_ids="recognize")
        return {"source": manifest["source"], "words": len(manifest["text"].split())}

    recognize >> count_words()
