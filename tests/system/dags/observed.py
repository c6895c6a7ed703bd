"""What is told of a task to those who watch: metrics, spans, lineage and asset events."""

from __future__ import annotations

import os

from airflow.providers.common.compat.sdk import DAG, Asset

from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator
from airflow_provider_asposeocr.operators.batch import AsposeOcrBatchOperator

SCAN, SIGNED = os.environ.get("SCAN", "scan.jpg"), os.environ.get("SIGNED", "http://127.0.0.1/scan.jpg")
FOLDER = os.environ.get("FOLDER", "/tmp")

with DAG("observed", schedule=None):
    # The only ones that wait, each in another process.
    recognize = AsposeOcrRecognizeImageOperator(
        task_id="recognize",
        source=SIGNED,
        destination=f"{FOLDER}/one/",
        inline_text=True,
        deferrable=True,
        outlets=[Asset("text_of_a_scan")],
    )
    batch = AsposeOcrBatchOperator(
        task_id="batch",
        sources=[SCAN],
        destination=f"{FOLDER}/many/",
        outlets=[Asset("texts_of_a_folder")],
    )
    fail = AsposeOcrRecognizeImageOperator(
        task_id="fail",
        source=SIGNED.replace("scan.jpg", "gone.jpg"),
        deferrable=False,
        retries=0,
    )
    recognize >> batch >> fail
