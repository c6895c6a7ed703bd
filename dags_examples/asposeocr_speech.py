"""Read an image aloud: recognize its text, then speak it.

`text=recognize.output` takes the text of the manifest; nobody sees it among the rendered fields. A file of
text may be given as `source` in its place. With the emulator, speech needs the extra `speech`: eSpeak NG.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_asposeocr.operators.asposeocr import (
    AsposeOcrConvertTextToSpeechOperator,
    AsposeOcrRecognizeImageOperator,
)

with DAG(
    dag_id="asposeocr_speech",
    schedule=None,
    doc_md=__doc__,
    tags=["asposeocr", "example"],
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10), "deferrable": True},
    params={
        "source": Param(
            str(Path(__file__).parent / "demo" / "scan.jpg"), type="string", description="The image to read"
        ),
        "destination": Param("file:///tmp/asposeocr/", type="string", description="Folder of the WAV file"),
    },
):
    recognize = AsposeOcrRecognizeImageOperator(task_id="recognize", source="{{ params.source }}")
    AsposeOcrConvertTextToSpeechOperator(
        task_id="speak", text=recognize.output, destination="{{ params.destination }}"
    )
