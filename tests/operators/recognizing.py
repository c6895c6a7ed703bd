"""An operator that reads a small image."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator

TEXT = "The quick brown fox jumps over the lazy dog."
both_ways = pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferrable"])


def recognize(source: Any, **arguments: Any) -> AsposeOcrRecognizeImageOperator:
    return AsposeOcrRecognizeImageOperator(
        task_id="recognize", source=source, **{"poll_interval": 0.1, **arguments}
    )
