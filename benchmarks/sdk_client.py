"""The vendor's SDK as a measured process; it runs in a virtual environment of its own."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aspose_ocr_cloud
import boto3

from benchmarks.gauge import get_token, measure_fetch, measure_submit


def main(spec: dict[str, Any]) -> None:
    """Measure what the specification says, and print it."""
    # Its sign-in is left to the caller: a Configuration takes a token, not an ID and a secret.
    configuration = aspose_ocr_cloud.Configuration(host=spec["emulator"], access_token=get_token(spec))
    api = aspose_ocr_cloud.RecognizeImageApi(aspose_ocr_cloud.ApiClient(configuration))
    s3 = boto3.client("s3", endpoint_url=spec["s3"], region_name="us-east-1")
    if spec["action"] == "submit":
        measure_submit(lambda uri: _submit(api, s3, uri), spec)
    else:
        measure_fetch(lambda: _fetch(api, s3, spec), spec)


def _submit(api: Any, s3: Any, uri: str) -> None:
    settings = aspose_ocr_cloud.OCRSettingsRecognizeImage(language=aspose_ocr_cloud.Language.ENGLISH)
    image = base64.b64encode(_read(s3, uri)).decode("utf-8")
    api.post_recognize_image(aspose_ocr_cloud.OCRRecognizeImageBody(image=image, settings=settings))


def _fetch(api: Any, s3: Any, spec: dict[str, Any]) -> None:
    answer = api.get_recognize_image(id=spec["ocr_task_id"])
    data = base64.b64decode(answer.results[0].data)
    where = urlsplit(spec["target"])
    if where.scheme == "s3":
        s3.put_object(Bucket=where.netloc, Key=where.path.lstrip("/"), Body=data)
    else:
        Path(spec["target"]).write_bytes(data)


def _read(s3: Any, uri: str) -> bytes:
    where = urlsplit(uri)
    if where.scheme == "s3":
        data: bytes = s3.get_object(Bucket=where.netloc, Key=where.path.lstrip("/"))["Body"].read()
        return data
    return Path(uri).read_bytes()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
