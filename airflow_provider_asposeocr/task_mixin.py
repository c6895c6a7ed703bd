"""The part that operators and sensor share: rendering without leaks, waiting, delivering."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import timedelta
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.exceptions import AirflowProviderDeprecationWarning
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowTaskTimeout,
    BaseOperator,
    mask_secret,
)

from airflow_provider_asposeocr import metrics
from airflow_provider_asposeocr.api import coerce
from airflow_provider_asposeocr.api.exceptions import AsposeOcrError
from airflow_provider_asposeocr.api.operations import Operation, get_operation
from airflow_provider_asposeocr.api.polling import Wait, utc
from airflow_provider_asposeocr.api.settings import answers_with_text
from airflow_provider_asposeocr.api.submission import Submission
from airflow_provider_asposeocr.api.task import OcrTask
from airflow_provider_asposeocr.deferral import why_a_worker_ends
from airflow_provider_asposeocr.files.manifest import (
    MAX_INLINE_BYTES,
    Delivery,
    Manifest,
    collect,
    delete_remote,
    log_manifest,
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
from airflow_provider_asposeocr.retry_policy import use_retry_policy

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_asposeocr.durable import TaskRecord
    from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
    from airflow_provider_asposeocr.triggers.asposeocr import AsposeOcrTaskTrigger

DEFAULT_CONN_ID = "asposeocr_default"
"""The connection by default, as :attr:`.AsposeOcrHook.default_conn_name` has it."""

TRIGGER_GRACE = 300.0
"""Seconds after our own deadline at which Airflow ends a trigger that never came to run."""

_URI_FIELDS = {"source", "sources", "source_prefix", "destination", "durable_path", "reuse_path", "report"}
_MAX_SECRETS = 100
_WARNED_OF: set[tuple[str, str]] = set()


class OcrTaskMixin(BaseOperator):
    """Read and mask the fields of an Airflow task that deals with an OCR task.

    :param operation: the operation's name, such as ``RecognizeImage``, in any case.
    :param destination: where results go (templated): a file or, with a slash at its end, a directory in
        any storage that Airflow has registered. May hold ``{stem}``, ``{ext}``, ``{operation}``,
        ``{map_index}`` and ``{ocr_task_id}``.
    :param destination_conn_id: the Airflow connection for the destination's storage (templated).
    :param overwrite: whether to replace what is at the destination; a retry needs it (templated).
    :param delete_remote: whether to delete the results at the service once all are delivered, which is one
        more billed call; otherwise they lie there for 24 hours (templated).
    :param asposeocr_conn_id: the Airflow connection of type ``asposeocr`` (templated).
    """

    template_fields: Sequence[str] = (
        "destination",
        "destination_conn_id",
        "overwrite",
        "delete_remote",
        "asposeocr_conn_id",
    )
    # Airflow 2 shows them in colours, indented; Airflow 3 does so by itself with whatever is no text.
    template_fields_renderers: ClassVar[dict[str, str]] = {"destination": "json"}
    ui_color = "#d9e8fb"

    _masked: dict[str, tuple[Any, Any]] | None = None

    result: Mapping[str, Any] | None = None
    """Value that the task has returned, for lineage."""

    def __init__(
        self,
        *,
        operation: str,
        destination: Any = None,
        destination_conn_id: str | None = None,
        overwrite: bool | str = True,
        delete_remote: bool | str = False,
        asposeocr_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        use_retry_policy(self)
        self.operation = operation
        with permanent_errors_fail():
            warn_if_deprecated(self.of_operation)
        self.destination = destination
        self.destination_conn_id = destination_conn_id
        self.overwrite = overwrite
        self.delete_remote = delete_remote
        self.asposeocr_conn_id = asposeocr_conn_id

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """Return what was read and written, for OpenLineage.

        :param task_instance: Airflow's.
        """
        from airflow_provider_asposeocr.files.lineage import facets_of

        return facets_of(self)

    get_openlineage_facets_on_failure = get_openlineage_facets_on_complete

    def _returns(self, context: Context, result: Mapping[str, Any]) -> None:
        """Tell lineage and asset events what the task returns."""
        self.result = result
        if self.outlets:
            from airflow_provider_asposeocr.files.lineage import tell_outlets

            tell_outlets(context, self.outlets, result)

    @property
    def of_operation(self) -> Operation:
        """The row of the operation in the table.

        :raises AsposeOcrSettingsError: if there is none; names the nearest ones.
        """
        return get_operation(self.operation)

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

    def _mask(self, field: str, masked: Any) -> None:
        """Show something else in a field, and keep its value for :meth:`unmasked`."""
        self._masked = {**(self._masked or {}), field: (masked, self.unmasked(field))}
        setattr(self, field, masked)

    def _hide_secrets(self) -> None:
        if "ocr_task_id" in self.template_fields:
            self.ocr_task_id: Any = coerce.found_task_id(self.ocr_task_id)
        given = {field: getattr(self, field) for field in self.template_fields}
        uris = {field: list(uris_in(value)) for field, value in given.items()}
        for secret in islice(chain.from_iterable(map(secrets_of, chain(*uris.values()))), _MAX_SECRETS):
            mask_secret(secret)
        # All are masked before any is refused.
        for field, value in given.items():
            if (masked := shown(value)) is not value:
                self._mask(field, masked)
        with permanent_errors_fail():
            for field in _URI_FIELDS & uris.keys():
                # A name that no file can have fails the one item of a batch alone.
                check = check_login if field == "sources" else check_uri
                for uri in uris[field]:
                    check(uri)
        if isinstance(ocr_task_id := given.get("ocr_task_id"), str) and ocr_task_id:
            mask_trial_id(self.of_operation, ocr_task_id)

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

    def delivery(self, context: Mapping[str, Any], wire: Mapping[str, Any] | None = None) -> Delivery:
        """Return where the results go.

        :param context: Airflow's.
        :param wire: the settings in the spelling of the wire, where they are known.
        """
        return Delivery(
            destination=self.location("destination"),
            conn_id=self.word("destination_conn_id"),
            overwrite=self.flag("overwrite", True),
            delete_remote=self.flag("delete_remote"),
            map_index=getattr(context.get("ti"), "map_index", -1),
            wire=wire,
        )


class ResultMixin(OcrTaskMixin):
    """Wait for one OCR task and deliver its results.

    :param inline_text: whether text goes into XCom although there is a destination (templated).
    :param max_inline_bytes: the most bytes of decoded text that go into XCom, default 32 KiB (templated).
    :param kwargs: those of :class:`OcrTaskMixin`.
    """

    template_fields: Sequence[str] = (*OcrTaskMixin.template_fields, "inline_text", "max_inline_bytes")

    def __init__(
        self,
        *,
        inline_text: bool | str = False,
        max_inline_bytes: int | str = MAX_INLINE_BYTES,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.inline_text = inline_text
        self.max_inline_bytes = max_inline_bytes

    def delivery(self, context: Mapping[str, Any], wire: Mapping[str, Any] | None = None) -> Delivery:
        """Return where the results go, text in XCom included."""
        return replace(
            super().delivery(context, wire),
            inline_text=self.flag("inline_text"),
            max_inline_bytes=read_max_inline_bytes(self.unmasked("max_inline_bytes")),
        )

    def leaves_results(self, wire: Mapping[str, Any] | None = None) -> bool:
        """Tell whether polls leave the results at the service, since they are no text.

        :param wire: the settings in the spelling of the wire, where they are known.
        """
        return not answers_with_text(self.of_operation, wire)

    def _defer(self, submission: Submission, wait: Wait, delivery: Delivery, **more: Any) -> NoReturn:
        worker, now = why_a_worker_ends(self), time.time()
        if submission.reuse_key or (delivery.wire or {}).get("regions"):
            worker = worker or ("the results are kept" if submission.reuse_key else "it knows the regions")
        told = submission.line(submission.api_calls, now)
        ending = f"then a worker resumes, since {worker}: {told}" if worker else f"which ends it: {told}"
        self.log.info("Waiting in the triggerer until %s at most, %s", utc(wait.until(now)), ending)
        self.defer(
            trigger=new_trigger(
                submission=submission.to_dict(),
                wait=asdict(wait),
                asposeocr_conn_id=self.conn_id,
                max_inline_bytes=0 if wait.status_only else delivery.max_inline_bytes,
                ends_task=worker is None,
                **more,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=max(0.0, wait.until(now) - now) + TRIGGER_GRACE),
        )

    def _wait_here(self, hook: AsposeOcrHook, submission: Submission, wait: Wait) -> OcrTask:
        """Wait in this process, with a last look when the alarm of ``execution_timeout`` comes first."""
        told = submission.line(submission.api_calls + hook.api_calls, time.time())
        self.log.info("Waiting in this worker until %s at most: %s", utc(wait.until(time.time())), told)
        try:
            with metrics.span("wait", operation=submission.operation):
                return hook.run_flow(lambda api: api.wait(submission, wait))
        except AirflowTaskTimeout:
            # It counts from the start of the Airflow task, so it may come before our own deadline. It comes
            # once: what completed meanwhile can be delivered.
            self.log.warning("execution_timeout has passed: the service is asked a last time")
            last = replace(wait, deadline=time.time())
            return hook.run_flow(lambda api: api.wait(submission, last))

    def _collect(
        self,
        context: Context,
        hook: AsposeOcrHook,
        task: OcrTask,
        submission: Submission,
        delivery: Delivery,
        completed_at: float,
        record: TaskRecord | None = None,
        **more: Any,
    ) -> Manifest:
        """Fetch the results if need be, deliver them, record that, and delete them if that is wanted."""
        own = task, submission, delivery, completed_at, lambda: hook.api_calls
        with metrics.span("deliver", operation=submission.operation):
            manifest = hook.run_flow(lambda api: collect(api, *own, **more))
        log_manifest(manifest, submission, self.log, xcom=self.do_xcom_push)
        self._returns(context, manifest)
        if record:
            record.delivered(submission)
        hook.run_flow(lambda api: delete_remote(api, submission, delivery, manifest))
        return manifest


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


def warn_if_deprecated(operation: Operation) -> None:
    """Warn, once for each file of a DAG, of an operation that the vendor has replaced.

    :param operation: the operation that a task is made for.
    """
    if not operation.deprecated:
        return
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith(("airflow.", __package__)):
        frame = frame.f_back
    file = frame.f_code.co_filename
    if (operation.name, file) not in _WARNED_OF:
        _WARNED_OF.add((operation.name, file))
        text = f"{operation.name} is deprecated by its vendor: use {operation.replaced_by}"
        warnings.warn_explicit(text, AirflowProviderDeprecationWarning, file, frame.f_lineno)


def mask_trial_id(operation: Operation, ocr_task_id: str) -> None:
    """Keep the id of a trial OCR task out of logs and rendered fields: whoever has it can read the result.

    :param operation: the operation that it was submitted to.
    :param ocr_task_id: the service's id of the OCR task.
    """
    if not operation.authenticated:
        mask_secret(ocr_task_id)
