"""Recognition settings: friendly names and values in, the wire's spellings out. One row for each."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_asposeocr.api.coerce import boolean, integer, is_unset, mapping, shown_value
from airflow_provider_asposeocr.api.exceptions import AsposeOcrSettingsError
from airflow_provider_asposeocr.api.languages import LANGUAGE_ALIASES, LANGUAGES
from airflow_provider_asposeocr.api.operations import Operation, SettingsKind
from airflow_provider_asposeocr.api.regions import wire_regions

DSR_MODES = (
    "Regions",
    "DsrNoFilter",
    "DsrAndFilter",
    "NoDsrNoFilter",
    "TextDetector",
    "DsrPlusDetector",
    "PolygonalTextDetector",
    "LineDetector",
)
"""Ways in which text areas are found (document structure recognition)."""

DSR_CONFIDENCES = ("Default", "Low", "LowMid", "Mid", "MidHigh", "High", "Ultra", "All")
"""Degrees of certainty of the search for text areas."""

RESULT_TYPES = (
    "Text",
    "Pdf",
    "TextAndPdf",
    "Hocr",
    "TextAndHocr",
    "PdfAndHocr",
    "TextAndPdfAndHocr",
    "ImagePNG",
    "JSON",
)
"""Results of recognition; combined forms give several."""

TABLE_RESULT_TYPES = ("Text", "Excel", "Csv", "CsvAndExcel")
"""Results of table recognition."""

TEXT_RESULT_TYPES = frozenset({"text", "hocr", "json", "csv", "other"})
"""Result types, in lower case, whose data is UTF-8 text and may travel in XCom."""

_ALIASES: Mapping[str, Mapping[str, str]] = {
    "language": LANGUAGE_ALIASES,
    "dsr_mode": {"CraftPoly": "PolygonalTextDetector"},
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One recognition setting.

    :param name: the keyword of the operators.
    :param wire: the name on the wire.
    :param kind: the type of its values, or all that it may be, or what reads them.
    :param default: the documented default, which is sent; None leaves the setting out.
    """

    name: str
    wire: str
    kind: type[bool] | type[int] | tuple[str, ...] | Callable[[Any], Any]
    default: Any = None

    def read(self, value: Any) -> Any:
        """Return a value as the wire spells it; None leaves the setting out.

        :param value: as the user gave it, or as Jinja rendered it.
        :raises AsposeOcrSettingsError: for a value that cannot be, with a suggestion.
        """
        if is_unset(value):
            return self.default
        if isinstance(self.kind, tuple):
            return _choice(self.name, value, self.kind)
        if self.kind is bool:
            return boolean(self.name, value, False)
        return integer(self.name, value) or None if self.kind is int else self.kind(value)


SETTINGS = (
    Setting("language", "language", LANGUAGES, "English"),
    Setting("make_skew_correct", "makeSkewCorrect", bool, True),
    Setting("make_binarization", "makeBinarization", bool, False),
    Setting("make_contrast_correction", "makeContrastCorrection", bool, True),
    Setting("make_upsampling", "makeUpsampling", bool, False),
    Setting("make_spell_check", "makeSpellCheck", bool, False),
    Setting("rotate", "Rotate", int),
    Setting("dsr_mode", "dsrMode", DSR_MODES),
    Setting("dsr_confidence", "dsrConfidence", DSR_CONFIDENCES),
    Setting("result_type", "resultType", RESULT_TYPES, "Text"),
    Setting("regions", "regions", wire_regions),
)
"""The settings of recognition, as https://docs.aspose.cloud/ocr/ and the vendor's SDK 24.11 spell them."""

_SPEECH_SETTINGS = (
    Setting("language", "language", ("English",), "English"),
    Setting("result_type", "resultType", ("Wav",), "Wav"),
)
_BY_KIND: Mapping[SettingsKind | None, tuple[Setting, ...]] = {
    SettingsKind.OCR: SETTINGS,
    SettingsKind.SPEECH: _SPEECH_SETTINGS,
    SettingsKind.SPEECH_FLAT: _SPEECH_SETTINGS,
}


