"""Generated results of any size."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
import requests

from airflow_provider_asposeocr.emulator.generated import GeneratedData, generated_sha256
from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.client import API, Client

BLOCK = 768 * 1024


SIZES = [0, 1, 2, 3, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 2]


def decoded(client: Client, **settings: Any) -> dict[str, bytes]:
    answer = client.get(client.submit(**settings))
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    results = answer.json()["results"]
    return {result["type"]: base64.b64decode(result["data"], validate=True) for result in results}


@pytest.mark.parametrize("size", SIZES)
def test_a_result_has_the_size_and_the_digest(emulator: Emulator, client: Client, size: int) -> None:
    emulator.options.result_bytes = size
    results = decoded(client, resultType="TextAndPdf")
    assert sorted(results) == ["Pdf", "Text"]
    for kind, data in results.items():
        assert len(data) == size
        assert hashlib.sha256(data).hexdigest() == generated_sha256(kind, size)
    assert results["Text"].isascii()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("is_base64", [True, False])
@pytest.mark.parametrize("escaped", [True, False])
def test_the_length_is_known_beforehand(size: int, is_base64: bool, escaped: bool) -> None:
    data = GeneratedData("Text", size, is_base64, escaped)
    assert len(data) == len(b"".join(data))


def test_the_options_of_replies_hold_for_generated_results(emulator: Emulator, client: Client) -> None:
    emulator.options.update(
        {"result_bytes": 1000, "escape_base64": True, "shuffle_keys": True, "extra_fields": True}
    )
    assert hashlib.sha256(decoded(client)["Text"]).hexdigest() == generated_sha256("Text", 1000)
    emulator.options.plain_data = True
    text = client.get(client.submit()).json()["results"][0]["data"]
    assert hashlib.sha256(text.encode()).hexdigest() == generated_sha256("Text", 1000)


def test_a_task_can_be_read_at_several_sizes(emulator: Emulator, client: Client) -> None:
    ocr_task_id = client.submit()
    for size in (10, 1_000_000):
        emulator.options.update({"result_bytes": size})
        data = client.get(ocr_task_id).json()["results"][0]["data"]
        assert len(base64.b64decode(data)) == size
    emulator.options.result_bytes = None
    assert b"quick brown" in decoded(client)["Text"]


def test_a_raw_result_is_generated_too(emulator: Emulator, client: Client) -> None:
    emulator.options.result_bytes = 1_000_000
    submitted = client.call("POST", API + "ImageProcessing/PostBinarizationFile", files={"file": b"image"})
    data = client.get(submitted.text.strip('"'), "ImageProcessing/GetResultFile").content
    assert hashlib.sha256(data).hexdigest() == generated_sha256("ImagePNG", 1_000_000)


def test_faults_strike_generated_answers(emulator: Emulator, client: Client) -> None:
    emulator.options.result_bytes = 5_000_000
    ocr_task_id = client.submit()
    emulator.inject("truncated_json", on="poll")
    cut = client.get(ocr_task_id)
    assert len(cut.content) == int(cut.headers["Content-Length"]) < 4_000_000
    assert not cut.content.endswith(b"}")
    emulator.inject("reset_mid_body", on="poll")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        client.get(ocr_task_id)
    assert len(client.get(ocr_task_id).content) > 6_000_000


@pytest.mark.parametrize("value", [-1, 1.5, "10", True])
def test_a_size_is_a_whole_number(emulator: Emulator, value: object) -> None:
    with pytest.raises(ValueError, match="result_bytes"):
        emulator.options.update({"result_bytes": value})
    assert emulator.options.result_bytes is None
