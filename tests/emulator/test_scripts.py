"""Scripts: the characters of a language's texts."""

from __future__ import annotations

import pytest

from airflow_provider_asposeocr.api.languages import LANGUAGES
from airflow_provider_asposeocr.emulator.scripts import (
    UNREADABLE_LANGUAGES,
    Script,
    allows,
    is_unspaced,
    script_of,
)


def test_the_scripts_of_languages() -> None:
    readable = set(LANGUAGES) - UNREADABLE_LANGUAGES
    assert {language for language in readable if script_of(language) is Script.HAN} == {
        *("Chinese", "Japanese", "Gan", "Xiang"),
    }


@pytest.mark.parametrize("character", "aZ09 .,:;!?%&@*#|äßéñçøąłžğşıŒ€£¥§«»“”\u2013—•…©°²½→☑")
def test_characters_of_latin_texts(character: str) -> None:
    assert allows(Script.LATIN, character)
    assert allows(Script.HAN, character)
    assert not is_unspaced(character)


@pytest.mark.parametrize("character", "米字的々かカー。、「」\uff1a\uff08\uff17")
def test_characters_of_han_and_kana_texts(character: str) -> None:
    assert not allows(Script.LATIN, character)
    assert allows(Script.HAN, character)
    assert is_unspaced(character)


@pytest.mark.parametrize("character", "αΩжבع한😀✱☃\u01c3")
def test_characters_of_neither(character: str) -> None:
    assert not allows(Script.LATIN, character)
    assert not allows(Script.HAN, character)
