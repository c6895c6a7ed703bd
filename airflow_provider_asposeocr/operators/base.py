"""The operator that all others are: submit, wait, deliver."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator, conf

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrError,
    AsposeOcrTaskNotFoundError,
    AsposeOcrTimeoutError,
)
from airflow_provider_asposeocr.api.operations import Operation, get_operation
from airflow_provider_asposeocr.api.polling import Deadline, PollSchedule, seconds
from airflow_provider_asposeocr.api.settings import integer, wire_settings
from airflow_provider_asposeocr.files.manifest import MAX_INLINE_BYTES, Job, Manifest
from airflow_provider_asposeocr.files.source import open_source
from airflow_provider_asposeocr.hooks.asposeocr import DEFAULT_TIMEOUT, AsposeOcrHook
from airflow_provider_asposeocr.tasks import (
    OcrTaskMixin,
    map_index,
    mask_trial_id,
    permanent_errors_fail,
)
from airflow_provider_asposeocr.triggers.events import WaitOutcome

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

_SETTINGS = (
    "language",
    "make_skew_correct",
    "rotate",
    "make_binarization",
    "make_contrast_correction",
    "make_upsampling",
    "make_spell_check",
    "dsr_mode",
    "dsr_confidence",
    "result_type",
)

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
    :param destination: where results go (templated): a file or, with a slash at its end, a directory in
        any storage that Airflow has registered. May hold ``{stem}``, ``{ext}``, ``{operation}``,
        ``{map_index}`` and ``{ocr_task_id}``. Without it text goes into XCom, and results that are not a
        single text are refused.
    :param destination_conn_id: the Airflow connection for the destination's storage.
    :param overwrite: whether to replace what is at the destination; a retry needs it (templated).
    :param inline_text: whether text goes into XCom although there is a destination (templated).
    :param max_inline_bytes: the most bytes of decoded text that go into XCom, default 32 KiB (templated).
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
    :param poll_interval: seconds or timedelta between polls; None for a schedule that backs off.
    :param timeout: seconds or timedelta to wait for completion, default 1 h; ``execution_timeout`` counts
        if it is shorter. The task is then cancelled at the service.
    :param cancel_on_kill: whether to cancel the task at the service when the Airflow task is ended.
    :return: the :class:`.Manifest`, or the id.

    .. seealso:: https://docs.aspose.cloud/ocr/
    """

    template_fields: Sequence[str] = (
        "source",
        "source_conn_id",
        "source_prefix",
        "max_source_bytes",
        "destination",
        "destination_conn_id",
        "overwrite",
        "inline_text",
        "max_inline_bytes",
        *_SETTINGS,
        "extra_settings",
        "asposeocr_conn_id",
    )
    ui_color = "#d9e8fb"

    _hook: AsposeOcrHook | None = None
    _waiting_for: str | None = None

    def __init__(
        self,
        *,
        operation: str,
        source: Any,
        source_conn_id: str | None = None,
        source_prefix: str | None = None,
        max_source_bytes: int | str | None = None,
        destination: Any = None,
        destination_conn_id: str | None = None,
        overwrite: bool | str = True,
        inline_text: bool | str = False,
        max_inline_bytes: int | str = MAX_INLINE_BYTES,
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
        asposeocr_conn_id: str = AsposeOcrHook.default_conn_name,
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float | timedelta | None = None,
        timeout: float | timedelta = DEFAULT_TIMEOUT,
        cancel_on_kill: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.operation = operation
        self.source = source
        self.source_conn_id = source_conn_id
        self.source_prefix = source_prefix
        self.max_source_bytes = max_source_bytes
        self.destination = destination
        self.destination_conn_id = destination_conn_id
        self.overwrite = overwrite
        self.inline_text = inline_text
        self.max_inline_bytes = max_inline_bytes
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
        self.cancel_on_kill = cancel_on_kill

    def execute(self, context: Context) -> Any:
        """Submit the source; then wait here, defer, or return the id."""
        with permanent_errors_fail(but=_RESUBMIT):
            return self._execute(context)

    def execute_complete(
        self,
        context: Context,
        event: Any,
        *,
        ocr_task_id: str,
        source: str,
        submitted_at: float,
        api_calls: int,
    ) -> Manifest:
        """Go on when the trigger has fired.

        :param event: the trigger's event.
        :param ocr_task_id: the service's id of the task.
        :param source: the URI of the source.
        :param submitted_at: seconds since the epoch.
        :param api_calls: billed calls made before the wait.
        """
        operation = get_operation(self.operation)
        hook = AsposeOcrHook(self.asposeocr_conn_id)
        with permanent_errors_fail(but=_RESUBMIT):
            outcome = WaitOutcome.of_event(event)
            if isinstance(outcome.error, AsposeOcrTimeoutError):
                raise self._given_up(operation, ocr_task_id, outcome.error)
            calls = api_calls + outcome.api_calls
            job = Job(operation, source, map_index(context), calls, submitted_at)
            return self._collect(hook, outcome.unwrap(), job, completed_at=outcome.completed_at)

    def on_kill(self) -> None:
        """Send nothing more for this task, and cancel it at the service if ``cancel_on_kill``."""
        if self._hook is not None:
            self._hook.halt()
        if self._waiting_for is not None and self.cancel_on_kill:
            fate = self._cancel(get_operation(self.operation), self._waiting_for)
            self.log.info("Killed while waiting: the task %s", fate)

    def _execute(self, context: Context) -> Any:
        # First of all, so that a kill at any later moment finds it and stops it.
        hook = self._hook = AsposeOcrHook(self.asposeocr_conn_id)
        operation = get_operation(self.operation)
        wire = wire_settings(operation, self._settings())
        poll_interval = seconds(self.poll_interval, "poll_interval")
        patience = self._patience()
        if self.wait_for_completion:
            self._delivery().check(operation, wire)
        source = open_source(
            self.source,
            self.source_conn_id,
            prefix=self.source_prefix,
            max_bytes=integer("max_source_bytes", self.max_source_bytes),
        )

        submitted_at = time.time()
        ocr_task_id = hook.submit_source(operation, source, wire)
        mask_trial_id(operation, ocr_task_id)
        self.log.info("Submitted %s to %s as %s", source.uri, operation.name, _named(operation, ocr_task_id))
        if not self.wait_for_completion:
            return ocr_task_id

        deadline = Deadline.after(patience, submitted_at)
        stored = self._delivery().destination is not None
        if self.deferrable:
            self._defer_until_done(
                ocr_task_id,
                deadline=deadline,
                poll_interval=poll_interval,
                status_only=stored,
                cancel_on_kill=self.cancel_on_kill,
                kwargs={"source": source.uri, "submitted_at": submitted_at, "api_calls": hook.api_calls},
            )
        self._waiting_for = ocr_task_id
        try:
            task = hook.run_flow(
                lambda api: api.wait(
                    operation,
                    ocr_task_id,
                    schedule=PollSchedule.of(poll_interval),
                    deadline=deadline,
                    limit=self._delivery().limit,
                    status_only=stored,
                )
            )
        except AsposeOcrTimeoutError as error:
            raise self._given_up(operation, ocr_task_id, error) from None
        finally:
            self._waiting_for = None
        job = Job(operation, source.uri, map_index(context), submitted_at=submitted_at)
        return self._collect(hook, task, job, completed_at=time.time())

    def _settings(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _SETTINGS} | dict(self.extra_settings or {})

    def _patience(self) -> float:
        """Seconds to wait for completion."""
        waits = (seconds(self.timeout, "timeout"), seconds(self.execution_timeout, "execution_timeout"))
        return min((wait for wait in waits if wait), default=DEFAULT_TIMEOUT)

    def _given_up(
        self, operation: Operation, ocr_task_id: str, error: AsposeOcrTimeoutError
    ) -> AsposeOcrTimeoutError:
        fate = self._cancel(operation, ocr_task_id)
        return AsposeOcrTimeoutError(
            f"{error}; {_named(operation, ocr_task_id)} {fate}", ocr_task_id=ocr_task_id
        )

    def _cancel(self, operation: Operation, ocr_task_id: str) -> str:
        """Cancel at the service, and say what became of the task there."""
        if not operation.cancellable:
            return "goes on: its operation has no cancel"
        try:
            # A hook of its own: the one that waits may be halted, or in the middle of a request.
            AsposeOcrHook(self.asposeocr_conn_id).cancel(operation, ocr_task_id)
        except AsposeOcrError as error:
            return f"could not be cancelled ({error})"
        return "was cancelled at the service"


def _named(operation: Operation, ocr_task_id: str) -> str:
    # Masking reaches Airflow's supervisor a moment after the call: a line logged at once may go unmasked.
    return f"task {ocr_task_id}" if operation.authenticated else "a trial task, whose id is a secret"
