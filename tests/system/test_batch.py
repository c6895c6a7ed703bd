"""The example of a batch in a real Airflow, whose worker is killed in the middle."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from airflow_provider_asposeocr.emulator.testing import Emulator
from dags_examples.demo.local_airflow import LocalAirflow
from tests.batch.support import images
from tests.system.talking import talking

pytestmark = pytest.mark.system

TEXT = "Nine amber lanterns hang above the narrow quay."
COUNT = 60
IN_FLIGHT = 20
"""As the example has it."""


def test_a_retry_goes_on_where_a_killed_worker_has_left(
    airflow: LocalAirflow, service: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.options, "ocr", False)
    monkeypatch.setattr(service.options, "scripted_text", TEXT)
    monkeypatch.setattr(service.options, "service_seconds", 2.0)
    images(tmp_path / "in", COUNT)
    before = len(service.ocr_tasks)
    airflow.wait_until_parsed("asposeocr_batch")
    conf = {"images": f"{tmp_path}/in/", "texts": f"{tmp_path}/out/"}
    run_id = airflow.trigger("asposeocr_batch", conf)
    end = time.monotonic() + 120
    while len(stored(tmp_path)) < COUNT // 3:
        assert time.monotonic() < end, airflow.task_logs("asposeocr_batch", run_id)
        time.sleep(0.05)
    (worker,) = talking(airflow, service, "scheduler")
    os.kill(worker, signal.SIGKILL)
    assert len(stored(tmp_path)) < COUNT

    assert airflow.wait("asposeocr_batch", run_id, 180) == "success", airflow.task_logs()
    tries = {
        task["task_id"]: task["try_number"] for task in airflow.task_instances("asposeocr_batch", run_id)
    }
    assert tries == {"recognize": 2, "use_texts": 1}
    assert COUNT <= len(service.ocr_tasks) - before <= COUNT + IN_FLIGHT
    assert [path.read_text() for path in stored(tmp_path)] == [TEXT] * COUNT
    assert airflow.xcom("asposeocr_batch", run_id, "use_texts") == {"succeeded": COUNT}


def stored(folder: Path) -> list[Path]:
    """Return the texts that are there; the report and files of the batch's own are not among them."""
    return [path for path in (folder / "out").glob("*.txt") if not path.name.startswith(".")]
