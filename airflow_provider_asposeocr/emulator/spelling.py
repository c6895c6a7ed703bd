"""Correction of misspelt words by a dictionary, for the languages that it has.

It is careful, since a wrong correction is worse than none: only a word that the dictionary lacks is changed,
and only if a single word of the dictionary differs from it by one letter.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_asposeocr.emulator.page import Line, Page, Word, changed

if TYPE_CHECKING:
    from spellchecker import SpellChecker

_DICTIONARIES: Mapping[str, str] = {
    "English": "en",
    "German": "de",
    "French": "fr",
    "Italian": "it",
    "Spanish": "es",
    "Portuguese": "pt",
    "Dutch": "nl",
    "Netherlands": "nl",
    "Latvian": "lv",
}
"""Name of the dictionary for each language, as spelled on the wire."""

_MIN_LETTERS = 4
_CORE = re.compile(r"(\W*)([^\W\d_]+)(\W*)")
"""Punctuation, letters, punctuation; a word with a hyphen or a digit inside is none of these."""


def has_dictionary(language: str) -> bool:
    """Return whether words of a language can be corrected.

    :param language: as spelled on the wire.
    """
    return language in _DICTIONARIES


def corrected(page: Page, language: str) -> Page:
    """Return a page with its misspelt words corrected.

    :param page: the page.
    :param language: as spelled on the wire; the page stays as it is if there is no dictionary for it.
    """
    return replace(page, blocks=changed(page.blocks, lambda line: corrected_line(line, language)))


def corrected_line(line: Line, language: str) -> Line:
    """Correct the misspelt words of a line as :func:`corrected` does."""
    if not has_dictionary(language):
        return line
    dictionary = _dictionary(_DICTIONARIES[language])
    return replace(line, words=tuple(_corrected_word(word, dictionary) for word in line.words))


@functools.lru_cache(1)
def _dictionary(name: str) -> SpellChecker:
    """Load a dictionary; it takes up to 50 MiB and half a second."""
    from spellchecker import SpellChecker

    return SpellChecker(language=name, distance=1)


def _corrected_word(word: Word, dictionary: SpellChecker) -> Word:
    core = _CORE.fullmatch(word.text)
    if core is None:
        return word
    before, letters, after = core.groups()
    is_name = not (letters.islower() or letters.istitle())
    if len(letters) < _MIN_LETTERS or is_name or letters.lower() in dictionary:
        return word
    known = dictionary.known(dictionary.edit_distance_1(letters.lower()))
    candidates = [candidate for candidate in known if candidate.isalpha()]
    if len(candidates) != 1:
        return word
    right = candidates[0].title() if letters.istitle() else candidates[0]
    return replace(word, text=before + right + after)
