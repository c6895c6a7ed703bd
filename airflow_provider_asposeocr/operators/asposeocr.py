"""All operators under one import path."""

from __future__ import annotations

from airflow_provider_asposeocr.operators.base import AsposeOcrOperator
from airflow_provider_asposeocr.operators.batch import AsposeOcrBatchOperator
from airflow_provider_asposeocr.operators.fetch import AsposeOcrFetchResultOperator
from airflow_provider_asposeocr.operators.preprocessing import AsposeOcrBinarizeImageOperator
from airflow_provider_asposeocr.operators.recognition import (
    AsposeOcrRecognizeImageOperator,
    AsposeOcrRecognizeImageTrialOperator,
)

__all__ = [
    "AsposeOcrBatchOperator",
    "AsposeOcrBinarizeImageOperator",
    "AsposeOcrFetchResultOperator",
    "AsposeOcrOperator",
    "AsposeOcrRecognizeImageOperator",
    "AsposeOcrRecognizeImageTrialOperator",
]
