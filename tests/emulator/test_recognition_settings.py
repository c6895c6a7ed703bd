"""Settings: each has an effect, or the client is told that it has none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from airflow_provider_asposeocr.emulator.ocr_tasks import Outcome
from airflow_provider_asposeocr.emulator.recognition import work
from tests.emulator.pages import draw_text, encode

Work = Callable[..., Outcome]


@pytest.fixture
def done(tmp_path: Path) -> Work:
    """Return a function that works on one image in this process."""

    def on_image(operation: str, image: Image.Image, **settings: Any) -> Outcome:
        data = encode(image)
        file = tmp_path / hashlib.sha256(data).hexdigest()
        file.write_bytes(data)
        request = {"operation": operation, "settings": settings, "image": str(file), "sha256": file.name}
        outcome = work(request)
        assert outcome.messages == ()
        return outcome

    return on_image


def test_only_settings_of_the_service_are_named_and_as_it_spells_them(done: Work) -> None:
    strangers = {f"x{number}" * 100: True for number in range(50)}
    settings: dict[str, Any] = {"DSRMODE": "TextDetector", "dsrConfidence": None, "regions": []}
    outcome = done("RecognizeImage", Image.new("L", (60, 40), 255), **settings, **strangers)
    assert outcome.warnings == ("The emulator ignores dsrMode.",)


@pytest.mark.parametrize("operation", ["IdentifyFont", "DetectRegions"])
def test_a_setting_that_is_said_to_be_ignored_is_not_applied(
    done: Work, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_asposeocr.emulator.spelling.corrected", None)
    outcome = done(operation, draw_text(["from the warehous"]), makeSpellCheck=True)
    assert outcome.warnings == ("The emulator ignores makeSpellCheck.",)


@pytest.mark.parametrize(
    ("settings", "warnings"),
    [
        ({"resultType": "JSON"}, ()),
        ({"resultType": "Text"}, ()),
        ({"resultType": "text", "resultTypeTable": "Csv"}, ()),
        ({"resultType": "Pdf"}, ("The emulator ignores resultType.",)),
        ({"resultType": "JSON", "resultTypeTable": "Csv"}, ("The emulator ignores resultType.",)),
    ],
)
def test_a_table_has_its_own_result_types(
    done: Work, settings: dict[str, str], warnings: tuple[str, ...]
) -> None:
    assert done("RecognizeTable", Image.new("L", (60, 40), 255), **settings).warnings == warnings
