"""The hook of this provider as a measured process."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.api.submission import Submission
from airflow_provider_asposeocr.files.manifest import Delivery, deliver
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from benchmarks.gauge import Gauge, measure_fetch, measure_submit

OPERATION = get_operation("RecognizeImage")


def main(spec: dict[str, Any]) -> None:
    """Measure what the specification says, and print it."""
    hook = AsposeOcrHook()
    if spec["action"] == "fetch":
        measure_fetch(lambda: _fetch(hook, spec), spec)
    elif spec["client"] == "asubmit":
        asyncio.run(_measure_async(hook, spec))
    else:
        measure_submit(lambda uri: hook.submit(OPERATION, uri, source_conn_id=_conn_id(uri)), spec)


async def _measure_async(hook: AsposeOcrHook, spec: dict[str, Any]) -> None:
    await hook.asubmit(OPERATION, spec["warm_up"], source_conn_id=_conn_id(spec["warm_up"]))
    gauge = Gauge()
    for _ in range(spec["times"]):
        with gauge:
            await hook.asubmit(OPERATION, spec["target"], source_conn_id=_conn_id(spec["target"]))
    gauge.print_report()


def _fetch(hook: AsposeOcrHook, spec: dict[str, Any]) -> None:
    """Fetch a result and store it, as the operators do."""
    delivery = Delivery(destination=spec["target"], conn_id=_conn_id(spec["target"]))
    with hook.fetch(OPERATION, spec["ocr_task_id"]) as task:
        deliver(task, Submission(OPERATION.name, task.id), delivery, completed_at=time.time())


def _conn_id(uri: str) -> str | None:
    return "aws_default" if uri.startswith("s3://") else None


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
