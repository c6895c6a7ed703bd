"""Contract, client, emulator and documentation name the same operations, settings, values and defaults."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.providers.common.compat.sdk import BaseOperator

import airflow_provider_asposeocr
from airflow_provider_asposeocr.api.operations import OPERATIONS, TOKEN, Operation, get_operation
from airflow_provider_asposeocr.api.settings import SETTINGS, wire_settings
from airflow_provider_asposeocr.emulator import routes
from airflow_provider_asposeocr.emulator.recognition import _WORK
from airflow_provider_asposeocr.emulator.routes import Route, find_route
from airflow_provider_asposeocr.emulator.scripted import scripted_outcome
from airflow_provider_asposeocr.emulator.settings import AppliedSettings, SettingsError
from airflow_provider_asposeocr.emulator.submission import Submission
from airflow_provider_asposeocr.get_provider_info import get_provider_info
from airflow_provider_asposeocr.operators import asposeocr as operators
from airflow_provider_asposeocr.operators.base import AsposeOcrOperator
from tests.conftest import CONTRACT

ROOT = Path(__file__).parents[1]
ROWS = {row["name"]: row for row in json.loads((CONTRACT / "operations.json").read_text())["operations"]}
ENUMS = json.loads((CONTRACT / "operations.json").read_text())["enums"]
SUBMITTING = [name for name, operation in OPERATIONS.items() if operation.submits]
METHODS = ("get", "post", "delete")
APPLIED = {
    "language": "language",
    "Rotate": "rotate",
    "makeContrastCorrection": "contrast",
    "makeBinarization": "binarize",
    "makeSkewCorrect": "deskew",
    "makeUpsampling": "upsample",
    "makeSpellCheck": "spell_check",
}
"""Attributes of the emulator's settings by the names on the wire."""

REGION = {"rect": {"topLeftX": 1, "topLeftY": 2, "bottomRightX": 30, "bottomRightY": 40}, "order": 0}


@pytest.fixture(scope="module")
def paths() -> dict[str, dict[str, Any]]:
    """Return the described methods by their paths."""
    description = yaml.load((CONTRACT / "openapi.yaml").read_text(), Loader=yaml.CSafeLoader)
    found: dict[str, dict[str, Any]] = description["paths"]
    return found


def settings_of(name: str) -> dict[str, Any]:
    """Return the settings of an operation in the contract, wherever its body has them."""
    row = ROWS[name]
    found: dict[str, Any] = row["settings"] or row.get("flatBodyFields", {})
    return found


def required(name: str) -> dict[str, Any]:
    """Return the settings without which an operation is refused."""
    return {"regions": [REGION]} if name == "RecognizeRegions" else {}


def short_name(name: str) -> str:
    """Return the name of the operator class for an operation."""
    return f"AsposeOcr{name.rpartition('/')[2]}Operator"


class TestPaths:
    """Paths of the emulator and those of the description."""

    def test_each_described_path_has_a_route_of_the_same_sign_in(
        self, paths: dict[str, dict[str, Any]]
    ) -> None:
        for path, methods in paths.items():
            for method in set(methods) & set(METHODS):
                route = find_route(method.upper(), path)
                assert isinstance(route, Route), (method, path)
                assert route.authenticated is (methods[method].get("security") != []), (method, path)

    def test_there_is_no_route_that_is_not_described(self, paths: dict[str, dict[str, Any]]) -> None:
        described = {(method, path.lower()) for path in paths for method in METHODS if method in paths[path]}
        served = {(method.lower(), f"/v5.0/ocr/{tail}") for method, tail in routes._ROUTES}
        assert served | {("post", f"/{TOKEN.name}")} == described

    @pytest.mark.parametrize("name", SUBMITTING)
    def test_an_operation_is_served_where_the_contract_says(self, name: str) -> None:
        row = ROWS[name]
        kinds = {
            "submit": ("POST", row["submitPath"]),
            "poll": ("GET", row["fetchPath"]),
            "file": ("GET", row.get("fetchFilePath")),
            "cancel": ("DELETE", row["cancelPath"]),
        }
        for kind, (method, path) in kinds.items():
            if path:
                route = find_route(method, path)
                assert isinstance(route, Route)
                assert (route.kind, route.serves(name)) == (kind, True), path


