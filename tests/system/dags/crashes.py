"""Tasks that stop where a test wants to kill them, and tasks that run out of time."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn
from unittest import mock

from airflow.providers.common.compat.sdk import DAG, TaskDeferred

from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator
from airflow_provider_asposeocr.sensors.asposeocr import AsposeOcrTaskSensor

SOURCE = "{{ dag_run.conf['source'] }}"
RECORDS = "{{ dag_run.conf['durable_path'] }}"
"""Empty where Airflow keeps the records itself."""
MAX_STOP_SECONDS = 60.0
MANY = 20


class StoppingOperator(AsposeOcrRecognizeImageOperator):
    """Recognizes an image, and stops at one point of its first try until it is killed.

    In ``dag_run.conf["folder"]`` it leaves files that hold its process id: ``<task>.try<n>`` for each try,
    and ``<task>.stopped`` where it stops. Its name goes into the settings, so that the service can tell.

    :param stop_at: one of the points that :meth:`_stop` is called with.
    """

    _context: Any = None
    _terminated = False

    def __init__(self, *, stop_at: str = "", **kwargs: Any) -> None:
        marker = {"scenario": kwargs["task_id"]}
        super().__init__(
            source=SOURCE, durable_path=RECORDS, poll_interval=1, extra_settings=marker, **kwargs
        )
        self.stop_at = stop_at

    def execute(self, context: Any) -> Any:
        """Stop before and after the submission."""
        self._context = context
        self._note(f"try{context['ti'].try_number}")
        submit = AsposeOcrHook.submit_source

        def stopping(hook: AsposeOcrHook, *arguments: Any) -> str:
            self._stop("before the POST")
            ocr_task_id = submit(hook, *arguments)
            self._stop("before the record")
            return ocr_task_id

        with mock.patch.object(AsposeOcrHook, "submit_source", stopping):
            return super().execute(context)

    def defer(self, **kwargs: Any) -> NoReturn:
        """Stop when all is ready for the deferral."""
        try:
            super().defer(**kwargs)
        except TaskDeferred:
            self._stop("at the deferral")
            raise

    def execute_complete(self, context: Any, event: Any, **kwargs: Any) -> Any:
        """Stop before and after the delivery."""
        self._context = context
        self._stop("before the delivery")
        manifest = super().execute_complete(context, event, **kwargs)
        self._stop("after the delivery")
        return manifest

    def _collect(self, *arguments: Any, **kwargs: Any) -> Any:
        manifest = super()._collect(*arguments, **kwargs)
        self._stop("before the delivery is recorded")
        return manifest

    def on_kill(self) -> None:
        """Go on when terminated: what follows is the operator's business."""
        super().on_kill()
        self._terminated = True

    def _note(self, what: str) -> bool:
        folder = Path(self._context["dag_run"].conf["folder"])
        draft = folder / f"{self.task_id}.{os.getpid()}.draft"
        draft.write_text(str(os.getpid()))
        try:
            os.link(draft, folder / f"{self.task_id}.{what}")
        except FileExistsError:
            return False
        return True

    def _stop(self, point: str) -> None:
        if point != self.stop_at or not self._note("stopped"):
            return
        end = time.monotonic() + MAX_STOP_SECONDS
        while not self._terminated:
            if time.monotonic() > end:
                raise RuntimeError("nobody came to kill this task")
            time.sleep(0.05)


SOON = timedelta(seconds=1)
LATE = timedelta(seconds=25)
"""Time enough for a first poll, after which the triggerer is away until it has passed."""

with DAG(dag_id="crashes", schedule=None, default_args={"retries": 4, "retry_delay": SOON}):
    StoppingOperator(task_id="killed_while_waiting", deferrable=False)
    StoppingOperator(task_id="killed_before_the_record", deferrable=False, stop_at="before the record")
    StoppingOperator(task_id="killed_at_the_deferral", deferrable=True, stop_at="at the deferral")
    StoppingOperator(task_id="killed_before_the_delivery", deferrable=True, stop_at="before the delivery")
    StoppingOperator(
        task_id="killed_in_the_delivery", deferrable=True, stop_at="before the delivery is recorded"
    )
    StoppingOperator(task_id="killed_after_the_delivery", deferrable=True, stop_at="after the delivery")
    StoppingOperator(task_id="terminated_before_the_post", deferrable=False, stop_at="before the POST")
    StoppingOperator(task_id="terminated_while_waiting", deferrable=False)
    StoppingOperator(task_id="cleared_while_waiting", deferrable=True)
    StoppingOperator(task_id="cleared_after_success", deferrable=False)

with DAG(dag_id="outages", schedule=None, default_args={"retries": 4, "retry_delay": SOON}):
    AsposeOcrRecognizeImageOperator.partial(
        task_id="many", source=SOURCE, durable_path=RECORDS, deferrable=True, poll_interval=1
    ).expand(extra_settings=[{"scenario": f"many {number}"} for number in range(MANY)])

with DAG(dag_id="late", schedule=None, default_args={"retries": 0}):
    StoppingOperator(task_id="late", deferrable=True, timeout=LATE)

with DAG(dag_id="synchronous", schedule=None, default_args={"retries": 4, "retry_delay": SOON}):
    StoppingOperator(task_id="synchronous", deferrable=False)

FEW = timedelta(seconds=5)
MORE = timedelta(seconds=20)
"""Counts from the start of a task's process: time enough to submit even on a busy machine."""
WAIT: dict[str, Any] = {"operation": "RecognizeImage", "ocr_task_id": "{{ dag_run.conf['ocr_task_id'] }}"}

with DAG(dag_id="endings", schedule=None, default_args={"retries": 0}):
    StoppingOperator(task_id="marked_failed_deferred", deferrable=True)
    StoppingOperator(task_id="marked_failed_under_load", deferrable=True)
    StoppingOperator(task_id="marked_failed_running", deferrable=False)
    StoppingOperator(task_id="timeout_deferred", deferrable=True, timeout=FEW)
    StoppingOperator(task_id="timeout_running", deferrable=False, timeout=FEW)
    StoppingOperator(task_id="execution_timeout_deferred", deferrable=True, execution_timeout=MORE)
    StoppingOperator(task_id="execution_timeout_running", deferrable=False, execution_timeout=MORE)
    AsposeOcrTaskSensor(task_id="sensor_deferred", timeout=FEW, **WAIT)
    AsposeOcrTaskSensor(task_id="sensor_poking", deferrable=False, poke_interval=1, timeout=FEW, **WAIT)
    AsposeOcrTaskSensor(task_id="sensor_deferred_soft", timeout=FEW, soft_fail=True, **WAIT)
    AsposeOcrTaskSensor(
        task_id="sensor_poking_soft", deferrable=False, poke_interval=1, timeout=FEW, soft_fail=True, **WAIT
    )
