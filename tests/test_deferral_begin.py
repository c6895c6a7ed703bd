"""A sensor that starts in the triggerer: what it hands over, and what it refuses."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS

from airflow_provider_asposeocr.api.exceptions import AsposeOcrSettingsError
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator
from airflow_provider_asposeocr.sensors.asposeocr import AsposeOcrTaskSensor
from airflow_provider_asposeocr.triggers.asposeocr import AsposeOcrTaskTrigger
from tests.running import run

needs_3_3 = pytest.mark.skipif(not AIRFLOW_V_3_3_PLUS, reason="sensors start in a worker before Airflow 3.3")


def sensor(ocr_task_id: Any = "an-id", **arguments: Any) -> AsposeOcrTaskSensor:
    return AsposeOcrTaskSensor(
        **{
            "task_id": "wait",
            "operation": "RecognizeImage",
            "ocr_task_id": ocr_task_id,
            "start_from_trigger": True,
            **arguments,
        }
    )


def submit(**arguments: Any) -> AsposeOcrRecognizeImageOperator:
    return AsposeOcrRecognizeImageOperator(
        task_id="submit", source="x.png", wait_for_completion=False, **arguments
    )


@pytest.fixture
def dag() -> Any:
    with DAG("d", schedule=None, start_date=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)) as made:
        yield made


@needs_3_3
def test_the_trigger_gets_all_that_it_needs() -> None:
    task = sensor(timeout=600, poke_interval=5, max_inline_bytes=100)
    assert task.start_from_trigger is True
    assert task.start_trigger_args is not None
    assert task.start_trigger_args.next_method == "execute_complete"
    assert task.start_trigger_args.timeout == datetime.timedelta(seconds=900)
    arguments = json.loads(json.dumps(task.start_trigger_args.trigger_kwargs))
    trigger = AsposeOcrTaskTrigger(**arguments)
    assert task.start_trigger_args.trigger_cls == trigger.serialize()[0]
    assert (trigger.wait["timeout"], trigger.wait["poll_interval"], trigger.wait["deadline"]) == (
        600,
        5,
        None,
    )
    assert trigger.ends_task
    assert not trigger.cancel_on_kill


@needs_3_3
def test_what_the_trigger_renders_has_the_same_name_on_both_sides() -> None:
    task = sensor()
    assert task.start_trigger_args is not None
    arguments = task.start_trigger_args.trigger_kwargs or {}
    trigger = AsposeOcrTaskTrigger(**arguments)
    rendered = {name for name in task.template_fields if name in arguments and hasattr(trigger, name)}
    assert rendered == {"ocr_task_id", "asposeocr_conn_id", "max_inline_bytes"}


@needs_3_3
@pytest.mark.parametrize("more", [{"destination": "/tmp/images/"}, {}])
def test_images_are_not_read_by_the_trigger(more: dict[str, Any]) -> None:
    task = sensor(operation="BinarizeImage", **more)
    assert task.start_trigger_args is not None
    arguments = task.start_trigger_args.trigger_kwargs or {}
    assert arguments["max_inline_bytes"] == 0
    assert arguments["ends_task"] is ("destination" not in more)


@needs_3_3
def test_the_output_of_a_task_becomes_a_template_that_the_triggerer_can_render(dag: Any) -> None:
    upstream = submit()
    task = sensor(upstream.output)
    assert task.start_trigger_args is not None
    template = (task.start_trigger_args.trigger_kwargs or {})["ocr_task_id"]
    assert template == "{{ ti.xcom_pull(task_ids='submit', key='return_value', map_indexes=-1) }}"
    assert task.upstream_task_ids == {"submit"}


@needs_3_3
@pytest.mark.parametrize(
    "template",
    [
        "plain",
        "{{ params.id }}",
        "{{ dag_run.conf['id'] }}",
        "{{ ti.xcom_pull(task_ids='submit', map_indexes=-1) }}",
    ],
)
def test_templates_that_the_triggerer_can_render_are_taken(template: str) -> None:
    task = sensor(template)
    assert task.start_trigger_args is not None
    assert (task.start_trigger_args.trigger_kwargs or {})["ocr_task_id"] == template


@needs_3_3
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{{ ti.xcom_pull(task_ids='submit') }}", "hangs in the triggerer"),
        ("{{ ti.xcom_pull('a', map_indexes=-1) }}{{ ti.xcom_pull('b') }}", "hangs in the triggerer"),
        ("{{ task_state_store.get('id') }}", "task_state_store"),
        ("{{ ti.get_dag() }}", "get_dag"),
        ("{{ prev_data_interval_end_success }}", "prev_data_interval_"),
        (["a", "b"], "not a list"),
        (None, "not a NoneType"),
    ],
)
def test_what_would_hang_is_refused_when_the_dag_is_parsed(value: Any, message: str) -> None:
    with pytest.raises(AsposeOcrSettingsError, match=message):
        sensor(value)


@needs_3_3
def test_the_output_of_a_mapped_task_is_refused(dag: Any) -> None:
    upstream = AsposeOcrRecognizeImageOperator.partial(task_id="submit", wait_for_completion=False).expand(
        source=["a.png", "b.png"]
    )
    with pytest.raises(AsposeOcrSettingsError, match="many ids"):
        sensor(upstream.output)


@needs_3_3
def test_an_output_that_is_transformed_is_refused(dag: Any) -> None:
    with pytest.raises(AsposeOcrSettingsError, match="need a worker"):
        sensor(submit().output.map(str))


def test_it_cannot_be_had_without_the_triggerer() -> None:
    with pytest.raises(AsposeOcrSettingsError, match="exclude each other"):
        sensor(deferrable=False)


def test_mapped_it_begins_in_a_worker(dag: Any) -> None:
    mapped = AsposeOcrTaskSensor.partial(
        task_id="wait", operation="RecognizeImage", start_from_trigger=True
    ).expand(ocr_task_id=["a", "b"])
    assert mapped.start_trigger_args is None


def test_begun_in_a_worker_it_defers_as_ever(emulator: Emulator, png: bytes, monkeypatch: Any) -> None:
    monkeypatch.setattr("airflow_provider_asposeocr.triggers.asposeocr.MIN_SECONDS", 0)
    ocr_task_id = AsposeOcrHook().submit("RecognizeImage", png)
    assert run(sensor(ocr_task_id, poke_interval=0.1))["status"] == "Completed"


@pytest.mark.skipif(AIRFLOW_V_3_3_PLUS, reason="sensors can start in the triggerer")
def test_before_3_3_it_begins_in_a_worker() -> None:
    assert not sensor().start_from_trigger