class TestWork:
    """Operations that the emulator does, by recognition and by script."""

    def test_there_is_work_for_every_operation(self) -> None:
        assert set(_WORK) == set(SUBMITTING)

    @pytest.mark.parametrize("name", _WORK)
    def test_a_setting_that_is_applied_is_one_of_the_contract(self, name: str) -> None:
        assert set(_WORK[name].applies) <= set(settings_of(name))

    @pytest.mark.parametrize("name", SUBMITTING)
    def test_a_scripted_result_has_the_type_of_the_contract(self, name: str) -> None:
        row, operation = ROWS[name], get_operation(name)
        for selected in row["resultTypes"] or [None]:
            settings = required(name) | ({row["resultSelector"]: selected} if selected else {})
            submission = Submission(0, "id", name, settings, "0" * 64, 1, 0.0)
            found = [result["type"] for result in scripted_outcome(submission, "two words").results]
            assert found == expected_types(operation, selected)
            if selected is None:
                assert found == row["resultWireTypesSeen"]


def expected_types(operation: Operation, selected: str | None) -> list[str]:
    """Return the types of the results for a value of the selector."""
    if operation.category == "speech":
        return ["WavFile"]
    if operation.name in ("RecognizeAndParseInvoice", "IdentifyFont"):
        # Their result has a form of its own, whatever is selected.
        return ["Text"]
    chosen = selected if operation.result_selector else None
    return str(chosen or operation.result_type).split("And")


@pytest.mark.parametrize("name", [name for name in SUBMITTING if OPERATIONS[name].settings])
class TestSettings:
    """Settings that the client sends, and those that the emulator reads."""

    def test_values_of_the_contract_are_read_in_any_case(self, name: str) -> None:
        operation = get_operation(name)
        for field, about in settings_of(name).items():
            for value in ENUMS.get(about["type"], ()):
                for spelled in (value, value.lower(), value.upper()):
                    AppliedSettings.from_wire(operation, {**required(name), field.upper(): spelled})

    def test_other_values_are_refused_by_name(self, name: str) -> None:
        operation = get_operation(name)
        choices = {field for field, about in settings_of(name).items() if about["type"] in ENUMS}
        # The selector of tables is read for tables alone.
        for field in choices - ({"resultTypeTable"} - {operation.result_selector}):
            with pytest.raises(SettingsError) as caught:
                AppliedSettings.from_wire(operation, {**required(name), field: "Klingon"})
            assert caught.value.name == field

    def test_defaults_are_the_documented_ones(self, name: str) -> None:
        read = AppliedSettings.from_wire(get_operation(name), required(name))
        for field, about in settings_of(name).items():
            if field in APPLIED and about["inDocs"]:
                assert getattr(read, APPLIED[field]) == about["docsDefault"], field

    def test_what_the_client_sends_by_default_changes_nothing(self, name: str) -> None:
        operation = get_operation(name)
        sent = wire_settings(operation, required(name))
        assert AppliedSettings.from_wire(operation, sent) == AppliedSettings.from_wire(
            operation, required(name)
        )

    def test_the_client_knows_the_documented_ones_by_the_same_names(self, name: str) -> None:
        documented = {field for field, about in settings_of(name).items() if about["inDocs"]}
        assert documented <= {setting.wire for setting in SETTINGS} | {"resultTypeTable", "regions"}


def classes() -> Iterator[type]:
    """Yield each operator and sensor of the package."""
    package = airflow_provider_asposeocr
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if module.name.split(".")[1] in ("operators", "sensors"):
            for name, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
                own = kind.__module__ == module.name
                if own and name.startswith("AsposeOcr") and issubclass(kind, BaseOperator):
                    yield kind


class TestClasses:
    """Operators and sensors, and where they are named."""

    @pytest.mark.parametrize("name", SUBMITTING)
    def test_an_operation_has_a_class_that_is_named_after_it(self, name: str) -> None:
        kind = getattr(operators, short_name(name), None)
        assert kind is not None, short_name(name)
        assert issubclass(kind, AsposeOcrOperator)
        assert f"``{name}``" in (kind.__doc__ or "")

    def test_each_class_is_in_the_documentation(self) -> None:
        pages = (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
        named = {word for page in pages for word in re.findall(r"\w+", page.read_text())}
        assert {kind.__name__ for kind in classes()} - named == set()

    def test_each_class_is_in_a_module_that_airflow_is_told_of(self) -> None:
        info = get_provider_info()
        rows = [row for room in ("operators", "sensors") for row in info[room]]
        told = {name for row in rows for name in row["python-modules"]}
        assert {kind.__module__ for kind in classes()} == told
