"""One run of a batch, as its operator is set up: decide, list, run, report."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any, NotRequired, TypedDict

from airflow.providers.common.compat.sdk import XCOM_RETURN_KEY

from airflow_provider_asposeocr.api import coerce
from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrDestinationError,
    AsposeOcrError,
    AsposeOcrSettingsError,
)
from airflow_provider_asposeocr.api.operations import AUTO, Operation, taken_for
from airflow_provider_asposeocr.api.polling import DEFAULT_TIMEOUT
from airflow_provider_asposeocr.api.settings import answers_with_text, selected_result_types
from airflow_provider_asposeocr.batch.containment import address_of, name_of
from airflow_provider_asposeocr.batch.item import ItemOptions
from airflow_provider_asposeocr.batch.record import BatchRecord
from airflow_provider_asposeocr.batch.report import NAME, Report
from airflow_provider_asposeocr.batch.runner import (
    AsposeOcrBatchError,
    AsposeOcrBatchIncompleteError,
    BatchRunner,
    Progress,
    run_aside,
)
from airflow_provider_asposeocr.batch.shard import Shard, keep_to, read_shard
from airflow_provider_asposeocr.durable import RecordStore, max_tries_of, run_store_for
from airflow_provider_asposeocr.files.destination import Names, check_destination, targets
from airflow_provider_asposeocr.files.listing import list_sources
from airflow_provider_asposeocr.files.paths import (
    display_uri,
    folder_of,
    identity_of,
    is_web,
    location,
    reason_of,
    uri_of,
)
from airflow_provider_asposeocr.files.storage import canonical
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook

log = logging.getLogger(__name__)

DEFAULT_IN_FLIGHT = 50
"""OCR tasks submitted and not finished at any moment, by default."""

_APART = ("{shard}", "{map_index}")
"""Placeholders that make another file of the report of each shard."""


class BatchSummary(TypedDict):
    """The value that a batch returns.

    ``report``: URI of the report. ``destination``: of the results. ``items``, ``succeeded``, ``failed``: of
    all tries together. ``skipped``: items that an earlier try has brought to an end. ``resumed``: OCR tasks
    of an earlier try that this one resumed. ``reused``: items whose results had been paid for before, by an
    earlier run or for another item of the same content. ``api_calls``: billed calls of this try.
    ``seconds``: how long it took. ``shard``, ``shards``: which part of how many it was, if it was one.
    """

    report: str
    destination: str
    items: int
    succeeded: int
    failed: int
    skipped: int
    resumed: int
    reused: int
    api_calls: int
    seconds: float
    shard: NotRequired[int]
    shards: NotRequired[int]


class Batch:
    """One run of a batch.

    :param task: the operator, rendered.
    :param hook: makes the calls.
    :param context: Airflow's.
    """

    def __init__(self, task: Any, hook: AsposeOcrHook, context: Mapping[str, Any]) -> None:
        self._task = task
        self._hook = hook
        self._context = context
        self._runner: BatchRunner | None = None
        self._started = 0.0

    def halt(self) -> None:
        """Submit nothing more. Safe in a signal handler."""
        self._hook.halt()
        if self._runner is not None:
            self._runner.halt()

    def run(self) -> BatchSummary:
        """Bring the batch to its end."""
        self._started = time.monotonic()
        task, hook = self._task, self._hook
        destination = checked_destination(task.unmasked("destination"))
        options, folder = self._options(destination), folder_of(destination)
        share = allowed_share(task.fail_on)
        shard = read_shard(task.shards, task.shard)
        where = self._report_path(options, folder, shard)
        listing = list_sources(
            task.unmasked("sources"),
            options.operation,
            options.source_conn_id,
            prefix=task.location("source_prefix"),
            destination=folder,
            convert=task.flag("convert"),
        )
        # Of all shards: names that meet must not depend on which worker comes first.
        taken = check_names(options, listing.items, where)
        options = replace(options, source_conn_id=listing.conn_id, taken=taken)
        items = [item for item in listing.items if shard.takes(item)] if shard else listing.items
        if not listing.items:
            log.warning("There are no sources: nothing is submitted")
        elif shard:
            log.info("This is %s, with %d of %d sources", shard, len(items), len(listing.items))
        if items and options.poll_interval is None:
            self._tell_expectation(options, len(items))
        store = self._record_store(destination, shard) if items else None
        tries, resubmit = max_tries_of(self._context), task.resubmits()
        record = BatchRecord(store, tries, resubmit=resubmit) if store else None
        common = None if options.operation is AUTO else options.operation.name
        with closing(Report(items, common)) as report:
            runner = self._runner = BatchRunner(options, hook, items, record, report)
            names = Names(None, options.operation.name, "report", options.delivery.map_index)
            write = partial(report.write, where, names, options.delivery.conn_id)
            summary = self._run_and_report(runner, write, destination, shard)
        if failure := verdict(runner.progress, share, summary["report"]):
            push(task, self._context, summary)
            raise failure
        if record is not None:
            record.finish()
        return summary

    def _tell_expectation(self, options: ItemOptions, count: int) -> None:
        """Log what the batch will cost if everything in it is paid for."""
        fetched = not answers_with_text(options.operation, options.delivery.wire)
        operation = options.operation if options.operation is not AUTO else taken_for(AUTO, is_pdf=False)
        calls = self._hook.run_flow(
            lambda api: api.expected_calls(operation, [None] * count, fetched=fetched)
        )
        log.info(
            "%d sources, about %.0f billed calls by what is known of completion times, %.1f each: less for "
            "what an earlier try or run has paid for",
            count,
            calls,
            calls / count,
        )

    def _run_and_report(
        self, runner: BatchRunner, write: Callable[[], str], destination: str, shard: Shard | None
    ) -> BatchSummary:
        """Bring all items to their ends and write the report, whatever ends that; return what came of it."""
        try:
            if runner.progress.items:
                run_aside(runner.run, self.halt)
        except BaseException:
            try:
                uri = write()
            except AsposeOcrError as error:
                log.error("The report could not be written: %s", error)
            else:
                push(self._task, self._context, self._summary(runner.progress, uri, destination, shard))
            raise
        uri = write()
        seconds = time.monotonic() - self._started
        log.info("%s; report: %s", runner.progress.line(seconds, self._hook.api_calls), uri)
        return self._summary(runner.progress, uri, destination, shard)

    def _summary(self, count: Progress, uri: str, destination: str, shard: Shard | None) -> BatchSummary:
        summary: BatchSummary = {
            "report": uri,
            "destination": destination,
            "items": count.items,
            "succeeded": count.succeeded,
            "failed": count.failed,
            "skipped": count.skipped,
            "resumed": count.resumed,
            "reused": count.reused,
            "api_calls": self._hook.api_calls,
            "seconds": round(time.monotonic() - self._started, 3),
        }
        if shard:
            summary |= {"shard": shard.index, "shards": shard.count}
        return summary

    def _record_store(self, destination: str, shard: Shard | None) -> RecordStore | None:
        """Return where submissions are recorded, if the run keeps to its number of shards."""
        task, context = self._task, self._context
        store: RecordStore | None = task.record_store(context, destination)
        if store and shard:
            of_all = run_store_for(
                context,
                *(uri_of(task.unmasked("sources")) or "", destination),
                path=task.location("durable_path"),
                destination=destination,
                conn_id=task.word("destination_conn_id"),
            )
            keep_to(shard, of_all)
        return store

    def _report_path(self, options: ItemOptions, folder: str, shard: Shard | None) -> str:
        where: str = self._task.location("report") or f"{folder}/"
        if where.endswith("/"):
            map_index = options.delivery.map_index
            number = map_index if map_index >= 0 or not shard else shard.index
            where += NAME if number < 0 else f"report-{number}.jsonl"
        elif shard and shard.count > 1 and not any(part in where for part in _APART):
            raise AsposeOcrDestinationError(
                f"{display_uri(where)} is one report for {shard.count} shards: end it with a slash if it is "
                "a folder, or use {shard} or {map_index}"
            )
        where = where.replace("{shard}", str(shard.index)) if shard else where
        check_destination(where, options.delivery.conn_id)
        return where

    def _options(self, destination: str) -> ItemOptions:
        task = self._task
        operation, wire = task.of_operation, task.wire()
        # Neither text nor values of items go into XCom.
        delivery = replace(task.delivery(self._context, wire), destination=destination, max_inline_bytes=0)
        delivery.check(operation)
        return ItemOptions(
            operation=operation,
            delivery=delivery,
            source_conn_id=task.word("source_conn_id"),
            source_options=task.source_options(),
            timeout=coerce.seconds("timeout", task.timeout) or DEFAULT_TIMEOUT,
            poll_interval=coerce.seconds("poll_interval", task.poll_interval),
            cancel_on_timeout=task.flag("cancel_on_timeout", default=True),
            cancel_on_kill=task.cancel_on_kill,
            reuse=task.reuse_store(self._hook),
            max_in_flight=task.whole_number("max_in_flight", 1) or DEFAULT_IN_FLIGHT,
        )


def push(task: Any, context: Mapping[str, Any], summary: BatchSummary) -> None:
    """Put the summary of a task that is about to fail into XCom: its report may be of use all the same.

    :param task: the operator.
    :param context: Airflow's.
    :param summary: as if the task had returned it.
    """
    if task.do_xcom_push:
        try:
            context["ti"].xcom_push(key=XCOM_RETURN_KEY, value=summary)
        except Exception as error:
            log.warning("The summary could not be put into XCom: %s", reason_of(error))


def checked_destination(destination: Any) -> str:
    """Return the destination of a batch as text.

    :param destination: a folder, which ends in a slash unless it is a path object, or a pattern with
        ``{stem}`` or ``{ocr_task_id}``.
    :raises AsposeOcrDestinationError: if it is neither: many results would meet in one file.
    """
    text = location("destination", destination)
    if text is None:
        raise AsposeOcrDestinationError("a batch needs a destination: give a folder")
    if text.endswith("/") or "{stem}" in text or "{ocr_task_id}" in text:
        return text
    if not isinstance(destination, str | Mapping):
        return f"{text}/"
    raise AsposeOcrDestinationError(
        f"{display_uri(text)} is one file for many results: end it with a slash if it is a folder, or "
        "use {stem}"
    )


def check_names(options: ItemOptions, items: Iterable[Any], report: str) -> dict[str, str]:
    """Refuse a pattern under which the results of two items would meet, or a result and the report.

    :param options: the same for all items.
    :param items: of the listing.
    :param report: where the report goes.
    :return: the identity of the source of each path that will be written, where a pattern is given.
    :raises AsposeOcrDestinationError: if two have one name.
    """
    delivery = options.delivery
    if delivery.destination.endswith("/") or "{ocr_task_id}" in delivery.destination:
        return {}
    types = selected_result_types(options.operation, delivery.wire)
    seen: dict[str, tuple[str, str]] = {canonical(report): ("", "the report")}
    for item in items:
        if (uri := address_of(item)) is None:
            continue
        identity, source = identity_of(uri), display_uri(uri) if is_web(uri) else uri
        names = Names(source, _probable(options.operation, uri).name, "", delivery.map_index)
        try:
            written = {str(path) for path in targets(types, delivery.destination, names, delivery.conn_id)}
        except AsposeOcrDestinationError:
            continue  # a name that no file can have fails its item alone
        for path in written:
            other, first = seen.setdefault(path, (identity, name_of(item)))
            if other != identity:
                raise AsposeOcrDestinationError(
                    f"{first} and {name_of(item)} would be stored under one name: use a folder as "
                    "destination, whose names are all different, or {ocr_task_id}"
                )
    return {path: identity for path, (identity, _) in seen.items()}


def _probable(operation: Operation, uri: str) -> Operation:
    """Return the operation that a file will be submitted to, as far as its name can tell."""
    return taken_for(operation, is_pdf=uri.casefold().endswith(".pdf"))


def allowed_share(fail_on: Any) -> float:
    """Return the share of items that may fail without failing the batch.

    :param fail_on: ``any``, also where it is not set; ``none``; or a fraction as a number or its digits.
    :raises AsposeOcrSettingsError: for anything else.
    """
    # A template writes a value that is not set as None: that is none of the words.
    word = "any" if coerce.is_unset(fail_on) else str(fail_on).strip().casefold()
    if word in ("any", "none"):
        return float(word == "none")
    wanted = "'any', 'none' or a fraction such as 0.05"
    share = coerce.number("fail_on", fail_on, wanted)
    if not 0 <= share <= 1:
        raise AsposeOcrSettingsError(f"fail_on must be {wanted}, not {coerce.shown_value(fail_on)}")
    return share


def verdict(count: Progress, share: float, report: str) -> AsposeOcrBatchError | None:
    """Return the error that a batch ends with, or None if it has succeeded.

    :param count: what became of its items.
    :param share: from :func:`allowed_share`.
    :param report: the URI of the report.
    """
    if count.ended < count.items:
        return AsposeOcrBatchIncompleteError(
            f"{count.items - count.ended} of {count.items} items were not brought to an end; see {report}. A "
            "retry resumes them",
            retry_after=count.retry_after,
        )
    if count.failed <= share * count.items:
        return None
    found = (
        f"{count.failed} of {count.items} items failed, {count.failed - count.retryable} of them for good; "
        f"see {report}"
    )
    if not count.retryable:
        return AsposeOcrBatchError(f"{found}. A retry would not help: clear the task to try them again")
    return AsposeOcrBatchIncompleteError(
        f"{found}. A retry tries the other {count.retryable} again", retry_after=count.retry_after
    )
