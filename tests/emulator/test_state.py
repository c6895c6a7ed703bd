"""State: submissions are bounded and can be reset."""

from __future__ import annotations

import pytest

from airflow_provider_asposeocr.emulator import state
from airflow_provider_asposeocr.emulator.options import EmulatorOptions
from airflow_provider_asposeocr.emulator.state import EmulatorState
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.emulator.uploads import FileSink
from tests.emulator.client import Client


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


def test_submissions_are_bounded_in_number_and_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "MAX_SUBMISSIONS", 10)
    running = EmulatorState(EmulatorOptions(ocr=False))
    sink = FileSink(None)
    for number in range(25):
        ocr_task = running.submit(f"id-{number}", "RecognizeImage", {}, sink)
        running.ocr_tasks.remove(ocr_task.ocr_task_id)
    listed = running.submissions.to_list()
    assert [one.index for one in listed] == list(range(15, 25))
    running.reset()
    assert running.submit("id", "RecognizeImage", {}, sink).submission.index == 0
    running.close()
