"""Make a scanned PDF searchable, a picture of a table a spreadsheet, and an invoice a dict.

What a result means comes with it: the `value` of a manifest holds the rows of a table or the fields of an
invoice. Files go to the destination; all three tasks wait in the triggerer, without a worker slot.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_asposeocr.operators.asposeocr import (
    AsposeOcrRecognizeAndParseInvoiceOperator,
    AsposeOcrRecognizePdfOperator,
    AsposeOcrRecognizeTableOperator,
)

SAMPLES = Path(__file__).parent / "documents"

with DAG(
    dag_id="asposeocr_documents",
    schedule=None,
    doc_md=__doc__,
    tags=["asposeocr", "example"],
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10), "deferrable": True},
    params={
        "pdf": Param(str(SAMPLES / "note.pdf"), type="string", description="A scanned document"),
        "table": Param(str(SAMPLES / "table.png"), type="string", description="An image of a table"),
        "invoice": Param(str(SAMPLES / "invoice.png"), type="string", description="An image of an invoice"),
        "destination": Param("file:///tmp/asposeocr/", type="string", description="Folder of the results"),
    },
):
    searchable = AsposeOcrRecognizePdfOperator(
        task_id="searchable",
        source="{{ params.pdf }}",
        result_type="TextAndPdf",
        destination="{{ params.destination }}",
        inline_text=True,
    )
    table = AsposeOcrRecognizeTableOperator(
        task_id="table",
        source="{{ params.table }}",
        result_type="CsvAndExcel",
        destination="{{ params.destination }}",
    )
    invoice = AsposeOcrRecognizeAndParseInvoiceOperator(task_id="invoice", source="{{ params.invoice }}")

    @task
    def load(ti: Any = None) -> dict[str, Any]:
        """Return what there is to load: a stand-in for a warehouse."""
        found = {name: ti.xcom_pull(task_ids=name) for name in ("searchable", "table", "invoice")}
        return {
            "words": len(found["searchable"]["text"].split()),
            "rows": found["table"]["value"],
            "invoice": found["invoice"]["value"],
        }

    [searchable, table, invoice] >> load()
