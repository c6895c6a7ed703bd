"""The trigger that waits for a task without a worker slot."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.providers.common.compat.sdk import conf
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_asposeocr.api.exceptions import AsposeOcrError
from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.api.polling import Deadline, PollSchedule
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from airflow_provider_asposeocr.triggers.events import WaitOutcome

LEAST_SECONDS = 1.0 + conf.getint("workers", "min_heartbeat_interval", fallback=1)
"""Seconds between start and event. The report of the worker that deferred the task must have reached the
scheduler before the event does, or the scheduler takes the resumed task for one that died. The worker's
supervisor may sleep for one heartbeat interval, 5 s by default, before it reports."""

log = logging.getLogger(__name__)

_CANCELLING: set[asyncio.Task[None]] = set()
"""Cancellations under way: an event loop itself keeps tasks by weak references only."""


class QuietEvent(TriggerEvent):
    """An event whose payload does not show: Airflow logs every event, and this one may hold text."""

    def __repr__(self) -> str:
        """Name the class alone."""
        return f"{type(self).__name__}<...>"

    __str__ = __repr__


class AsposeOcrTaskTrigger(BaseTrigger):
    """Wait for a task of Aspose.OCR Cloud.

    :param operation: the operation that the task was submitted to.
    :param ocr_task_id: the service's id of the task.
    :param asposeocr_conn_id: the Airflow connection.
    :param deadline: when to give up, seconds since the epoch.
    :param poll_interval: seconds between polls; None for a schedule that backs off.
    :param max_inline_bytes: the most bytes of results that the event carries; 0 leaves the results at
        the service and polls the status alone.
    :param limit: the most bytes of a reply to read while polling, or None.
    :param cancel_on_kill: whether to cancel the task when a user ends the waiting Airflow task.
    :param recorded: whether a new try will go on with the task, so that clearing must not cancel it.

    .. seealso:: https://airflow.apache.org/docs/apache-airflow/stable/authoring-and-scheduling/deferring.html
    """

    def __init__(
        self,
        *,
        operation: str,
        ocr_task_id: str,
        asposeocr_conn_id: str,
        deadline: float,
        poll_interval: float | None = None,
        max_inline_bytes: int = 0,
        limit: int | None = None,
        cancel_on_kill: bool = True,
        recorded: bool = False,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operation = operation
        self.ocr_task_id = ocr_task_id
        self.asposeocr_conn_id = asposeocr_conn_id
        self.deadline = deadline
        self.poll_interval = poll_interval
        self.max_inline_bytes = max_inline_bytes
        self.limit = limit
        self.cancel_on_kill = cancel_on_kill
        self.recorded = recorded

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Name the class and all of its arguments."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "operation": self.operation,
                "ocr_task_id": self.ocr_task_id,
                "asposeocr_conn_id": self.asposeocr_conn_id,
                "deadline": self.deadline,
                "poll_interval": self.poll_interval,
                "max_inline_bytes": self.max_inline_bytes,
                "limit": self.limit,
                "cancel_on_kill": self.cancel_on_kill,
                "recorded": self.recorded,
            },
        )

    def __repr__(self) -> str:
        """Name class and operation; the id of a trial task is a secret."""
        return f"<{type(self).__name__} operation={self.operation}>"

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until the task ends or the deadline passes, then fire one event."""
        started = time.monotonic()
        outcome = await self._wait()
        await asyncio.sleep(max(0.0, LEAST_SECONDS - (time.monotonic() - started)))
        yield QuietEvent(payload=outcome.to_event())

    async def on_kill(self) -> None:
        """Cancel the task: a user has marked the Airflow task or cleared it (Airflow 3.3 and later).

        Never called when the triggerer stops or restarts. A task that was cleared is left alone if the new
        try will find its record and go on with it.
        """
        # Airflow 3.3 cancels this method anew every second for as long as it runs: the work must not be part
        # of what is cancelled.
        work = asyncio.create_task(self._cancel_unless_cleared())
        _CANCELLING.add(work)
        work.add_done_callback(_cancelled)
        await asyncio.shield(work)

    async def _cancel_unless_cleared(self) -> None:
        if not self.cancel_on_kill or (self.recorded and not await self._is_ended()):
            return
        await AsposeOcrHook(self.asposeocr_conn_id).acancel(self.operation, self.ocr_task_id)
        self.log.info("The task at the service was cancelled")

    async def _is_ended(self) -> bool:
        """Whether the Airflow task was marked with a final state, rather than cleared."""
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
        from asgiref.sync import sync_to_async

        ti: Any = self.task_instance
        states = await sync_to_async(RuntimeTaskInstance.get_task_states)(
            dag_id=ti.dag_id,
            map_index=ti.map_index,
            task_ids=[ti.task_id],
            run_ids=[ti.run_id],
        )
        # One run, one task, one map index: whatever the keys are, there is one state.
        found = [state for by_task in states.values() for state in by_task.values()]
        return found in (["success"], ["failed"], ["skipped"])

    async def _wait(self) -> WaitOutcome:
        hook = AsposeOcrHook(self.asposeocr_conn_id)
        try:
            async with hook.async_session():
                task = await hook.arun_flow(
                    lambda api: api.wait(
                        get_operation(self.operation),
                        self.ocr_task_id,
                        schedule=PollSchedule.of(self.poll_interval),
                        deadline=Deadline(self.deadline),
                        limit=self.limit,
                        status_only=not self.max_inline_bytes,
                    )
                )
        except AsposeOcrError as error:
            return WaitOutcome.failed(error, hook.api_calls)
        return WaitOutcome.finished(task.trimmed(self.max_inline_bytes), hook.api_calls, time.time())


def _cancelled(work: asyncio.Task[None]) -> None:
    _CANCELLING.discard(work)
    if not work.cancelled() and (error := work.exception()):
        log.warning("the task at the service could not be cancelled: %s", error)
