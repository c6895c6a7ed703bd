"""The example DAGs in a real Airflow: what they return, where they wait, and what they leave in the logs."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from airflow_provider_asposeocr.emulator.testing import Emulator
from dags_examples.demo.accuracy import word_accuracy
from dags_examples.demo.local_airflow import LocalAirflow
from tests.system.conftest import ROOT, SECRET
from tests.system.talking import talking

pytestmark = pytest.mark.system

SCAN = ROOT / "dags_examples" / "demo" / "scan.jpg"
TRUTH = SCAN.with_suffix(".txt").read_text()


def test_the_quickstart_reads_the_scan_while_the_triggerer_waits(
    airflow: LocalAirflow, service: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two polls at least, between which the connection stays open long enough to be seen.
    monkeypatch.setattr(service.options, "completed_after_reads", 1)
    conf = {"source": str(SCAN), "destination": f"file://{tmp_path}/"}
    with talkers(airflow, service) as seen:
        run_id = airflow.trigger("asposeocr_quickstart", conf)
        states = finished(airflow, "asposeocr_quickstart", run_id)

    assert {"binarize", "recognize"} <= {task for task, state in states if state == "deferred"}
    binarized = airflow.xcom("asposeocr_quickstart", run_id, "binarize")
    recognized = airflow.xcom("asposeocr_quickstart", run_id, "recognize")
    counted = airflow.xcom("asposeocr_quickstart", run_id, "count_words")
    assert Path(binarized["results"][0]["path"]).read_bytes().startswith(b"\x89PNG")
    assert recognized["source"] == binarized["uri"]
    assert word_accuracy(TRUTH, recognized["text"]) >= 0.98
    assert counted["words"] == len(recognized["text"].split())
    # The polls came from the triggerer; a worker only submits, and fetches what goes to storage.
    polls = sum(entry.kind in ("poll", "status") for entry in service.transcript)
    assert polls >= 2
    assert "triggerer" in seen


def test_submit_and_wait_returns_the_text(airflow: LocalAirflow, service: Emulator) -> None:
    run_id = airflow.trigger("asposeocr_submit_and_wait", {"source": str(SCAN)})
    states = finished(airflow, "asposeocr_submit_and_wait", run_id)

    assert ("wait", "deferred") in states
    ocr_task_id = airflow.xcom("asposeocr_submit_and_wait", run_id, "submit")
    manifest = airflow.xcom("asposeocr_submit_and_wait", run_id, "wait")
    assert manifest["ocr_task_id"] == ocr_task_id
    assert word_accuracy(TRUTH, manifest["text"]) >= 0.98
    assert service.calls.by_ocr_task[ocr_task_id].submit == 1


def test_eight_waiting_ocr_tasks_hold_no_worker_slot(
    airflow: LocalAirflow, service: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.options, "ocr", False)
    monkeypatch.setattr(service.options, "service_seconds", 1e6)
    before = set(service.ocr_tasks)
    run_id = airflow.trigger("eight_waiting", {"source": str(SCAN)})

    def waiting() -> bool:
        airflow.check_alive()
        states = [task["state"] for task in airflow.task_instances("eight_waiting", run_id)]
        return states.count("deferred") == 8 and not {"running", "queued", "scheduled"} & set(states)

    until(waiting, 120)
    pool = airflow.rest("GET", "/api/v2/pools/default_pool")
    assert pool["deferred_slots"] == 8
    assert pool["occupied_slots"] == pool["running_slots"] == pool["queued_slots"] == 0
    # No process of the executor talks to the service, nor will while they wait; the triggerer does.
    with talkers(airflow, service) as seen:
        polled = service.calls.poll
        until(lambda: service.calls.poll >= polled + 16, 60)
    assert seen == {"triggerer"}

    for ocr_task_id, ocr_task in service.ocr_tasks.items():
        if ocr_task_id not in before:
            ocr_task.ready_at = time.time()
    assert airflow.wait("eight_waiting", run_id, 120) == "success"


def test_ids_of_trial_tasks_are_masked(airflow: LocalAirflow, service: Emulator) -> None:
    run_id = airflow.trigger("trial", {"source": str(SCAN)})
    finished(airflow, "trial", run_id)
    plain = airflow.xcom("trial", run_id, "submit")
    mapped = airflow.xcom("trial", run_id, "submit_mapped", map_index=0)

    assert airflow.xcom("trial", run_id, "wait")["ocr_task_id"] == plain
    logs = airflow.all_logs()
    assert sum("RecognizeImageTrial" in text for text in logs.values()) >= 2
    for ocr_task_id in (plain, mapped):
        assert lines_with(ocr_task_id, logs) == []
        assert ocr_task_id not in rendered_fields(airflow)


def test_no_log_holds_a_secret_a_token_or_the_text(airflow: LocalAirflow, service: Emulator) -> None:
    """Runs last: it reads what all tests above have left."""
    logs = airflow.all_logs()
    names = " ".join(str(path) for path in logs)
    for component in ("api-server", "scheduler", "triggerer", "dag-processor", "task_id=recognize"):
        assert component in names, f"no log of {component}"
    assert any("Submitted file://" in text for text in logs.values()), "the logs hold nothing of ours"
    assert service.tokens

    sentence = longest_line(TRUTH)
    for hidden in (SECRET, sentence, *service.tokens):
        assert lines_with(hidden, logs) == []
        assert hidden not in rendered_fields(airflow)


def finished(airflow: LocalAirflow, dag_id: str, run_id: str) -> set[tuple[str, str | None]]:
    """Wait for a run to succeed, and return the states that its tasks were seen in."""
    seen: set[tuple[str, str | None]] = set()
    state = airflow.wait(
        dag_id, run_id, 180, on_change=lambda task: seen.add((task["task_id"], task["state"]))
    )
    assert state == "success", airflow.task_logs(dag_id, run_id)
    return seen


@contextmanager
def talkers(airflow: LocalAirflow, service: Emulator) -> Iterator[set[str]]:
    """Watch which components hold connections to the service."""
    seen: set[str] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            for component in ("triggerer", "scheduler", "api-server", "dag-processor"):
                if talking(airflow, service, component):
                    seen.add(component)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield seen
    finally:
        over.set()
        watching.join()


def until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(0.3)


def rendered_fields(airflow: LocalAirflow) -> str:
    """Return all rendered template fields that Airflow has stored."""
    with closing(sqlite3.connect(f"file:{airflow.home}/airflow.db?mode=ro", uri=True)) as database:
        rows = database.execute("select rendered_fields from rendered_task_instance_fields").fetchall()
    assert rows
    return "\n".join(str(row[0]) for row in rows)


def longest_line(text: str) -> str:
    """Return a line of the scan that stands nowhere else."""
    return max(text.splitlines(), key=len)


def lines_with(hidden: str, logs: dict[Path, str]) -> list[str]:
    """Return the lines that show what must not show, with the name of their log."""
    return [
        f"{path.name}: {line}" for path, text in logs.items() for line in text.splitlines() if hidden in line
    ]
