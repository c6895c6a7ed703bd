"""The table of operations, row by row against the contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_asposeocr.api.exceptions import AsposeOcrSettingsError
from airflow_provider_asposeocr.api.flows import DEFAULT_BASE_URL, DEFAULT_PREFIX
from airflow_provider_asposeocr.api.operations import (
    OPERATIONS,
    TASK_STATUS,
    Body,
    SettingsKind,
    get_operation,
)

SUBMITTING = [name for name, operation in OPERATIONS.items() if operation.submits]


@pytest.fixture
def document(contract: Path) -> dict[str, Any]:
    """Return the contract's table."""
    read: dict[str, Any] = json.loads((contract / "operations.json").read_text())
    return read


@pytest.fixture
def rows(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the contract's rows by name."""
    return {row["name"]: row for row in document["operations"]}


def path(name: str | None) -> str | None:
    """Return the path of an operation below the host."""
    return None if name is None else f"{DEFAULT_PREFIX}/{name}"


def test_the_table_holds_exactly_the_operations_of_the_contract(document: dict[str, Any]) -> None:
    assert list(OPERATIONS) == [row["name"] for row in document["operations"]]
    assert len(OPERATIONS) == 24
    assert document["baseUrl"] == DEFAULT_BASE_URL


def test_every_row_stands_under_its_own_name() -> None:
    assert all(name == operation.name for name, operation in OPERATIONS.items())


@pytest.mark.parametrize("name", OPERATIONS)
class TestRow:
    """One row of the table."""

    def test_category(self, name: str, rows: dict[str, dict[str, Any]]) -> None:
        assert OPERATIONS[name].category == rows[name]["category"]

    def test_submit_path(self, name: str, rows: dict[str, dict[str, Any]]) -> None:
        expected = "/connect/token" if name == "connect/token" else path(name)
        assert rows[name]["submitPath"] == (None if name == TASK_STATUS.name else expected)

    def test_fetch_path(self, name: str, rows: dict[str, dict[str, Any]]) -> None:
        if name == "connect/token":
            assert rows[name]["fetchPath"] is None
        else:
            assert path(OPERATIONS[name].fetch_path) == rows[name]["fetchPath"]

    def test_path_of_the_raw_result(self, name: str, rows: dict[str, dict[str, Any]]) -> None:
        assert path(OPERATIONS[name].fetch_file) == rows[name].get("fetchFilePath")

    def test_cancel_path(self, name: str, rows: dict[str, dict[str, Any]]) -> None:
        assert (path(name) if OPERATIONS[name].cancellable else None) == rows[name]["cancelPath"]

    def test_sign_in(self, name: str, rows: dict[str, dict[str, Any]]) -> None:
        assert OPERATIONS[name].authenticated is (rows[name]["auth"] == "bearer")

    def test_body(self, name: str, rows: dict[str, dict[str, Any]]) -> None:
        assert OPERATIONS[name].body == rows[name]["bodyStyle"]
        assert OPERATIONS[name].payload == rows[name]["payloadField"]

    def test_place_of_the_settings(self, name: str, rows: dict[str, dict[str, Any]]) -> None:
        row = rows[name]
        if row.get("flatBodyFields"):
            assert OPERATIONS[name].settings is SettingsKind.SPEECH_FLAT
        elif row["settings"] and any(field["inDocs"] for field in row["settings"].values()):
            expected = SettingsKind.SPEECH if row["category"] == "speech" else SettingsKind.OCR
            assert OPERATIONS[name].settings is expected
        else:
            # Required by the schema although the documentation knows none: an empty object.
            assert OPERATIONS[name].settings is (SettingsKind.EMPTY if row["settingsRequired"] else None)

    def test_result_selector(self, name: str, rows: dict[str, dict[str, Any]]) -> None:
        # The schema of DjVu2PDF has a selector; by the documentation it answers with PDF alone.
        expected = None if name == "DjVu2PDF" else rows[name]["resultSelector"]
        assert OPERATIONS[name].result_selector == expected

    def test_result_type_without_a_selection(self, name: str, rows: dict[str, dict[str, Any]]) -> None:
        row, result_type = rows[name], OPERATIONS[name].result_type
        if OPERATIONS[name].result_selector:
            assert result_type in row["resultTypes"]
        elif row["resultWireTypesSeen"]:
            assert result_type in row["resultWireTypesSeen"]
        else:
            assert result_type is None

    def test_deprecation(self, name: str, rows: dict[str, dict[str, Any]]) -> None:
        assert OPERATIONS[name].deprecated is rows[name]["deprecated"]
        assert OPERATIONS[name].replaced_by == rows[name].get("replacedBy")

    def test_input_formats(self, name: str, rows: dict[str, dict[str, Any]]) -> None:
        assert list(OPERATIONS[name].input_formats) == rows[name]["inputFormats"]


def test_what_replaces_a_deprecated_operation_exists_and_is_not_deprecated() -> None:
    for operation in OPERATIONS.values():
        if operation.replaced_by is not None:
            assert not get_operation(operation.replaced_by).deprecated


def test_only_the_deprecated_operations_are_fetched_elsewhere() -> None:
    elsewhere = {name for name, operation in OPERATIONS.items() if operation.fetch_path != name}
    assert elsewhere == {name for name, operation in OPERATIONS.items() if operation.deprecated}


def test_multipart_belongs_to_the_deprecated_preprocessing_alone() -> None:
    multipart = {name for name, operation in OPERATIONS.items() if operation.body is Body.MULTIPART}
    assert multipart == {name for name in OPERATIONS if name.startswith("ImageProcessing/")}


@pytest.mark.parametrize("name", SUBMITTING)
def test_an_operation_is_found_in_any_spelling(name: str) -> None:
    found = OPERATIONS[name]
    short = name.rpartition("/")[2]
    spellings = (name, name.lower(), name.upper(), f"  {name}\n", short, short.swapcase())
    assert [get_operation(spelling) for spelling in spellings] == [found] * len(spellings)


def test_an_operation_is_its_own_name() -> None:
    assert get_operation(OPERATIONS["BinarizeImage"]) is OPERATIONS["BinarizeImage"]


@pytest.mark.parametrize(
    ("wrong", "suggestion"),
    [
        ("RecognizeImge", "RecognizeImage"),
        ("binarizeimge", "BinarizeImage"),
        ("Binarise", "BinarizeImage"),
        ("Djvu2pd", "DjVu2PDF"),
        ("PostBinarisationFile", "PostBinarizationFile"),
        ("", "RecognizeImage"),
        ("???", "RecognizePdf"),
    ],
)
def test_an_unknown_operation_is_refused_with_a_suggestion(wrong: str, suggestion: str) -> None:
    with pytest.raises(AsposeOcrSettingsError, match=f"unknown operation.*{suggestion}") as caught:
        get_operation(wrong)
    assert not caught.value.retryable


@pytest.mark.parametrize("name", ["Utilities/GetTaskStatus", "GetTaskStatus", "connect/token", "token"])
def test_what_starts_no_task_is_no_operation_to_choose(name: str) -> None:
    with pytest.raises(AsposeOcrSettingsError) as caught:
        get_operation(name)
    assert "connect/token," not in str(caught.value)
    assert "GetTaskStatus," not in str(caught.value)


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        OPERATIONS["Other"] = TASK_STATUS  # type: ignore[index]
