"""Conversion of text to speech: English text in, a WAV out.

It needs the extra ``[speech]``, whose synthesizer is licensed under the GPL; without it an OCR task ends in
an error that names the extra. The trial operation takes short texts and speaks a notice in their midst; its
limit of ten calls a day for each address is not emulated.
"""

from __future__ import annotations

import io
import random
import unicodedata
import wave

from airflow_provider_asposeocr.emulator import results
from airflow_provider_asposeocr.emulator.limits import LimitExceededError, UnreadableImageError
from airflow_provider_asposeocr.emulator.ocr_tasks import Outcome
from airflow_provider_asposeocr.emulator.work.assignment import Assignment
from airflow_provider_asposeocr.emulator.work.espeak import (
    BYTES_PER_SAMPLE,
    Recording,
    SpeechUnavailableError,
    speak,
)

MAX_TRIAL_CHARACTERS = 500

_NOTICE = "This speech was made by the trial version."

_END_OF_LATIN_1 = "\xff"


def convert_text_to_speech(given: Assignment) -> Outcome:
    """Read a text aloud."""
    text = given.file.read().decode()
    _check_speakable(text)
    if not given.operation.authenticated:
        text = _trial_text(text, given.sha256)
    try:
        recording = speak(text)
    except SpeechUnavailableError as error:
        return Outcome(messages=(str(error),))
    return Outcome(results=results.as_results([("WavFile", _to_wav(recording))]))


def _check_speakable(text: str) -> None:
    """Refuse a text that a voice for English would not speak, but spell in the names of characters."""
    if not any(character.isprintable() and not character.isspace() for character in text):
        raise UnreadableImageError("There is nothing to speak: the text is blank.")
    if any(map(_is_foreign_letter, text)):
        raise UnreadableImageError(
            "The emulator speaks English only: the text has letters that are not Latin."
        )


def _is_foreign_letter(character: str) -> bool:
    if character <= _END_OF_LATIN_1 or unicodedata.category(character) not in ("Ll", "Lu", "Lt", "Lo"):
        return False
    return "LATIN" not in unicodedata.name(character, "")


def _trial_text(text: str, sha256: str) -> str:
    """Return a short text with a notice between two of its words, at the same place for the same text."""
    if len(text) > MAX_TRIAL_CHARACTERS:
        raise LimitExceededError(
            f"The text has {len(text):,} characters; the trial speaks at most {MAX_TRIAL_CHARACTERS}."
        )
    words = text.split()
    place = random.Random(sha256).randint(0, len(words))
    return " ".join([*words[:place], _NOTICE, *words[place:]])


def _to_wav(recording: Recording) -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(BYTES_PER_SAMPLE)
        sound.setframerate(recording.rate)
        sound.writeframes(recording.samples)
    return target.getvalue()
