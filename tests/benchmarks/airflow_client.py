"""What runs within Airflow as a measured process: this provider's hook, and Airflow's own for HTTP."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.http.hooks.http import HttpHook

from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.files.manifest import Delivery, Job, deliver
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from tests.benchmarks.gauge import Gauge, get_token, set_options

OPERATION = "RecognizeImage"
STORAGE = "aws_default"


class Ours:
    """Use this provider."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._spec = spec
        self._hook = AsposeOcrHook()

    def submit(self, uri: str) -> None:
        """Submit a file."""
        self._hook.submit(OPERATION, uri, source_conn_id=_conn_id(uri))

    async def asubmit(self, uri: str) -> None:
        """Submit a file on the event loop."""
        await self._hook.asubmit(OPERATION, uri, source_conn_id=_conn_id(uri))

    def fetch(self) -> None:
        """Fetch a result and store it, as the operators do."""
        operation, target = get_operation(OPERATION), self._spec["target"]
        with self._hook.fetch(operation, self._spec["ocr_task_id"]) as task:
            delivery = Delivery(destination=target, conn_id=_conn_id(target))
            deliver(task, Job(operation), delivery, completed_at=time.time())


class Http:
    """Use Airflow's hook for HTTP, as a DAG without a provider would use it."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._spec = spec
        self._headers = {"Authorization": f"Bearer {get_token(spec)}"}
        self._storage = S3Hook(STORAGE)

    def submit(self, uri: str) -> None:
        """Submit a file."""
        body = {"image": base64.b64encode(self._read(uri)).decode("ascii"), "settings": {}}
        hook = HttpHook("POST", "emulator_http")
        hook.run(f"v5.0/ocr/{OPERATION}", json=body, headers=self._headers)

    def fetch(self) -> None:
        """Fetch a result and store it."""
        hook = HttpHook("GET", "emulator_http")
        query = {"id": self._spec["ocr_task_id"]}
        answer = hook.run(f"v5.0/ocr/{OPERATION}", data=query, headers=self._headers).json()
        self._write(self._spec["target"], base64.b64decode(answer["results"][0]["data"]))

    def _read(self, uri: str) -> bytes:
        where = urlsplit(uri)
        if where.scheme == "s3":
            data: bytes = self._storage.get_key(where.path.lstrip("/"), where.netloc).get()["Body"].read()
            return data
        return Path(uri).read_bytes()

    def _write(self, uri: str, data: bytes) -> None:
        where = urlsplit(uri)
        if where.scheme == "s3":
            self._storage.load_bytes(data, where.path.lstrip("/"), where.netloc, replace=True)
        else:
            Path(uri).write_bytes(data)


def main(spec: dict[str, Any]) -> None:
    """Measure what the specification says, and print it."""
    client = Http(spec) if spec["client"] == "HttpHook" else Ours(spec)
    if spec["action"] == "fetch":
        gauge = _measure_fetch(client.fetch, spec)
    elif spec["client"] == "asubmit":
        gauge = asyncio.run(_measure_async(Ours(spec), spec))
    else:
        gauge = _measure_submit(client.submit, spec)
    gauge.print_report()


def _measure_submit(submit: Callable[[str], None], spec: dict[str, Any]) -> Gauge:
    submit(spec["warm_up"])
    gauge = Gauge()
    for _ in range(spec["times"]):
        with gauge:
            submit(spec["target"])
    return gauge


async def _measure_async(client: Ours, spec: dict[str, Any]) -> Gauge:
    await client.asubmit(spec["warm_up"])
    gauge = Gauge()
    for _ in range(spec["times"]):
        with gauge:
            await client.asubmit(spec["target"])
    return gauge


def _measure_fetch(fetch: Callable[[], None], spec: dict[str, Any]) -> Gauge:
    set_options(spec["emulator"], result_bytes=spec["warm_up_bytes"])
    fetch()
    set_options(spec["emulator"], result_bytes=spec["bytes"])
    gauge = Gauge()
    for _ in range(spec["times"]):
        with gauge:
            fetch()
    return gauge


def _conn_id(uri: str) -> str | None:
    return STORAGE if uri.startswith("s3://") else None


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
