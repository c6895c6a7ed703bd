"""Many mapped tasks and a batch beside them; and the same files as one batch and as shards of one.

``celery.json`` beside this file says how many. Half of the mapped tasks wait in the triggerer.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator
from airflow_provider_asposeocr.operators.batch import AsposeOcrBatchOperator, AsposeOcrMergeReportsOperator

GIVEN = json.loads(Path(__file__).with_name("celery.json").read_text())
RETRIES: dict[str, Any] = {"retries": 3, "retry_delay": timedelta(seconds=1)}
FILES: dict[str, Any] = {
    "sources": "{{ dag_run.conf['sources'] }}/",
    "destination": "{{ dag_run.conf['results'] }}/",
    "max_in_flight": "{{ dag_run.conf['in_flight'] }}",
}

with DAG("killed", schedule=None, default_args=RETRIES):
    for task_id, rows in GIVEN["mapped"].items():
        AsposeOcrRecognizeImageOperator.partial(
            task_id=task_id,
            source="{{ dag_run.conf['source'] }}",
            deferrable=task_id == "deferred",
            poll_interval=1,
        ).expand(extra_settings=[{"row": row} for row in rows])
    AsposeOcrBatchOperator(task_id="batch", priority_weight=1000, **FILES)

with DAG("whole", schedule=None, default_args=RETRIES):
    AsposeOcrBatchOperator(task_id="batch", **FILES)

with DAG("sharded", schedule=None, default_args=RETRIES):
    shards = AsposeOcrBatchOperator.partial(task_id="batch", shards=GIVEN["shards"], **FILES).expand(
        shard=list(range(GIVEN["shards"]))
    )
    AsposeOcrMergeReportsOperator(task_id="merge", reports=shards.output, trigger_rule="all_done")
