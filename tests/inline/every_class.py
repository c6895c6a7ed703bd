"""A task of every class, in each way in which it can run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_asposeocr.decorators.asposeocr import asposeocr_batch_task, asposeocr_task
from airflow_provider_asposeocr.operators.asposeocr import (
    AsposeOcrBinarizeImageOperator,
    AsposeOcrRecognizeImageOperator,
    AsposeOcrRecognizeImageTrialOperator,
)
from airflow_provider_asposeocr.operators.base import AsposeOcrOperator
from airflow_provider_asposeocr.operators.batch import AsposeOcrBatchOperator
from airflow_provider_asposeocr.operators.fetch import AsposeOcrFetchResultOperator
from airflow_provider_asposeocr.sensors.asposeocr import AsposeOcrTaskSensor

SOURCE, FOLDER, AWAITED = (os.environ.get(name, "") for name in ("SOURCE", "FOLDER", "AWAITED"))
UNKNOWN = "01234567-89ab-4cde-8f01-23456789abcd"
RECOGNIZE: dict[str, Any] = {"operation": "RecognizeImage"}
DEFERRED: dict[str, Any] = {"source": SOURCE, "deferrable": True}

with DAG(dag_id="every_class", schedule=None, default_args={"retries": 0}):
    AsposeOcrOperator(task_id="by_name", source=SOURCE, **RECOGNIZE)
    AsposeOcrRecognizeImageOperator(task_id="plain", source=SOURCE)
    AsposeOcrRecognizeImageOperator(task_id="deferred", **DEFERRED)
    AsposeOcrRecognizeImageOperator(task_id="not_durable", durable=False, **DEFERRED)
    AsposeOcrRecognizeImageOperator(task_id="stored", destination=f"{FOLDER}/text/", **DEFERRED)
    AsposeOcrRecognizeImageOperator(task_id="recorded", durable_path=f"{FOLDER}/records", **DEFERRED)
    AsposeOcrRecognizeImageTrialOperator(task_id="trial", **DEFERRED)
    AsposeOcrBinarizeImageOperator(task_id="binarized", destination=f"{FOLDER}/black/", **DEFERRED)
    AsposeOcrRecognizeImageOperator.partial(task_id="mapped", deferrable=True).expand(source=[SOURCE, SOURCE])
    AsposeOcrRecognizeImageOperator(task_id="submitted", source=SOURCE, wait_for_completion=False)
    AsposeOcrTaskSensor(task_id="awaited", ocr_task_id=AWAITED, **RECOGNIZE)
    AsposeOcrTaskSensor(task_id="awaited_here", ocr_task_id=AWAITED, deferrable=False, **RECOGNIZE)
    AsposeOcrTaskSensor(
        task_id="awaited_and_stored", ocr_task_id=AWAITED, destination=f"{FOLDER}/awaited/", **RECOGNIZE
    )
    AsposeOcrTaskSensor(task_id="from_trigger", ocr_task_id=AWAITED, start_from_trigger=True, **RECOGNIZE)
    AsposeOcrTaskSensor.partial(task_id="mapped_sensor", **RECOGNIZE).expand(ocr_task_id=[AWAITED, AWAITED])
    AsposeOcrTaskSensor(task_id="skipped", ocr_task_id=UNKNOWN, soft_fail=True, **RECOGNIZE)
    AsposeOcrFetchResultOperator(task_id="fetched", ocr_task_id=AWAITED, **RECOGNIZE)

    @asposeocr_task(deferrable=True)
    def by_function(path: str) -> str:
        """Return the source."""
        return path

    by_function(SOURCE)

    @asposeocr_task(deferrable=True)
    def by_mapped_function(path: str) -> dict[str, str]:
        """Return the source."""
        return {"uri": path}

    by_mapped_function.expand(path=[SOURCE, SOURCE])

    @asposeocr_batch_task(destination=f"{FOLDER}/batch_by_function/")
    def batch_by_function(path: str) -> Iterator[str]:
        """Yield the sources."""
        yield path

    batch_by_function(SOURCE)
    AsposeOcrBatchOperator(task_id="batch", sources=[SOURCE], destination=f"{FOLDER}/batch/")
