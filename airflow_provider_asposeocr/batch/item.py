"""One item of a batch: look at its source, submit it, wait, store what comes of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any, TypeVar

from airflow_provider_asposeocr import metrics
from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrDestinationError,
    AsposeOcrError,
    AsposeOcrTaskError,
    AsposeOcrTaskNotFoundError,
    AsposeOcrTimeoutError,
    contained,
)
from airflow_provider_asposeocr.api.flows import OcrApi
from airflow_provider_asposeocr.api.http import BytesBody, Flow, RequestBody
from airflow_provider_asposeocr.api.operations import AUTO, Operation
from airflow_provider_asposeocr.api.polling import Wait
from airflow_provider_asposeocr.api.retry import Fate
from airflow_provider_asposeocr.api.settings import answers_with_text
from airflow_provider_asposeocr.api.submission import RETENTION, Submission, fingerprint
from airflow_provider_asposeocr.api.task import OcrTask, TaskStatus
from airflow_provider_asposeocr.batch.containment import ContainedBody, address_of
from airflow_provider_asposeocr.batch.record import BatchRecord, Kind, RecordWriter, row_of
from airflow_provider_asposeocr.batch.report import Entry, ItemStatus
from airflow_provider_asposeocr.batch.stored import Content, StoredResults, stored_again
from airflow_provider_asposeocr.files.body import make_body
from airflow_provider_asposeocr.files.destination import targets
from airflow_provider_asposeocr.files.manifest import Delivery, collect, delete_remote, drop
from airflow_provider_asposeocr.files.paths import display_uri, identity_of
from airflow_provider_asposeocr.files.source import Source, open_source
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from airflow_provider_asposeocr.hooks.drivers import Meter, metered
from airflow_provider_asposeocr.reuse import ReuseStore, reuse_key, with_sha256

log = logging.getLogger(__name__)
T = TypeVar("T")

READ_AT_ONCE = 512 * 1024
"""Bytes of what is sent that are read in one go, with the look at it; more are streamed."""

TEXT_LIMIT = 256 * 1024
"""Bytes of a reply that a poll reads at most: a text that fits costs no further call."""


class Stage(Enum):
    """Say how far an item has come."""

    OPENING = auto()
    SUBMITTING = auto()
    WAITING = auto()
    DELIVERING = auto()
    SKIPPED = auto()
    """An earlier try has brought it to its end."""


@dataclass(frozen=True, slots=True)
class ItemOptions:
    """Hold what is decided for all items before the first call.

    :param operation: the operation.
    :param delivery: where results go.
    :param source_conn_id: the Airflow connection for the storage of the sources.
    :param source_options: further arguments of :func:`.open_source`.
    :param timeout: seconds to wait for the completion of an item.
    :param poll_interval: seconds between polls, or None for a learned schedule.
    :param cancel_on_timeout: whether to cancel the OCR task of an item that is late.
    :param cancel_on_kill: whether to cancel OCR tasks of which no record is kept when the task is killed.
    :param max_in_flight: OCR tasks submitted and not finished at any moment.
    :param reuse: keeps results for later runs, or None.
    :param taken: from :func:`.check_names`.
    """

    operation: Operation
    delivery: Delivery
    source_conn_id: str | None
    source_options: Mapping[str, Any]
    timeout: float
    poll_interval: float | None
    cancel_on_timeout: bool
    cancel_on_kill: bool
    max_in_flight: int
    reuse: ReuseStore | None = None
    taken: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class Item:
    """One source of a batch, on its way.

    :param given: as the listing holds it.
    :param submission: without an id until it is submitted, and empty until it is opened.
    """

    given: Any
    submission: Submission = field(default_factory=lambda: Submission("", ""))
    stage: Stage = Stage.OPENING
    body: RequestBody | None = field(default=None, repr=False)
    fate: Fate = field(default_factory=Fate)
    committed: asyncio.Event | None = None
    meter: Meter = field(default_factory=Meter)

    def may_submit(self, *, stopped: bool) -> bool:
        """Tell whether it may be submitted without being recorded.

        :param stopped: whether nothing more is begun.
        """
        if stopped:
            return self.is_lost
        return self.stage in (Stage.OPENING, Stage.SUBMITTING) or self.submission.reattached

    @property
    def is_lost(self) -> bool:
        """True if the service may have accepted a submission of it that nobody knows the id of."""
        return not self.submission.ocr_task_id and self.fate.unknown

    def entry(self) -> Entry:
        """Return what is known of it so far."""
        known = self.submission
        if not known.ocr_task_id:
            return Entry(ItemStatus.PENDING, api_calls=self.meter.calls)
        shown = known.ocr_task_id if known.of_operation.authenticated else None
        at = round(known.submitted_at or 0.0, 3)
        return Entry(ItemStatus.SUBMITTED, shown, at, api_calls=self.meter.calls)


class ItemProcessor:
    """Bring items to their ends.

    :param options: the same for all of them.
    :param hook: makes the calls.
    :param record: what earlier tries know, or None.
    :param writer: takes what this try finds out.
    :param undisturbed: guards what is to be brought to its end when the batch is stopped.
    """

    def __init__(
        self,
        options: ItemOptions,
        hook: AsposeOcrHook,
        record: BatchRecord | None,
        writer: RecordWriter,
        undisturbed: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._options = options
        self._hook = hook
        self._record = record
        self._writer = writer
        self._undisturbed = undisturbed
        self._stored = StoredResults(options.delivery)
        self._contents: dict[str, Content] = {}

    async def run(self, item: Item) -> Entry:
        """Bring an item to its end.

        :raises AsposeOcrError: if it fails; what is to be recorded of that is left to :meth:`failed`.
        """
        known = await asyncio.to_thread(contained, self._prepare, item)
        if known is not None:
            item.stage = Stage.SKIPPED
            return known
        while (entry := await self._pay_once(item)) is None:
            shown = display_uri(item.submission.source)
            log.warning("The service has lost the OCR task of an earlier try for %s: submitting anew", shown)
            item.stage = Stage.OPENING
            await asyncio.to_thread(contained, self._prepare, item, anew=True)
        return entry

    async def _pay_once(self, item: Item) -> Entry | None:
        """Deliver what there is for the content of an item, else what comes of its OCR task.

        Return None if an earlier try has made that, and the service has lost it.
        """
        key = item.submission.reuse_key
        content = self._contents.setdefault(key, Content()) if key else Content()
        async with content.lock:
            # Results that are kept cost no call, those at the service do.
            entry = await asyncio.to_thread(contained, self._deliver_kept, item, content)
            if entry is not None:
                self._add(item, Kind.DONE, entry)
            else:
                if (known := content.submission) and not item.submission.reattached:
                    item.body = None
                    item.submission = replace(
                        item.submission, ocr_task_id=known.ocr_task_id, submitted_at=known.submitted_at
                    )
                try:
                    task = await self._submit_and_wait(item)
                    if task.status is TaskStatus.NOT_EXIST and item.submission.reattached:
                        return None
                    entry = await self._collect(item, task)
                except AsposeOcrError as error:
                    content.failed(item.submission, error)
                    raise
            content.entry = entry
            return entry

    def _deliver_kept(self, item: Item, content: Content) -> Entry | None:
        """Deliver the results of the same content, of this batch or an earlier run, if there are any."""
        reuse, delivery, new = self._options.reuse, self._options.delivery, item.submission
        if content.error is not None:
            item.stage, item.body = Stage.DELIVERING, None
            # One of its own: that of the other item would grow with each that raises it.
            raise type(content.error)(str(content.error), retry_after=content.error.retry_after)
        pays_again = self._record is not None and self._record.pays_again
        with ExitStack() as stack:
            kept = stack.enter_context(stored_again(content.entry, delivery.conn_id))
            if kept is None and reuse and new.reuse_key and not pays_again:
                kept = stack.enter_context(reuse.lookup(new))
            if kept is None:
                return None
            item.stage, item.body = Stage.DELIVERING, None
            known = kept.submission(new)
            self._check_meeting(item, known, kept.task)
            manifest = kept.deliver(new, delivery)
            # Not before: until then no OCR task is this item's.
            item.submission = known
            return item.entry().succeeded(manifest, kept.completed_at)

    async def failed(self, item: Item, error: AsposeOcrError) -> Entry:
        """Record what is to be known of a failure, and cancel an OCR task that is late.

        :param item: the item.
        :param error: what it failed with.
        """
        late = isinstance(error, AsposeOcrTimeoutError) and error.reached
        cancelled = late and self._options.cancel_on_timeout
        if late and item.submission.ocr_task_id:
            fate = "goes on at the service"
            if cancelled:
                fate = await self._run_flow(item, lambda api: api.cancel_unwanted(item.submission))
            error = AsposeOcrTimeoutError(f"{error}; the OCR task {fate}")
        # One that the service has lost is sent anew.
        retryable = error.retryable or isinstance(error, AsposeOcrTaskNotFoundError)
        entry = item.entry().failed(error, retryable=retryable)
        if item.stage is Stage.OPENING:
            return entry
        if cancelled or isinstance(error, AsposeOcrTaskNotFoundError):
            self._add(item, Kind.FORGOTTEN, entry)
        elif not retryable:
            undelivered = item.submission.ocr_task_id and not isinstance(error, AsposeOcrTaskError)
            self._add(item, Kind.UNDELIVERED if undelivered else Kind.REFUSED, entry)
        return entry

    def _add(self, item: Item, kind: Kind, entry: Entry) -> asyncio.Event:
        known = item.submission
        return self._writer.add(row_of(known.fingerprint, kind, entry, known.reuse_key))

    def _prepare(self, item: Item, *, anew: bool = False) -> Entry | None:
        """Look at the source and at what earlier tries know of it; make a body if it is to be sent.

        Return what became of the item if nothing is left to do.
        """
        options = self._options
        source = open_source(item.given, options.source_conn_id, **options.source_options)
        operation, wire = source.operation_for(options.operation), options.delivery.wire
        same = fingerprint(operation, wire, source.identity_or_uri, source.content_tag)
        item.submission = Submission(operation.name, "", source.uri, source.size, same, notice=source.notice)
        entry = None if anew else self._recall(item.submission)
        if entry is None:
            source.check_format(operation)
            source = self._identified(item, source)
            body = make_body(operation, source, wire)
            # Of a converted source the body alone has the size; Base64 takes four bytes for three.
            small = 3 * len(body) <= 4 * READ_AT_ONCE
            item.body = BytesBody(b"".join(body), body.content_type) if small else ContainedBody(body)
            return None
        if entry.status is ItemStatus.SUBMITTED:
            key = self._record.reuse_key_of(same) if self._record else None
            item.submission = replace(_resumed(item.submission, entry), reattached=True, reuse_key=key)
            metrics.count("reattachments", operation=item.submission.operation)
            return None
        return entry

    def _identified(self, item: Item, source: Source) -> Source:
        """Find out the content of a source, and name it in the submission of the item."""
        operation, options = item.submission.of_operation, self._options
        if operation.authenticated:
            source = options.reuse.identified(source) if options.reuse else with_sha256(source)
            key = reuse_key(self._hook.config.service, operation, options.delivery.wire, source)
            item.submission = replace(item.submission, reuse_key=key)
        return source

    def _recall(self, new: Submission) -> Entry | None:
        """Return what earlier tries know of an item; one whose results are gone is to be resumed."""
        entry = self._record.recall(new.fingerprint) if self._record else None
        if entry is None or entry.status is not ItemStatus.SUCCEEDED:
            return entry
        if self._stored.hold(entry, self._options.delivery.names(_resumed(new, entry))):
            return entry
        kept = entry.ocr_task_id and entry.submitted_at and time.time() - entry.submitted_at < RETENTION
        log.warning(
            "The results of an earlier try for %s are not at the destination: %s",
            display_uri(new.source),
            "delivering them again" if kept else "the service has them no longer, submitting anew",
        )
        return replace(entry, status=ItemStatus.SUBMITTED) if kept else None

    async def _submit_and_wait(self, item: Item) -> OcrTask:
        if not item.submission.ocr_task_id:
            await self._submit(item)
        submission, options = item.submission, self._options
        item.stage = Stage.WAITING
        wait = Wait(
            deadline=submission.deadline(options.timeout, time.time()),
            poll_interval=options.poll_interval,
            limit=TEXT_LIMIT,
            # Results that are no text are fetched when they are complete.
            status_only=not answers_with_text(options.operation, options.delivery.wire),
        )
        return await self._run_flow(item, lambda api: api.wait(submission, wait))

    async def _submit(self, item: Item) -> None:
        body, item.body = item.body, None
        assert body is not None
        item.stage = Stage.SUBMITTING
        with self._undisturbed():
            at, item.fate = time.time(), Fate()
            submit = item.submission.of_operation, body, item.fate
            ocr_task_id = await self._run_flow(item, lambda api: api.submit(*submit))
            item.submission = replace(item.submission, ocr_task_id=ocr_task_id, submitted_at=at)
            item.committed = self._add(item, Kind.SUBMITTED, item.entry())

    async def _collect(self, item: Item, task: OcrTask) -> Entry:
        submission, delivery, seen_at = item.submission, self._options.delivery, time.time()
        keep = self._options.reuse.keeping(submission, seen_at) if self._options.reuse else drop
        item.stage = Stage.DELIVERING
        with self._undisturbed():
            manifest = await self._run_flow(
                item,
                lambda api: collect(
                    api,
                    task,
                    submission,
                    delivery,
                    seen_at,
                    lambda: item.meter.calls,
                    lambda found: self._check_meeting(item, submission, found),
                    keep,
                ),
            )
        entry = item.entry().succeeded(manifest, seen_at)
        recorded = self._add(item, Kind.DONE, entry)
        if delivery.delete_remote:
            # A retry that found the OCR task gone, and no record of its results, would submit it again.
            await self._writer.settle(recorded)
            await self._run_flow(item, lambda api: delete_remote(api, submission, delivery, manifest))
        return replace(entry, api_calls=item.meter.calls)

    def _check_meeting(self, item: Item, submission: Submission, task: OcrTask) -> None:
        """Overwrite nothing of another item: operation and number of results may show in the end alone."""
        taken, delivery = self._options.taken, self._options.delivery
        if not taken or (len(task.results) <= 1 and self._options.operation is not AUTO):
            return
        identity = identity_of(address_of(item.given) or "")
        types, names = [result.type for result in task.results], delivery.names(submission)
        for path in targets(types, delivery.destination, names, delivery.conn_id):
            if taken.get(str(path), identity) != identity:
                raise AsposeOcrDestinationError(
                    f"{display_uri(path)} is the name of another item's result. The results of this one stay "
                    f"at the service for 24 hours as {submission}: use a folder as destination, whose "
                    "names are all different, or {ocr_task_id}"
                )

    async def _run_flow(self, item: Item, flow: Callable[[OcrApi], Flow[T]]) -> T:
        return await self._hook.arun_flow(lambda api: metered(flow(api), item.meter))


def _resumed(new: Submission, entry: Entry) -> Submission:
    return replace(new, ocr_task_id=entry.ocr_task_id or "", submitted_at=entry.submitted_at)
