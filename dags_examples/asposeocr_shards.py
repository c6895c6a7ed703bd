"""Recognize the images of a folder in shards, each a task for a worker of its own, and merge their reports.

With Celery or Kubernetes the shards run on several machines: `images` and `texts` must be in a storage that
all of them reach, such as `s3://inbox/2026/`. A shard fails only if it was not brought to an end; of all
images, up to one in twenty may fail.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_asposeocr.operators.batch import AsposeOcrBatchOperator, AsposeOcrMergeReportsOperator

SHARDS = 4

with DAG(
    dag_id="asposeocr_shards",
    schedule=None,
    doc_md=__doc__,
    tags=["asposeocr", "example"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
    params={
        "images": Param(
            f"{Path(__file__).parent / 'demo'}/", type="string", description="A folder, or a pattern"
        ),
        "texts": Param("/tmp/asposeocr/shards/", type="string", description="The folder for the texts"),
    },
):
    recognize = AsposeOcrBatchOperator.partial(
        task_id="recognize",
        sources="{{ params.images }}",
        destination="{{ params.texts }}",
        language="English",
        shards=SHARDS,
        fail_on="none",
    ).expand(shard=list(range(SHARDS)))

    AsposeOcrMergeReportsOperator(
        task_id="merge",
        reports=recognize.output,
        fail_on=0.05,
        trigger_rule="all_done",
    )
