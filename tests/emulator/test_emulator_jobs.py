from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from airflow_provider_asposeocr.emulator.options import EmulatorOptions, LogNormal
from airflow_provider_asposeocr.emulator.submission import Submission
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.emulator.trial import mask_text, masked_words
from tests.emulator.client import Client

RESULT_TYPES = {
    "Text": ["Text"],
    "pdf": ["Pdf"],
    "TextAndPdf": ["Text", "Pdf"],
    "Hocr": ["Hocr"],
    "TextAndHocr": ["Text", "Hocr"],
    "PdfAndHocr": ["Pdf", "Hocr"],
    "TextAndPdfAndHocr": ["Text", "Pdf", "Hocr"],
    "ImagePNG": ["ImagePNG"],
    "JSON": ["JSON"],
}


def submission(index: int = 0) -> Submission:
    return Submission(index, "an id", "RecognizeImage", {}, "00", 5, 0.0)


def test_tasks_are_forgotten_after_their_retention(emulator: Emulator, client: Client) -> None:
    ocr_task_id = client.submit()
    assert client.get(ocr_task_id).json()["taskStatus"] == "Completed"
    emulator.options.retention_seconds = 0
    assert client.get(ocr_task_id).json()["taskStatus"] == "NotExist"
    assert not emulator.ocr_tasks


def test_old_files_are_gone_after_their_retention(emulator: Emulator, client: Client) -> None:
    path = "/v5.0/ocr/ImageProcessing/"
    ocr_task_id = client.call("POST", path + "PostBinarizationFile", files={"file": b"image"}).text
    emulator.options.retention_seconds = 0
    assert client.call("GET", path + "GetResultFile", params={"id": ocr_task_id}).status_code == 204


@pytest.mark.parametrize(("result_type", "expected"), RESULT_TYPES.items())
def test_scripted_tasks_have_the_result_types_asked_for(
    client: Client, result_type: str, expected: list[str]
) -> None:
    assert list(client.results(b"image", resultType=result_type)) == expected


def test_scripted_text_may_depend_on_the_submission(emulator: Emulator, client: Client) -> None:
    emulator.options.scripted_text = lambda submitted: f"{submitted.size} bytes"
    assert client.results(b"hello") == {"Text": b"5 bytes"}


def test_service_times() -> None:
    options = EmulatorOptions(service_seconds=[1, 2])
    assert [options.service_time(submission(index)) for index in range(4)] == [1, 2, 2, 2]
    options.service_seconds = lambda submitted: submitted.size / 10
    assert options.service_time(submission()) == 0.5
    options.service_seconds = LogNormal(median=3.0, sigma=0.4, seed=5)
    times = [options.service_time(submission(index)) for index in range(2000)]
    assert times[:5] == [LogNormal(3.0, 0.4, 5)(submission(index)) for index in range(5)]
    assert 2.8 < statistics.median(times) < 3.2


def test_forget_and_reset(emulator: Emulator, client: Client) -> None:
    ocr_task_id = client.submit()
    emulator.forget_ocr_tasks()
    assert client.get(ocr_task_id).json()["taskStatus"] == "NotExist"
    assert len(emulator.submissions) == 1
    emulator.inject("status", times=None)
    emulator.reset()
    assert (emulator.submissions, emulator.transcript, emulator.calls.billed) == ([], [], 0)
    assert client.post().status_code == 401
    assert client.token().status_code == 200


def test_tasks_survive_a_restart(tmp_path: Path) -> None:
    with Emulator(ocr=False, state_dir=tmp_path, service_seconds=[0, 1000]) as first, Client(first) as client:
        done, waiting = client.submit(), client.submit()
        cancelled = client.submit()
        client.cancel(cancelled)
        before = client.get(done).json()
    with Emulator(ocr=False, state_dir=tmp_path) as second, Client(second) as client:
        assert client.get(done).json() == before
        assert client.get(waiting).json()["taskStatus"] == "Pending"
        assert client.get(cancelled).json()["taskStatus"] == "NotExist"
        assert second.submissions == []


def test_the_connection_of_airflow(emulator: Emulator) -> None:
    assert '"conn_type": "asposeocr"' in emulator.connection_json()
    assert emulator.connection_uri().startswith(
        "asposeocr://emulator-client-id:emulator-client-secret@http%3A"
    )


def test_masking_is_about_a_tenth_and_repeatable() -> None:
    text = "one two  three\nfour\n\n" * 25
    masked = mask_text(text, "digest")
    assert masked == mask_text(text, "digest") != mask_text(text, "another")
    assert [len(word) for word in masked.split()] == [len(word) for word in text.split()]
    assert sum(set(word) == {"*"} for word in masked.split()) == 10
    assert mask_text("", "digest") == ""
    assert len(masked_words(1, "digest")) == 1


def test_the_trial_masks_the_same_words_every_time(client: Client) -> None:
    operation = "RecognizeImageTrial"
    first, second = (client.results(b"image", operation)["Text"].decode() for _ in range(2))
    assert first == second
    assert first.count("*") > 0
    assert client.results(b"image")["Text"].count(b"*") == 0
