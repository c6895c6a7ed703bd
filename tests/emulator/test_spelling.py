"""Spelling: words that the dictionary lacks are corrected if one word is meant, all others stay."""

from __future__ import annotations

import io

import pytest

from airflow_provider_asposeocr.api.languages import LANGUAGES
from airflow_provider_asposeocr.emulator import engine, spelling
from airflow_provider_asposeocr.emulator.decoding import decode
from airflow_provider_asposeocr.emulator.page import Line, Page, Word
from airflow_provider_asposeocr.emulator.settings import AppliedSettings
from tests.emulator.client import Client
from tests.emulator.pages import draw_text, encode, hocr_words, letter, upright

BOX = upright(0, 0, 10, 10)


def corrected(text: str, language: str = "English") -> str:
    words = tuple(Word(word, 0.9, BOX) for word in text.split())
    page = spelling.corrected(Page(10, 10, (((Line(words, 0.9, BOX),),),)), language)
    assert [(word.confidence, word.quad) for word in page.words()] == [(0.9, BOX)] * len(words)
    return page.text


@pytest.mark.parametrize(
    ("language", "text", "right"),
    [
        (
            "English",
            "The delivry, (thirthy) Invoise: warehous!",
            "The delivery, (thirty) Invoice: warehouse!",
        ),
        ("German", "Ihre Rechnug und die Lieferug.", "Ihre Rechnung und die Lieferung."),
        ("French", "les marchandisses sont payées", "les marchandises sont payées"),
        ("Netherlands", "de bestellng", "de bestelling"),
    ],
)
def test_misspelt_words_are_corrected(language: str, text: str, right: str) -> None:
    assert corrected(text, language) == right


@pytest.mark.parametrize(
    "text",
    [
        "The contract was signed by Margaret Whitfield in Leeds.",
        "DELIVRY",  # a name, for all that is known
        "delivRy",
        "delivry2 well-delivry 12,50 de.livry",
        "contrct",  # contact or contract
        "qes",
        "xqzvbnk",
    ],
)
def test_all_others_stay(text: str) -> None:
    assert corrected(text) == text


def test_a_language_without_a_dictionary_stays() -> None:
    assert corrected("delivry", "Polish") == "delivry"


def test_right_text_stays() -> None:
    text = " ".join(letter(60))
    assert corrected(text).split() == text.split()


def test_every_dictionary_is_there() -> None:
    languages = [language for language in LANGUAGES if spelling.has_dictionary(language)]
    assert len(languages) == 9
    for language in languages:
        assert corrected("a", language) == "a"


def test_all_results_have_the_corrected_words(real: Client) -> None:
    note = encode(draw_text(["The thirthy chairs were contrct", "from the warehous."]))
    kind = {"resultType": "TextAndHocr"}
    as_written = real.results(note, **kind)
    right = real.results(note, **kind, makeSpellCheck=True)
    assert as_written["Text"].decode().split()[1:5:3] == ["thirthy", "contrct"]
    assert right["Text"].decode().split() == [
        "The",
        "thirty",
        "chairs",
        "were",
        "contrct",
        "from",
        "the",
        "warehouse.",
    ]
    assert [text for text, _ in hocr_words(right["Hocr"])] == right["Text"].decode().split()


def test_pieces_that_are_read_again_are_corrected() -> None:
    scan = decode(io.BytesIO(encode(draw_text(["from the warehous"]))))
    for spell_check, right in ((False, "from the warehous"), (True, "from the warehouse")):
        settings = AppliedSettings(spell_check=spell_check)
        quads = [line.quad for line in engine.read(scan, settings).lines()]
        assert [line.text for line in engine.read_pieces(scan, quads, settings)] == [right]


def test_a_client_is_told_of_a_missing_dictionary(real: Client) -> None:
    note = encode(draw_text(["Dobry"]))
    for language, warnings in (
        ("Polish", ["The emulator ignores makeSpellCheck for Polish: it has no dictionary of it."]),
        ("English", None),
    ):
        answer = real.wait(real.submit(note, language=language, makeSpellCheck=True))
        assert answer["taskStatus"] == "Completed"
        assert ((answer["error"] or {}).get("warnings") or None) == warnings
