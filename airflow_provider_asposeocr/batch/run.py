"""One run of a batch, as its operator is set up: decide, list, run, report."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any, TypedDict

from airflow_provider_asposeocr.api import coerce
from airflow_provider_asposeocr.api.exceptions import AsposeOcrError
from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.api.polling import DEFAULT_TIMEOUT
from airflow_provider_asposeocr.api.settings import wire_settings
from airflow_provider_asposeocr.batch.aside import run_aside
from airflow_provider_asposeocr.batch.journal import BatchRecord
from airflow_provider_asposeocr.batch.plan import (
    DEFAULT_IN_FLIGHT,
    Plan,
    check_names,
    checked_destination,
    folder_of,
)
from airflow_provider_asposeocr.batch.policy import allowed_share, verdict
from airflow_provider_asposeocr.batch.report import NAME, Report
from airflow_provider_asposeocr.batch.runner import BatchRunner
from airflow_provider_asposeocr.batch.stores import parts_for
from airflow_provider_asposeocr.files.destination import Names, check_destination
from airflow_provider_asposeocr.files.listing import list_sources
from airflow_provider_asposeocr.files.manifest import Delivery
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook

log = logging.getLogger(__name__)


class BatchSummary(TypedDict):
    """What a batch returns.

    ``report``: URI of the report. ``destination``: where the results are. ``items``, ``succeeded``,
    ``failed``: of all tries together. ``skipped``: items that an earlier try has brought to an end.
    ``resumed``: jobs of an earlier try that this one went on with. ``api_calls``: billed calls of this try.
    ``seconds``: how long it took.
    """

    report: str
    destination: str
    items: int
    succeeded: int
    failed: int
    skipped: int
    resumed: int
    api_calls: int
    seconds: float


class Batch:
    """One run of a batch.

    :param task: the operator, rendered.
    :param hook: makes the calls.
    :param settings: of the operation, by the names of the operator's arguments.
    :param context: Airflow's.
    """

    def __init__(
        self, task: Any, hook: AsposeOcrHook, settings: Mapping[str, Any], context: Mapping[str, Any]
    ) -> None:
        self._task = task
        self._hook = hook
        self._settings = settings
        self._context = context
        self._runner: BatchRunner | None = None

    def halt(self) -> None:
        """Submit nothing more. Safe in a signal handler."""
        self._hook.halt()
        if self._runner is not None:
            self._runner.halt()

    def run(self) -> BatchSummary:
        """Bring the batch to its end."""
        started = time.monotonic()
        task, hook = self._task, self._hook
        destination = checked_destination(task.unmasked("destination"))
        plan = self._plan(destination)
        share = allowed_share(task.fail_on)
        where = self._report_path(plan, folder_of(destination))
        listing = list_sources(
            task.unmasked("sources"),
            plan.operation,
            task.word("source_conn_id"),
            prefix=task.location("source_prefix"),
            destination=folder_of(destination),
        )
        plan = replace(plan, source_conn_id=listing.conn_id)
        plan = replace(plan, taken=check_names(plan, listing.items, where))
        journal = self._journal(plan, folder_of(destination)) if listing.items else None
        with closing(Report(listing.items)) as report:
            runner = self._runner = BatchRunner(plan, hook, listing.items, journal, report)
            names = Names(None, plan.operation.name, "report", plan.map_index)
            try:
                if listing.items:
                    run_aside(runner.run, runner.halt)
                else:
                    log.warning("There are no sources: nothing is submitted")
            except BaseException:
                try:
                    report.write(where, names, plan.delivery.conn_id)
                except AsposeOcrError as error:
                    log.error("The report could not be written: %s", error)
                raise
            uri = report.write(where, names, plan.delivery.conn_id)
        taken, count = time.monotonic() - started, runner.progress
        log.info("%s; report: %s", count.line(taken, hook.api_calls), uri)
        if failure := verdict(count, share, uri):
            raise failure
        if journal is not None:
            journal.finish()
        return {
            "report": uri,
            "destination": destination,
            "items": count.items,
            "succeeded": count.succeeded,
            "failed": count.failed,
            "skipped": count.skipped,
            "resumed": count.resumed,
            "api_calls": hook.api_calls,
            "seconds": round(taken, 3),
        }

    def _report_path(self, plan: Plan, folder: str) -> str:
        name = NAME if plan.map_index < 0 else f"report-{plan.map_index}.jsonl"
        where = self._task.location("report") or f"{folder}/"
        where = f"{where}{name}" if where.endswith("/") else where
        check_destination(where, plan.delivery.conn_id)
        return where

    def _journal(self, plan: Plan, folder: str) -> BatchRecord | None:
        # The trial costs nothing, and its ids are secrets that do not belong in a store.
        if not self._task.durable or not plan.operation.authenticated:
            return None
        context = self._context
        path = self._task.location("durable_path")
        parts = parts_for(context, path=path, destination=folder, conn_id=plan.delivery.conn_id)
        return BatchRecord(parts, int(getattr(context["ti"], "max_tries", 0) or 0))

    def _plan(self, destination: str) -> Plan:
        task = self._task
        operation = get_operation(task.operation)
        wire = wire_settings(operation, self._settings)
        delivery = Delivery(
            destination=destination,
            conn_id=task.word("destination_conn_id"),
            overwrite=task.flag("overwrite", True),
            delete_remote=task.flag("delete_remote"),
        )
        delivery.check(operation, wire)
        return Plan(
            operation=operation,
            wire=wire,
            delivery=delivery,
            source_conn_id=task.word("source_conn_id"),
            max_source_bytes=task.whole_number("max_source_bytes", 1),
            allow_redirects=task.flag("allow_redirects"),
            allow_multipage=task.flag("allow_multipage"),
            patience=coerce.seconds("timeout", task.timeout) or DEFAULT_TIMEOUT,
            poll_interval=coerce.seconds("poll_interval", task.poll_interval),
            max_in_flight=task.whole_number("max_in_flight", 1) or DEFAULT_IN_FLIGHT,
            cancel_on_timeout=task.flag("cancel_on_timeout", default=True),
            cancel_on_kill=task.cancel_on_kill,
            map_index=getattr(self._context["ti"], "map_index", -1),
        )
