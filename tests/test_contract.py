"""The two files of the contract say the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

PATHS = {"post": ("submitPath",), "get": ("fetchPath", "fetchFilePath"), "delete": ("cancelPath",)}


@pytest.fixture(scope="module")
def table(contract: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((contract / "operations.json").read_text())
    return loaded


@pytest.fixture(scope="module")
def description(contract: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load((contract / "openapi.yaml").read_text(), Loader=yaml.CSafeLoader)
    return loaded


@pytest.mark.parametrize("method", PATHS)
def test_they_have_the_same_paths(method: str, table: dict[str, Any], description: dict[str, Any]) -> None:
    named = {row.get(field) for row in table["operations"] for field in PATHS[method]} - {None}
    assert named == {path for path, methods in description["paths"].items() if method in methods}


def test_they_have_the_same_values(table: dict[str, Any], description: dict[str, Any]) -> None:
    schemas = description["components"]["schemas"]
    for name, values in table["enums"].items():
        assert schemas[name]["enum"] == values, name
