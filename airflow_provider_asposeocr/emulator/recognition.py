"""Work on one OCR task in the recognition process: a request in, an outcome out, whatever the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2

from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.api.settings import SETTINGS
from airflow_provider_asposeocr.emulator import spelling
from airflow_provider_asposeocr.emulator.engine import UnsupportedLanguageError
from airflow_provider_asposeocr.emulator.limits import LimitExceededError, UnreadableImageError, out_of_memory
from airflow_provider_asposeocr.emulator.ocr_tasks import Outcome
from airflow_provider_asposeocr.emulator.settings import AppliedSettings, given_settings
from airflow_provider_asposeocr.emulator.work.assignment import Assignment
from airflow_provider_asposeocr.emulator.work.djvu import convert_djvu
from airflow_provider_asposeocr.emulator.work.document import recognize_pdf
from airflow_provider_asposeocr.emulator.work.font import identify_font
from airflow_provider_asposeocr.emulator.work.image import recognize_image
from airflow_provider_asposeocr.emulator.work.invoice import recognize_and_parse_invoice
from airflow_provider_asposeocr.emulator.work.label import LANGUAGE_OF_LABELS, recognize_label
from airflow_provider_asposeocr.emulator.work.preprocessing import (
    binarize_image,
    deskew_image,
    dewarp_image,
    upscale_image,
)
from airflow_provider_asposeocr.emulator.work.receipt import recognize_receipt
from airflow_provider_asposeocr.emulator.work.regions import detect_regions, recognize_regions
from airflow_provider_asposeocr.emulator.work.speech import convert_text_to_speech
from airflow_provider_asposeocr.emulator.work.table import recognize_table

_OUT_OF_MEMORY = -4
"""Code of OpenCV's error for insufficient memory."""

_SPELL_CHECK = "makeSpellCheck"
_SETTINGS = (*(setting.wire for setting in SETTINGS), "resultTypeTable")
"""All settings of the service; a client that sends others is told nothing, as there."""

_FILTERS = ("Rotate", "makeContrastCorrection", "makeBinarization", "makeSkewCorrect", "makeUpsampling")


@dataclass(frozen=True)
class _Work:
    """Work on one kind of OCR task.

    :param do: does the work.
    :param applies: the settings that have an effect, as spelled on the wire; a client is told of others.
    :param language: the only language that is read; None for that of the settings.
    """

    do: Callable[[Assignment], Outcome]
    applies: Iterable[str] = ()
    language: str | None = None


_OF_TEXT = ("language", _SPELL_CHECK, *_FILTERS)
_OF_PAGE = (*_OF_TEXT, "resultType")
_BINARIZE = _Work(binarize_image)
_DESKEW = _Work(deskew_image)
_DEWARP = _Work(dewarp_image)
_UPSCALE = _Work(upscale_image)
_SPEAK = _Work(convert_text_to_speech, ("language", "resultType"))

_WORK: Mapping[str, _Work] = {
    "RecognizeImage": _Work(recognize_image, _OF_PAGE),
    "RecognizeImageTrial": _Work(recognize_image, _OF_PAGE),
    "RecognizePdf": _Work(recognize_pdf, _OF_PAGE),
    "RecognizeReceipt": _Work(recognize_receipt, _OF_PAGE),
    "RecognizeTable": _Work(recognize_table, (*_OF_TEXT, "resultTypeTable")),
    "RecognizeLabel": _Work(recognize_label, _OF_PAGE, LANGUAGE_OF_LABELS),
    "RecognizeRegions": _Work(recognize_regions, (*_OF_PAGE, "regions")),
    "DetectRegions": _Work(detect_regions, ("language", *_FILTERS)),
    "RecognizeAndParseInvoice": _Work(recognize_and_parse_invoice, _OF_TEXT),
    "IdentifyFont": _Work(identify_font, ("language", *_FILTERS)),
    "BinarizeImage": _BINARIZE,
    "DeskewImage": _DESKEW,
    "DewarpImage": _DEWARP,
    "UpscaleImage": _UPSCALE,
    "DjVu2PDF": _Work(convert_djvu),
    "ConvertTextToSpeech": _SPEAK,
    "ConvertTextToSpeechTrial": _SPEAK,
    "ImageProcessing/PostBinarizationFile": _BINARIZE,
    "ImageProcessing/PostSkewCorrectionFile": _DESKEW,
    "ImageProcessing/PostDewarpingFile": _DEWARP,
    "ImageProcessing/PostUpsamplingImageFile": _UPSCALE,
    "TextToSpeech/PostTextToSpeech": _SPEAK,
}
"""The work of each operation, in the order of the table of operations."""


def work(request: Mapping[str, Any]) -> Outcome:
    """Work on one OCR task.

    :param request: its ``operation``, its ``settings`` as received, the path of its ``image`` and the digest
        of that file (``sha256``).
    """
    operation = get_operation(request["operation"])
    settings = AppliedSettings.from_wire(operation, request["settings"])
    own = _WORK[operation.name]
    if _SPELL_CHECK not in own.applies:
        settings = replace(settings, spell_check=False)
    try:
        with Path(request["image"]).open("rb") as file:
            outcome = own.do(Assignment(operation, file, settings, request["sha256"]))
    except (UnreadableImageError, LimitExceededError, UnsupportedLanguageError) as error:
        return Outcome(messages=(str(error),))
    except Exception as error:
        if _is_out_of_memory(error):
            return Outcome(messages=(out_of_memory(),))
        # Only the type of the error: its message could contain text of the document.
        return Outcome(messages=(f"The recognition failed ({type(error).__name__}).",))
    ignored = _ignored(request["settings"], own.applies, outcome) if operation.settings else ()
    unspelt = _without_dictionary(settings.spell_check, own.language or settings.language)
    return replace(outcome, warnings=(*outcome.warnings, *ignored, *unspelt))


def _without_dictionary(spell_check: bool, language: str) -> Iterator[str]:
    if spell_check and not spelling.has_dictionary(language):
        yield f"The emulator ignores {_SPELL_CHECK} for {language}: it has no dictionary of it."


def _ignored(settings: Mapping[str, Any] | None, applied: Iterable[str], outcome: Outcome) -> Iterator[str]:
    """Yield a warning for each setting that asks for something that is not done."""
    given = given_settings(settings or {})
    for name in _SETTINGS:
        value = given.get(name.lower())
        if value and name not in applied and not (name == "resultType" and _is_result(value, outcome)):
            yield f"The emulator ignores {name}."


def _is_result(kind: str, outcome: Outcome) -> bool:
    """Return whether an operation with other results than a page has a type of result, or may do without."""
    return kind.lower() in ("text", *(result["type"].lower() for result in outcome.results))


def _is_out_of_memory(error: BaseException | None) -> bool:
    """Return whether an error or one of its causes reports a lack of memory, as each library words it."""
    if error is None:
        return False
    if isinstance(error, MemoryError) or "bad_alloc" in str(error):
        return True
    if isinstance(error, cv2.error) and error.code == _OUT_OF_MEMORY:
        return True
    return _is_out_of_memory(error.__cause__ or error.__context__)
