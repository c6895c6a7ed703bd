"""Recognize all images of a folder in one task, store their texts in another folder, and read the report.

`images` and `texts` may be in any storage that Airflow has registered, such as `s3://inbox/2026/`. Any number
of images takes one worker slot; a retry resumes where the last try ended. Up to one image in twenty may fail:
the last task names those.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, ObjectStoragePath, Param, task

from airflow_provider_asposeocr.operators.batch import AsposeOcrBatchOperator

with DAG(
    dag_id="asposeocr_batch",
    schedule=None,
    doc_md=__doc__,
    tags=["asposeocr", "example"],
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    params={
        "images": Param(
            f"{Path(__file__).parent / 'demo'}/", type="string", description="A folder, or a pattern"
        ),
        "texts": Param("/tmp/asposeocr/batch/", type="string", description="The folder for the texts"),
    },
):
    recognize = AsposeOcrBatchOperator(
        task_id="recognize",
        sources="{{ params.images }}",
        destination="{{ params.texts }}",
        language="English",
        max_in_flight=20,
        fail_on=0.05,
    )

    @task
    def use_texts(summary: dict[str, Any]) -> dict[str, int]:
        """Count words, a stand-in for your own use of the texts, and return the number of items by status."""
        statuses: Counter[str] = Counter()
        for line in ObjectStoragePath(summary["report"]).read_text().splitlines():
            item = json.loads(line)
            statuses[item["status"]] += 1
            if item["status"] == "succeeded":
                words = ObjectStoragePath(item["uri"]).read_text().split()
                print(item["source"], "has", len(words), "words")
            else:
                print(item["source"], item["status"], item["message"])
        return dict(statuses)

    use_texts(recognize.output)
