"""One short class for each operation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_asposeocr.api.coerce import decoded, is_unset, shown_value, storable
from airflow_provider_asposeocr.api.exceptions import AsposeOcrSettingsError
from airflow_provider_asposeocr.files.source import Source, open_source
from airflow_provider_asposeocr.operators.base import AsposeOcrOperator
from airflow_provider_asposeocr.task_mixin import permanent_errors_fail


class AsposeOcrRecognizeImageOperator(AsposeOcrOperator):
    """Recognize the text of an image (``RecognizeImage``).

    Takes the arguments of :class:`.AsposeOcrOperator` without ``operation``.

    .. seealso:: https://docs.aspose.cloud/ocr/recognize-image/
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(operation="RecognizeImage", **kwargs)


class AsposeOcrRecognizeImageTrialOperator(AsposeOcrOperator):
    """Try the recognition of an image without an account (``RecognizeImageTrial``).

    About a tenth of the words come back as asterisks. Takes the arguments of :class:`.AsposeOcrOperator`
    without ``operation``; the connection needs no login. The id of a trial OCR task opens its result to
    anyone, so it is masked in logs.

    .. seealso:: https://docs.aspose.cloud/ocr/recognize-image/
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(operation="RecognizeImageTrial", **kwargs)


class AsposeOcrRecognizePdfOperator(AsposeOcrOperator):
    """Recognize the text of a PDF, page by page (``RecognizePdf``).

    Takes the arguments of :class:`.AsposeOcrOperator` without ``operation``. ``result_type="Pdf"`` makes the
    PDF searchable, and needs a ``destination``.

    .. seealso:: https://docs.aspose.cloud/ocr/
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(operation="RecognizePdf", **kwargs)


class AsposeOcrRecognizeReceiptOperator(AsposeOcrOperator):
    """Recognize the text of a receipt (``RecognizeReceipt``).

    Takes the arguments of :class:`.AsposeOcrOperator` without ``operation``.

    .. seealso:: https://docs.aspose.cloud/ocr/
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(operation="RecognizeReceipt", **kwargs)


class AsposeOcrRecognizeTableOperator(AsposeOcrOperator):
    """Recognize a table (``RecognizeTable``).

    Takes the arguments of :class:`.AsposeOcrOperator` without ``operation``; ``result_type`` is ``Text``,
    ``Csv``, ``Excel`` or ``CsvAndExcel``. Excel needs a ``destination``. With a CSV the rows are the
    ``value`` of the manifest.

    .. seealso:: https://docs.aspose.cloud/ocr/send-table-for-recognition/
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(operation="RecognizeTable", **kwargs)


class AsposeOcrRecognizeLabelOperator(AsposeOcrOperator):
    """Recognize the English text of a label or another image with few words (``RecognizeLabel``).

    Takes the arguments of :class:`.AsposeOcrOperator` without ``operation``; of the settings ``language``,
    ``make_skew_correct``, ``make_upsampling`` and ``result_type``.

    .. seealso:: https://docs.aspose.cloud/ocr/send-label-for-recognition/
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(operation="RecognizeLabel", **kwargs)


class AsposeOcrRecognizeRegionsOperator(AsposeOcrOperator):
    """Recognize the text in parts of an image (``RecognizeRegions``).

    Takes the arguments of :class:`.AsposeOcrOperator` without ``operation``, and needs ``regions``: boxes
    ``[left, top, right, bottom]`` in pixels, or the output of :class:`AsposeOcrDetectRegionsOperator`. The
    ``value`` of the manifest is a list of ``{"order": ..., "rect": [...], "text": ...}``.

    .. seealso:: https://docs.aspose.cloud/ocr/send-image-regions-for-recognition/
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(operation="RecognizeRegions", **kwargs)


