"""Recognition settings as the service reads them: case-insensitive, with unknown members ignored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from airflow_provider_asposeocr.api.languages import LANGUAGES
from airflow_provider_asposeocr.api.settings import RESULT_TYPES
from airflow_provider_asposeocr.emulator.checks import shown

_LANGUAGES = {language.lower(): language for language in LANGUAGES}
_MAX_INTEGER = (1 << 31) - 1
_RESULT_TYPES = {kind.lower(): kind for kind in RESULT_TYPES}


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
class AppliedSettings:
    """Settings that the emulator applies, with the documented defaults.

    :param language: as spelled on the wire.
    :param rotate: clockwise, in degrees, before anything else.
    :param contrast: correct the contrast.
    :param binarize: reduce the image to black and white.
    :param deskew: straighten the image.
    :param upsample: enlarge a small image.
    :param result_type: as spelled on the wire.
    """

    language: str = "English"
    rotate: int = 0
    contrast: bool = True
    binarize: bool = False
    deskew: bool = True
    upsample: bool = False
    result_type: str = "Text"

    @property
    def result_types(self) -> tuple[str, ...]:
        """Single result types of a combined one, in its order."""
        return tuple(self.result_type.split("And"))

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return asdict(self)

    @classmethod
    def from_wire(cls, settings: Any) -> AppliedSettings:
        """Read the ``settings`` of a request.

        :param settings: the member as received.
        :raises SettingsError: if it is not an object or one of its values is invalid.
        """
        if not isinstance(settings, Mapping):
            raise SettingsError("settings", "The settings field is required.")
        given = {str(name).lower(): value for name, value in settings.items() if value is not None}
        return cls(
            language=_choice(given, "language", _LANGUAGES, cls.language),
            rotate=_integer(given, "Rotate"),
            contrast=_boolean(given, "makeContrastCorrection", cls.contrast),
            binarize=_boolean(given, "makeBinarization", cls.binarize),
            deskew=_boolean(given, "makeSkewCorrect", cls.deskew),
            upsample=_boolean(given, "makeUpsampling", cls.upsample),
            result_type=_choice(given, "resultType", _RESULT_TYPES, cls.result_type),
        )


def _choice(given: Mapping[str, Any], name: str, known: Mapping[str, str], default: str) -> str:
    value = given.get(name.lower(), default)
    found = known.get(value.lower()) if isinstance(value, str) else None
    if found is None:
        raise SettingsError(name, f"The value {shown(value)} is not a known {name}.")
    return found


def _boolean(given: Mapping[str, Any], name: str, default: bool) -> bool:
    value = given.get(name.lower(), default)
    if not isinstance(value, bool):
        raise SettingsError(name, f"The value of {name} must be true or false.")
    return value


def _integer(given: Mapping[str, Any], name: str) -> int:
    value = given.get(name.lower(), 0)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _MAX_INTEGER:
        raise SettingsError(name, f"The value of {name} must be a whole number of degrees.")
    return value
