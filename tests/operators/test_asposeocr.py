"""The short classes: each submits to the operation that it is named after; speech takes a text."""

from __future__ import annotations

import warnings

import pytest
from airflow.exceptions import AirflowProviderDeprecationWarning
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_asposeocr import task_mixin
from airflow_provider_asposeocr.api.operations import OPERATIONS
from airflow_provider_asposeocr.operators import asposeocr as operators
from airflow_provider_asposeocr.operators.base import AsposeOcrOperator

SHORT = {
    operation.name: getattr(operators, f"AsposeOcr{operation.name.rpartition('/')[2]}Operator")
    for operation in OPERATIONS.values()
    if operation.submits
}


@pytest.mark.parametrize("name", SHORT)
def test_every_operation_has_a_short_class(name: str) -> None:
    kind: type[AsposeOcrOperator] = SHORT[name]
    task = kind(task_id="task", source="/scan.png", destination="/texts/")
    assert task.operation == name
    assert f"``{name}``" in (kind.__doc__ or "")


@pytest.mark.parametrize("name", SHORT)
def test_a_deprecated_one_warns_once_and_names_the_other(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_mixin, "_WARNED_OF", set())
    replaced_by = OPERATIONS[name].replaced_by
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for number in range(2):
            SHORT[name](task_id=f"task{number}", source="/scan.png", destination="/texts/")
    said = [str(warning.message) for warning in seen if warning.category is AirflowProviderDeprecationWarning]
    places = {warning.filename for warning in seen if warning.category is AirflowProviderDeprecationWarning}
    assert places <= {__file__}
    assert said == ([f"{name} is deprecated by its vendor: use {replaced_by}"] if replaced_by else [])


@pytest.mark.parametrize(
    "name", [name for name, operation in OPERATIONS.items() if operation.payload == "text"]
)
@pytest.mark.parametrize("arguments", [{}, {"text": "Hello", "source": "/a.txt"}])
def test_speech_takes_a_text_or_a_file_of_one(name: str, arguments: dict[str, str]) -> None:
    with pytest.raises(AirflowFailException, match="give either text, or source"):
        SHORT[name](task_id="task", destination="/sounds/", **arguments)
