"""The trigger that waits for a task without a worker slot."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import AsyncIterator
from typing import Any, cast

from airflow.providers.common.compat.sdk import conf
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_2_PLUS
from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from airflow_provider_asposeocr.api import coerce
from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrError,
    AsposeOcrTimeoutError,
    AsposeOcrUnexpectedError,
)
from airflow_provider_asposeocr.api.operations import get_operation, named
from airflow_provider_asposeocr.api.polling import DEFAULT_TIMEOUT, Deadline
from airflow_provider_asposeocr.api.submission import Submission
from airflow_provider_asposeocr.files.manifest import (
    Delivery,
    Job,
    Manifest,
    deliver,
    log_lines,
    read_max_inline_bytes,
)
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from airflow_provider_asposeocr.triggers.events import WaitEvent

MIN_SECONDS = 1.0 + conf.getint("workers", "min_heartbeat_interval", fallback=1)
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


class QuietSuccessEvent(TaskSuccessEvent):
    """A success whose XCom does not show, for the same reason."""

    __repr__ = QuietEvent.__repr__
    __str__ = QuietEvent.__repr__


class AsposeOcrTaskTrigger(BaseTrigger):
    """Wait for a task of Aspose.OCR Cloud.

    :param operation: the operation that the task was submitted to.
    :param ocr_task_id: the service's id of the task.
    :param asposeocr_conn_id: the Airflow connection.
    :param deadline: when to give up, seconds since the epoch; None where no worker has deferred the task.
    :param timeout: seconds after which to give up, where there is no deadline.
    :param poll_interval: seconds between polls; None for moments that are learned.
    :param max_inline_bytes: the most bytes of results that the event carries; 0 leaves the results at
        the service and polls the status alone.
    :param cancel_on_kill: whether to cancel the task when a user ends the waiting Airflow task.
    :param cancel_when_late: whether to cancel the task when the deadline passes.
    :param recorded: whether a new try will go on with the task, so that clearing must not cancel it.
    :param ends_task: whether a success ends the Airflow task, without a worker, where its text fits inline.
    :param source: the URI of the source, where it is known.
    :param source_bytes: its size.
    :param fingerprint: tells whether another submission would be the same.
    :param submitted_at: when it was submitted, seconds since the epoch.
    :param api_calls: billed calls made for the task before.
    :param reattached: whether an earlier try has submitted it.
    :param backoff: whether ``poll_interval`` grows with each poll.
    :param max_wait: seconds to which it grows at most.
    :param max_outage: seconds for which an outage of the service is waited out, 5 minutes by default.

    .. seealso:: https://airflow.apache.org/docs/apache-airflow/stable/authoring-and-scheduling/deferring.html
    """

    def __init__(
        self,
        *,
        operation: str,
        ocr_task_id: str,
        asposeocr_conn_id: str,
        deadline: float | None = None,
        timeout: float | None = None,
        poll_interval: float | None = None,
        max_inline_bytes: int | str = 0,
        cancel_on_kill: bool = True,
        cancel_when_late: bool = False,
        recorded: bool = False,
        ends_task: bool = False,
        source: str | None = None,
        source_bytes: int | None = None,
        fingerprint: str | None = None,
        submitted_at: float | None = None,
        api_calls: int = 0,
        reattached: bool = False,
        backoff: bool = False,
        max_wait: float | None = None,
        max_outage: float | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operation = operation
        self.ocr_task_id = ocr_task_id
        self.asposeocr_conn_id = asposeocr_conn_id
        self.deadline = deadline
        self.timeout = timeout
        self.poll_interval = poll_interval
        self.max_inline_bytes = max_inline_bytes
        self.cancel_on_kill = cancel_on_kill
        self.cancel_when_late = cancel_when_late
        self.recorded = recorded
        self.ends_task = ends_task
        self.source = source
        self.source_bytes = source_bytes
        self.fingerprint = fingerprint
        self.submitted_at = submitted_at
        self.api_calls = api_calls
        self.reattached = reattached
        self.backoff = backoff
        self.max_wait = max_wait
        self.max_outage = max_outage

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Name the class and all of its arguments."""
        arguments = inspect.signature(type(self).__init__).parameters
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {name: getattr(self, name) for name in arguments if name != "self"},
        )

    def __repr__(self) -> str:
        """Name class and operation; the id of a trial task is a secret."""
        return f"<{type(self).__name__} operation={self.operation}>"

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until the task ends or the deadline passes, then fire one event."""
        now = time.time()
        # Rendered here, it may be a manifest, whose text belongs into no event.
        self.ocr_task_id = coerce.found_task_id(self.ocr_task_id)
        # No worker is about to report where none has deferred the task.
        not_before = now + MIN_SECONDS if self.deadline is not None else now
        # A worker whose clock is ahead must not make the wait longer. One that is behind looks the same as a
        # triggerer that was away: the wait ends sooner by as much, after a look.
        ahead = max(0.0, (self.submitted_at or 0.0) - now)
        deadline = Deadline(
            now + (self.timeout or DEFAULT_TIMEOUT) if self.deadline is None else self.deadline - ahead
        )
        self.log.info("Waiting until %s at most, billed calls so far: %d", deadline, self.api_calls)
        outcome = await self._wait(deadline, not_before)
        await asyncio.sleep(max(0.0, not_before - time.time()))
        # Without a triggerer, as in ``dag.test()``, there is nobody who could end the task by an event.
        ends_task = self.ends_task and self.trigger_id is not None
        manifest = self._manifest(outcome) if ends_task else None
        if manifest is None:
            end = outcome.task.status.value if outcome.task else str(outcome.error)
            calls = self.api_calls + outcome.api_calls
            self.log.info("The wait has ended, billed calls so far: %d; a worker goes on: %s", calls, end)
        yield await self._success(manifest) if manifest else QuietEvent(payload=outcome.to_event())

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

    async def _wait(self, deadline: Deadline, not_before: float) -> WaitEvent:
        hook, submission = AsposeOcrHook(self.asposeocr_conn_id), self._submission()
        try:
            operation = get_operation(self.operation)
            ocr_task_id = coerce.ocr_task_id(self.ocr_task_id)
            most = self.max_inline_bytes = read_max_inline_bytes(self.max_inline_bytes)
            task = await hook.arun_flow(
                lambda api: api.wait(
                    operation,
                    ocr_task_id,
                    # An answer that comes before the event may be fired would be paid for and wait.
                    schedule=api.schedule(
                        operation,
                        poll_interval=self.poll_interval,
                        source_bytes=self.source_bytes,
                        submitted_at=self.submitted_at,
                        earliest=not_before,
                        backoff=self.backoff,
                        max_wait=self.max_wait,
                    ),
                    deadline=deadline,
                    limit=Delivery(max_inline_bytes=most).limit,
                    status_only=not most,
                    max_outage=self.max_outage,
                )
            )
        except AsposeOcrTimeoutError as error:
            late = await self._given_up(hook, error) if self.cancel_when_late and error.reached else error
            return WaitEvent.failed(submission, late, hook.api_calls)
        except AsposeOcrError as error:
            return WaitEvent.failed(submission, error, hook.api_calls)
        except Exception as error:
            # What a trigger raises goes to its worker with the message, and to everybody with the channel.
            unexpected = AsposeOcrUnexpectedError.of(error)
            self.log.error("The wait ended: %s", unexpected)
            return WaitEvent.failed(submission, unexpected, hook.api_calls)
        return WaitEvent.finished(submission, task.trimmed(most), hook.api_calls, time.time())

    def _submission(self) -> Submission:
        return Submission(
            self.operation,
            str(self.ocr_task_id),
            self.source,
            self.fingerprint,
            self.submitted_at,
            self.api_calls,
            self.reattached,
        )

    async def _given_up(self, hook: AsposeOcrHook, error: AsposeOcrTimeoutError) -> AsposeOcrTimeoutError:
        # Here and not in the worker: Airflow 2.11 does not resume a task whose execution_timeout has passed.
        operation = get_operation(self.operation)
        fate = await hook.arun_flow(lambda api: api.abandon(operation, self.ocr_task_id))
        message = f"{error}; {named(operation, self.ocr_task_id)} {fate}"
        self.log.error("%s", message)
        return AsposeOcrTimeoutError(message, ocr_task_id=self.ocr_task_id)

    def _manifest(self, outcome: WaitEvent) -> Manifest | None:
        """What a worker would return, or None if there is something left for it to do."""
        task, most = outcome.task, read_max_inline_bytes(self.max_inline_bytes)
        if task is None or not task.status.is_successful:
            return None
        job = Job(
            get_operation(self.operation),
            self.source,
            api_calls=self.api_calls + outcome.api_calls,
            submitted_at=self.submitted_at,
        )
        delivery = Delivery(max_inline_bytes=most)
        if not task.unread and not (task.results and all(result.type for result in task.results)):
            return None  # what such a result is depends on the settings, which a worker knows
        try:
            manifest = deliver(task, job, delivery, completed_at=outcome.completed_at, leave_binary=not most)
        except AsposeOcrError:
            return None  # a worker meets the same error, and can raise it
        for notice in manifest["warnings"]:
            self.log.warning("The service says: %s", notice)
        for line in log_lines(manifest, job, xcom=True):
            self.log.info("%s", line)
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
        log.warning("the task at the service could not be cancelled: %s", error)
