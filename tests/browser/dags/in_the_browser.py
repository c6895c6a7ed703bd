"""What the browser is shown: mapped tasks that wait, and results of a scan, a table, a PDF and a batch."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_asposeocr.operators.asposeocr import (
    AsposeOcrRecognizeAndParseInvoiceOperator,
    AsposeOcrRecognizeImageOperator,
    AsposeOcrRecognizePdfOperator,
    AsposeOcrRecognizeTableOperator,
)
from airflow_provider_asposeocr.operators.batch import AsposeOcrBatchOperator

FOLDER = "{{ params.folder }}"

with DAG(dag_id="inbox", schedule=None, params={"folder": Param("/nowhere", type="string")}):
    AsposeOcrRecognizeImageOperator.partial(
        task_id="recognize", language="French", deferrable=True, extra_settings={"purpose": "browser"}
    ).expand(
        source=[
            f"{FOLDER}/facture-2026-04.jpg",
            f"{FOLDER}/lettre d'été.jpg",
            f"{FOLDER}/contrat n° 7 & annexe.jpg",
        ]
    )

with DAG(
    dag_id="results",
    schedule=None,
    params={"folder": Param("/nowhere", type="string")},
    default_args={"destination": f"{FOLDER}/results/", "inline_text": True},
):
    # Boxes lie on the words of a page that was not straightened before.
    scan = AsposeOcrRecognizeImageOperator(
        task_id="scan",
        source=f"{FOLDER}/scan.jpg",
        result_type="Hocr",
        make_skew_correct=False,
        max_inline_bytes=100_000,
    )
    table = AsposeOcrRecognizeTableOperator(task_id="table", source=f"{FOLDER}/table.png", result_type="Csv")
    invoice = AsposeOcrRecognizeAndParseInvoiceOperator(task_id="invoice", source=f"{FOLDER}/invoice.png")
    pdf = AsposeOcrRecognizePdfOperator(
        task_id="pdf", source=f"{FOLDER}/note.pdf", result_type="Hocr", deferrable=True
    )
    # One after the other: recognition takes a core, and a small machine has few.
    scan >> table >> invoice >> pdf

with DAG(dag_id="archive", schedule=None, params={"folder": Param("/nowhere", type="string")}):
    AsposeOcrBatchOperator(
        task_id="batch", sources=f"{FOLDER}/archive/", destination=f"{FOLDER}/texts/", fail_on="none"
    )
