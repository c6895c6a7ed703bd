"""The one table of API operations: the name of each, its input and its results."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from types import MappingProxyType

from airflow_provider_asposeocr.api.exceptions import AsposeOcrSettingsError

IMAGE_FORMATS = ("bmp", "jpg", "jpeg", "jpe", "png", "tif", "tiff", "gif", "svg")


class Category(StrEnum):
    """Group operations by their purpose."""

    RECOGNITION = "recognition"
    PREPROCESSING = "preprocessing"
    CONVERSION = "conversion"
    SPEECH = "speech"
    UTILITY = "utility"
    AUTH = "auth"


class Body(StrEnum):
    """Name the ways in which operations take their input."""

    JSON_BASE64 = "json-base64"
    JSON_TEXT = "json-text"
    MULTIPART = "multipart"
    FORM = "form-urlencoded"


class SettingsKind(StrEnum):
    """Name the forms in which operations take their settings."""

    OCR = "ocr"
    EMPTY = "empty"
    SPEECH = "speech"
    SPEECH_FLAT = "speech-flat"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the API.

    :param name: its path below the API prefix, in the spelling of the vendor's SDKs.
    :param category: what it is for.
    :param body: how it takes its input; None for an operation that only answers questions.
    :param payload: the field that holds the input.
    :param settings: the kind of settings it takes; None for none.
    :param undocumented: the keywords of settings that the vendor's schema has and its documentation lacks:
        their defaults are sent, but they can only be changed by ``extra_settings``.
    :param contrast_default: the documented default of ``makeContrastCorrection``, the one default that
        differs between operations.
    :param result_selector: the wire name of the setting that selects the result type.
    :param result_type: the type that arrives when nothing is selected or can be selected.
    :param fetch: the path that answers with status and results; the operation's own unless given.
    :param fetch_file: the path that answers with the raw result, for the deprecated operations.
    :param cancellable: whether DELETE cancels an OCR task.
    :param authenticated: whether calls carry a token.
    :param input_formats: what it reads.
    :param replaced_by: the operation to use instead of this deprecated one.
    """

    name: str
    category: Category
    body: Body | None = Body.JSON_BASE64
    payload: str | None = "image"
    settings: SettingsKind | None = None
    undocumented: frozenset[str] = frozenset({"regions"})
    contrast_default: bool = False
    result_selector: str | None = None
    result_type: str | None = None
    fetch: str | None = None
    fetch_file: str | None = None
    cancellable: bool = True
    authenticated: bool = True
    input_formats: tuple[str, ...] = IMAGE_FORMATS
    replaced_by: str | None = None

    @property
    def fetch_path(self) -> str:
        """The path that answers with status and results."""
        return self.fetch or self.name

    @property
    def deprecated(self) -> bool:
        """True if the vendor has replaced this operation."""
        return self.replaced_by is not None

    @property
    def submits(self) -> bool:
        """True if this operation starts an OCR task."""
        return self.category not in (Category.UTILITY, Category.AUTH)


_recognition = partial(
    Operation,
    category=Category.RECOGNITION,
    settings=SettingsKind.OCR,
    contrast_default=True,
    result_selector="resultType",
    result_type="Text",
)
_preprocessing = partial(Operation, category=Category.PREPROCESSING, result_type="ImagePNG")
_old_preprocessing = partial(
    _preprocessing,
    body=Body.MULTIPART,
    payload="file",
    fetch="ImageProcessing/GetResultTask",
    fetch_file="ImageProcessing/GetResultFile",
    cancellable=False,
)
_speech = partial(
    Operation,
    category=Category.SPEECH,
    body=Body.JSON_TEXT,
    payload="text",
    settings=SettingsKind.SPEECH,
    result_selector="resultType",
    result_type="Wav",
    input_formats=("plain text",),
)
_utility = partial(Operation, payload=None, cancellable=False, input_formats=())

_DSR = frozenset({"dsr_mode", "dsr_confidence"})

TASK_STATUS = _utility("Utilities/GetTaskStatus", category=Category.UTILITY, body=None)
TOKEN = _utility("connect/token", category=Category.AUTH, body=Body.FORM, authenticated=False)

OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        operation.name: operation
        for operation in (
            _recognition("RecognizeImage"),
            _recognition("RecognizeImageTrial", authenticated=False),
            _recognition("RecognizePdf", input_formats=("pdf",)),
            _recognition("RecognizeReceipt"),
            _recognition("RecognizeTable", result_selector="resultTypeTable"),
            _recognition(
                "RecognizeLabel",
                contrast_default=False,
                undocumented=_DSR
                | {"rotate", "make_binarization", "make_contrast_correction", "make_spell_check", "regions"},
            ),
            _recognition("RecognizeRegions", undocumented=frozenset()),
            _recognition(
                "DetectRegions",
                result_selector=None,
                result_type="Other",
                undocumented=frozenset({"make_spell_check", "regions"}),
            ),
            _recognition(
                "RecognizeAndParseInvoice",
                contrast_default=False,
                undocumented=_DSR | {"make_contrast_correction", "result_type", "regions"},
            ),
            _recognition("IdentifyFont", undocumented=_DSR | {"make_spell_check", "regions"}),
            _preprocessing("BinarizeImage"),
            _preprocessing("DeskewImage"),
            _preprocessing("DewarpImage"),
            _preprocessing("UpscaleImage"),
            Operation(
                "DjVu2PDF",
                Category.CONVERSION,
                settings=SettingsKind.EMPTY,
                result_type="Pdf",
                input_formats=("djvu",),
            ),
            _speech("ConvertTextToSpeech"),
            _speech("ConvertTextToSpeechTrial", authenticated=False),
            _old_preprocessing("ImageProcessing/PostBinarizationFile", replaced_by="BinarizeImage"),
            _old_preprocessing("ImageProcessing/PostSkewCorrectionFile", replaced_by="DeskewImage"),
            _old_preprocessing("ImageProcessing/PostDewarpingFile", replaced_by="DewarpImage"),
            _old_preprocessing("ImageProcessing/PostUpsamplingImageFile", replaced_by="UpscaleImage"),
            _speech(
                "TextToSpeech/PostTextToSpeech",
                settings=SettingsKind.SPEECH_FLAT,
                fetch="TextToSpeech/GetTextToSpeechResult",
                fetch_file="TextToSpeech/GetTextToSpeechResultFile",
                cancellable=False,
                replaced_by="ConvertTextToSpeech",
            ),
            TASK_STATUS,
            TOKEN,
        )
    }
)
"""Every operation by its name, in the order of the vendor's documentation."""

AUTO = _recognition("auto", input_formats=(*IMAGE_FORMATS, "pdf"))
"""Stands for ``RecognizeImage`` or ``RecognizePdf``, which have the same settings, until a source is open."""

_BY_FOLDED_NAME = {
    key.casefold(): operation
    for operation in OPERATIONS.values()
    for key in (operation.name, operation.name.rpartition("/")[2])
    if operation.submits
}


def get_operation(name: str | Operation) -> Operation:
    """Find an operation that starts an OCR task, by its name in any case.

    :param name: such as ``RecognizeImage``; the part before a slash may be left out.
    :raises AsposeOcrSettingsError: if there is none; names the nearest ones.
    """
    if isinstance(name, Operation):
        return name
    found = _BY_FOLDED_NAME.get(str(name).strip().casefold())
    if found is None:
        names = [operation.name for operation in OPERATIONS.values() if operation.submits]
        near = difflib.get_close_matches(str(name), names, n=3) or names
        raise AsposeOcrSettingsError(f"unknown operation {name!r}; use one of: {', '.join(near)}")
    return found


def taken_for(operation: Operation, *, is_pdf: bool) -> Operation:
    """Return the operation that a file is submitted to.

    :param operation: the operation that was chosen, or :data:`AUTO`.
    :param is_pdf: whether the file is a PDF.
    """
    if operation is not AUTO:
        return operation
    return OPERATIONS["RecognizePdf" if is_pdf else "RecognizeImage"]


def get_operation_or_auto(name: str | Operation) -> Operation:
    """Find an operation as :func:`get_operation` does, or :data:`AUTO` by the word ``auto``."""
    return AUTO if str(name).strip().casefold() == AUTO.name else get_operation(name)
