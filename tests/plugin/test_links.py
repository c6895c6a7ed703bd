"""The link to the result page: which tasks have it, and where it leads."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_1_PLUS

from airflow_provider_asposeocr.operators import asposeocr
from airflow_provider_asposeocr.operators.base import AsposeOcrOperator
from airflow_provider_asposeocr.operators.batch import AsposeOcrBatchOperator
from airflow_provider_asposeocr.operators.fetch import AsposeOcrFetchResultOperator
from airflow_provider_asposeocr.plugin.links import ResultPageLink
from airflow_provider_asposeocr.sensors.asposeocr import AsposeOcrTaskSensor

pytestmark = pytest.mark.skipif(not AIRFLOW_V_3_1_PLUS, reason="Airflow 3.1 and later have the page")


def test_operators_have_it_and_the_sensor_does_not() -> None:
    found = ResultPageLink().operators
    assert len(found) == len(set(found)) > 20
    assert {AsposeOcrOperator, AsposeOcrBatchOperator, AsposeOcrFetchResultOperator} < set(found)
    assert asposeocr.AsposeOcrRecognizeImageOperator in found
    assert AsposeOcrTaskSensor not in found


@pytest.mark.parametrize("kind", [AsposeOcrOperator, AsposeOcrBatchOperator, AsposeOcrFetchResultOperator])
def test_no_worker_has_a_part_in_it(kind: type) -> None:
    """A task with links of its own goes back to a worker when its trigger has fired."""
    assert not kind.operator_extra_links  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("base_url", "prefix"),
    [("", ""), ("http://air.example:8080", ""), ("https://air.example/flow/", "/flow")],
)
def test_it_leads_to_the_task_below_the_base_url(
    base_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base_url)
    key: Any = SimpleNamespace(
        dag_id="a dag/ü", run_id="manual__2026-01-02T03:04:05+00:00", task_id="group.t", map_index=7
    )
    assert ResultPageLink().get_link(None, ti_key=key) == (
        f"{prefix}/asposeocr/dags/a%20dag%2F%C3%BC/runs/manual__2026-01-02T03:04:05+00:00/tasks/group.t/7"
    )
