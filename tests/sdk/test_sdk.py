"""Every operation by the vendor's SDK, with scripted results."""

from __future__ import annotations

import pytest

from airflow_provider_asposeocr.api.operations import OPERATIONS
from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.sdk import CANNOT, SDK_PYTHON, drive
from tests.sdk.__main__ import table

SUBMITTING = {name for name, operation in OPERATIONS.items() if operation.submits}

pytestmark = pytest.mark.sdk


def test_the_sdk_completes_every_operation(emulator: Emulator) -> None:
    assert SDK_PYTHON.exists(), "make test-sdk makes the environment of the SDK"
    seen = drive(emulator)
    assert seen.complaints == []
    assert {row["operation"] for row in seen.rows} == SUBMITTING
    assert set(seen.cannot) == CANNOT
    assert len(table(seen)) == len(SUBMITTING) + len(CANNOT)
    by_path = {entry.path: entry.authorized for entry in emulator.transcript}
    assert {path for path, authorized in by_path.items() if not authorized} == {
        "/connect/token",
        "/v5.0/ocr/RecognizeImageTrial",
        "/v5.0/ocr/ConvertTextToSpeechTrial",
    }


def test_a_failure_is_shown_with_its_operation(emulator: Emulator) -> None:
    emulator.inject("finish_with_error", on="submit", times=1)
    seen = drive(emulator)
    (operation,) = seen.failed
    (line,) = [line for line in table(seen) if line.startswith(operation) and "FAILED" in line]
    assert "post_" in line
    assert any(operation in complaint for complaint in seen.complaints)
