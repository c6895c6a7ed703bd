"""Run the items of a batch: so many at a time, until the list is empty or all is stopped.

The event loop runs in a thread of its own, so that signals find the main thread outside of it: a handler that
raises, as Airflow's alarm for ``execution_timeout`` does, could do so in a callback, and the error be lost.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from airflow_provider_asposeocr import metrics
from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrAuthError,
    AsposeOcrCertificateError,
    AsposeOcrConnectionError,
    AsposeOcrError,
    AsposeOcrHaltedError,
    AsposeOcrRateLimitError,
    AsposeOcrRequestError,
    AsposeOcrServerError,
    AsposeOcrSettingsError,
    AsposeOcrStorageError,
    AsposeOcrUnexpectedError,
)
from airflow_provider_asposeocr.api.retry import MAX_SLEEP
from airflow_provider_asposeocr.batch.containment import name_of, own_error
from airflow_provider_asposeocr.batch.item import Item, ItemOptions, ItemProcessor, Stage
from airflow_provider_asposeocr.batch.record import BatchRecord, RecordWriter
from airflow_provider_asposeocr.batch.report import Entry, ItemStatus, Report
from airflow_provider_asposeocr.files.paths import display_uri
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook

log = logging.getLogger(__name__)
T = TypeVar("T")

PROGRESS_INTERVAL = 30.0
"""Seconds between two lines of progress in the log."""

MAX_FAILURES_IN_A_ROW = 5
"""So many items that fail in a row because the service or the storage of the results is down end a batch: the
next ones would fail as well, and each attempt may be billed."""

GRACE = 2.0
"""Seconds for which running requests may still be answered after a stop, so that what the service has
accepted is recorded. Airflow kills a task for good 5 s after it asked it to end."""

_ALL = (AsposeOcrAuthError, AsposeOcrCertificateError, AsposeOcrHaltedError, AsposeOcrSettingsError)
_ALL_STATUSES = frozenset({402, 403, 404, 405})
_OUTAGES = (AsposeOcrConnectionError, AsposeOcrServerError, AsposeOcrRateLimitError)
_MAX_CANCEL_SECONDS = 2.0
_MAX_THREADS = 32
_MAX_LOGGED = 20


@dataclass(slots=True)
class Progress:
    """Count what becomes of the items.

    :param items: how many there are.
    :param succeeded: delivered, by this try or an earlier one.
    :param failed: failed, in this try or for good in an earlier one.
    :param retryable: those of the failed ones that a retry may help.
    :param skipped: those that an earlier try has brought to an end.
    :param resumed: OCR tasks of an earlier try that this one resumed.
    :param reused: those whose results had been paid for before.
    :param retry_after: the most seconds that the service asked to wait.
    """

    items: int
    succeeded: int = 0
    failed: int = 0
    retryable: int = 0
    skipped: int = 0
    resumed: int = 0
    reused: int = 0
    retry_after: float | None = None

    @property
    def ended(self) -> int:
        """The items that have come to an end."""
        return self.succeeded + self.failed

    def line(self, seconds: float, api_calls: int) -> str:
        """Return one line for the log.

        :param seconds: since the start of this try.
        :param api_calls: billed calls made by it.
        """
        worked = self.ended - self.skipped
        rate = worked / seconds if seconds > 0 else 0.0
        parts = [f"{self.ended} of {self.items} items", f"{self.failed} failed", f"{rate * 60:.0f} a minute"]
        if rate and self.ended < self.items:
            parts.append(f"{_duration((self.items - self.ended) / rate)} left")
        if worked:
            parts.append(f"{api_calls / worked:.2f} calls per item")
        parts.append(f"billed calls so far: {api_calls}, {seconds:.1f} s")
        return ", ".join(parts)


class AsposeOcrBatchError(AsposeOcrError):
    """Items of a batch failed, all of them for good."""


class AsposeOcrBatchIncompleteError(AsposeOcrBatchError):
    """Items of a batch failed, and some of them may succeed when they are tried again."""

    retryable = True


class BatchRunner:
    """Run one try of a batch.

    :param options: the same for all items.
    :param hook: makes the calls.
    :param items: the items, from :class:`.Listing`.
    :param record: what earlier tries know and this one records, or None.
    :param report: takes what becomes of each item.
    """

    def __init__(
        self,
        options: ItemOptions,
        hook: AsposeOcrHook,
        items: Sequence[Any],
        record: BatchRecord | None,
        report: Report,
    ) -> None:
        self.progress = Progress(len(items))
        self._options = options
        self._hook = hook
        self._record = record
        self._report = report
        self._items = enumerate(items)
        self._not_begun = len(items)
        self._running: dict[int, Item] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._undisturbed: set[asyncio.Task[Any]] = set()
        self._stopped_by: BaseException | None = None
        self._killed = False
        self._outages: list[AsposeOcrError] = []
        self._lost = 0
        self._told = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self) -> None:
        """Bring all items to their ends.

        :raises AsposeOcrError: if something ends the batch before that.
        """
        self._loop = asyncio.get_running_loop()
        width = min(self._options.max_in_flight, self._not_begun)
        self._loop.set_default_executor(ThreadPoolExecutor(min(width + 4, _MAX_THREADS), "asposeocr-batch"))
        writer = RecordWriter(self._record, self._unrecorded)
        processor = ItemProcessor(self._options, self._hook, self._record, writer, self._undisturbed_task)
        async with self._hook.async_session():
            await writer.open()
            committing = asyncio.create_task(self._stopping_all(writer.run()))
            telling = asyncio.create_task(self._tell())
            self._workers = {
                asyncio.create_task(self._stopping_all(self._work(processor, writer))) for _ in range(width)
            }
            try:
                await asyncio.wait(self._workers)
            finally:
                for index, item in self._running.items():
                    self._report.add(index, item.entry(), item.submission)
                telling.cancel()
                writer.close()
                await committing
                self._report_progress()
        await self._leave_or_cancel()
        if self._stopped_by is not None:
            raise self._stopped_by

    def halt(self) -> None:
        """Come to an end soon, the hook being halted. Safe in a signal handler, and from any thread."""
        self._killed = True
        error = AsposeOcrHaltedError("the Airflow task was killed: no further item is submitted")
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop, error)

    async def _work(self, processor: ItemProcessor, writer: RecordWriter) -> None:
        for index, given in self._items:
            if self._stopped_by is not None:
                return
            self._not_begun -= 1
            item = self._running[index] = Item(given)
            entry = await self._ended(processor, item)
            self._lost += item.is_lost and entry.retryable
            self._report.add(index, entry, item.submission)
            del self._running[index]
            self._check_for_outage()
            if item.committed is not None:
                # A worker that goes on could submit more than may be lost in a crash.
                await writer.settle(item.committed)

    async def _ended(self, processor: ItemProcessor, item: Item) -> Entry:
        count = self.progress
        try:
            entry = await processor.run(item)
        except BaseException as raised:
            error = _of_one_item(raised)
            try:
                entry = await processor.failed(item, error)
            except BaseException as another:
                entry = item.entry().failed(_of_one_item(another), retryable=True)
            self._tell_failure(item, error)
        count.skipped += item.stage is Stage.SKIPPED
        count.resumed += item.submission.reattached
        count.failed += entry.status is ItemStatus.FAILED
        count.retryable += entry.retryable
        if entry.status is ItemStatus.SUCCEEDED:
            count.succeeded += 1
            count.reused += entry.reused
            if item.stage is not Stage.SKIPPED:
                self._outages.clear()
                for warning in entry.warnings:
                    log.warning("The service says of %s: %s", display_uri(item.submission.source), warning)
        return entry

    def _tell_failure(self, item: Item, error: AsposeOcrError) -> None:
        if is_outage(error, delivering=item.stage is Stage.DELIVERING):
            self._outages.append(error)
        if error.retry_after:
            self.progress.retry_after = max(self.progress.retry_after or 0.0, error.retry_after)
        if self._told < _MAX_LOGGED:
            log.warning("%s failed: %s", name_of(item.given), error)
        elif self._told == _MAX_LOGGED:
            log.warning("Further items that fail are in the report only")
        self._told += 1

    def _check_for_outage(self) -> None:
        if len(self._outages) >= MAX_FAILURES_IN_A_ROW:
            raise AsposeOcrBatchIncompleteError(
                f"stopped, since {len(self._outages)} items failed in a row, the last one with: "
                f"{self._outages[-1]}",
                retry_after=self.progress.retry_after,
            )

    async def _stopping_all(self, part: Coroutine[Any, Any, None]) -> None:
        try:
            await part
        except BaseException as raised:
            self._stop(own_error(raised))

    def _stop(self, error: BaseException) -> None:
        if self._stopped_by is not None:
            return
        self._stopped_by = error
        # Neither an attempt that would be repeated nor one that has not begun is of any use now.
        self._hook.halt()
        for worker in self._workers:
            if worker in self._undisturbed:
                asyncio.get_running_loop().call_later(GRACE, worker.cancel)
            else:
                worker.cancel()

    @contextmanager
    def _undisturbed_task(self) -> Iterator[None]:
        task = asyncio.current_task()
        assert task is not None
        self._undisturbed.add(task)
        try:
            yield
        finally:
            self._undisturbed.discard(task)
            if self._stopped_by is not None:
                task.cancel()

    def _unrecorded(self) -> int:
        """Return the most submissions that may be made from now on without being recorded."""
        stopped = self._stopped_by is not None
        begun = sum(item.may_submit(stopped=stopped) for item in self._running.values())
        return self._lost + min(self._options.max_in_flight, begun + (0 if stopped else self._not_begun))

    async def _leave_or_cancel(self) -> None:
        """Say what becomes of the running OCR tasks; cancel those that no record will ever lead to."""
        left = [item.submission for item in self._running.values() if item.submission.ocr_task_id]
        if self._stopped_by is None or not left:
            return
        if self._record is not None:
            log.info("%d OCR tasks go on at the service, for a retry to find them", len(left))
        elif self._killed and self._options.cancel_on_kill and self._options.operation.cancellable:
            # A hook of its own: the other one is halted.
            hook = AsposeOcrHook(self._hook.asposeocr_conn_id)
            async with hook.async_session():
                cancels = (hook.acancel(known.operation, known.ocr_task_id) for known in left)
                bounded = (asyncio.wait_for(cancel, _MAX_CANCEL_SECONDS) for cancel in cancels)
                fates = await asyncio.gather(*bounded, return_exceptions=True)
            cancelled = sum(fate is None for fate in fates)
            log.info("%d of %d running OCR tasks were cancelled at the service", cancelled, len(left))

    async def _tell(self) -> None:
        started = time.monotonic()
        while True:
            await asyncio.sleep(PROGRESS_INTERVAL)
            log.info("%s", self.progress.line(time.monotonic() - started, self._hook.api_calls))
            self._report_progress()

    def _report_progress(self) -> None:
        count, operation = self.progress, self._options.operation.name
        metrics.gauge("batch.items", count.items, operation=operation)
        metrics.gauge("batch.succeeded", count.succeeded, operation=operation)
        metrics.gauge("batch.failed", count.failed, operation=operation)
        running = sum(bool(item.submission.ocr_task_id) for item in self._running.values())
        metrics.gauge("batch.running", running, operation=operation)


def _of_one_item(raised: BaseException) -> AsposeOcrError:
    """Take an error for the item's own, whatever it is; raise it if all other items would meet it, too."""
    own = own_error(raised)
    error = own if isinstance(own, AsposeOcrError) else AsposeOcrUnexpectedError.of(own)
    if concerns_all(error):
        raise error
    return error


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def concerns_all(error: AsposeOcrError) -> bool:
    """Tell whether every other item would fail with the same error."""
    if isinstance(error, AsposeOcrRequestError):
        status = error.status or 0
        return status in _ALL_STATUSES or 300 <= status < 400
    if isinstance(error, AsposeOcrRateLimitError):
        return (error.retry_after or 0.0) > MAX_SLEEP
    return isinstance(error, _ALL)


def is_outage(error: AsposeOcrError, *, delivering: bool) -> bool:
    """Tell whether the service or the storage of the results may be down.

    :param error: what an item failed with.
    :param delivering: whether its results were being stored. Before that, a storage is that of its source,
        which no other item needs to share.
    """
    return isinstance(error, _OUTAGES) or (delivering and isinstance(error, AsposeOcrStorageError))


def run_aside(main: Callable[[], Coroutine[Any, Any, T]], interrupt: Callable[[], None]) -> T:
    """Run a coroutine on an event loop in another thread, and wait here for what it returns.

    :param main: makes the coroutine.
    :param interrupt: asks it to come to an end soon; called when a signal handler raises meanwhile. The
        error goes on when the coroutine has ended.
    """
    with ThreadPoolExecutor(1, "asposeocr-loop") as aside:
        ended = aside.submit(contextvars.copy_context().run, lambda: asyncio.run(main()))
        try:
            return ended.result()
        except BaseException:
            if not ended.done():
                interrupt()
            raise
