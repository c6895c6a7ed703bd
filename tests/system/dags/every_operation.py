"""Every operation that the vendor has not replaced, on files of one folder."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_asposeocr.operators import asposeocr as operators
from airflow_provider_asposeocr.operators.base import AsposeOcrOperator

FOLDER = "{{ dag_run.conf['folder'] }}"
STORED: dict[str, Any] = {"destination": f"file://{FOLDER}/results/"}

with DAG(
    dag_id="every_operation",
    schedule=None,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=1), "deferrable": True, "poll_interval": 2},
):
    image = operators.AsposeOcrRecognizeImageOperator(
        task_id="image", source=f"{FOLDER}/letter.png", result_type="Hocr", max_inline_bytes=1 << 20
    )
    operators.AsposeOcrRecognizeImageTrialOperator(task_id="image_trial", source=f"{FOLDER}/letter.png")
    operators.AsposeOcrRecognizePdfOperator(
        task_id="pdf", source=f"{FOLDER}/letter.pdf", result_type="TextAndPdf", inline_text=True, **STORED
    )
    operators.AsposeOcrRecognizeReceiptOperator(task_id="receipt", source=f"{FOLDER}/receipt.png")
    operators.AsposeOcrRecognizeTableOperator(
        task_id="table", source=f"{FOLDER}/table.png", result_type="CsvAndExcel", **STORED
    )
    operators.AsposeOcrRecognizeLabelOperator(task_id="label", source=f"{FOLDER}/label.png")
    detect = operators.AsposeOcrDetectRegionsOperator(task_id="detect", source=f"{FOLDER}/blocks.png")
    operators.AsposeOcrRecognizeRegionsOperator(
        task_id="regions", source=f"{FOLDER}/blocks.png", regions=detect.output
    )
    operators.AsposeOcrRecognizeAndParseInvoiceOperator(task_id="invoice", source=f"{FOLDER}/invoice.png")
    operators.AsposeOcrIdentifyFontOperator(task_id="font", source=f"{FOLDER}/font.png")
    for name, kind in {
        "binarize": operators.AsposeOcrBinarizeImageOperator,
        "deskew": operators.AsposeOcrDeskewImageOperator,
        "dewarp": operators.AsposeOcrDewarpImageOperator,
        "upscale": operators.AsposeOcrUpscaleImageOperator,
    }.items():
        kind(task_id=name, source=f"{FOLDER}/{name}.png", **STORED)
    convert = operators.AsposeOcrDjVu2PDFOperator(task_id="djvu", source=f"{FOLDER}/note.djvu", **STORED)
    # What comes out of one task goes into the next: a PDF, by its first bytes, and its text.
    note = AsposeOcrOperator(task_id="note", operation="auto", source=convert.output)
    operators.AsposeOcrConvertTextToSpeechOperator(task_id="speech", text=note.output, **STORED)
    operators.AsposeOcrConvertTextToSpeechTrialOperator(
        task_id="speech_trial", source=f"{FOLDER}/note.txt", **STORED
    )
    operators.AsposeOcrRecognizeImageOperator.partial(task_id="mapped").expand(
        source=[f"{FOLDER}/label.png", f"{FOLDER}/blocks.png"]
    )
    AsposeOcrOperator.partial(task_id="mapped_operation").expand_kwargs(
        [
            {"operation": "RecognizeLabel", "source": f"{FOLDER}/label.png"},
            {"operation": "auto", "source": f"{FOLDER}/letter.pdf"},
        ]
    )
