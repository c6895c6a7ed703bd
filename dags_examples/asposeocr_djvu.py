"""Convert a DjVu document to PDF, and recognize that.

The service reads no text from DjVu itself. `source=convert.output` hands the stored PDF to the next task.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_asposeocr.operators.asposeocr import (
    AsposeOcrDjVu2PDFOperator,
    AsposeOcrRecognizePdfOperator,
)

with DAG(
    dag_id="asposeocr_djvu",
    schedule=None,
    doc_md=__doc__,
    tags=["asposeocr", "example"],
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10), "deferrable": True},
    params={
        "source": Param("/tmp/asposeocr/book.djvu", type="string", description="The DjVu document"),
        "destination": Param("file:///tmp/asposeocr/", type="string", description="Folder of the PDF"),
    },
):
    convert = AsposeOcrDjVu2PDFOperator(
        task_id="convert", source="{{ params.source }}", destination="{{ params.destination }}"
    )
    AsposeOcrRecognizePdfOperator(task_id="recognize", source=convert.output)
