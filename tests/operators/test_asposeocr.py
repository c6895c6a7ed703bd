"""Every short class submits to the operation that it is named after."""

from __future__ import annotations

import pytest

from airflow_provider_asposeocr.api.operations import OPERATIONS
from airflow_provider_asposeocr.operators import asposeocr as operators
from airflow_provider_asposeocr.operators.base import AsposeOcrOperator

SHORT = [
    kind
    for kind in vars(operators).values()
    # All logic is in the base: what has some of its own is no short class.
    if isinstance(kind, type) and issubclass(kind, AsposeOcrOperator) and "execute" not in vars(kind)
]


@pytest.mark.parametrize("kind", SHORT, ids=lambda kind: kind.__name__)
def test_a_short_class_is_named_after_its_operation(kind: type[AsposeOcrOperator]) -> None:
    task = kind(task_id="task", source="/scan.png", destination="/texts/")
    assert task.operation in OPERATIONS
    assert kind.__name__ == f"AsposeOcr{task.operation}Operator"
    assert f"``{task.operation}``" in (kind.__doc__ or "")