def wire_settings(operation: Operation, settings: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Check settings and spell them as an operation takes them.

    :param operation: the operation.
    :param settings: names of :data:`SETTINGS` with their values, which may be strings, as Jinja renders
        them; any other name goes on the wire unchanged.
    :return: the ``settings`` object, or None where the operation takes none.
    :raises AsposeOcrSettingsError: for a value that cannot be, with a suggestion; for a setting that the
        operation does not take; for a value that JSON cannot express.
    """
    wire = _spelled(operation, settings)
    if operation.name == "RecognizeRegions" and not (wire or {}).get("regions"):
        raise AsposeOcrSettingsError(f"{operation.name} needs regions: give at least one")
    return wire


def _spelled(operation: Operation, settings: Mapping[str, Any] | None) -> dict[str, Any] | None:
    given = mapping("settings", settings)
    known = {setting.name for setting in SETTINGS}
    own = {name: value for name, value in given.items() if name in known and not is_unset(value)}
    extra = {name: value for name, value in given.items() if name not in known}
    taken = list(_settings_of(operation))
    documented = {setting.name for setting in taken} - operation.undocumented
    if refused := sorted(own.keys() - documented):
        names = ", ".join(setting.name for setting in taken if setting.name in documented)
        hint = f"; its settings are {names}" if names else ""
        others = [f"{s.wire!r}: ..." for s in taken if s.name in refused and s.wire != s.name]
        hint += f"; extra_settings={{{', '.join(others)}}} sends more" if others else ""
        raise AsposeOcrSettingsError(f"{operation.name} takes no {', '.join(refused)}{hint}")
    wire = {setting.wire: setting.read(own.get(setting.name)) for setting in taken}
    if extra and operation.settings is None:
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
    if operation.settings is None:
        return None
    return {name: value for name, value in wire.items() if value is not None} | extra


def _settings_of(operation: Operation) -> Iterator[Setting]:
    """Yield the rows that an operation takes, with the two defaults and the spelling that are its own."""
    for setting in _BY_KIND.get(operation.settings, ()):
        if setting.name == "make_contrast_correction":
            yield replace(setting, default=operation.contrast_default)
        elif setting.name != "result_type":
            yield setting
        elif selector := operation.result_selector:
            kind = TABLE_RESULT_TYPES if selector == "resultTypeTable" else setting.kind
            default = operation.result_type or setting.default
            yield replace(setting, wire=selector, kind=kind, default=default)


def check_literals(operation: Operation, settings: Mapping[str, Any]) -> None:
    """Find what is wrong with settings where a DAG is parsed, whatever its templates will hold.

    :param operation: the operation.
    :param settings: as for :func:`wire_settings`; templates and outputs of tasks are passed over.
    :raises AsposeOcrSettingsError: as :func:`wire_settings`.
    """
    literals: dict[str, Any] = {
        name: value
        for name, value in settings.items()
        if isinstance(value, int | float) or (isinstance(value, str) and "{" not in value)
    }
    regions = settings.get("regions")
    if isinstance(regions, list) and all(map(_is_box, regions)):
        literals["regions"] = regions
    _spelled(operation, literals)


def _is_box(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(number, int | float) for number in value)


def selected_result_types(operation: Operation, wire: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return the result types that an operation will answer with, such as ``("Text", "Pdf")``.

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
    """Tell whether data of a result type is UTF-8 text.

    :param result_type: a single type, such as ``Text`` or ``ImagePNG``, in any case.
    """
    return result_type.casefold() in TEXT_RESULT_TYPES


def _choice(name: str, value: Any, choices: tuple[str, ...]) -> str:
    spellings = {choice: choice for choice in choices} | dict(_ALIASES.get(name, {}))
    folded = {_fold(spelling): wire for spelling, wire in spellings.items()}
    wire = folded.get(_fold(str(value)))
    if wire is not None and wire in choices:
        return wire
    near = difflib.get_close_matches(_fold(str(value)), folded, n=3)
    names = [next(s for s in spellings if _fold(s) == match) for match in near]
    hint = f"did you mean {' or '.join(names)}?" if names else f"use one of: {', '.join(choices)}"
    raise AsposeOcrSettingsError(f"unknown {name} {shown_value(value)}; {hint}")


def _fold(spelling: str) -> str:
    return spelling.strip().casefold().replace(" ", "_").replace("-", "_")
