"""Settings that not every operation takes: what its documentation lists, and regions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_asposeocr.api.exceptions import AsposeOcrSettingsError
from airflow_provider_asposeocr.api.operations import OPERATIONS, SettingsKind, get_operation
from airflow_provider_asposeocr.api.settings import SETTINGS, wire_settings

REGION = {"rect": {"topLeftX": 1, "topLeftY": 2, "bottomRightX": 3, "bottomRightY": 4}, "order": 0}


def wire(operation: str, **settings: Any) -> Any:
    """Return the settings of an operation as they go on the wire."""
    needed = {"regions": [[1, 2, 3, 4]]} if operation == "RecognizeRegions" else {}
    return wire_settings(get_operation(operation), needed | settings)


@pytest.mark.parametrize("regions", [[[1, 2, 3, 4]], "[[1, 2, 3, 4]]", [REGION], [{"box": [1, 2, 3, 4]}]])
def test_regions_are_read_in_every_form(regions: Any) -> None:
    assert wire("RecognizeRegions", regions=regions)["regions"] == [REGION]


@pytest.mark.parametrize("regions", [None, "None", [], "[]"])
def test_regions_are_needed(regions: Any) -> None:
    with pytest.raises(AsposeOcrSettingsError, match="regions"):
        wire("RecognizeRegions", regions=regions)


def test_only_one_operation_takes_regions() -> None:
    for name, operation in OPERATIONS.items():
        if operation.submits and name != "RecognizeRegions":
            with pytest.raises(AsposeOcrSettingsError, match=f"{name} takes no regions"):
                wire(name, regions=[[1, 2, 3, 4]])


def test_an_operation_takes_the_settings_that_the_documentation_gives_it(contract: Path) -> None:
    document = json.loads((contract / "operations.json").read_text())
    keywords = {setting.wire: setting.name for setting in SETTINGS} | {"resultTypeTable": "result_type"}
    values = {setting.name: "0" if setting.kind is int else "true" for setting in SETTINGS}
    values |= {"language": "English", "dsr_mode": "Regions", "dsr_confidence": "Mid", "result_type": "Text"}
    for row in document["operations"]:
        operation = OPERATIONS[row["name"]]
        if operation.settings not in (SettingsKind.OCR, SettingsKind.EMPTY):
            continue
        documented = {keywords[name] for name, about in row["settings"].items() if about["inDocs"]}
        for name, value in (values | {"regions": [[1, 2, 3, 4]]}).items():
            if name in documented:
                wire(row["name"], **{name: value})
            else:
                with pytest.raises(AsposeOcrSettingsError, match=f"takes no {name}"):
                    wire(row["name"], **{name: value})


def test_a_setting_that_is_not_documented_is_sent_as_a_further_one() -> None:
    with pytest.raises(AsposeOcrSettingsError, match="its settings are language, make_skew_correct"):
        wire("RecognizeLabel", rotate=90)
    assert wire("RecognizeLabel", Rotate=90)["Rotate"] == 90
