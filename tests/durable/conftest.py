"""Tries of one and the same task, with each kind of store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator
from tests.running import run
from tests.states import StateStore

Case = Callable[..., tuple[Any, dict[str, Any]]]


@pytest.fixture(params=["state store", "durable_path", "beside the destination"])
def case(request: pytest.FixtureRequest, scan: Path, tmp_path: Path) -> Case:
    """Make a try of one and the same task: the operator, and what is special of its context."""
    accessor = StateStore()

    def make(**arguments: Any) -> tuple[Any, dict[str, Any]]:
        of_store: dict[str, Any] = {"destination": f"{tmp_path}/out/{{ocr_task_id}}/"}
        of_context: dict[str, Any] = {}
        if request.param == "state store":
            of_context["task_state_store"] = accessor
        elif request.param == "durable_path":
            of_store["durable_path"] = f"file://{tmp_path}/records"
        operator = AsposeOcrRecognizeImageOperator(
            **{"task_id": "t", "source": scan, "poll_interval": 0.05, **of_store, **arguments}
        )
        return operator, of_context

    return make


@pytest.fixture(autouse=True)
def _events_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_asposeocr.triggers.asposeocr.MIN_SECONDS", 0)


both_ways = pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferrable"])


class Killed(BaseException):
    """Ends a process in the middle, as ``kill -9`` would: nothing of ours may handle it."""


def killed_in(
    monkeypatch: pytest.MonkeyPatch, method: str, operator: Any, of_context: dict[str, Any]
) -> None:
    """Run a try that dies when it comes to a method."""
    with monkeypatch.context() as patch:

        def die(*args: Any, **kwargs: Any) -> None:
            raise Killed

        patch.setattr(method, die)
        with pytest.raises(Killed):
            run(operator, **of_context)
