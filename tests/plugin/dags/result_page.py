"""Tasks with results for the result page: real ones, and one that returns whatever a run asks for."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_asposeocr.operators.asposeocr import (
    AsposeOcrRecognizeAndParseInvoiceOperator,
    AsposeOcrRecognizeImageOperator,
    AsposeOcrRecognizePdfOperator,
    AsposeOcrRecognizeTableOperator,
)
from airflow_provider_asposeocr.operators.batch import AsposeOcrBatchOperator

with DAG(
    dag_id="result_page",
    schedule=None,
    params={"folder": Param("/nowhere", type="string")},
    default_args={"destination": "{{ params.folder }}/results/"},
):
    AsposeOcrRecognizeImageOperator(
        task_id="scan", source="{{ params.folder }}/scan.jpg", result_type="Hocr", language="English"
    )
    AsposeOcrRecognizeTableOperator(
        task_id="table", source="{{ params.folder }}/table.png", result_type="Csv"
    )
    AsposeOcrRecognizeAndParseInvoiceOperator(task_id="invoice", source="{{ params.folder }}/invoice.png")
    AsposeOcrRecognizePdfOperator(
        task_id="pdf", source="{{ params.folder }}/note.pdf", result_type="Hocr", deferrable=True
    )
    AsposeOcrBatchOperator(
        task_id="batch",
        sources="{{ params.folder }}/batch/",
        destination="{{ params.folder }}/texts/",
        fail_on="none",
        report="{{ params.folder }}/texts/report.jsonl",
    )

with DAG(dag_id="returned", schedule=None, params={"values": Param([], type="array")}):

    @task
    def values(params: Any = None) -> list[Any]:
        """Return what is written into an XCom, item by item."""
        return list(params["values"])

    @task
    def returned(value: Any) -> Any:
        """Return a value, as whoever may write XComs can."""
        return value

    returned.expand(value=values())
