"""The image of the command, recognized for real."""

from __future__ import annotations

from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.check.running import Checker


def test_the_words_on_the_image_are_recognized(checker: Checker) -> None:
    with Emulator() as emulator:
        run = checker.run(emulator, wait="5")
        assert emulator.calls.submit == 2
    assert run.findings["result_data"]["verdict"] == "same"
    assert run.findings["result_types"]["verdict"] == "same"
    assert run.status == 0
