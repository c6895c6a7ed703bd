"""The trigger that waits for an OCR task without a worker slot."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any, cast

from airflow.providers.common.compat.sdk import conf
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_2_PLUS
from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from airflow_provider_asposeocr import metrics
from airflow_provider_asposeocr.api import coerce
from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrError,
    AsposeOcrTimeoutError,
    AsposeOcrUnexpectedError,
)
from airflow_provider_asposeocr.api.polling import Wait, utc
from airflow_provider_asposeocr.api.submission import Submission, WaitEvent
from airflow_provider_asposeocr.files.manifest import (
    Delivery,
    Manifest,
    deliver,
    log_manifest,
    read_max_inline_bytes,
)
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook

MIN_SECONDS = 1.0 + conf.getint("workers", "min_heartbeat_interval", fallback=1)
"""Seconds between start and event. The report of the worker that deferred the task must have reached the
scheduler before the event does, or the scheduler takes the resumed task for one that died. The worker's
supervisor may sleep for one heartbeat interval, 5 s by default, before it reports."""

log = logging.getLogger(__name__)

_CANCELLING: set[asyncio.Task[None]] = set()
"""Running cancellations: an event loop itself keeps tasks by weak references only."""


class QuietEvent(TriggerEvent):
    """An event whose payload does not show: Airflow logs every event, and this one may hold text."""

    def __repr__(self) -> str:
        """Name the class alone."""
        return f"{type(self).__name__}<...>"

    __str__ = __repr__


class QuietSuccessEvent(TaskSuccessEvent):
    """A success whose XCom does not show, for the same reason."""

    __repr__ = QuietEvent.__repr__
    __str__ = QuietEvent.__repr__


class AsposeOcrTaskTrigger(BaseTrigger):
    """Wait for an OCR task of Aspose.OCR Cloud.

    :param submission: the OCR task, as :meth:`.Submission.to_dict` has it.
    :param wait: how to wait for it: the fields of :class:`.Wait`. Without a deadline no worker has deferred
        the task.
    :param asposeocr_conn_id: the Airflow connection.
    :param ocr_task_id: the service's id of the OCR task, which the triggerer renders where no worker has
        deferred the task; else that of the submission counts.
    :param max_inline_bytes: the most bytes of results that the event carries; 0 leaves the results at
        the service and polls the status alone.
    :param cancel_on_kill: whether to cancel the OCR task when a user ends the waiting Airflow task.
    :param cancel_on_timeout: whether to cancel the OCR task when the deadline passes.
    :param recorded: whether a new try will resume the OCR task, so that clearing must not cancel it.
    :param ends_task: whether a success ends the Airflow task, without a worker, where its text fits inline.

    .. seealso:: https://airflow.apache.org/docs/apache-airflow/stable/authoring-and-scheduling/deferring.html
    """

    def __init__(
        self,
        *,
        submission: Mapping[str, Any],
        wait: Mapping[str, Any],
        asposeocr_conn_id: str,
        ocr_task_id: Any = None,
        max_inline_bytes: int | str = 0,
        cancel_on_kill: bool = True,
        cancel_on_timeout: bool = False,
        recorded: bool = False,
        ends_task: bool = False,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.submission = submission
        self.wait = wait
        self.asposeocr_conn_id = asposeocr_conn_id
        self.ocr_task_id = ocr_task_id
        self.max_inline_bytes = max_inline_bytes
        self.cancel_on_kill = cancel_on_kill
        self.cancel_on_timeout = cancel_on_timeout
        self.recorded = recorded
        self.ends_task = ends_task

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Name the class and all of its arguments."""
        arguments = inspect.signature(type(self).__init__).parameters
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {name: getattr(self, name) for name in arguments if name != "self"},
        )

    def __repr__(self) -> str:
        """Name class and operation; the id of a trial OCR task is a secret."""
        return f"<{type(self).__name__} operation={self.submission.get('operation')}>"

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until the OCR task ends or the deadline passes, then fire one event."""
        now, wait, submission = time.time(), Wait(**self.wait), self._submitted()
        # No worker is about to report where none has deferred the task.
        not_before = now if wait.deadline is None else now + MIN_SECONDS
        # A worker whose clock is ahead must not make the wait longer. One that is behind looks the same as a
        # triggerer that was away: the wait ends sooner by as much, after a look.
        ahead = max(0.0, (submission.submitted_at or 0.0) - now)
        wait = replace(wait, deadline=wait.until(now) - ahead, earliest=not_before)
        told = submission.line(submission.api_calls, now)
        self.log.info("Waiting until %s at most: %s", utc(wait.until(now)), told)
        outcome = await self._wait(submission, wait)
        await asyncio.sleep(max(0.0, not_before - time.time()))
        # Without a triggerer, as in ``dag.test()``, there is nobody who could end the task by an event.
        ends_task = self.ends_task and self.trigger_id is not None
        # Reading what a result means takes a moment, which is not to be that of other triggers.
        manifest = await asyncio.to_thread(self._manifest, outcome) if ends_task else None
        if manifest is None:
            end = outcome.task.status.value if outcome.task else str(outcome.error)
            told = outcome.submission.line(outcome.submission.api_calls, time.time())
            self.log.info("The wait has ended, a worker resumes: %s: %s", told, end)
        yield await self._success(manifest) if manifest else QuietEvent(payload=outcome.to_event())

    async def on_kill(self) -> None:
        """Cancel the OCR task: a user has marked the Airflow task or cleared it (Airflow 3.3 and later).

        Never called when the triggerer stops or restarts. A task that was cleared is left alone if the new
        try will find its record and resume.
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
        submission = self._submitted()
        hook = AsposeOcrHook(self.asposeocr_conn_id)
        await hook.acancel(submission.operation, submission.ocr_task_id)
        self.log.info("%s was cancelled at the service", submission)

    async def _is_ended(self) -> bool:
        """Tell whether the Airflow task was marked with a final state, rather than cleared."""
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

    def _submitted(self) -> Submission:
        # Rendered here, the id may be a manifest, whose text belongs into no event.
        rendered = coerce.found_task_id(self.ocr_task_id)
        fields = self.submission if rendered is None else {**self.submission, "ocr_task_id": str(rendered)}
        return Submission.from_dict(fields)

    async def _wait(self, submission: Submission, wait: Wait) -> WaitEvent:
        hook = AsposeOcrHook(self.asposeocr_conn_id)

        def counted() -> Submission:
            return replace(submission, api_calls=submission.api_calls + hook.api_calls)

        try:
            coerce.ocr_task_id(submission.ocr_task_id if self.ocr_task_id is None else self.ocr_task_id)
            most = self.max_inline_bytes = read_max_inline_bytes(self.max_inline_bytes)
            limit = Delivery(max_inline_bytes=most).limit
            bounded = replace(wait, limit=limit, status_only=not most)
            with metrics.span("wait", operation=submission.operation):
                task = await hook.arun_flow(lambda api: api.wait(submission, bounded))
        except AsposeOcrError as error:
            ended = error
            if isinstance(error, AsposeOcrTimeoutError) and error.reached and self.cancel_on_timeout:
                # Not in the worker: Airflow 2.11 resumes no task whose execution_timeout has passed.
                fate = await hook.arun_flow(lambda api: api.cancel_unwanted(submission))
                message = f"{error}; {submission} {fate}"
                ended = AsposeOcrTimeoutError(message, ocr_task_id=submission.ocr_task_id)
                self.log.error("%s", ended)
        except Exception as error:
            # What a trigger raises goes to its worker with the message, and to everybody with the channel.
            ended = AsposeOcrUnexpectedError.of(error)
            self.log.error("The wait ended: %s", ended)
        else:
            return WaitEvent(counted(), task.trimmed(most), time.time())
        return WaitEvent(counted(), error=ended)

    def _manifest(self, outcome: WaitEvent) -> Manifest | None:
        """Return what a worker would, or None if there is something left for it to do."""
        task, most = outcome.task, read_max_inline_bytes(self.max_inline_bytes)
        if task is None or not task.status.is_successful:
            return None
        if not task.unread and not (task.results and all(result.type for result in task.results)):
            return None  # what such a result is depends on the settings, which a worker knows
        delivery = Delivery(max_inline_bytes=most, leave_binary=not most)
        try:
            with metrics.span("deliver", operation=outcome.submission.operation):
                manifest = deliver(task, outcome.submission, delivery, completed_at=outcome.completed_at)
        except AsposeOcrError:
            return None  # a worker meets the same error, and can raise it
        log_manifest(manifest, outcome.submission, self.log, xcom=True)
        return manifest

    async def _success(self, manifest: Manifest) -> TriggerEvent:
        value, ti = cast("Any", manifest), cast("Any", self.task_instance)
        if not AIRFLOW_V_3_2_PLUS or ti is None:
            return QuietSuccessEvent(xcoms={"return_value": value})
        from airflow.providers.common.compat.sdk import XCom
        from asgiref.sync import sync_to_async

        # As a worker does it: what an event carries, Airflow 3 stores as JSON text within JSON.
        own = {"dag_id": ti.dag_id, "task_id": ti.task_id, "run_id": ti.run_id, "map_index": ti.map_index}
        await sync_to_async(XCom.set)("return_value", value, **own)
        return QuietSuccessEvent()


def _cancelled(work: asyncio.Task[None]) -> None:
    _CANCELLING.discard(work)
    if not work.cancelled() and (error := work.exception()):
        log.warning("the OCR task could not be cancelled at the service: %s", error)
