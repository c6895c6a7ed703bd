"""Settings: each has an effect, or the client is told that it has none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from airflow_provider_asposeocr.api.operations import OPERATIONS, Operation, SettingsKind
from airflow_provider_asposeocr.api.settings import SETTINGS
from airflow_provider_asposeocr.emulator.ocr_tasks import Outcome
from airflow_provider_asposeocr.emulator.recognition import work
from tests.emulator.pages import draw_text, encode

Work = Callable[..., Outcome]

LINES = [
    "Seller: Northern Warehous",
    "Invoice number: 4711",
    "Invoice date: 2026-03-14",
    "from the warehous",
    "Total: 1,234.50 EUR",
]
HALF = [{"order": 0, "rect": {"topLeftX": 0, "topLeftY": 0, "bottomRightX": 300, "bottomRightY": 90}}]
ALL = [{"order": 0, "rect": {"topLeftX": 0, "topLeftY": 0, "bottomRightX": 900, "bottomRightY": 900}}]
VALUES: dict[str, tuple[Any, Any]] = {
    "language": ("English", "Russian"),
    "makeSkewCorrect": (True, False),
    "makeBinarization": (False, True),
    "makeContrastCorrection": (False, True),
    "makeUpsampling": (False, True),
    "makeSpellCheck": (False, True),
    "Rotate": (0, 45),
    "dsrMode": ("Regions", "TextDetector"),
    "dsrConfidence": ("Default", "Low"),
    "resultType": ("Text", "Pdf"),
    "regions": (ALL, HALF),
    "resultTypeTable": ("Text", "Csv"),
}
"""Two values of each setting."""

# Each filter has an effect on at least one of them.
PAGES = [
    draw_text(LINES, dpi=72, points=14),
    draw_text([LINES[1], LINES[3]], dpi=72, points=14).rotate(13, expand=True, fillcolor=255),
    draw_text(LINES, dpi=72, points=14).rotate(14, expand=True, fillcolor=255),
    draw_text(LINES, dpi=72, points=7),
    draw_text(LINES, dpi=72, points=5),
    draw_text(LINES, dpi=72, points=14).rotate(12, expand=True, fillcolor=255),
    draw_text(LINES, dpi=72, points=14).rotate(-14, expand=True, fillcolor=255),
]


@pytest.fixture
def done(tmp_path: Path) -> Work:
    """Return a function that works on one file in this process."""

    def on_file(operation: str, file: Image.Image | bytes, **settings: Any) -> Outcome:
        data = encode(file) if isinstance(file, Image.Image) else file
        path = tmp_path / hashlib.sha256(data).hexdigest()
        path.write_bytes(data)
        return work({"operation": operation, "settings": settings, "image": str(path), "sha256": path.name})

    return on_file


def files_for(operation: Operation) -> Iterable[bytes]:
    if "djvu" in operation.input_formats:
        return [(Path(__file__).parent / "data" / "note.djvu").read_bytes()]
    kind = "PDF" if operation.input_formats == ("pdf",) else "PNG"
    return (encode(page, kind) for page in PAGES)


@pytest.mark.parametrize("setting", VALUES)
@pytest.mark.parametrize(
    "operation",
    [each for each in OPERATIONS.values() if each.settings in (SettingsKind.OCR, SettingsKind.EMPTY)],
    ids=lambda operation: operation.name,
)
def test_a_setting_has_an_effect_or_the_client_is_told(
    done: Work, operation: Operation, setting: str
) -> None:
    others: dict[str, Any] = {
        "resultType": "JSON",
        "regions": ALL if operation.name == "RecognizeRegions" else [],
    }
    for file in files_for(operation):
        one, other = (done(operation.name, file, **others | {setting: value}) for value in VALUES[setting])
        told = [
            text for text in (*one.warnings, *other.warnings) if setting in text or "only, not in" in text
        ]
        if told or (one.results, one.messages) != (other.results, other.messages):
            return
    raise AssertionError(f"{setting} has no effect, and no warning says so")


def test_the_values_are_of_all_settings() -> None:
    assert VALUES.keys() == {*(setting.wire for setting in SETTINGS), "resultTypeTable"}


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
