"""Recognize every image in a folder, and store the texts in another one.

The folders are on the worker, or on a volume that all workers share. Without images the tasks are skipped and
the run succeeds.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator

with DAG(
    dag_id="asposeocr_local_folder",
    schedule=None,
    doc_md=__doc__,
    tags=["asposeocr", "example"],
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    params={
        "folder": Param(
            str(Path(__file__).parent / "demo"), type="string", description="The folder of the images"
        ),
        "pattern": Param("*.jpg", type="string", description="The pattern of their names"),
        "texts": Param("/tmp/asposeocr/text", type="string", description="The folder for the texts"),
    },
):

    @task
    def images(params: dict[str, Any]) -> list[str]:
        """List the images."""
        return sorted(str(path) for path in Path(params["folder"]).glob(params["pattern"]))

    recognize = AsposeOcrRecognizeImageOperator.partial(
        task_id="recognize",
        destination="{{ params.texts }}/",
        language="English",
        deferrable=True,
    ).expand(source=images())

    @task
    def count_words(manifests: Iterable[dict[str, Any]]) -> int:
        """Count the words: a stand-in for your own use of the texts."""
        return sum(
            len(Path(result["path"]).read_text().split())
            for manifest in manifests
            for result in manifest["results"]
        )

    count_words(recognize.output)
