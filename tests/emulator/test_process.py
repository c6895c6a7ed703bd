"""Recognition process: it ends with its input."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from airflow_provider_asposeocr.emulator.process import RecognitionProcess
from tests.emulator.odd_demands import dense


@pytest.fixture(scope="module")
def slow() -> bytes:
    return dense(50, 9)


@pytest.mark.parametrize("busy", [False, True])
def test_a_process_ends_when_nobody_feeds_it(busy: bool, slow: bytes, tmp_path: Path) -> None:
    process = RecognitionProcess()
    try:
        assert process.wait_until_ready() is None
        if busy:
            (tmp_path / "image").write_bytes(slow)
            settings = {"language": "English"}
            process.send(
                {"operation": "RecognizeImage", "image": str(tmp_path / "image"), "settings": settings}
            )
        process.close()
        assert psutil.Process(process.pid).wait(timeout=5) == 0
    finally:
        process.end()