class AsposeOcrDetectRegionsOperator(AsposeOcrOperator):
    """Find the parts of an image that hold text (``DetectRegions``).

    Takes the arguments of :class:`.AsposeOcrOperator` without ``operation``; of the settings neither
    ``make_spell_check`` nor ``result_type``. The ``value`` of the manifest is a list of boxes ``[left, top,
    right, bottom]`` in pixels, which :class:`AsposeOcrRecognizeRegionsOperator` takes as ``regions``.

    .. seealso:: https://docs.aspose.cloud/ocr/fetch-regions/
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(operation="DetectRegions", **kwargs)


class AsposeOcrRecognizeAndParseInvoiceOperator(AsposeOcrOperator):
    """Recognize the fields of an invoice (``RecognizeAndParseInvoice``).

    Takes the arguments of :class:`.AsposeOcrOperator` without ``operation``; of the settings ``language``,
    ``make_skew_correct``, ``rotate``, ``make_binarization``, ``make_upsampling`` and ``make_spell_check``.
    The ``value`` of the manifest is a dict of the fields; those that the invoice lacks are None. Fields that
    cannot be read are a warning in the manifest, whose ``text`` is the reply as it came.

    .. seealso:: https://docs.aspose.cloud/ocr/send-invoice-for-recognition/
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(operation="RecognizeAndParseInvoice", **kwargs)


class AsposeOcrIdentifyFontOperator(AsposeOcrOperator):
    """Identify the font of a text (``IdentifyFont``).

    Takes the arguments of :class:`.AsposeOcrOperator` without ``operation``; of the settings ``language``,
    ``make_skew_correct``, ``rotate``, ``make_binarization``, ``make_contrast_correction``,
    ``make_upsampling`` and ``result_type``. The ``value`` of the manifest is a dict with ``style`` and the
    list ``font``, the most similar first.

    .. seealso:: https://docs.aspose.cloud/ocr/
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(operation="IdentifyFont", **kwargs)


class AsposeOcrBinarizeImageOperator(AsposeOcrOperator):
    """Reduce an image to black and white (``BinarizeImage``).

    Takes the arguments of :class:`.AsposeOcrOperator` without ``operation``, and no settings. The PNG
    needs a ``destination``; ``source=binarize.output`` hands it to the next task.

    .. seealso:: https://docs.aspose.cloud/ocr/binarize-image/
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(operation="BinarizeImage", **kwargs)


class AsposeOcrDeskewImageOperator(AsposeOcrOperator):
    """Straighten an image that is skewed by up to 15 degrees (``DeskewImage``).

    Takes the arguments of :class:`.AsposeOcrOperator` without ``operation``, and no settings. The PNG needs
    a ``destination``.

    .. seealso:: https://docs.aspose.cloud/ocr/
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(operation="DeskewImage", **kwargs)


class AsposeOcrDewarpImageOperator(AsposeOcrOperator):
    """Flatten the photograph of a curved page (``DewarpImage``).

    Takes the arguments of :class:`.AsposeOcrOperator` without ``operation``, and no settings. The PNG needs
    a ``destination``.

    .. seealso:: https://docs.aspose.cloud/ocr/
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(operation="DewarpImage", **kwargs)


class AsposeOcrUpscaleImageOperator(AsposeOcrOperator):
    """Enlarge an image (``UpscaleImage``).

    Takes the arguments of :class:`.AsposeOcrOperator` without ``operation``, and no settings. The PNG needs
    a ``destination``.

    .. seealso:: https://docs.aspose.cloud/ocr/
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(operation="UpscaleImage", **kwargs)


class AsposeOcrDjVu2PDFOperator(AsposeOcrOperator):
    """Convert a DjVu document to PDF (``DjVu2PDF``).

    Takes the arguments of :class:`.AsposeOcrOperator` without ``operation``, and no settings. The PDF needs
    a ``destination``; ``source=convert.output`` hands it to :class:`AsposeOcrRecognizePdfOperator`.

    .. seealso:: https://docs.aspose.cloud/ocr/fetch-djvu-conversion-result/
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(operation="DjVu2PDF", **kwargs)


