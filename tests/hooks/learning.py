"""Processes that learn completion times and keep them, as drivers make them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from airflow_provider_asposeocr.api.latency import LatencyModel, PollTimes
from airflow_provider_asposeocr.hooks import host
from airflow_provider_asposeocr.hooks.latency_store import KeptLatencyModels

from .support import OPERATION

SERVICE = "https://ocr.example/v5.0/ocr"
FRESH = LatencyModel().poll_times(1.5)
HOUR = 3600.0


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def __call__(self) -> float:
        """Tell the time, in seconds since the epoch."""
        return self.time


def begin(models: KeptLatencyModels) -> None:
    """Begin a wait, as a driver does."""
    if recall := models.begin(SERVICE):
        recall()


def end(models: KeptLatencyModels) -> bool:
    """End a wait, as a driver does, and return whether the file was to be written."""
    keep = models.end(SERVICE)
    if keep:
        keep()
    return keep is not None


def observe(models: KeptLatencyModels, after: float = 18.0, by: float = 22.0, size: int = 1000) -> None:
    """See one OCR task end between two moments."""
    models.of(SERVICE, OPERATION, size).observe(object(), after, by)


def learn(models: KeptLatencyModels, ocr_tasks: int = 60) -> PollTimes:
    """Wait for some OCR tasks that take 20 s, and return when such are polled then."""
    begin(models)
    for _ in range(ocr_tasks):
        observe(models)
    assert end(models)
    return models.of(SERVICE, OPERATION, 1000).poll_times(1.5)


def found(now: Callable[[], float] = time.time) -> PollTimes:
    """Return when a new process polls an OCR task."""
    models = KeptLatencyModels(now)
    begin(models)
    return models.of(SERVICE, OPERATION, 1000).poll_times(1.5)


def file() -> Path:
    """Return the one file of completion times."""
    (path,) = host.folder().glob("latency-*.json")
    return path


def ended() -> int:
    """Count the OCR tasks in the file."""
    kinds = json.loads(file().read_bytes())["kinds"]
    return sum(len(bins) // 2 for _, _, hours in kinds for _, *bins in hours)
