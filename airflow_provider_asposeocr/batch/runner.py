"""The runner of a batch: so many workers take items from one list, until it is empty or all is stopped."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrError,
    AsposeOcrHaltedError,
    AsposeOcrUnexpectedError,
)
from airflow_provider_asposeocr.batch import progress
from airflow_provider_asposeocr.batch.committer import Committer
from airflow_provider_asposeocr.batch.containment import name_of, own_error
from airflow_provider_asposeocr.batch.course import Course, Item, Stage
from airflow_provider_asposeocr.batch.journal import BatchRecord
from airflow_provider_asposeocr.batch.outcome import ItemStatus, Outcome
from airflow_provider_asposeocr.batch.plan import Plan
from airflow_provider_asposeocr.batch.policy import (
    MAX_FAILURES_IN_A_ROW,
    AsposeOcrBatchIncompleteError,
    concerns_all,
    is_outage,
)
from airflow_provider_asposeocr.batch.progress import Progress
from airflow_provider_asposeocr.batch.report import Report
from airflow_provider_asposeocr.files.paths import display_uri
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook

log = logging.getLogger(__name__)

GRACE = 2.0
"""Seconds for which requests under way may still be answered after a stop, so that what the service has
accepted is recorded. Airflow kills a task for good 5 s after it asked it to end."""

_CANCELLING = 2.0
_MAX_THREADS = 32
_MAX_LOGGED = 20


class BatchRunner:
    """Runs one try of a batch.

    :param plan: what to do with each item.
    :param hook: makes the calls.
    :param items: the items, from :class:`.Listing`.
    :param journal: what earlier tries know and this one records, or None.
    :param report: takes what becomes of each item.
    """

    def __init__(
        self,
        plan: Plan,
        hook: AsposeOcrHook,
        items: Sequence[Any],
        journal: BatchRecord | None,
        report: Report,
    ) -> None:
        self.progress = Progress(len(items))
        self._plan = plan
        self._hook = hook
        self._journal = journal
        self._report = report
        self._items = enumerate(items)
        self._not_begun = len(items)
        self._on_the_way: dict[int, Item] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._undisturbed: set[asyncio.Task[Any]] = set()
        self._stopped_by: BaseException | None = None
        self._stopping = asyncio.Event()
        self._killed = False
        self._failures_in_a_row = 0
        self._lost = 0
        self._last_failure: AsposeOcrError | None = None
        self._told = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self) -> None:
        """Bring all items to their ends.

        :raises AsposeOcrError: if something ends the batch before that.
        """
        self._loop = asyncio.get_running_loop()
        width = min(self._plan.max_in_flight, self._not_begun)
        self._loop.set_default_executor(ThreadPoolExecutor(min(width + 4, _MAX_THREADS), "asposeocr-batch"))
        committer = Committer(self._journal, self._unrecorded)
        course = Course(self._plan, self._hook, self._journal, committer, self._undisturbed_task)
        async with self._hook.async_session():
            await committer.open()
            committing = asyncio.create_task(self._stopping_all(committer.run()))
            telling = asyncio.create_task(self._tell())
            self._workers = {
                asyncio.create_task(self._stopping_all(self._work(course, committer))) for _ in range(width)
            }
            try:
                await self._all_ended()
            finally:
                telling.cancel()
                committer.close()
                await committing
        await self._abandon()
        if self._stopped_by is not None:
            raise self._stopped_by

    def halt(self) -> None:
        """Let nothing more be submitted, and end soon. Safe in a signal handler, and from any thread."""
        self._killed = True
        self._hook.halt()
        error = AsposeOcrHaltedError("the Airflow task was killed: no further item is submitted")
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop, error)

    async def _work(self, course: Course, committer: Committer) -> None:
        for index, given in self._items:
            if self._stopped_by is not None:
                return
            self._not_begun -= 1
            item = Item(given, index, secret=not self._plan.operation.authenticated)
            self._on_the_way[index] = item
            outcome = await self._ended(course, item)
            self._lost += item.is_lost and outcome.retryable
            self._report.add(index, outcome, item.uri)
            del self._on_the_way[index]
            self._check_for_outage()
            if item.committed is not None:
                # A worker that goes on could submit more than may be lost in a crash.
                await committer.settle(item.committed)

    async def _ended(self, course: Course, item: Item) -> Outcome:
        count = self.progress
        try:
            outcome = await course.run(item)
        except BaseException as raised:
            error = _of_one_item(raised)
            try:
                outcome = await course.failed(item, error)
            except BaseException as another:
                outcome = item.outcome().with_error(_of_one_item(another), item.meter.calls, retryable=True)
            self._tell_failure(item, error)
        count.skipped += item.stage is Stage.SKIPPED
        count.resumed += item.reattached
        count.failed += outcome.status is ItemStatus.FAILED
        count.retryable += outcome.retryable
        if outcome.status is ItemStatus.SUCCEEDED:
            count.succeeded += 1
            if item.stage is not Stage.SKIPPED:
                self._failures_in_a_row = 0
                for warning in outcome.warnings:
                    log.warning("The service says of %s: %s", display_uri(item.uri), warning)
        return outcome

    def _tell_failure(self, item: Item, error: AsposeOcrError) -> None:
        if is_outage(error, delivering=item.stage is Stage.DELIVERING):
            self._failures_in_a_row += 1
            self._last_failure = error
        if error.retry_after:
            self.progress.retry_after = max(self.progress.retry_after or 0.0, error.retry_after)
        if self._told < _MAX_LOGGED:
            log.warning("%s failed: %s", name_of(item.given), error)
        elif self._told == _MAX_LOGGED:
            log.warning("Further items that fail are in the report only")
        self._told += 1

    def _check_for_outage(self) -> None:
        if self._failures_in_a_row >= MAX_FAILURES_IN_A_ROW:
            raise AsposeOcrBatchIncompleteError(
                f"stopped, since {self._failures_in_a_row} items failed in a row, the last one with: "
                f"{self._last_failure}",
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
        self._stopping.set()
        # Neither an attempt that would be repeated nor one that has not begun is of any use now.
        self._hook.halt()
        for worker in self._workers - self._undisturbed:
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

    async def _all_ended(self) -> None:
        ending = asyncio.create_task(asyncio.wait(self._workers))
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait((ending, stopping), return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait(self._workers, timeout=GRACE)
        finally:
            rest = (*self._workers, ending, stopping)
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)
            for item in self._on_the_way.values():
                self._report.add(item.index, item.outcome(), item.uri)

    def _unrecorded(self) -> int:
        """The most submissions that may be made from now on without being recorded."""
        stopped = self._stopped_by is not None
        begun = sum(item.may_submit(stopped=stopped) for item in self._on_the_way.values())
        return self._lost + min(self._plan.max_in_flight, begun + (0 if stopped else self._not_begun))

    async def _abandon(self) -> None:
        """Say what becomes of the jobs under way; cancel those that no record will ever lead to."""
        jobs = [item.job.ocr_task_id for item in self._on_the_way.values() if item.job is not None]
        if self._stopped_by is None or not jobs:
            return
        if self._journal is not None:
            log.info("%d jobs go on at the service, for a retry to find them", len(jobs))
        elif self._killed and self._plan.cancel_on_kill and self._plan.operation.cancellable:
            # A hook of its own: the other one is halted.
            hook = AsposeOcrHook(self._hook.asposeocr_conn_id)
            async with hook.async_session():
                cancels = [
                    asyncio.create_task(hook.acancel(self._plan.operation, ocr_task_id))
                    for ocr_task_id in jobs
                ]
                await asyncio.wait(cancels, timeout=_CANCELLING)
                for cancel in cancels:
                    cancel.cancel()
                fates = await asyncio.gather(*cancels, return_exceptions=True)
            cancelled = sum(fate is None for fate in fates)
            log.info("%d of %d jobs under way were cancelled at the service", cancelled, len(jobs))

    async def _tell(self) -> None:
        started = time.monotonic()
        while True:
            await asyncio.sleep(progress.INTERVAL)
            log.info("%s", self.progress.line(time.monotonic() - started, self._hook.api_calls))


def _of_one_item(raised: BaseException) -> AsposeOcrError:
    """Take an error for the item's own, whatever it is; raise it if all other items would meet it, too."""
    own = own_error(raised)
    error = own if isinstance(own, AsposeOcrError) else AsposeOcrUnexpectedError.of(own)
    if concerns_all(error):
        raise error
    return error