class _SpeechOperator(AsposeOcrOperator):
    """Take a text, or a file that holds one. Nobody sees the text among the rendered fields.

    :param text: the text to speak, or the output of a task that has recognized one (templated).
    :param source: a file of UTF-8 text in its place (templated).
    :param kwargs: those of :class:`.AsposeOcrOperator`.
    """

    template_fields: Sequence[str] = ("text", *AsposeOcrOperator.template_fields)

    def __init__(self, *, text: Any = None, source: Any = None, **kwargs: Any) -> None:
        super().__init__(source=source, **kwargs)
        self.text = text
        with permanent_errors_fail():
            if (text is None) is (source is None):
                raise AsposeOcrSettingsError("give either text, or source for a file that holds one")

    def opened_source(self) -> Source:
        """Look at the text, or at the file that holds it."""
        if self.source is not None:
            return super().opened_source()
        text = self._spoken()
        if text is None or (isinstance(text, str) and is_unset(text)):
            raise AsposeOcrSettingsError(
                "text is empty: there is nothing to speak. A task with a destination hands its text on with "
                "inline_text=True, or as source"
            )
        if not isinstance(text, str):
            raise AsposeOcrSettingsError(
                f"text must be text, or the output of one task, not {shown_value(text)}"
            )
        return open_source(storable(text).encode(), **self.source_options())

    def _spoken(self) -> Any:
        given = self.unmasked("text")
        manifest = decoded(given)
        return manifest.get("text") if isinstance(manifest, Mapping) and "text" in manifest else given

    def _hide_secrets(self) -> None:
        if (text := self._spoken()) is not None:
            self._mask("text", f"a text of {len(str(text))} characters")
        super()._hide_secrets()


class AsposeOcrConvertTextToSpeechOperator(_SpeechOperator):
    """Speak an English text (``ConvertTextToSpeech``).

    Takes ``text``, or ``source`` for a file of UTF-8 text, and the other arguments of
    :class:`.AsposeOcrOperator` without ``operation``. The WAV file needs a ``destination``.

    .. seealso:: https://docs.aspose.cloud/ocr/
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(operation="ConvertTextToSpeech", **kwargs)


class AsposeOcrConvertTextToSpeechTrialOperator(_SpeechOperator):
    """Try to speak an English text without an account (``ConvertTextToSpeechTrial``).

    Takes the arguments of :class:`AsposeOcrConvertTextToSpeechOperator`; the connection needs no login. The
    service takes 500 characters, ten times a day from one address, and speaks a notice in between.

    .. seealso:: https://docs.aspose.cloud/ocr/
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(operation="ConvertTextToSpeechTrial", **kwargs)


class AsposeOcrPostBinarizationFileOperator(AsposeOcrOperator):
    """Reduce an image to black and white (``ImageProcessing/PostBinarizationFile``).

    Deprecated by the vendor: use :class:`AsposeOcrBinarizeImageOperator`, whose arguments it takes.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(operation="ImageProcessing/PostBinarizationFile", **kwargs)


class AsposeOcrPostSkewCorrectionFileOperator(AsposeOcrOperator):
    """Straighten an image (``ImageProcessing/PostSkewCorrectionFile``).

    Deprecated by the vendor: use :class:`AsposeOcrDeskewImageOperator`, whose arguments it takes.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(operation="ImageProcessing/PostSkewCorrectionFile", **kwargs)


class AsposeOcrPostDewarpingFileOperator(AsposeOcrOperator):
    """Flatten the photograph of a curved page (``ImageProcessing/PostDewarpingFile``).

    Deprecated by the vendor: use :class:`AsposeOcrDewarpImageOperator`, whose arguments it takes.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(operation="ImageProcessing/PostDewarpingFile", **kwargs)


class AsposeOcrPostUpsamplingImageFileOperator(AsposeOcrOperator):
    """Enlarge an image (``ImageProcessing/PostUpsamplingImageFile``).

    Deprecated by the vendor: use :class:`AsposeOcrUpscaleImageOperator`, whose arguments it takes.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(operation="ImageProcessing/PostUpsamplingImageFile", **kwargs)


class AsposeOcrPostTextToSpeechOperator(_SpeechOperator):
    """Speak an English text (``TextToSpeech/PostTextToSpeech``).

    Deprecated by the vendor: use :class:`AsposeOcrConvertTextToSpeechOperator`, whose arguments it takes.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(operation="TextToSpeech/PostTextToSpeech", **kwargs)
