"""Recognition settings: friendly names and values in, the wire's spellings out."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, TypeVar

from airflow_provider_asposeocr.api.coerce import boolean, integer, is_unset, mapping, shown_value
from airflow_provider_asposeocr.api.exceptions import AsposeOcrSettingsError
from airflow_provider_asposeocr.api.languages import LANGUAGE_ALIASES, Language
from airflow_provider_asposeocr.api.operations import Operation, SettingsKind


class DsrMode(StrEnum):
    """How text areas are found (document structure recognition)."""

    REGIONS = "Regions"
    DSR_NO_FILTER = "DsrNoFilter"
    DSR_AND_FILTER = "DsrAndFilter"
    NO_DSR_NO_FILTER = "NoDsrNoFilter"
    TEXT_DETECTOR = "TextDetector"
    DSR_PLUS_DETECTOR = "DsrPlusDetector"
    POLYGONAL_TEXT_DETECTOR = "PolygonalTextDetector"
    LINE_DETECTOR = "LineDetector"


class DsrConfidence(StrEnum):
    """How sure the search for text areas must be."""

    DEFAULT = "Default"
    LOW = "Low"
    LOW_MID = "LowMid"
    MID = "Mid"
    MID_HIGH = "MidHigh"
    HIGH = "High"
    ULTRA = "Ultra"
    ALL = "All"


class ResultType(StrEnum):
    """What recognition answers with; combined forms give several results."""

    TEXT = "Text"
    PDF = "Pdf"
    TEXT_AND_PDF = "TextAndPdf"
    HOCR = "Hocr"
    TEXT_AND_HOCR = "TextAndHocr"
    PDF_AND_HOCR = "PdfAndHocr"
    TEXT_AND_PDF_AND_HOCR = "TextAndPdfAndHocr"
    IMAGE_PNG = "ImagePNG"
    JSON = "JSON"


class ResultTypeTable(StrEnum):
    """What table recognition answers with."""

    TEXT = "Text"
    EXCEL = "Excel"
    CSV = "Csv"
    CSV_AND_EXCEL = "CsvAndExcel"


class ResultTypeSpeech(StrEnum):
    """What speech operations answer with."""

    WAV = "Wav"


class SpeechLanguage(StrEnum):
    """A language that speech operations speak."""

    ENGLISH = "English"


TEXT_RESULT_TYPES = frozenset({"text", "hocr", "json", "csv", "other"})
"""Result types, in lower case, whose data is UTF-8 text and may travel in XCom."""

_ALIASES: dict[type[StrEnum], dict[str, StrEnum]] = {
    Language: dict(LANGUAGE_ALIASES),
    DsrMode: {"CraftPoly": DsrMode.POLYGONAL_TEXT_DETECTOR},
}

_RESULT_TYPES: dict[str, type[StrEnum]] = {"resultType": ResultType, "resultTypeTable": ResultTypeTable}

E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognitionSettings:
    """The ten settings of recognition; None leaves each at its documented default.

    Follows https://docs.aspose.cloud/ocr/ and the vendor's SDK 24.11. Values may be strings, as Jinja
    renders them: they are coerced by :meth:`to_wire`.

    :param language: language of the text, default ``English``; 154 names, aliases such as ``Ukrainian``.
    :param make_skew_correct: straighten the image, up to 15 degrees; default True.
    :param rotate: turn the image by this many degrees before anything else; default 0.
    :param make_binarization: reduce the image to black and white; default False.
    :param make_contrast_correction: raise the contrast; default True where documented.
    :param make_upsampling: enlarge a small image; default False.
    :param make_spell_check: correct misspelt words; default False.
    :param dsr_mode: how text areas are found; left to the service by default.
    :param dsr_confidence: how sure that search must be; left to the service by default.
    :param result_type: what to answer with; default ``Text``.
    """

    language: str | None = None
    make_skew_correct: bool | str | None = None
    rotate: int | str | None = None
    make_binarization: bool | str | None = None
    make_contrast_correction: bool | str | None = None
    make_upsampling: bool | str | None = None
    make_spell_check: bool | str | None = None
    dsr_mode: str | None = None
    dsr_confidence: str | None = None
    result_type: str | None = None

    def given(self) -> dict[str, Any]:
        """The settings that the user gave, by their own names."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if not is_unset(value)}

    def to_wire(self, operation: Operation) -> dict[str, Any] | None:
        """Coerce, check and spell the settings as the operation takes them.

        :param operation: the operation to send them to.
        :return: the ``settings`` object, or None where the operation takes none.
        :raises AsposeOcrSettingsError: for a value that cannot be, with a suggestion, and for a setting
            that the operation does not take.
        """
        if operation.settings is SettingsKind.OCR:
            return self._recognition(operation)
        if operation.settings in (SettingsKind.SPEECH, SettingsKind.SPEECH_FLAT):
            self._refuse_all_but({"language", "result_type"}, operation)
            return {
                "language": _choice(SpeechLanguage, "language", self.language, SpeechLanguage.ENGLISH),
                "resultType": _choice(
                    ResultTypeSpeech, "result_type", self.result_type, ResultTypeSpeech.WAV
                ),
            }
        self._refuse_all_but(set(), operation)
        return {} if operation.settings is SettingsKind.EMPTY else None

    def _recognition(self, operation: Operation) -> dict[str, Any]:
        wire: dict[str, Any] = {
            "language": _choice(Language, "language", self.language, Language.ENGLISH),
            "makeSkewCorrect": boolean("make_skew_correct", self.make_skew_correct, True),
            "makeBinarization": boolean("make_binarization", self.make_binarization, False),
            "makeContrastCorrection": boolean(
                "make_contrast_correction", self.make_contrast_correction, operation.contrast_default
            ),
            "makeUpsampling": boolean("make_upsampling", self.make_upsampling, False),
            "makeSpellCheck": boolean("make_spell_check", self.make_spell_check, False),
        }
        if rotate := integer("rotate", self.rotate):
            wire["Rotate"] = rotate
        if not is_unset(self.dsr_mode):
            wire["dsrMode"] = _choice(DsrMode, "dsr_mode", self.dsr_mode, DsrMode.REGIONS)
        if not is_unset(self.dsr_confidence):
            wire["dsrConfidence"] = _choice(
                DsrConfidence, "dsr_confidence", self.dsr_confidence, DsrConfidence.DEFAULT
            )
        if operation.result_selector is None:
            if not is_unset(self.result_type):
                raise AsposeOcrSettingsError(f"{operation.name} takes no result_type")
        else:
            choices = _RESULT_TYPES[operation.result_selector]
            wire[operation.result_selector] = _choice(
                choices, "result_type", self.result_type, choices(operation.result_type or "Text")
            )
        return wire

    def _refuse_all_but(self, names: set[str], operation: Operation) -> None:
        if refused := sorted(self.given().keys() - names):
            raise AsposeOcrSettingsError(f"{operation.name} takes no {', '.join(refused)}")


