"""The operator for one source and any operation: submit, wait, deliver."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import conf

from airflow_provider_asposeocr import metrics
from airflow_provider_asposeocr.api import coerce
from airflow_provider_asposeocr.api.coerce import one_line
from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrEventError,
    AsposeOcrTaskError,
    AsposeOcrTaskNotFoundError,
    AsposeOcrTimeoutError,
)
from airflow_provider_asposeocr.api.polling import DEFAULT_TIMEOUT, Wait
from airflow_provider_asposeocr.api.submission import Submission, WaitEvent, fingerprint
from airflow_provider_asposeocr.api.task import OcrTask, TaskStatus
from airflow_provider_asposeocr.durable import TaskRecord, max_tries_of, warn_of_no_record
from airflow_provider_asposeocr.files.manifest import Delivery, Manifest, drop, log_manifest
from airflow_provider_asposeocr.files.paths import display_uri, uri_of
from airflow_provider_asposeocr.files.source import Source, open_source
from airflow_provider_asposeocr.operators.submit import SubmitMixin
from airflow_provider_asposeocr.reuse import Kept, reuse_key
from airflow_provider_asposeocr.task_mixin import (
    ResultMixin,
    mask_trial_id,
    new_hook,
    permanent_errors_fail,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook

_MAX_LABEL = 250
"""Characters of a label that the database holds."""

# A retry submits the source anew, which can help where the service has lost the OCR task.
_RESUBMIT = (AsposeOcrTaskNotFoundError,)


class AsposeOcrOperator(ResultMixin, SubmitMixin):
    """Submit a file to an operation of Aspose.OCR Cloud, wait for it, and deliver the results.

    Arguments and source are checked before the first billed call. Errors that no retry can mend fail the
    task at once; others are left to Airflow's retries.

    Without a destination text goes into XCom, several texts with a blank line between; an operation whose
    results are no text needs one. The shorter of ``timeout`` and ``execution_timeout`` is the deadline. The
    service is then asked a last time: a completed OCR task is delivered, one still running is cancelled (see
    ``cancel_on_timeout``). If the service cannot be reached, the OCR task is left running, and a retry
    resumes it.

    .. code-block:: python

        AsposeOcrOperator(
            task_id="read",
            operation="RecognizeImage",
            source="s3://inbox/scan.png",
            destination="s3://texts/",
            deferrable=True,
        )

    :param source: the file to send (templated): a path, a URI, an ObjectStoragePath, an Asset,
        ``{"bucket": ..., "key": ...}``, or the output of another task of this provider, whose first
        stored result is taken.
    :param wait_for_completion: False submits only and returns the service's id of the OCR task.
    :param deferrable: wait in the triggerer, without a worker slot; default:
        ``[operators] default_deferrable``.
    :param kwargs: those of :class:`.SubmitMixin`, :class:`.ResultMixin` and :class:`.OcrTaskMixin`.
    :return: the :class:`.Manifest`; the id with ``wait_for_completion=False``.

    .. seealso:: https://docs.aspose.cloud/ocr/
    """

    template_fields: Sequence[str] = (
        "source",
        *dict.fromkeys((*SubmitMixin.template_fields, *ResultMixin.template_fields)),
    )

    template_fields_renderers: ClassVar[dict[str, str]] = {
        **SubmitMixin.template_fields_renderers,
        "source": "json",
    }

    _submission: Submission | None = None
    _recorded = False
    keeps_record = False

    def __init__(
        self,
        *,
        source: Any,
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable

    def _do_render_template_fields(
        self, parent: Any, template_fields: Any, context: Any, *more: Any, **others: Any
    ) -> None:
        super()._do_render_template_fields(parent, template_fields, context, *more, **others)
        if parent is self:
            # Airflow takes the label up right after this, and then not before the task ends: a deferred
            # task would wait without.
            _show_file(context, uri_of(self.unmasked("source")))

    def execute(self, context: Context) -> Any:
        """Submit the source, or resume what an earlier try has submitted; then wait, defer, or return."""
        with permanent_errors_fail(but=_RESUBMIT):
            return self._execute(context)

    def execute_complete(self, context: Context, event: Any) -> Any:
        """Resume when the trigger has fired.

        :param event: the trigger's event.
        """
        with permanent_errors_fail(but=_RESUBMIT):
            try:
                outcome = WaitEvent.of_event(event)
            except AsposeOcrEventError as error:
                if not self._record(context):
                    raise
                self.log.warning("%s: the service is asked instead", error)
                self.deferrable = False
                return self._execute(context)
            hook = self._hook = new_hook(self.conn_id)
            late = isinstance(outcome.error, AsposeOcrTimeoutError) and outcome.error.reached
            if late and not self._cancels_late(context):
                self.log.warning("%s goes on at the service", outcome.submission)
            task = outcome.unwrap()
            return self._finish(context, hook, task, outcome.submission, outcome.completed_at)

    def on_kill(self) -> None:
        """Send nothing more for this task.

        The OCR task is cancelled only if no record of it was kept: otherwise it is paid for, and the next
        try resumes it.
        """
        if self._hook is not None:
            self._hook.halt()
        if self._submission is None:
            return
        if self._recorded:
            waiting = self._submission
            self.log.info("Killed while waiting: %s goes on at the service, for a retry to find it", waiting)
        elif self.cancel_on_kill:
            self.log.info("Killed while waiting: %s %s", self._submission, self._cancel(self._submission))

    def _execute(self, context: Context) -> Any:
        hook = self.new_hook()
        wire, cancels_late = self.wire(), self.flag("cancel_on_timeout", True)
        poll_interval, timeout = coerce.seconds("poll_interval", self.poll_interval), self._timeout()
        delivery = self.delivery(context, wire)
        if self.wait_for_completion:
            delivery.check(self.of_operation)
        source, record = self.opened_source(), self._record(context)
        self.keeps_record = record is not None
        operation = source.operation_for(self.of_operation)
        same = fingerprint(operation, wire, source.identity_or_uri, source.content_tag)
        known = record.recall(same, source.uri) if record else None
        if known and record and record.cleared and not self.wait_for_completion:
            # Nothing else looks at how it has ended, before its id is handed on once more.
            known = known if self._may_serve(hook, known) else None
        new = Submission(operation.name, "", source.uri, source.size, same, notice=source.notice)
        if self.wait_for_completion and (reuse := self.reuse_store(hook)):
            source = reuse.identified(source)
            new = replace(new, reuse_key=reuse_key(hook.config.service, operation, wire, source))
            if known and known.reuse_key not in (None, new.reuse_key):
                self.log.warning("Submitting anew: the source has changed since the earlier try")
                known = None
            pays_again = record is not None and record.pays_again
            with nullcontext() if pays_again else reuse.lookup(new) as kept:
                if kept is not None:
                    return self._deliver_kept(context, kept, new, delivery)
        if known is not None:
            submission = self._submission = known
            self._recorded = True
        else:
            submission = self._submit(hook, source, wire, new, record)
        if not self.wait_for_completion:
            if record:
                record.delivered(submission)
            return submission.ocr_task_id
        wait = Wait(
            deadline=submission.deadline(timeout, time.time()),
            poll_interval=poll_interval,
            limit=delivery.limit,
            # A text that is short comes with the poll that finds it, for one call less.
            status_only=self.leaves_results(wire),
        )
        if self.deferrable:
            self._defer(
                replace(submission, api_calls=hook.api_calls),
                wait,
                delivery,
                cancel_on_kill=self.cancel_on_kill,
                cancel_on_timeout=cancels_late,
                recorded=self._recorded,
            )
        try:
            task = self._wait_here(hook, submission, wait)
        except AsposeOcrTimeoutError as error:
            if not error.reached:
                raise
            fate = self._cancel(submission) if self._cancels_late(context) else "goes on at the service"
            raise AsposeOcrTimeoutError(
                f"{error}; {submission} {fate}", ocr_task_id=submission.ocr_task_id
            ) from None
        finally:
            self._submission = None
        return self._finish(context, hook, task, submission, time.time())

    def opened_source(self) -> Source:
        """Look at the source.

        :raises AsposeOcrError: as :func:`.open_source`.
        """
        return open_source(
            self.unmasked("source"),
            self.word("source_conn_id"),
            prefix=self.location("source_prefix"),
            **self.source_options(),
        )

    def _may_serve(self, hook: AsposeOcrHook, known: Submission) -> bool:
        status = hook.get_task(known.operation, known.ocr_task_id).status
        if status in (TaskStatus.ERROR, TaskStatus.NOT_EXIST):
            self.log.warning("%s has come to %s: submitting anew", known, status.value)
            return False
        return True

    def _submit(
        self,
        hook: AsposeOcrHook,
        source: Source,
        wire: Mapping[str, Any] | None,
        new: Submission,
        record: TaskRecord | None,
    ) -> Submission:
        operation, submitted_at = new.of_operation, time.time()
        if not record and self.durable and operation.authenticated:
            warn_of_no_record()
        with (
            metrics.span("submit", operation=operation.name, bytes=source.size),
            record.intent(new.fingerprint) if record else nullcontext() as fate,
        ):
            ocr_task_id = hook.submit_source(operation, source, wire, fate)
        submission = replace(new, ocr_task_id=ocr_task_id, submitted_at=submitted_at)
        self._submission = submission
        self._recorded = record is not None and record.submitted(submission)
        mask_trial_id(operation, ocr_task_id)
        sent = f"{source.display_uri} ({source.size} bytes)"
        cost = f"billed calls so far: {hook.api_calls}, {time.time() - submitted_at:.1f} s"
        self.log.info("Submitted %s to %s as %s, %s", sent, operation.name, submission, cost)
        return submission

    def _deliver_kept(self, context: Context, kept: Kept, new: Submission, delivery: Delivery) -> Manifest:
        manifest = kept.deliver(new, delivery)
        log_manifest(manifest, kept.submission(new), self.log, xcom=self.do_xcom_push)
        self._returns(context, manifest)
        return manifest

    def _finish(
        self,
        context: Context,
        hook: AsposeOcrHook,
        task: OcrTask,
        submission: Submission,
        completed_at: float,
    ) -> Any:
        record = self._record(context)
        if record and not task.status.is_successful:
            # Neither a failed OCR task nor a lost one is worth resuming.
            forgotten = record.forget()
            if task.status is TaskStatus.NOT_EXIST and submission.reattached and forgotten:
                self.log.warning("The service has lost the OCR task of the earlier try: submitting anew")
                return self._execute(context)
        delivery, reuse = self.delivery(context, self.wire()), self.reuse_store(hook)
        keep = reuse.keeping(submission, completed_at) if reuse else drop
        try:
            return self._collect(context, hook, task, submission, delivery, completed_at, record, keep=keep)
        except AsposeOcrTaskError:
            # It has come to nothing: whoever clears the task wants it submitted anew.
            if record:
                record.forget()
            raise

    def _record(self, context: Context) -> TaskRecord | None:
        store, resubmit = self.record_store(context, self.location("destination")), self.resubmits()
        return TaskRecord(store, max_tries_of(context), resubmit=resubmit) if store else None

    def _timeout(self) -> float:
        """Return the seconds to wait for completion."""
        waits = (coerce.seconds(name, getattr(self, name)) for name in ("timeout", "execution_timeout"))
        return min((wait for wait in waits if wait), default=DEFAULT_TIMEOUT)

    def _cancels_late(self, context: Context) -> bool:
        """Tell whether a late OCR task is cancelled; if so, forget its record."""
        if (cancels := self.flag("cancel_on_timeout", True)) and (record := self._record(context)):
            record.forget()
        return cancels

    def _cancel(self, submission: Submission) -> str:
        # A hook of its own: the one that waits may be halted, or in the middle of a request.
        return new_hook(self.conn_id).run_flow(lambda api: api.cancel_unwanted(submission))


def _show_file(context: Any, uri: str | None) -> None:
    """Label a mapped task with the name of its file, unless the DAG has a template for that."""
    if uri and getattr(context.get("ti"), "map_index", -1) >= 0 and not context.get("map_index_template"):
        # By way of a variable: a name may hold what a template takes for its own.
        context["asposeocr_file"] = one_line(display_uri(uri).rstrip("/").rpartition("/")[2], _MAX_LABEL)
        context["map_index_template"] = "{{ asposeocr_file }}"
