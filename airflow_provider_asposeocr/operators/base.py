"""The operator that all others are: submit, wait, deliver."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import fields, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator, conf

from airflow_provider_asposeocr.api import coerce
from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrEventError,
    AsposeOcrTaskError,
    AsposeOcrTaskNotFoundError,
    AsposeOcrTimeoutError,
)
from airflow_provider_asposeocr.api.operations import Operation, get_operation, named
from airflow_provider_asposeocr.api.polling import DEFAULT_TIMEOUT
from airflow_provider_asposeocr.api.settings import RecognitionSettings, check_literals, wire_settings
from airflow_provider_asposeocr.api.submission import Submission
from airflow_provider_asposeocr.api.task import OcrTask, TaskStatus
from airflow_provider_asposeocr.durable import TaskRecord, fingerprint, record_for, warn_of_no_record
from airflow_provider_asposeocr.files.manifest import MAX_INLINE_BYTES, Job
from airflow_provider_asposeocr.files.source import Source, open_source
from airflow_provider_asposeocr.retry_policy import use_retry_policy
from airflow_provider_asposeocr.task_mixin import (
    DEFAULT_CONN_ID,
    OcrTaskMixin,
    map_index,
    mask_trial_id,
    new_hook,
    permanent_errors_fail,
)
from airflow_provider_asposeocr.triggers.events import WaitEvent

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook

_SETTINGS = tuple(setting.name for setting in fields(RecognitionSettings))

# A retry submits the source anew, which can help where the service has lost the task.
_RESUBMIT = (AsposeOcrTaskNotFoundError,)


class AsposeOcrOperator(OcrTaskMixin, BaseOperator):
    """Submit a file to an operation of Aspose.OCR Cloud, wait for it, and deliver the results.

    What is wrong with the arguments or the source is found before the first billed call. Errors that no
    retry can mend fail the task at once; others are left to Airflow's retries.

    :param operation: the operation's name, such as ``RecognizeImage``, in any case.
    :param source: what to send (templated): a path, a URI, an ObjectStoragePath, an Asset,
        ``{"bucket": ..., "key": ...}``, or the output of another task of this provider, whose first
        stored result is taken.
    :param source_conn_id: the Airflow connection for the source's storage.
    :param source_prefix: a URI that stands before a bare key, as operators that list a bucket return them,
        such as ``s3://inbox`` (templated).
    :param max_source_bytes: the most bytes that the source may have, or None (templated).
    :param allow_redirects: whether a web server may redirect a source to another host (templated).
    :param allow_multipage: whether to send a TIFF of several pages, although the service documents TIFF of
        a single page and may lose the others (templated).
    :param destination: where results go (templated): a file or, with a slash at its end, a directory in
        any storage that Airflow has registered. May hold ``{stem}``, ``{ext}``, ``{operation}``,
        ``{map_index}`` and ``{ocr_task_id}``. Without it text goes into XCom, several texts with a blank
        line between, and other results are refused.
    :param destination_conn_id: the Airflow connection for the destination's storage.
    :param overwrite: whether to replace what is at the destination; a retry needs it (templated).
    :param inline_text: whether text goes into XCom although there is a destination (templated).
    :param max_inline_bytes: the most bytes of decoded text that go into XCom, default 32 KiB (templated).
    :param delete_remote: whether to delete the results at the service once all are delivered, which is one
        more billed call; otherwise they lie there for 24 hours (templated).
    :param language: language of the text, default English (templated, as are the settings below).
    :param make_skew_correct: straighten the image, up to 15 degrees; default True.
    :param rotate: turn the image by this many degrees first; default 0.
    :param make_binarization: reduce the image to black and white; default False.
    :param make_contrast_correction: raise the contrast; default True where the API documents it.
    :param make_upsampling: enlarge a small image; default False.
    :param make_spell_check: correct misspelt words; default False.
    :param dsr_mode: how text areas are found; left to the service by default.
    :param dsr_confidence: how sure that search must be; left to the service by default.
    :param result_type: what to answer with, default ``Text``; ``RecognizeTable`` has types of its own.
    :param extra_settings: further settings, sent unchanged (templated).
    :param asposeocr_conn_id: the Airflow connection of type ``asposeocr``.
    :param wait_for_completion: False submits only and returns the service's id of the task.
    :param deferrable: wait in the triggerer, without a worker slot; by default as Airflow is configured.
    :param poll_interval: seconds or timedelta between polls; None for moments that are learned.
    :param timeout: seconds or timedelta to wait for completion, default 1 h; ``execution_timeout`` counts
        if it is shorter. The service is then asked a last time: what has completed is delivered, and where
        the service cannot be reached it is left alone, for a retry to find.
    :param cancel_on_timeout: whether to cancel what has not completed then; else a retry goes on with it
        (templated).
    :param cancel_on_kill: whether to cancel the task at the service when a user ends the Airflow task.
    :param repeat_ambiguous_submit: whether to repeat, once, a submission whose fate is unknown, such as after
        a reset connection. It may then have been accepted, and be billed, twice. With False the try fails;
        Airflow's retries, unless there are none, submit again (templated).
    :param durable: keep a record of the submission, so that a retry goes on with the same task instead of
        paying again: in Airflow's task state store (3.3 and later), else in a small file beside
        ``destination``. With neither, a retry submits again.
    :param durable_path: a folder in any storage for the records, instead (templated).
    :return: the :class:`.Manifest`, or the id.

    .. seealso:: https://docs.aspose.cloud/ocr/
    """

    template_fields: Sequence[str] = (
        "source",
        "source_conn_id",
        "source_prefix",
        "max_source_bytes",
        "allow_redirects",
        "allow_multipage",
        "destination",
        "destination_conn_id",
        "overwrite",
        "inline_text",
        "max_inline_bytes",
        "delete_remote",
        *_SETTINGS,
        "extra_settings",
        "asposeocr_conn_id",
        "cancel_on_timeout",
        "repeat_ambiguous_submit",
        "durable_path",
    )
    ui_color = "#d9e8fb"

    _hook: AsposeOcrHook | None = None
    _waiting_for: str | None = None
    _recorded = False
    keeps_record = False

    def __init__(
        self,
        *,
        operation: str,
        source: Any,
        source_conn_id: str | None = None,
        source_prefix: str | None = None,
        max_source_bytes: int | str | None = None,
        allow_redirects: bool | str = False,
        allow_multipage: bool | str = False,
        destination: Any = None,
        destination_conn_id: str | None = None,
        overwrite: bool | str = True,
        inline_text: bool | str = False,
        max_inline_bytes: int | str = MAX_INLINE_BYTES,
        delete_remote: bool | str = False,
        language: str | None = None,
        make_skew_correct: bool | str | None = None,
        rotate: int | str | None = None,
        make_binarization: bool | str | None = None,
        make_contrast_correction: bool | str | None = None,
        make_upsampling: bool | str | None = None,
        make_spell_check: bool | str | None = None,
        dsr_mode: str | None = None,
        dsr_confidence: str | None = None,
        result_type: str | None = None,
        extra_settings: Mapping[str, Any] | None = None,
        asposeocr_conn_id: str = DEFAULT_CONN_ID,
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float | timedelta | None = None,
        timeout: float | timedelta = DEFAULT_TIMEOUT,
        cancel_on_timeout: bool | str = True,
        cancel_on_kill: bool = True,
        repeat_ambiguous_submit: bool | str = True,
        durable: bool = True,
        durable_path: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        use_retry_policy(self)
        self.operation = operation
        self.source = source
        self.source_conn_id = source_conn_id
        self.source_prefix = source_prefix
        self.max_source_bytes = max_source_bytes
        self.allow_redirects = allow_redirects
        self.allow_multipage = allow_multipage
        self.destination = destination
        self.destination_conn_id = destination_conn_id
        self.overwrite = overwrite
        self.inline_text = inline_text
        self.max_inline_bytes = max_inline_bytes
        self.delete_remote = delete_remote
        self.language = language
        self.make_skew_correct = make_skew_correct
        self.rotate = rotate
        self.make_binarization = make_binarization
        self.make_contrast_correction = make_contrast_correction
        self.make_upsampling = make_upsampling
        self.make_spell_check = make_spell_check
        self.dsr_mode = dsr_mode
        self.dsr_confidence = dsr_confidence
        self.result_type = result_type
        self.extra_settings = extra_settings
        self.asposeocr_conn_id = asposeocr_conn_id
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.cancel_on_timeout = cancel_on_timeout
        self.cancel_on_kill = cancel_on_kill
        self.repeat_ambiguous_submit = repeat_ambiguous_submit
        self.durable = durable
        self.durable_path = durable_path
        with permanent_errors_fail():
            check_literals(get_operation(operation), {name: getattr(self, name) for name in _SETTINGS})

    def execute(self, context: Context) -> Any:
        """Submit the source, or go on with what an earlier try has submitted; then wait, defer, or return."""
        with permanent_errors_fail(but=_RESUBMIT):
            return self._execute(context)

    def execute_complete(self, context: Context, event: Any) -> Any:
        """Go on when the trigger has fired.

        :param event: the trigger's event.
        """
        with permanent_errors_fail(but=_RESUBMIT):
            try:
                outcome = WaitEvent.of_event(event)
            except AsposeOcrEventError as error:
                if not self._ledger(context):
                    raise
                self.log.warning("%s: the service is asked instead", error)
                self.deferrable = False
                return self._execute(context)
            hook = self._hook = new_hook(self.conn_id)
            late = isinstance(outcome.error, AsposeOcrTimeoutError) and outcome.error.reached
            if late and not self._ends_late(context):
                self.log.warning("The task goes on at the service")
            task = outcome.unwrap()
            return self._finish(
                context, hook, task, outcome.submission, outcome.api_calls, outcome.completed_at
            )

    def on_kill(self) -> None:
        """Send nothing more for this task.

        The task at the service is cancelled only if no record of it was kept: otherwise it is paid for, and
        the next try goes on with it.
        """
        if self._hook is not None:
            self._hook.halt()
        if self._waiting_for is None:
            return
        if self._recorded:
            self.log.info("Killed while waiting: the task goes on at the service, for a retry to find it")
        elif self.cancel_on_kill:
            fate = self._abandon(self._waiting_for)
            self.log.info("Killed while waiting: the task %s", fate)

    def _execute(self, context: Context) -> Any:
        # First of all, so that a kill at any later moment finds it and stops it.
        hook = self._hook = self._submitting_hook()
        operation, cancels_late = get_operation(self.operation), self.flag("cancel_on_timeout", True)
        wire = wire_settings(operation, self._settings())
        poll_interval, patience = coerce.seconds("poll_interval", self.poll_interval), self._patience()
        if self.wait_for_completion:
            self._delivery().check(operation, wire)
        source = open_source(
            self.unmasked("source"),
            self.word("source_conn_id"),
            prefix=self.location("source_prefix"),
            max_bytes=self.whole_number("max_source_bytes", 1),
            allow_redirects=self.flag("allow_redirects"),
            allow_multipage=self.flag("allow_multipage"),
        )
        submission = self._submit_once(context, hook, operation, source, wire)
        ocr_task_id = submission.ocr_task_id
        if not self.wait_for_completion:
            if ledger := self._ledger(context):
                ledger.deliver(submission)
            return ocr_task_id

        deadline = submission.deadline(patience)
        polling: dict[str, Any] = {
            # A text that is short comes with the poll that finds it, for one call less.
            "status_only": self._status_only(wire),
            "poll_interval": poll_interval,
            "source_bytes": source.size,
        }
        if self.deferrable:
            self._defer_until_done(
                replace(submission, api_calls=hook.api_calls),
                deadline=deadline,
                cancel_on_kill=self.cancel_on_kill,
                cancel_when_late=cancels_late,
                recorded=self._recorded,
                **polling,
            )
        try:
            task = self._wait_here(
                hook, ocr_task_id, deadline, submitted_at=submission.submitted_at, **polling
            )
        except AsposeOcrTimeoutError as error:
            raise (self._given_up(context, error) if error.reached else error) from None
        finally:
            self._waiting_for = None
        return self._finish(context, hook, task, submission, 0, time.time())

    def _submit_once(
        self,
        context: Context,
        hook: AsposeOcrHook,
        operation: Operation,
        source: Source,
        wire: Mapping[str, Any] | None,
    ) -> Submission:
        ledger = self._ledger(context)
        self.keeps_record = ledger is not None
        match = fingerprint(operation, wire, source)
        known = ledger.recall(operation, match, source.uri) if ledger else None
        if known is not None:
            self._waiting_for, self._recorded = known.ocr_task_id, True
            return known
        if not ledger and self.durable and operation.authenticated:
            warn_of_no_record()
        submitted_at = time.time()
        with ledger.intent(match) if ledger else nullcontext() as fate:
            ocr_task_id = hook.submit_source(operation, source, wire, fate)
        self._waiting_for = ocr_task_id
        submission = Submission(operation.name, ocr_task_id, source.uri, match, submitted_at)
        self._recorded = ledger is not None and ledger.record(submission)
        mask_trial_id(operation, ocr_task_id)
        sent, what = f"{source.display_uri} ({source.size} bytes)", named(operation, ocr_task_id)
        self.log.info("Submitted %s to %s as %s", sent, operation.name, what)
        return submission

    def _finish(
        self,
        context: Context,
        hook: AsposeOcrHook,
        task: OcrTask,
        submission: Submission,
        api_calls: int,
        completed_at: float,
    ) -> Any:
        ledger = self._ledger(context)
        if ledger and not task.status.is_successful:
            # Neither a failed job nor a lost one is worth going on with.
            forgotten = ledger.forget()
            if task.status is TaskStatus.NOT_EXIST and submission.reattached and forgotten:
                self.log.warning("The service has lost the task of the earlier try: submitting anew")
                return self._execute(context)
        operation = get_operation(self.operation)
        wire, calls = wire_settings(operation, self._settings()), submission.api_calls + api_calls
        at, match = submission.submitted_at, submission.fingerprint
        job = Job(operation, submission.source, map_index(context), calls, at, match, wire)
        try:
            manifest = self._collect(hook, task, job, completed_at=completed_at)
        except AsposeOcrTaskError:
            # It has come to nothing: whoever clears the task wants it submitted anew.
            if ledger:
                ledger.forget()
            raise
        if ledger:
            ledger.deliver(submission)
        self._delete_remote(hook, operation, manifest)
        return manifest

    def _ledger(self, context: Context) -> TaskRecord | None:
        # The trial costs nothing, and its ids are secrets that do not belong in a store.
        if not self.durable or not get_operation(self.operation).authenticated:
            return None
        return record_for(
            context,
            path=self.location("durable_path"),
            destination=self.location("destination"),
            conn_id=self.word("destination_conn_id"),
        )

    def _settings(self) -> dict[str, Any]:
        own = {name: self.unmasked(name) for name in _SETTINGS}
        return own | coerce.mapping("extra_settings", self.unmasked("extra_settings"))

    def _patience(self) -> float:
        """Seconds to wait for completion."""
        waits = (coerce.seconds(name, getattr(self, name)) for name in ("timeout", "execution_timeout"))
        return min((wait for wait in waits if wait), default=DEFAULT_TIMEOUT)

    def _ends_late(self, context: Context) -> bool:
        """Forget a task that its deadline cancels, and tell whether it does."""
        if (cancels := self.flag("cancel_on_timeout", True)) and (ledger := self._ledger(context)):
            ledger.forget()
        return cancels

    def _given_up(self, context: Context, error: AsposeOcrTimeoutError) -> AsposeOcrTimeoutError:
        ocr_task_id = str(error.ocr_task_id)
        fate = self._abandon(ocr_task_id) if self._ends_late(context) else "goes on at the service"
        what = named(get_operation(self.operation), ocr_task_id)
        return AsposeOcrTimeoutError(f"{error}; {what} {fate}", ocr_task_id=ocr_task_id)
