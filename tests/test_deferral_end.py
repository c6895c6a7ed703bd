"""Who ends a deferred task that has succeeded: the trigger, or a worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Asset, BaseOperatorLink, TaskDeferred
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_2_PLUS

from airflow_provider_asposeocr.deferral import why_a_worker_ends
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.operators.asposeocr import (
    AsposeOcrRecognizeImageOperator,
    AsposeOcrRecognizeImageTrialOperator,
)
from airflow_provider_asposeocr.operators.base import AsposeOcrOperator
from airflow_provider_asposeocr.sensors.asposeocr import AsposeOcrTaskSensor
from tests.running import context
from tests.states import StateStore

SPOILS_XCOM = AIRFLOW_V_3_0_PLUS and not AIRFLOW_V_3_2_PLUS
needs_xcom = pytest.mark.skipif(SPOILS_XCOM, reason="Airflow 3.0 and 3.1 end no task in the triggerer")


class Link(BaseOperatorLink):
    """A link beside a task."""

    name = "Report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        return "https://report.example"


class SensorWithLink(AsposeOcrTaskSensor):
    """A sensor with a link."""

    operator_extra_links = (Link(),)


class SensorWithPostExecute(AsposeOcrTaskSensor):
    """A sensor that does something after it has succeeded."""

    def post_execute(self, context: Any, result: Any = None) -> None:
        raise AssertionError


def sensor(kind: type[AsposeOcrTaskSensor] = AsposeOcrTaskSensor, **arguments: Any) -> AsposeOcrTaskSensor:
    return kind(**{"task_id": "wait", "operation": "RecognizeImage", "ocr_task_id": "x", **arguments})


def ends_in_the_trigger(task: Any, **of_context: Any) -> bool:
    """Return what the trigger is told when the task defers."""
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context(**of_context))
    told: bool = deferred.value.trigger.serialize()[1]["ends_task"]
    return told


@needs_xcom
def test_a_plain_sensor_ends_in_the_trigger() -> None:
    assert why_a_worker_ends(sensor()) is None
    assert ends_in_the_trigger(sensor())


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"destination": "/tmp/texts/"}, "stored"),
        ({"delete_remote": True}, "deleted"),
        ({"delete_remote": "True"}, "deleted"),
        ({"outlets": [Asset("s3://bucket/text")]}, "outlets"),
        ({"kind": SensorWithLink}, "links"),
        ({"map_index_template": "{{ task.ocr_task_id }}"}, "map_index_template"),
        ({"multiple_outputs": True}, "multiple_outputs"),
        ({"do_xcom_push": False}, "do_xcom_push"),
        ({"on_success_callback": print}, "callback"),
        ({"kind": SensorWithPostExecute}, "post_execute"),
        ({"post_execute": lambda context, result: None}, "post_execute"),
    ],
)
def test_what_only_a_worker_does_is_left_to_it(arguments: dict[str, Any], reason: str) -> None:
    task = sensor(**arguments)
    assert reason in (why_a_worker_ends(task) or "")
    assert not ends_in_the_trigger(task)


@needs_xcom
def test_listeners_are_served_by_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.providers.common.compat.sdk import get_listener_manager

    class Plugin:
        """Any listener."""

    manager: Any = get_listener_manager()
    manager.add_listener(plugin := Plugin())
    try:
        assert "listeners" in (why_a_worker_ends(sensor()) or "")
    finally:
        manager.pm.unregister(plugin)
    assert why_a_worker_ends(sensor()) is None


@needs_xcom
def test_a_custom_xcom_backend_is_written_by_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "AIRFLOW__CORE__XCOM_BACKEND", "airflow.providers.common.io.xcom.backend.XComObjectStorageBackend"
    )
    assert "XCom backend" in (why_a_worker_ends(sensor()) or "")


@pytest.mark.parametrize(
    ("kind", "arguments", "release", "ends"),
    [
        (AsposeOcrRecognizeImageOperator, {}, "3.3", False),
        pytest.param(AsposeOcrRecognizeImageOperator, {}, "3.2", True, marks=needs_xcom),
        pytest.param(AsposeOcrRecognizeImageOperator, {"durable": False}, "3.3", True, marks=needs_xcom),
        (AsposeOcrRecognizeImageOperator, {"durable_path": "{tmp}/records"}, "3.2", False),
        pytest.param(AsposeOcrRecognizeImageTrialOperator, {}, "3.3", True, marks=needs_xcom),
    ],
)
def test_an_operator_goes_back_to_a_worker_for_a_record_only_where_it_keeps_one(
    emulator: Emulator,
    scan: Path,
    tmp_path: Path,
    kind: type[AsposeOcrOperator],
    arguments: dict[str, Any],
    release: str,
    ends: bool,
) -> None:
    given: dict[str, Any] = {
        name: value.format(tmp=tmp_path) if isinstance(value, str) else value
        for name, value in arguments.items()
    }
    task = kind(task_id="read", source=str(scan), deferrable=True, **given)
    # Airflow before 3.3 has no task state store.
    of_context = {"task_state_store": StateStore()} if release == "3.3" else {}
    assert ends_in_the_trigger(task, **of_context) is ends
    assert why_a_worker_ends(task) == (None if ends else "the record of the submission is kept")