def wire_settings(operation: Operation, settings: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Spell settings as an operation takes them.

    :param operation: the operation.
    :param settings: names of :class:`RecognitionSettings`; any other name goes on the wire unchanged.
    :raises AsposeOcrSettingsError: as :meth:`RecognitionSettings.to_wire`, for a setting given to an
        operation that takes none, and for a value that JSON cannot express.
    """
    given = mapping("settings", settings)
    known = {field.name for field in fields(RecognitionSettings)}
    own = {name: value for name, value in given.items() if name in known}
    extra = {name: value for name, value in given.items() if name not in known}
    wire = RecognitionSettings(**own).to_wire(operation)
    if not extra:
        return wire
    if wire is None:
        raise AsposeOcrSettingsError(
            f"{operation.name} takes no settings, not even {', '.join(sorted(extra))}"
        )
    try:
        json.dumps(extra, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise AsposeOcrSettingsError(
            f"JSON cannot express a value among {', '.join(sorted(extra))}: give texts, numbers, truth "
            "values, lists and dicts"
        ) from None
    return wire | extra


def check_literals(operation: Operation, settings: Mapping[str, Any]) -> None:
    """Find what is wrong with settings where a DAG is parsed, whatever its templates will hold.

    :param operation: the operation.
    :param settings: as for :func:`wire_settings`; templates and outputs of tasks are passed over.
    :raises AsposeOcrSettingsError: as :func:`wire_settings`.
    """
    wire_settings(
        operation,
        {
            name: value
            for name, value in settings.items()
            if isinstance(value, int | float) or (isinstance(value, str) and "{" not in value)
        },
    )


def selected_result_types(operation: Operation, wire: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The result types that an operation will answer with, such as ``("Text", "Pdf")``.

    :param operation: the operation.
    :param wire: its settings, from :func:`wire_settings`.
    """
    selected = str((wire or {}).get(operation.result_selector or "") or operation.result_type or "Other")
    return tuple(selected.split("And"))


def answers_with_text(operation: Operation, wire: Mapping[str, Any] | None) -> bool:
    """Tell whether all results of an operation will be text, so that a poll may bring them along.

    :param operation: the operation.
    :param wire: its settings, from :func:`wire_settings`.
    """
    return all(is_text(kind) for kind in selected_result_types(operation, wire))


def is_text(result_type: str) -> bool:
    """Whether data of a result type is UTF-8 text.

    :param result_type: a single type, such as ``Text`` or ``ImagePNG``, in any case.
    """
    return result_type.casefold() in TEXT_RESULT_TYPES


def _choice(kind: type[E], name: str, value: Any, default: E) -> str:
    if is_unset(value):
        return default.value
    aliases = _ALIASES.get(kind, {})
    spellings = {member.value: member.value for member in kind} | {k: v.value for k, v in aliases.items()}
    folded = {_fold(spelling): wire for spelling, wire in spellings.items()}
    wire = folded.get(_fold(str(value)))
    if wire is not None:
        return wire
    near = difflib.get_close_matches(_fold(str(value)), folded, n=3)
    names = [next(s for s in spellings if _fold(s) == match) for match in near]
    hint = f"did you mean {' or '.join(names)}?" if names else f"use one of: {', '.join(kind)}"
    raise AsposeOcrSettingsError(f"unknown {name} {shown_value(value)}; {hint}")


def _fold(spelling: str) -> str:
    return spelling.strip().casefold().replace(" ", "_").replace("-", "_")
