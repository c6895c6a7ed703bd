"""Mapped tasks in the Grid while they wait, and the templates of one: what an operator on duty looks at."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_asposeocr.emulator.testing import Emulator
from dags_examples.demo.local_airflow import LocalAirflow

from .conftest import MAPPED, Shoot

pytestmark = pytest.mark.browser


def wait_for(airflow: LocalAirflow, run_id: str, state: str) -> None:
    """Wait until all tasks of a run are in a state."""
    deadline = time.monotonic() + 180
    while {one["state"] for one in airflow.task_instances("inbox", run_id)} != {state}:
        assert time.monotonic() < deadline, airflow.task_instances("inbox", run_id)
        time.sleep(0.5)


def test_mapped_tasks_have_the_names_of_their_files_while_they_are_deferred_and_after(
    page: Any, airflow: LocalAirflow, service: Emulator, folder: Path, shoot: Shoot
) -> None:
    service.options.min_processing_seconds = 45
    run_id = airflow.trigger("inbox", {"folder": str(folder)})
    wait_for(airflow, run_id, "deferred")
    page.goto(f"{airflow.url}/dags/inbox/runs/{run_id}/tasks/recognize/mapped")
    rows = [page.get_by_role("row").filter(has=page.get_by_role("link", name=name)) for name in MAPPED]
    for row in rows:
        row.get_by_text("Deferred", exact=True).wait_for()
    shoot("grid_deferred")

    rows[1].get_by_role("link", name=MAPPED[1]).click()
    page.get_by_text(f"recognize [{MAPPED[1]}]", exact=True).wait_for()
    page.get_by_role("link", name="Rendered Templates").click()
    shown = page.get_by_role("row")
    shown.filter(has_text="source").filter(has_text=MAPPED[1]).wait_for()
    settings = shown.filter(has_text="extra_settings")
    settings.wait_for()
    assert '"purpose"' in settings.inner_text()

    wait_for(airflow, run_id, "success")
    page.goto(f"{airflow.url}/dags/inbox/runs/{run_id}/tasks/recognize/mapped")
    for row in rows:
        row.get_by_text("Success", exact=True).wait_for()
