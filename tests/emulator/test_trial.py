"""Masking of the trial operation."""

from __future__ import annotations

from airflow_provider_asposeocr.emulator.trial import mask_text, masked_words
from tests.emulator.client import Client


def test_masking_is_about_a_tenth_and_repeatable() -> None:
    text = "one two  three\nfour\n\n" * 25
    masked = mask_text(text, "digest")
    assert masked == mask_text(text, "digest") != mask_text(text, "another")
    assert [len(word) for word in masked.split()] == [len(word) for word in text.split()]
    assert sum(set(word) == {"*"} for word in masked.split()) == 10
    assert mask_text("", "digest") == ""
    assert len(masked_words(1, "digest")) == 1


def test_the_trial_masks_the_same_words_every_time(client: Client) -> None:
    operation = "RecognizeImageTrial"
    first, second = (client.results(b"image", operation)["Text"].decode() for _ in range(2))
    assert first == second
    assert first.count("*") > 0
    assert client.results(b"image")["Text"].count(b"*") == 0
