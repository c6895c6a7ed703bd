"""What operators and sensor share: rendering without leaks, waiting in the triggerer, delivering."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowTaskTimeout, mask_secret

from airflow_provider_asposeocr.api import coerce
from airflow_provider_asposeocr.api.exceptions import AsposeOcrError
from airflow_provider_asposeocr.api.operations import Operation, get_operation
from airflow_provider_asposeocr.api.polling import Deadline
from airflow_provider_asposeocr.api.settings import answers_with_text
from airflow_provider_asposeocr.api.submission import Submission
from airflow_provider_asposeocr.api.task import OcrTask, TaskStatus
from airflow_provider_asposeocr.deferral import why_a_worker_ends
from airflow_provider_asposeocr.files.manifest import (
    Delivery,
    Job,
    Manifest,
    deliver,
    is_to_fetch,
    log_lines,
    read_max_inline_bytes,
)
from airflow_provider_asposeocr.files.paths import (
    check_login,
    check_uri,
    location,
    secrets_of,
    shown,
    uris_in,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator

    from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
    from airflow_provider_asposeocr.triggers.asposeocr import AsposeOcrTaskTrigger

    _Task = BaseOperator
else:
    _Task = object

DEFAULT_CONN_ID = "asposeocr_default"
"""The connection by default, as :attr:`.AsposeOcrHook.default_conn_name` has it."""

_URI_FIELDS = frozenset({"source", "sources", "source_prefix", "destination", "durable_path", "report"})
_MAX_SECRETS = 100

TRIGGER_GRACE = 300.0
"""Seconds after our own deadline at which Airflow ends a trigger that never came to run."""


class OcrTaskMixin(_Task):
    """The part of an Airflow task that deals with a task of the service."""

    operation: str
    asposeocr_conn_id: str
    destination: Any
    destination_conn_id: str | None
    overwrite: bool | str
    inline_text: bool | str
    max_inline_bytes: int | str
    delete_remote: bool | str
    ocr_task_id: Any
    repeat_ambiguous_submit: bool | str

    _masked: dict[str, tuple[Any, Any]] | None = None

    def _do_render_template_fields(self, parent: Any, *args: Any, **kwargs: Any) -> None:
        # Airflow stores what this leaves in the fields and shows it to everyone who may see the task.
        # It is the one method that runs before that for plain and for mapped tasks alike.
        super()._do_render_template_fields(parent, *args, **kwargs)
        if parent is self:
            self._hide_secrets()

    def unmasked(self, field: str) -> Any:
        """Return the value of a field that was masked for those who may see the rendered task.

        :param field: such as ``source`` or ``destination``.
        """
        masked, value = (self._masked or {}).get(field, (None, None))
        current = getattr(self, field)
        given = value if masked is not None and masked is current else current
        if not isinstance(given, str):
            return given
        return coerce.trimmed(given) if field in ("source", "sources") else given.strip()

    def _hide_secrets(self) -> None:
        if "ocr_task_id" in self.template_fields:
            self.ocr_task_id = coerce.found_task_id(self.ocr_task_id)
        given = {field: getattr(self, field) for field in self.template_fields}
        uris = {field: list(uris_in(value)) for field, value in given.items()}
        for secret in islice(chain.from_iterable(map(secrets_of, chain(*uris.values()))), _MAX_SECRETS):
            mask_secret(secret)
        # All are masked before any is refused.
        for field, value in given.items():
            if (masked := shown(value)) is not value:
                self._masked = {**(self._masked or {}), field: (masked, value)}
                setattr(self, field, masked)
        with permanent_errors_fail():
            for field in _URI_FIELDS & uris.keys():
                # A name that no file can have fails the one item of a batch alone.
                check = check_login if field == "sources" else check_uri
                for uri in uris[field]:
                    check(uri)
        if isinstance(ocr_task_id := given.get("ocr_task_id"), str) and ocr_task_id:
            mask_trial_id(get_operation(self.operation), ocr_task_id)

    def location(self, field: str) -> str | None:
        """Return the path or URI that a field names, or None where it is not set.

        :param field: such as ``destination``.
        :raises AsposeOcrSettingsError: if it names none.
        """
        return location(field, self.unmasked(field))

    def word(self, field: str) -> str | None:
        """Return the word in a field, such as the id of a connection, or None where it is not set.

        :param field: such as ``destination_conn_id``.
        :raises AsposeOcrSettingsError: if it is no word.
        """
        return coerce.word(field, self.unmasked(field))

    def flag(self, field: str, default: bool = False) -> bool:
        """Return the truth value of a field.

        :param field: such as ``overwrite``.
        :param default: taken where it is not set.
        :raises AsposeOcrSettingsError: if it is neither true nor false.
        """
        return coerce.boolean(field, self.unmasked(field), default)

    def whole_number(self, field: str, minimum: int) -> int | None:
        """Return the whole number of a field, or None where it is not set.

        :param field: such as ``max_inline_bytes``.
        :param minimum: the least that it may be.
        :raises AsposeOcrSettingsError: if it is no such number.
        """
        return coerce.integer(field, self.unmasked(field), minimum=minimum)

    @property
    def conn_id(self) -> str:
        """The Airflow connection of the service."""
        return self.word("asposeocr_conn_id") or DEFAULT_CONN_ID

    def _delivery(self) -> Delivery:
        return Delivery(
            destination=self.location("destination"),
            conn_id=self.word("destination_conn_id"),
            overwrite=self.flag("overwrite", True),
            inline_text=self.flag("inline_text"),
            max_inline_bytes=read_max_inline_bytes(self.unmasked("max_inline_bytes")),
            delete_remote=self.flag("delete_remote"),
        )

    def _defer_until_done(
        self,
        submission: Submission,
        *,
        deadline: Deadline,
        poll_interval: float | None,
        status_only: bool,
        **more: Any,
    ) -> NoReturn:
        worker = why_a_worker_ends(self)
        ending = f"then a worker goes on, since {worker}" if worker else "which ends it"
        self.log.info("Waiting in the triggerer until %s at most, %s", deadline, ending)
        self.defer(
            trigger=new_trigger(
                **submission.to_dict(),
                asposeocr_conn_id=self.conn_id,
                deadline=deadline.at,
                poll_interval=poll_interval,
                max_inline_bytes=0 if status_only else self._delivery().max_inline_bytes,
                ends_task=worker is None,
                **more,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=deadline.remaining(time.time()) + TRIGGER_GRACE),
        )

    def _wait_here(
        self,
        hook: AsposeOcrHook,
        ocr_task_id: str,
        deadline: Deadline,
        *,
        status_only: bool,
        max_outage: float | None = None,
        **schedule: Any,
    ) -> OcrTask:
        """Wait in this process, with a last look when the alarm of ``execution_timeout`` comes first.

        :param schedule: as for :meth:`.OcrApi.schedule`.
        """
        operation = get_operation(self.operation)

        def run(until: Deadline) -> OcrTask:
            return hook.run_flow(
                lambda api: api.wait(
                    operation,
                    ocr_task_id,
                    schedule=api.schedule(operation, **schedule),
                    deadline=until,
                    limit=self._delivery().limit,
                    status_only=status_only,
                    max_outage=max_outage,
                )
            )

        self.log.info("Waiting in this worker until %s at most", deadline)
        try:
            return run(deadline)
        except AirflowTaskTimeout:
            # It counts from the start of the Airflow task, so it may come before our own deadline. It comes
            # once: what completed meanwhile can be delivered.
            self.log.warning("execution_timeout has passed: the service is asked a last time")
            return run(Deadline(time.time()))

    def _submitting_hook(self) -> AsposeOcrHook:
        repeat = self.flag("repeat_ambiguous_submit", default=True)
        return new_hook(self.conn_id, repeat_ambiguous_submit=repeat)

    def _status_only(self, wire: Mapping[str, Any] | None = None) -> bool:
        """Tell whether polls leave the results at the service, since they are no text."""
        return not answers_with_text(get_operation(self.operation), wire)

    def _abandon(self, ocr_task_id: str) -> str:
        # A hook of its own: the one that waits may be halted, or in the middle of a request.
        operation = get_operation(self.operation)
        return new_hook(self.conn_id).run_flow(lambda api: api.abandon(operation, ocr_task_id))

    def _collect(
        self, hook: AsposeOcrHook, task: OcrTask, job: Job, *, completed_at: float, leave_binary: bool = False
    ) -> Manifest:
        """Fetch the results of an ended task if need be, and deliver them."""
        task.raise_for_status()
        fetch = is_to_fetch(task, job, self._delivery())
        with hook.fetch(job.operation, task.id) if fetch else nullcontext(task) as found:
            if found.status is TaskStatus.UNKNOWN and found.results:
                # It was seen completed before.
                found = replace(found, status=task.status)
            return self._deliver(hook, found, job, completed_at, leave_binary=leave_binary)

    def _deliver(
        self, hook: AsposeOcrHook, task: OcrTask, job: Job, completed_at: float, *, leave_binary: bool = False
    ) -> Manifest:
        task.raise_for_status()
        job = job.with_calls(hook.api_calls)
        manifest = deliver(task, job, self._delivery(), completed_at=completed_at, leave_binary=leave_binary)
        for notice in manifest["warnings"]:
            self.log.warning("The service says: %s", notice)
        for line in log_lines(manifest, job, xcom=self.do_xcom_push):
            self.log.info("%s", line)
        return manifest

    def _delete_remote(self, hook: AsposeOcrHook, operation: Operation, manifest: Manifest) -> None:
        """Delete the results at the service, if the user wants that and all of them have been delivered."""
        if not self._delivery().delete_remote:
            return
        if any("delivered" in result for result in manifest["results"]):
            self.log.warning("Not deleted at the service: there are results that are stored nowhere else")
            return
        try:
            hook.cancel(operation, manifest["ocr_task_id"])
        except AsposeOcrError as error:
            # The result is safe where it was wanted: that the service keeps it for a day is no failure.
            self.log.warning("The result at the service could not be deleted: %s", error)


def new_hook(conn_id: str, **arguments: Any) -> AsposeOcrHook:
    """Make a hook. Its modules and HTTP clients are loaded now, and not where a DAG is only parsed.

    :param conn_id: the Airflow connection.
    :param arguments: the others of :class:`.AsposeOcrHook`.
    """
    from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook

    return AsposeOcrHook(conn_id, **arguments)


def new_trigger(**arguments: Any) -> AsposeOcrTaskTrigger:
    """Make a trigger, loaded as late as the hook.

    :param arguments: those of :class:`.AsposeOcrTaskTrigger`.
    """
    from airflow_provider_asposeocr.triggers.asposeocr import AsposeOcrTaskTrigger

    return AsposeOcrTaskTrigger(**arguments)


@contextmanager
def permanent_errors_fail(*, but: tuple[type[AsposeOcrError], ...] = ()) -> Iterator[None]:
    """Turn errors that no retry can mend into the exception that Airflow does not retry.

    :param but: errors that a retry of the whole Airflow task can mend.
    """
    try:
        yield
    except AsposeOcrError as error:
        if error.retryable or isinstance(error, but):
            raise
        raise AirflowFailException(str(error)) from error


def mask_trial_id(operation: Operation, ocr_task_id: str) -> None:
    """Keep the id of a trial task out of logs and rendered fields: whoever has it can read the result."""
    if not operation.authenticated:
        mask_secret(ocr_task_id)


def map_index(context: Mapping[str, Any]) -> int:
    """Airflow's map index of the running task, -1 for one that is not mapped."""
    return getattr(context.get("ti"), "map_index", -1)
