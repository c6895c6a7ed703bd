"""Scripts: the characters that texts of a language consist of; languages that the engine cannot read."""

from __future__ import annotations

import enum
import unicodedata

_UNSPACED = ((0x2E80, 0x9FFF), (0xF900, 0xFAFF), (0xFE30, 0xFE4F), (0xFF00, 0xFFEF), (0x20000, 0x3FFFF))
"""Ranges of Han and Kana characters, of their punctuation and of their wide forms of Latin characters."""

_END_OF_LATIN = 0x024F
_FURTHER_LATIN = frozenset("əɓɗɛɔ")
_END_OF_PUNCTUATION = 0x206F
_SYMBOLS = frozenset("№℃℉™←↑→↓√∞≈≠≤≥■□▪●○◆►▶★☆☐☑☒✓✔✗✘")


class Script(enum.Enum):
    """Script of a language that the engine reads."""

    LATIN = "Latin"
    HAN = "Han"


_HAN = frozenset({"Chinese", "Japanese", "Gan", "Xiang"})

UNREADABLE_LANGUAGES = frozenset(
    {
        # Cyrillic
        *("Russian", "Ukrainan", "Bulgarian", "Kazah", "Macedonian"),
        *("Belorussian", "Chechen", "Kabardian"),
        # Arabic
        *("Arabic", "Urdu", "Persian", "Gilaki", "Uyghur"),
        # Devanagari
        *("Hindi", "Marathi", "Bhojpuri", "Maithili", "Awadhi"),
        *("Nepali", "Marwari", "Magahi", "Haryanvi", "Chattisgarhi"),
        *("Dhundari", "Konkani", "Kanauji", "Mewati", "Rajbanshi"),
        *("Garhwali", "Kumauni", "Wagdi", "Malvi", "Mewari"),
        *("Lamani", "Devanagari"),
        # other scripts of their own
        *("Bengali", "Tibetan", "Thai", "Korean", "Hebrew", "Greek"),
        *("Georgian", "Telugu", "Kannada", "Tamil"),
        # Han and Latin with characters that the engine's alphabet lacks
        *("Cantonese", "Hakka", "Min_Bei", "Min_Dong", "Min_Nan", "Pu_Xian", "Wu"),
        *("Vietnamese", "Muong", "Yoruba"),
    }
)
"""Languages that the service reads but the engine does not."""


def script_of(language: str) -> Script:
    """Return the script of a language that the engine reads.

    :param language: as spelled on the wire.
    """
    return Script.HAN if language in _HAN else Script.LATIN


def allows(script: Script, character: str) -> bool:
    """Return whether a character occurs in texts of a script; Latin letters occur in those of both."""
    return _is_latin(character) or (script is Script.HAN and is_unspaced(character))


def is_unspaced(character: str) -> bool:
    """Return whether a character belongs to a script without blanks between its words: Han, Kana."""
    return any(first <= ord(character) <= last for first, last in _UNSPACED)


def _is_latin(character: str) -> bool:
    place, category = ord(character), unicodedata.category(character)
    if category in ("Ll", "Lu"):
        return place <= _END_OF_LATIN or character in _FURTHER_LATIN
    if category in ("Lo", "Lt", "Lm"):
        return character in "ªº"
    return place <= _END_OF_PUNCTUATION or category == "Sc" or character in _SYMBOLS
