"""Settings as the service reads them: case-insensitive, with unknown members ignored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_asposeocr.api.languages import LANGUAGES
from airflow_provider_asposeocr.api.operations import Operation, SettingsKind
from airflow_provider_asposeocr.api.settings import (
    DSR_CONFIDENCES,
    DSR_MODES,
    RESULT_TYPES,
    TABLE_RESULT_TYPES,
)
from airflow_provider_asposeocr.emulator.checks import shown

MAX_REGIONS = 1_000

_INTEGERS = range(-(1 << 31), 1 << 31)
_SPEECH = frozenset({SettingsKind.SPEECH, SettingsKind.SPEECH_FLAT})
_UPSAMPLE_FIRST = frozenset({"RecognizeReceipt", "RecognizeAndParseInvoice"})
"""Operations whose documented order of filters differs from that of all others."""

_CORNERS = ("topLeftX", "topLeftY", "bottomRightX", "bottomRightY")


class SettingsError(ValueError):
    """Raised for a setting that the service would refuse.

    :param name: the setting, as spelled on the wire.
    :param detail: the reason, for the client.
    """

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(detail)
        self.name = name
        self.detail = detail


@dataclass(frozen=True)
class Region:
    """Part of an image to recognize, in pixels.

    :param order: its place among the results.
    """

    left: int
    top: int
    right: int
    bottom: int
    order: int


@dataclass(frozen=True)
class AppliedSettings:
    """Settings that the emulator applies, with the documented defaults.

    :param language: as spelled on the wire.
    :param rotate: clockwise, in degrees, before anything else.
    :param contrast: correct the contrast.
    :param binarize: reduce the image to black and white.
    :param deskew: straighten the image.
    :param upsample: enlarge a small image.
    :param upsample_first: enlarge it before it is straightened, as the service does for some operations.
    :param spell_check: correct misspelt words.
    :param result_type: as spelled on the wire.
    :param regions: the parts to recognize, in the order of the request.
    """

    language: str = "English"
    rotate: float = 0
    contrast: bool = True
    binarize: bool = False
    deskew: bool = True
    upsample: bool = False
    upsample_first: bool = False
    spell_check: bool = False
    result_type: str = "Text"
    regions: tuple[Region, ...] = ()

    @property
    def result_types(self) -> tuple[str, ...]:
        """Single result types of a combined one, in its order."""
        return tuple(self.result_type.split("And"))

    @classmethod
    def from_wire(cls, operation: Operation, settings: Any) -> AppliedSettings:
        """Read the settings of a request.

        :param operation: the operation, whose defaults apply.
        :param settings: the member ``settings`` as received.
        :raises SettingsError: if it is not an object or one of its values is invalid.
        """
        if operation.settings is None:
            return cls(result_type=operation.result_type or "Other")
        if operation.settings is SettingsKind.EMPTY and settings is None:
            settings = {}
        if not isinstance(settings, Mapping):
            raise SettingsError("settings", "The settings field is required.")
        given = given_settings(settings)
        if operation.settings in _SPEECH:
            language = _choice(given, "language", ("English",), cls.language)
            return cls(language, result_type=_choice(given, "resultType", ("Wav",), "Wav"))
        # Spelled right or wrong, the service reads them; the emulator says that it ignores them.
        _choice(given, "dsrMode", (*DSR_MODES, "CraftPoly"), DSR_MODES[0])
        _choice(given, "dsrConfidence", DSR_CONFIDENCES, DSR_CONFIDENCES[0])
        return cls(
            language=_choice(given, "language", LANGUAGES, cls.language),
            rotate=_integer(given, "Rotate"),
            contrast=_boolean(given, "makeContrastCorrection", operation.contrast_default),
            binarize=_boolean(given, "makeBinarization", cls.binarize),
            deskew=_boolean(given, "makeSkewCorrect", cls.deskew),
            upsample=_boolean(given, "makeUpsampling", cls.upsample),
            upsample_first=operation.name in _UPSAMPLE_FIRST,
            spell_check=_boolean(given, "makeSpellCheck", cls.spell_check),
            result_type=_result_type(operation, given),
            regions=_regions(operation, given),
        )


def given_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a request that have a value, by their names in lower case."""
    return {str(name).lower(): value for name, value in settings.items() if value is not None}


def _result_type(operation: Operation, given: Mapping[str, Any]) -> str:
    default = operation.result_type or "Other"
    selected = _choice(given, "resultType", RESULT_TYPES, default if default in RESULT_TYPES else "Text")
    if operation.result_selector is None:
        return default
    if operation.result_selector == "resultTypeTable":
        # JSON is among the results of a table, but not among the values of its own selector.
        json_alone = selected == "JSON" and "resulttypetable" not in given
        return "JSON" if json_alone else _choice(given, "resultTypeTable", TABLE_RESULT_TYPES, default)
    return selected


def _regions(operation: Operation, given: Mapping[str, Any]) -> tuple[Region, ...]:
    value = given.get("regions", ())
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) > MAX_REGIONS:
        raise SettingsError("regions", f"The regions must be a list of at most {MAX_REGIONS:,}.")
    if operation.name == "RecognizeRegions" and not value:
        raise SettingsError("regions", "The regions field is required.")
    return tuple(_region(place, item) for place, item in enumerate(value))


def _region(place: int, item: Any) -> Region:
    folded = _folded(item)
    rect = _folded(folded.get("rect"))
    left, top, right, bottom = (_integer(rect, name) for name in _CORNERS)
    if not (0 <= left < right and 0 <= top < bottom):
        raise SettingsError("regions", f"The rect of region {place} holds no pixels of an image.")
    return Region(left, top, right, bottom, _integer(folded, "order", place))


def _folded(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingsError("regions", "Each region must be an object with a rect and an order.")
    return given_settings(value)


def _choice(given: Mapping[str, Any], name: str, choices: Sequence[str], default: str) -> str:
    value = given.get(name.lower(), default)
    folded = {choice.lower(): choice for choice in choices}
    found = folded.get(value.lower()) if isinstance(value, str) else None
    if found is None:
        raise SettingsError(name, f"The value {shown(value)} is not a known {name}.")
    return found


def _boolean(given: Mapping[str, Any], name: str, default: bool) -> bool:
    value = given.get(name.lower(), default)
    if not isinstance(value, bool):
        raise SettingsError(name, f"The value of {name} must be true or false.")
    return value


def _integer(given: Mapping[str, Any], name: str, default: int = 0) -> int:
    value = given.get(name.lower(), default)
    if isinstance(value, float) and value.is_integer():
        # JSON has one kind of number: 90.0 is whole, too.
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value not in _INTEGERS:
        raise SettingsError(name, f"The value of {name} must be a whole number.")
    return value
