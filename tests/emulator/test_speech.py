"""Real speech, end to end, from the text of a request to a WAV."""

from __future__ import annotations

import base64
import io
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from airflow_provider_asposeocr.emulator.recognition import work
from airflow_provider_asposeocr.emulator.work import espeak
from airflow_provider_asposeocr.emulator.work.speech import MAX_TRIAL_CHARACTERS
from tests.emulator.client import API, Client

SETTINGS = {"language": "English", "resultType": "Wav"}
SHORT = "Good morning."
LONG = "Good morning. The invoice was sent on Monday and should be paid within thirty days after receipt."


def submit(client: Client, text: str, operation: str = "ConvertTextToSpeech") -> str:
    body = {"text": text, "settings": SETTINGS}
    answer = client.call("POST", API + operation, json=body, headers={"Accept": "text/plain"})
    assert answer.status_code == 200, answer.text
    return answer.text


def answer_to(client: Client, text: str, operation: str = "ConvertTextToSpeech") -> dict[str, Any]:
    return client.wait(submit(client, text, operation), operation)


def heard(client: Client, text: str, operation: str = "ConvertTextToSpeech") -> tuple[float, float]:
    """Return how long a spoken text is, in seconds, and how loud, as a share of the loudest."""
    answer = answer_to(client, text, operation)
    assert answer["taskStatus"] == "Completed", answer["error"]
    (result,) = answer["results"]
    assert result["type"] == "WavFile"
    assert answer["error"] is None
    return measured(base64.b64decode(result["data"], validate=True))


def measured(data: bytes) -> tuple[float, float]:
    assert (data[:4], data[8:16]) == (b"RIFF", b"WAVEfmt ")
    with wave.open(io.BytesIO(data)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getcomptype()) == (1, 2, "NONE")
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype(float)
        return len(samples) / sound.getframerate(), float(np.sqrt((samples**2).mean())) / (1 << 15)


def test_a_longer_text_is_a_longer_sound(real: Client) -> None:
    seconds, loudness = heard(real, SHORT)
    assert 0.5 < seconds < 2.5
    assert loudness > 0.02
    longer, loudness = heard(real, LONG)
    assert 3 * seconds < longer < 15
    assert loudness > 0.02


def test_the_trial_speaks_a_notice_within_the_text(real: Client) -> None:
    seconds, _ = heard(real, LONG)
    first, second = (heard(real, LONG, "ConvertTextToSpeechTrial")[0] for _ in range(2))
    assert first > seconds + 1.5
    assert first == pytest.approx(second, abs=0.1)


def test_the_trial_takes_a_short_text_only(real: Client) -> None:
    longest = ("a word " * MAX_TRIAL_CHARACTERS)[:MAX_TRIAL_CHARACTERS]
    assert answer_to(real, longest, "ConvertTextToSpeechTrial")["taskStatus"] == "Completed"
    answer = answer_to(real, longest + "s", "ConvertTextToSpeechTrial")
    assert answer["error"]["messages"] == ["The text has 501 characters; the trial speaks at most 500."]


def test_the_old_form_gives_a_wav(real: Client) -> None:
    path = API + "TextToSpeech/"
    ocr_task_id = real.call(
        "POST", path + "PostTextToSpeech", json={"text": SHORT, **SETTINGS}, headers={"Accept": "text/plain"}
    ).text
    assert real.wait(ocr_task_id, "TextToSpeech/GetTextToSpeechResult")["taskStatus"] == "Completed"
    file = real.call("GET", path + "GetTextToSpeechResultFile", params={"id": ocr_task_id})
    assert file.headers["Content-Type"] == "audio/wav"
    assert measured(file.content)[0] > 0.5


def test_markup_is_read_aloud_like_any_text(real: Client) -> None:
    plain, _ = heard(real, "hello")
    assert heard(real, "<speak><break time='9s'/>hello</speak>")[0] < 9
    assert heard(real, "[[h@l'oU]]")[0] > plain
    # A command of the synthesizer, to speak as slowly as it can, counts as the word that is left of it.
    word, _ = heard(real, "1S hello there")
    assert heard(real, "\x011S hello there")[0] == pytest.approx(word, abs=0.3)


@pytest.mark.parametrize("text", ["!" * 1_000_000, "." * 1_000_000])
def test_a_long_text_without_words_is_a_short_sound(real: Client, text: str) -> None:
    answer = answer_to(real, text)
    assert answer["taskStatus"] == "Completed"
    assert len(answer["results"][0]["data"]) < 1_000_000


@pytest.mark.parametrize("text", ["word " * 200_000, "\U0001f389" * 100_000])
def test_a_text_that_takes_too_long_to_speak_is_refused(real: Client, text: str) -> None:
    answer = answer_to(real, text)
    assert answer["taskStatus"] == "Error"
    assert answer["error"]["messages"] == [
        "The result WavFile exceeds 64 MiB, the most that is returned in all."
    ]
    assert heard(real, SHORT)[0] > 0.5


@pytest.mark.parametrize("operation", ["ConvertTextToSpeech", "ConvertTextToSpeechTrial"])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (" \t\n" * 100, "the text is blank"),
        ("\x00\x01\x1b\u200b", "the text is blank"),
        ("你好", "letters that are not Latin"),
        ("Good morning, Привет", "letters that are not Latin"),
        ("नमस्ते", "letters that are not Latin"),
    ],
)
def test_what_cannot_be_spoken_is_refused_by_name(
    real: Client, text: str, reason: str, operation: str
) -> None:
    answer = answer_to(real, text, operation)
    assert answer["taskStatus"] == "Error"
    (message,) = answer["error"]["messages"]
    assert reason in message


def test_letters_and_signs_of_a_western_text_are_spoken(real: Client) -> None:
    assert heard(real, "A café in Zürich \u2013 the \ufb01rst at 5 \u20ac, 20 \xb5m \u02bc 1\xba.")[0] > 2


@pytest.fixture
def spoken_anew() -> Iterator[None]:
    espeak._start.cache_clear()
    yield
    espeak._start.cache_clear()


def refusal(folder: Path) -> str:
    (folder / "text").write_text(SHORT)
    request = {"operation": "ConvertTextToSpeech", "settings": SETTINGS, "image": str(folder / "text")}
    (only,) = work({**request, "sha256": "0" * 64}).messages
    return only


@pytest.mark.usefixtures("spoken_anew")
def test_without_its_extra_it_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    assert 'pip install "airflow-provider-asposeocr[speech]"' in refusal(tmp_path)


@pytest.mark.usefixtures("spoken_anew")
def test_a_synthesizer_that_does_not_start_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("espeakng_loader.get_library_path", lambda: str(tmp_path / "missing.so"))
    assert refusal(tmp_path).startswith("eSpeak NG cannot be started")
