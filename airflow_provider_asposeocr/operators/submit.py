"""The arguments of a submission: shared by the operator for one source and by that for many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_asposeocr.api import coerce
from airflow_provider_asposeocr.api.exceptions import AsposeOcrSettingsError
from airflow_provider_asposeocr.api.operations import Operation, get_operation_or_auto
from airflow_provider_asposeocr.api.polling import DEFAULT_TIMEOUT
from airflow_provider_asposeocr.api.regions import shown_boxes, wire_regions
from airflow_provider_asposeocr.api.settings import SETTINGS, check_literals, wire_settings
from airflow_provider_asposeocr.durable import RecordStore, record_store_for
from airflow_provider_asposeocr.reuse import ReuseStore
from airflow_provider_asposeocr.task_mixin import OcrTaskMixin, new_hook, permanent_errors_fail

if TYPE_CHECKING:
    from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook

_SETTINGS = tuple(setting.name for setting in SETTINGS)


class SubmitMixin(OcrTaskMixin):
    """Take the arguments of a submission.

    :param operation: the operation's name, such as ``RecognizeImage``, in any case; or ``auto``, which takes
        ``RecognizePdf`` for a PDF and ``RecognizeImage`` for an image, by the first bytes of each source.
    :param source_conn_id: the Airflow connection for the source's storage (templated).
    :param source_prefix: a URI that stands before a bare key, as operators that list a bucket return them,
        such as ``s3://inbox`` (templated).
    :param max_source_bytes: the most bytes that a source may have, or None (templated).
    :param allow_redirects: whether a web server may redirect a source to another host (templated).
    :param allow_multipage: whether to send a TIFF of several pages, although the service documents TIFF of
        a single page and may lose the others (templated).
    :param convert: whether to convert on the worker what the operation does not read, such as HEIC or WebP,
        or a TIFF of several pages for ``RecognizePdf`` or ``auto``; needs the extra ``images`` (templated).
    :param language: language of the text, default English (templated, as are the settings below).
    :param make_skew_correct: straighten the image, up to 15 degrees; default True.
    :param make_binarization: reduce the image to black and white; default False.
    :param make_contrast_correction: raise the contrast; default True, but False
        for RecognizeLabel and RecognizeAndParseInvoice.
    :param make_upsampling: enlarge a small image; default False.
    :param make_spell_check: correct misspelt words; default False.
    :param rotate: turn the image by this many degrees first; default 0.
    :param dsr_mode: how text areas are found; left to the service by default.
    :param dsr_confidence: how sure that search must be; left to the service by default.
    :param result_type: the results to ask for, default ``Text``; ``RecognizeTable`` has types of its own.
    :param regions: the parts of the image that ``RecognizeRegions`` reads: boxes ``[left, top, right,
        bottom]`` in pixels, or the output of a task with ``DetectRegions``.
    :param extra_settings: further settings, sent unchanged: also those that the vendor's documentation does
        not list for the operation (templated).
    :param poll_interval: seconds or timedelta between polls; None: learned from
        earlier OCR tasks.
    :param timeout: seconds or timedelta to wait for completion, default 1 h.
    :param cancel_on_timeout: whether to cancel an OCR task that has not completed by then; False leaves it
        running, for a retry to resume (templated).
    :param cancel_on_kill: whether to cancel the OCR task if a user ends the deferred task, or if the worker
        is killed and no record is kept.
    :param repeat_ambiguous_submit: whether to repeat, once, a submission that got no answer, such as after a
        reset connection. It may be billed twice. With False the try fails; a retry of Airflow's may still
        submit again (templated).
    :param durable: keep a record of what was submitted, so that a retry resumes it instead of paying again:
        in Airflow's task state store (3.3 and later), else in small files beside the destination. With
        neither, a retry submits again.
    :param durable_path: a folder in any storage that keeps the records instead of those places (templated).
    :param on_clear: what a user means who clears a task that has delivered: ``reuse`` delivers once more from
        the same OCR task while the service keeps it, ``resubmit`` pays for a new one (templated). What has
        failed is submitted anew in any case.
    :param reuse_path: a folder in any storage that keeps results for later runs, by content of the source,
        operation and settings: what is there is delivered without a call (templated). Default: that of the
        connection's extra ``reuse_path``, if any. Whoever may write there decides what is delivered.
        Results of trial operations are not kept.
    :param reuse_max_age: seconds or timedelta for which such a result is good; 0 makes all of them anew,
        None takes any.
    :param kwargs: those of :class:`.OcrTaskMixin`.
    """

    template_fields: Sequence[str] = (
        "source_conn_id",
        "source_prefix",
        "max_source_bytes",
        "allow_redirects",
        "allow_multipage",
        "convert",
        *OcrTaskMixin.template_fields,
        *_SETTINGS,
        "extra_settings",
        "cancel_on_timeout",
        "repeat_ambiguous_submit",
        "durable_path",
        "on_clear",
        "reuse_path",
    )

    template_fields_renderers: ClassVar[dict[str, str]] = {
        **OcrTaskMixin.template_fields_renderers,
        **dict.fromkeys(("source_prefix", "regions", "extra_settings", "durable_path", "reuse_path"), "json"),
    }

    _hook: AsposeOcrHook | None = None

    def __init__(
        self,
        *,
        operation: str,
        source_conn_id: str | None = None,
        source_prefix: str | None = None,
        max_source_bytes: int | str | None = None,
        allow_redirects: bool | str = False,
        allow_multipage: bool | str = False,
        convert: bool | str = False,
        language: str | None = None,
        make_skew_correct: bool | str | None = None,
        make_binarization: bool | str | None = None,
        make_contrast_correction: bool | str | None = None,
        make_upsampling: bool | str | None = None,
        make_spell_check: bool | str | None = None,
        rotate: int | str | None = None,
        dsr_mode: str | None = None,
        dsr_confidence: str | None = None,
        result_type: str | None = None,
        regions: Any = None,
        extra_settings: Mapping[str, Any] | None = None,
        poll_interval: float | timedelta | None = None,
        timeout: float | timedelta = DEFAULT_TIMEOUT,
        cancel_on_timeout: bool | str = True,
        cancel_on_kill: bool = True,
        repeat_ambiguous_submit: bool | str = True,
        durable: bool = True,
        durable_path: str | None = None,
        on_clear: str = "reuse",
        reuse_path: str | None = None,
        reuse_max_age: float | timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(operation=operation, **kwargs)
        self.source_conn_id = source_conn_id
        self.source_prefix = source_prefix
        self.max_source_bytes = max_source_bytes
        self.allow_redirects = allow_redirects
        self.allow_multipage = allow_multipage
        self.convert = convert
        self.language = language
        self.make_skew_correct = make_skew_correct
        self.make_binarization = make_binarization
        self.make_contrast_correction = make_contrast_correction
        self.make_upsampling = make_upsampling
        self.make_spell_check = make_spell_check
        self.rotate = rotate
        self.dsr_mode = dsr_mode
        self.dsr_confidence = dsr_confidence
        self.result_type = result_type
        self.regions = regions
        self.extra_settings = extra_settings
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.cancel_on_timeout = cancel_on_timeout
        self.cancel_on_kill = cancel_on_kill
        self.repeat_ambiguous_submit = repeat_ambiguous_submit
        self.durable = durable
        self.durable_path = durable_path
        self.on_clear = on_clear
        self.reuse_path = reuse_path
        self.reuse_max_age = reuse_max_age
        with permanent_errors_fail():
            check_literals(self.of_operation, {name: getattr(self, name) for name in _SETTINGS})

    @property
    def of_operation(self) -> Operation:
        """The row of the operation in the table, or :data:`.AUTO`."""
        return get_operation_or_auto(self.operation)

    def _hide_secrets(self) -> None:
        given = self.unmasked("regions")
        if not coerce.is_unset(given):
            # Boxes may come with the texts of a document.
            try:
                self._mask("regions", shown_boxes(wire_regions(given)))
            except AsposeOcrSettingsError:
                self._mask("regions", coerce.shown_value(given))
        super()._hide_secrets()

    def wire(self) -> dict[str, Any] | None:
        """Return the settings in the spelling of the wire, or None where the operation takes none.

        :raises AsposeOcrSettingsError: as :func:`.wire_settings`.
        """
        own = {name: self.unmasked(name) for name in _SETTINGS}
        extra = coerce.mapping("extra_settings", self.unmasked("extra_settings"))
        return wire_settings(self.of_operation, own | extra)

    def source_options(self) -> dict[str, Any]:
        """Return the arguments of :func:`.open_source` that are the same for all sources."""
        return {
            "max_bytes": self.whole_number("max_source_bytes", 1),
            "allow_redirects": self.flag("allow_redirects"),
            "allow_multipage": self.flag("allow_multipage"),
            "convert_for": self.of_operation if self.flag("convert") else None,
        }

    def new_hook(self) -> AsposeOcrHook:
        """Make the hook that submits. Call this first, so that ``on_kill`` can halt it from then on."""
        repeat = self.flag("repeat_ambiguous_submit", default=True)
        self._hook = new_hook(self.conn_id, repeat_ambiguous_submit=repeat)
        return self._hook

    def record_store(self, context: Mapping[str, Any], destination: str | None) -> RecordStore | None:
        """Return where records are kept, or None where none are.

        :param context: Airflow's.
        :param destination: of the results.
        """
        # The trial costs nothing, and its ids are secrets that do not belong in a store.
        if not self.durable or not self.of_operation.authenticated:
            return None
        return record_store_for(
            context,
            path=self.location("durable_path"),
            destination=destination,
            conn_id=self.word("destination_conn_id"),
        )

    def resubmits(self) -> bool:
        """Tell whether clearing the task pays again for what has been delivered.

        :raises AsposeOcrSettingsError: if ``on_clear`` is none of its words.
        """
        word = (self.word("on_clear") or "reuse").casefold()
        if word not in ("reuse", "resubmit"):
            raise AsposeOcrSettingsError(
                f"on_clear must be reuse or resubmit, not {coerce.shown_value(word)}"
            )
        return word == "resubmit"

    def reuse_store(self, hook: AsposeOcrHook) -> ReuseStore | None:
        """Return where results are kept for later runs, or None where they are not.

        :param hook: of the connection, which may name a place.
        """
        folder = self.location("reuse_path") or hook.config.reuse_path
        if not folder or not self.of_operation.authenticated:
            return None

        return ReuseStore(
            folder,
            self.word("destination_conn_id"),
            coerce.seconds("reuse_max_age", self.reuse_max_age, may_be_zero=True),
        )
