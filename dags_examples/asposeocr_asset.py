"""Recognize an image, store its text, and tell other DAGs about it by an asset.

`asposeocr_on_asset` is scheduled on the same asset: it runs whenever there is a new text. The event of the
asset tells where the text is and what it cost, and holds nothing of the text itself.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, Asset, Param

from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator

with DAG(
    dag_id="asposeocr_asset",
    schedule=None,
    doc_md=__doc__,
    tags=["asposeocr", "example"],
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    params={
        "source": Param(
            str(Path(__file__).parent / "demo" / "scan.jpg"), type="string", description="The image to read"
        ),
        "destination": Param("file:///tmp/asposeocr/", type="string", description="The folder of the text"),
    },
):
    AsposeOcrRecognizeImageOperator(
        task_id="recognize",
        source="{{ params.source }}",
        destination="{{ params.destination }}",
        deferrable=True,
        outlets=[Asset("asposeocr_text")],
    )
