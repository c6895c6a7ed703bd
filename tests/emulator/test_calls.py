"""Counters and transcript: complete, bounded, and without secrets."""

from __future__ import annotations

import pytest

from airflow_provider_asposeocr.emulator import calls
from airflow_provider_asposeocr.emulator.calls import Calls
from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.client import API, Client


def test_calls_are_counted_by_kind_and_task(emulator: Emulator, client: Client) -> None:
    ocr_task_id = client.submit()
    client.get(ocr_task_id)
    client.get(ocr_task_id)
    client.status(ocr_task_id)
    client.cancel(ocr_task_id)
    calls = emulator.calls
    assert (calls.token, calls.submit, calls.poll, calls.status, calls.cancel, calls.billed) == (
        1,
        1,
        2,
        1,
        1,
        5,
    )
    assert calls.by_ocr_task[ocr_task_id].poll == 2


def test_the_transcript_holds_no_secret(emulator: Emulator, client: Client) -> None:
    ocr_task_id = client.submit(b"hello")
    kinds = [(entry.kind, entry.status, entry.ocr_task_id) for entry in emulator.transcript]
    assert kinds == [("token", 200, None), ("submit", 200, ocr_task_id)]
    entry = emulator.transcript[-1]
    assert entry.authorized
    assert entry.body_bytes == int(entry.headers["content-length"])
    token = str(client.session.headers["Authorization"]).split()[1]
    assert token not in repr(emulator.transcript)
    assert emulator.client_secret not in repr((emulator.transcript, emulator.options))


def test_any_number_of_unknown_ids(
    emulator: Emulator, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator._running.calls._unknown._limit = 50
    ocr_task_id = client.submit()
    for number in range(200):
        client.get(f"unknown-{number}")
        client.cancel(f"unknown-{number}")
    client.get("x" * 5_000)
    client.get(ocr_task_id)
    by_ocr_task = emulator.calls.by_ocr_task
    assert len(by_ocr_task) == 51
    assert (by_ocr_task[ocr_task_id].submit, by_ocr_task[ocr_task_id].poll) == (1, 1)
    assert (by_ocr_task["unknown-199"].poll, by_ocr_task["unknown-199"].cancel) == (1, 1)
    assert "unknown-0" not in by_ocr_task
    assert max(map(len, by_ocr_task)) == calls.MAX_ID_CHARS
    assert (emulator.calls.poll, emulator.calls.cancel) == (202, 200)


def test_counters_of_tasks_are_bounded() -> None:
    counts = Calls()
    for number in range(calls.MAX_COUNTED_OCR_TASKS + 100):
        counts.count_made(f"id-{number}")
    for number in range(calls.MAX_UNKNOWN_IDS + 100):
        counts.count_for(f"other-{number}", "poll")
    counts.count_for("id-0", "poll")  # forgotten: it counts as unknown
    assert len(counts.by_ocr_task) == calls.MAX_COUNTED_OCR_TASKS + calls.MAX_UNKNOWN_IDS
    assert counts.by_ocr_task["id-0"].submit == 0
    assert counts.by_ocr_task[f"id-{calls.MAX_COUNTED_OCR_TASKS}"].submit == 1


def test_the_transcript_is_bounded_in_number_and_size(emulator: Emulator, client: Client) -> None:
    emulator.options.transcript_limit = 5
    for number in range(10):
        client.get(f"id-{number}")
    assert [entry.ocr_task_id for entry in emulator.transcript] == [f"id-{number}" for number in range(5, 10)]
    long = "x" * 8_000
    client.call(
        "GET", f"{API}RecognizeImage", params={"id": long}, headers={"User-Agent": long, "Accept": long}
    )
    entry = emulator.transcript[-1]
    assert len(entry.ocr_task_id or "") == calls.MAX_ID_CHARS
    assert {len(entry.headers[name]) for name in ("user-agent", "accept")} == {calls.MAX_SHOWN_CHARS}
    emulator.options.transcript_limit = 0
    client.get("x")
    assert emulator.transcript == []
