"""A wrong Client secret under fifty tasks of a real Airflow is tried once: five failures lock a pair out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from airflow_provider_asposeocr.emulator.testing import Emulator
from dags_examples.demo.local_airflow import LocalAirflow
from tests.system.conftest import ROOT

pytestmark = pytest.mark.crash

DAGS = Path(__file__).parent / "dags" / "wrong_secret.py"
SCAN = ROOT / "dags_examples" / "demo" / "scan.jpg"
MANY = 50
AT_A_TIME = 16


def test_fifty_tasks_with_a_wrong_secret_sign_in_once(airflow_python: Path, tmp_path: Path) -> None:
    for name in ("dags", "tmp"):
        (tmp_path / name).mkdir()
    shutil.copy(DAGS, tmp_path / "dags")
    # Rejections are remembered in the temporary folder: other runs must not see those of this one.
    env = {"TMPDIR": str(tmp_path / "tmp"), "AIRFLOW__CORE__PARALLELISM": str(AT_A_TIME)}
    with Emulator(ocr=False) as service:
        wrong = json.loads(service.connection_json()) | {"password": "a-wrong-secret"}
        connections = {"asposeocr_default": wrong}
        with LocalAirflow(
            tmp_path / "dags", python=airflow_python, connections=connections, env=env
        ) as airflow:
            airflow.start()
            airflow.wait_until_parsed("wrong_secret")
            run_id = airflow.trigger("wrong_secret", {"source": str(SCAN)})
            assert airflow.wait("wrong_secret", run_id, 300) == "failed"
            tasks = airflow.task_instances("wrong_secret", run_id)
            logs = airflow.task_logs("wrong_secret", run_id)
        calls = service.calls

    assert [(task["state"], task["try_number"]) for task in tasks] == [("failed", 1)] * MANY
    assert sum("rejected" in text for text in logs.values()) == MANY
    assert calls.token == 1
    assert calls.billed == 0
