"""The course of one item: look at its source, submit it, wait, store what comes of it."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any, TypeVar

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrDestinationError,
    AsposeOcrError,
    AsposeOcrTaskError,
    AsposeOcrTaskNotFoundError,
    AsposeOcrTimeoutError,
)
from airflow_provider_asposeocr.api.flows import OcrApi
from airflow_provider_asposeocr.api.http import BytesBody, Flow, HttpRequest, RequestBody
from airflow_provider_asposeocr.api.operations import named
from airflow_provider_asposeocr.api.polling import Deadline
from airflow_provider_asposeocr.api.retry import Fate
from airflow_provider_asposeocr.api.submission import RETENTION, Submission
from airflow_provider_asposeocr.api.task import OcrTask, TaskStatus
from airflow_provider_asposeocr.batch.committer import Committer
from airflow_provider_asposeocr.batch.containment import ContainedBody, address_of, contained
from airflow_provider_asposeocr.batch.delivered import DeliveredResults
from airflow_provider_asposeocr.batch.journal import (
    BatchRecord,
    Entry,
    Kind,
    Recorded,
    ended,
    forgotten,
    submitted,
)
from airflow_provider_asposeocr.batch.outcome import ItemStatus, Outcome
from airflow_provider_asposeocr.batch.plan import TEXT_LIMIT, Plan
from airflow_provider_asposeocr.batch.policy import can_be_retried
from airflow_provider_asposeocr.durable import fingerprint
from airflow_provider_asposeocr.files.body import make_body
from airflow_provider_asposeocr.files.destination import Names, targets
from airflow_provider_asposeocr.files.manifest import Job, Manifest, deliver
from airflow_provider_asposeocr.files.paths import display_uri, identity_of
from airflow_provider_asposeocr.files.source import open_source
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from airflow_provider_asposeocr.hooks.drivers import Meter

log = logging.getLogger(__name__)
T = TypeVar("T")

READ_AT_ONCE = 512 * 1024
"""Bytes of a source that are read in one go, with the look at it; a larger one is streamed."""


class Stage(Enum):
    """How far an item has come."""

    PREPARING = auto()
    SUBMITTING = auto()
    WAITING = auto()
    DELIVERING = auto()
    SKIPPED = auto()
    """An earlier try has brought it to its end."""


@dataclass(slots=True)
class Item:
    """An item on its way.

    :param given: what the listing holds.
    :param index: its place there.
    :param secret: whether the service's id of it is a secret.
    """

    given: Any
    index: int
    secret: bool
    stage: Stage = Stage.PREPARING
    uri: str | None = None
    size: int | None = None
    match: str | None = None
    source_bytes: int | None = None
    body: RequestBody | None = field(default=None, repr=False)
    job: Recorded | None = None
    fate: Fate = field(default_factory=Fate)
    reattached: bool = False
    committed: asyncio.Event | None = None
    meter: Meter = field(default_factory=Meter)

    def may_submit(self, *, stopped: bool) -> bool:
        """Whether it may be submitted without being recorded.

        :param stopped: whether nothing more is begun.
        """
        if stopped:
            return self.is_lost
        return self.stage in (Stage.PREPARING, Stage.SUBMITTING) or self.reattached

    @property
    def is_lost(self) -> bool:
        """Whether the service may have accepted a submission of it that nobody knows the id of."""
        return self.job is None and self.fate.unknown

    def outcome(self) -> Outcome:
        """What is known of it so far."""
        if self.job is None:
            return Outcome(ItemStatus.PENDING, api_calls=self.meter.calls)
        shown = None if self.secret else self.job.ocr_task_id
        at = round(self.job.submitted_at, 3)
        return Outcome(ItemStatus.SUBMITTED, shown, at, api_calls=self.meter.calls)


class Course:
    """What is done with each item.

    :param plan: what to do.
    :param hook: makes the calls.
    :param journal: what earlier tries know, or None.
    :param committer: takes what this try finds out.
    :param undisturbed: guards what is to be brought to its end when the batch is stopped.
    """

    def __init__(
        self,
        plan: Plan,
        hook: AsposeOcrHook,
        journal: BatchRecord | None,
        committer: Committer,
        undisturbed: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._plan = plan
        self._hook = hook
        self._journal = journal
        self._committer = committer
        self._undisturbed = undisturbed
        self._delivered = DeliveredResults(plan.delivery)

    async def run(self, item: Item) -> Outcome:
        """Bring an item to its end.

        :raises AsposeOcrError: if it fails; what is to be recorded of that is left to :meth:`failed`.
        """
        entry = await asyncio.to_thread(contained, self._prepare, item)
        if entry is not None and entry.outcome is not None:
            item.stage = Stage.SKIPPED
            return entry.outcome
        if entry is not None:
            item.job, item.reattached = entry.job, True
        task = await self._submit_and_wait(item)
        if task.status is TaskStatus.NOT_EXIST and item.reattached:
            shown = display_uri(item.uri)
            log.warning("The service has lost the job of an earlier try for %s: submitting anew", shown)
            item.job, item.reattached, item.stage = None, False, Stage.PREPARING
            await asyncio.to_thread(contained, self._prepare, item, anew=True)
            task = await self._submit_and_wait(item)
        task.raise_for_status()
        outcome = await self._deliver(item, task)
        assert item.match is not None
        recorded = self._committer.add(ended(item.match, Kind.DONE, outcome))
        if not self._plan.delivery.delete_remote:
            return outcome
        # A retry that found the job gone, and no record of its results, would submit it again.
        await self._committer.settle(recorded)
        await self._delete_remote(item, task.id)
        return replace(outcome, api_calls=item.meter.calls)

    async def failed(self, item: Item, error: AsposeOcrError) -> Outcome:
        """Record what is to be known of a failure, and cancel a job that is late.

        :param item: the item.
        :param error: what it failed with.
        """
        late = isinstance(error, AsposeOcrTimeoutError) and error.reached
        cancelled = late and self._plan.cancel_on_timeout
        if late and item.job is not None:
            operation, ocr_task_id = self._plan.operation, item.job.ocr_task_id
            fate = "goes on at the service"
            if cancelled:
                fate = await self._run_flow(item, lambda api: api.abandon(operation, ocr_task_id))
            error = AsposeOcrTimeoutError(f"{error}; the job {fate}")
        retryable = can_be_retried(error)
        outcome = item.outcome().with_error(error, item.meter.calls, retryable=retryable)
        if item.match is None or item.stage is Stage.PREPARING:
            return outcome
        if cancelled or isinstance(error, AsposeOcrTaskNotFoundError):
            self._committer.add(forgotten(item.match))
        elif not retryable:
            undelivered = item.job is not None and not isinstance(error, AsposeOcrTaskError)
            kind = Kind.UNDELIVERED if undelivered else Kind.REFUSED
            self._committer.add(ended(item.match, kind, outcome))
        return outcome

    def _prepare(self, item: Item, *, anew: bool = False) -> Entry | None:
        """Look at the source, find what earlier tries know of it, and make a body if it is to be sent."""
        plan = self._plan
        operation, wire = plan.operation, plan.wire
        source = open_source(
            item.given,
            plan.source_conn_id,
            max_bytes=plan.max_source_bytes,
            allow_redirects=plan.allow_redirects,
            allow_multipage=plan.allow_multipage,
        )
        item.uri, item.size = source.uri, source.size
        item.match = fingerprint(operation, wire, source)
        entry = self._journal.recall(item.match) if self._journal and not anew else None
        if entry is not None and entry.outcome is not None and not self._holds(item, entry.outcome):
            entry = _to_deliver_again(item, entry.outcome)
        if entry is None:
            source.check_format(operation)
            body = make_body(operation, source, wire)
            small = source.size <= READ_AT_ONCE
            item.body = BytesBody(b"".join(body), body.content_type) if small else ContainedBody(body)
        return entry

    def _holds(self, item: Item, outcome: Outcome) -> bool:
        """Tell whether nothing is left to do: it failed for good, or its results are where they belong."""
        if outcome.status is not ItemStatus.SUCCEEDED:
            return True
        return self._delivered.hold(outcome, self._names(item, outcome.ocr_task_id or ""))

    def _names(self, item: Item, ocr_task_id: str) -> Names:
        plan = self._plan
        return Names(item.uri, plan.operation.name, ocr_task_id, plan.map_index, item.match)

    async def _submit_and_wait(self, item: Item) -> OcrTask:
        if item.job is None:
            await self._submit(item)
        job, plan = item.job, self._plan
        assert job is not None
        item.stage = Stage.WAITING
        known = Submission(
            plan.operation.name,
            job.ocr_task_id,
            submitted_at=job.submitted_at,
            reattached=item.reattached,
        )
        deadline = known.deadline(plan.patience)
        return await self._run_flow(item, lambda api: _wait(api, plan, item, job, deadline))

    async def _submit(self, item: Item) -> None:
        body, item.body = item.body, None
        assert body is not None
        assert item.match is not None
        item.stage = Stage.SUBMITTING
        with self._undisturbed():
            at, item.fate = time.time(), Fate()
            submit = self._plan.operation, body, item.fate
            ocr_task_id = await self._run_flow(item, lambda api: api.submit(*submit))
            item.job = Recorded(ocr_task_id, at)
            item.committed = self._committer.add(submitted(item.match, item.job))

    async def _deliver(self, item: Item, task: OcrTask) -> Outcome:
        item.stage = Stage.DELIVERING
        operation, seen_at = self._plan.operation, time.time()
        with self._undisturbed():
            if task.unread:
                with tempfile.TemporaryFile(prefix="asposeocr-") as spool:
                    whole = await self._run_flow(item, lambda api: api.fetch(operation, task.id, spool))
                    whole.raise_for_status()
                    manifest = await asyncio.to_thread(contained, self._store, item, whole, seen_at)
            else:
                manifest = await asyncio.to_thread(contained, self._store, item, task, seen_at)
        return item.outcome().with_manifest(manifest, seen_at, item.meter.calls)

    def _store(self, item: Item, task: OcrTask, seen_at: float) -> Manifest:
        at = item.job.submitted_at if item.job else None
        plan, calls = self._plan, item.meter.calls
        job = Job(plan.operation, item.uri, plan.map_index, calls, at, item.match, plan.wire)
        self._check_meeting(item, task)
        return deliver(task, job, plan.delivery, completed_at=seen_at)

    def _check_meeting(self, item: Item, task: OcrTask) -> None:
        """Overwrite nothing of another item: how many results of a type there are shows in the end alone."""
        plan = self._plan
        if not plan.taken or len(task.results) <= 1:
            return
        identity = identity_of(address_of(item.given) or "")
        types = [result.type for result in task.results]
        names = self._names(item, task.id)
        for path in targets(types, plan.delivery.destination, names, plan.delivery.conn_id):
            if plan.taken.get(str(path), identity) != identity:
                raise AsposeOcrDestinationError(
                    f"{display_uri(path)} is the name of another item's result. The results of this one stay "
                    f"at the service for 24 hours as {named(plan.operation, task.id)}: use a folder as "
                    "destination, whose names are all different, or {ocr_task_id}"
                )

    async def _delete_remote(self, item: Item, ocr_task_id: str) -> None:
        try:
            await self._run_flow(item, lambda api: api.cancel(self._plan.operation, ocr_task_id))
        except AsposeOcrError as error:
            # The result is safe where it was wanted: that the service keeps it for a day is no failure.
            log.warning("A result at the service could not be deleted: %s", error)

    async def _run_flow(self, item: Item, flow: Callable[[OcrApi], Flow[T]]) -> T:
        return await self._hook.arun_flow(lambda api: _metered(flow(api), item.meter))


def _to_deliver_again(item: Item, outcome: Outcome) -> Entry | None:
    """Return the job whose results are not where they belong; None if the service has them no longer."""
    job = None
    if outcome.ocr_task_id and outcome.submitted_at and time.time() - outcome.submitted_at < RETENTION:
        job = Recorded(outcome.ocr_task_id, outcome.submitted_at)
    log.warning(
        "The results of an earlier try for %s are not at the destination: %s",
        display_uri(item.uri),
        "delivering them again" if job else "the service has them no longer, submitting anew",
    )
    return Entry(job=job) if job else None


def _wait(api: OcrApi, plan: Plan, item: Item, job: Recorded, deadline: Deadline) -> Flow[OcrTask]:
    schedule = api.schedule(
        plan.operation,
        poll_interval=plan.poll_interval,
        source_bytes=item.size,
        submitted_at=job.submitted_at,
    )
    return api.wait(
        plan.operation,
        job.ocr_task_id,
        schedule=schedule,
        deadline=deadline,
        limit=TEXT_LIMIT,
        status_only=plan.status_only,
    )


def _metered(flow: Flow[T], meter: Meter) -> Flow[T]:
    """The same flow, its calls counted for one item."""
    answer: Any = None
    failed: AsposeOcrError | None = None
    while True:
        try:
            step = flow.send(answer) if failed is None else flow.throw(failed)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        answer = failed = None
        try:
            answer = yield step
        except AsposeOcrError as error:
            # A token that cannot be had: what that means, the flow knows.
            failed = error
            continue
        if isinstance(step, HttpRequest):
            meter.count(step, answer)
