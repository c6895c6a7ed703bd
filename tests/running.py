"""Run an operator or a sensor as Airflow does, but in this process: execute, trigger, resume."""

from __future__ import annotations

import asyncio
import importlib
import json
import time
from contextlib import AbstractContextManager
from dataclasses import asdict, fields
from types import SimpleNamespace
from typing import Any

from airflow.providers.common.compat.sdk import TaskDeferred, timeout
from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from airflow_provider_asposeocr.api.polling import Wait
from airflow_provider_asposeocr.api.submission import Submission
from airflow_provider_asposeocr.triggers.asposeocr import AsposeOcrTaskTrigger


def context(map_index: int = -1, max_tries: int = 1, **more: Any) -> Any:
    """Make the little of a context that operators look at."""
    ti = SimpleNamespace(
        dag_id="dag", task_id="task", run_id="run", map_index=map_index, try_number=1, max_tries=max_tries
    )
    return {"ti": ti, **more}


def run(task: Any, **of_context: Any) -> Any:
    """Run a task to its end and return its XCom value.

    Trigger and event go through the same serialization as between the processes of a real Airflow.
    """
    ctx = context(**of_context)
    try:
        return task.execute(ctx)
    except TaskDeferred as deferred:
        event = first_event(rebuilt(deferred.trigger))
        if isinstance(event, TaskSuccessEvent):
            return json.loads(json.dumps((event.xcoms or {})["return_value"]))
        method = getattr(task, deferred.method_name)
        payload = json.loads(json.dumps(event.payload))
        return method(ctx, event=payload, **json.loads(json.dumps(deferred.kwargs or {})))


def deferral(task: Any) -> TaskDeferred:
    """Execute a task that must defer, and return how it did."""
    try:
        task.execute(context())
    except TaskDeferred as deferred:
        return deferred
    raise AssertionError("the task did not defer")


def execution_timeout(seconds: float) -> AbstractContextManager[None]:
    """Ring the alarm that ends a task of Airflow when its ``execution_timeout`` has passed."""
    alarm: AbstractContextManager[None] = timeout(seconds)  # type: ignore[no-untyped-call]
    return alarm


def rebuilt(trigger: BaseTrigger) -> BaseTrigger:
    """Make a trigger again from what the database would hold of it, as the triggerer does."""
    path, arguments = trigger.serialize()
    module, _, name = path.rpartition(".")
    made: BaseTrigger = getattr(importlib.import_module(module), name)(**json.loads(json.dumps(arguments)))
    made.trigger_id = 1
    return made


def first_event(trigger: BaseTrigger) -> TriggerEvent:
    """Run a trigger until its first event."""

    async def first() -> TriggerEvent:
        async for event in trigger.run():
            return event
        raise AssertionError("the trigger ended without an event")

    return asyncio.run(first())


def fire(trigger: BaseTrigger) -> Any:
    """Run a trigger until its first event and return the payload as a worker gets it."""
    return json.loads(json.dumps(first_event(trigger).payload))


def new_trigger(submitted: str, /, **arguments: Any) -> AsposeOcrTaskTrigger:
    """Make a trigger for an OCR task.

    :param submitted: the id of the OCR task.
    :param arguments: fields of the submission, of the wait, and of the trigger.
    """
    known = {field.name for field in fields(Submission)} - {"ocr_task_id"}
    waits = {field.name for field in fields(Wait)}
    submission = {name: arguments.pop(name) for name in known & arguments.keys()}
    wait = {name: arguments.pop(name) for name in waits & arguments.keys()}
    made = Submission(**{"operation": "RecognizeImage", **submission, "ocr_task_id": submitted})
    return AsposeOcrTaskTrigger(
        submission=made.to_dict(),
        wait=asdict(Wait(**{"deadline": time.time() + 60, **wait})),
        **{"asposeocr_conn_id": "asposeocr_default", **arguments},
    )
