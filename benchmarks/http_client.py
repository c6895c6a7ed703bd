"""Airflow's own hook for HTTP as a measured process, used as a DAG without a provider would use it."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.http.hooks.http import HttpHook

from benchmarks.gauge import get_token, measure_fetch, measure_submit

ENDPOINT = "v5.0/ocr/RecognizeImage"


def main(spec: dict[str, Any]) -> None:
    """Measure what the specification says, and print it."""
    headers = {"Authorization": f"Bearer {get_token(spec)}"}
    s3 = S3Hook("aws_default")
    if spec["action"] == "submit":
        measure_submit(lambda uri: _submit(headers, s3, uri), spec)
    else:
        measure_fetch(lambda: _fetch(headers, s3, spec), spec)


def _submit(headers: dict[str, str], s3: S3Hook, uri: str) -> None:
    body = {"image": base64.b64encode(_read(s3, uri)).decode("ascii"), "settings": {}}
    HttpHook("POST", "emulator_http").run(ENDPOINT, json=body, headers=headers)


def _fetch(headers: dict[str, str], s3: S3Hook, spec: dict[str, Any]) -> None:
    hook = HttpHook("GET", "emulator_http")
    answer = hook.run(ENDPOINT, data={"id": spec["ocr_task_id"]}, headers=headers).json()
    data = base64.b64decode(answer["results"][0]["data"])
    where = urlsplit(spec["target"])
    if where.scheme == "s3":
        s3.load_bytes(data, where.path.lstrip("/"), where.netloc, replace=True)
    else:
        Path(spec["target"]).write_bytes(data)


def _read(s3: S3Hook, uri: str) -> bytes:
    where = urlsplit(uri)
    if where.scheme == "s3":
        data: bytes = s3.get_key(where.path.lstrip("/"), where.netloc).get()["Body"].read()
        return data
    return Path(uri).read_bytes()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
