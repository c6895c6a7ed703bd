"""Functions that say what is to be recognized."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, task

from airflow_provider_asposeocr.decorators.asposeocr import asposeocr_batch_task, asposeocr_task
from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.running import run
from tests.states import StateStore

TEXT = "Three copper foxes wait for the ferry."


@pytest.fixture(autouse=True)
def _scripted(emulator: Emulator) -> None:
    emulator.options.scripted_text = TEXT


def returning(value: Any) -> Callable[[], Any]:
    """Make a function that returns a value."""

    def source() -> Any:
        return value

    return source


def made(function: Callable[..., Any], *args: Any, decorator: Any = asposeocr_task, **kwargs: Any) -> Any:
    """Make the operator of a function in a DAG, as Airflow does."""
    with DAG("decorated", schedule=None) as dag:
        decorator(**kwargs)(function)(*args)
    (operator,) = dag.tasks
    return operator


@pytest.mark.parametrize("deferrable", [False, True])
def test_the_function_names_the_source_and_is_called_once(scan: Path, deferrable: bool) -> None:
    calls: list[str] = []

    def of_day(day: str) -> str:
        calls.append(day)
        return str(scan)

    operator = made(of_day, "monday", deferrable=deferrable)
    assert run(operator)["text"] == TEXT
    assert calls == ["monday"]
    assert operator.task_id == "of_day"


def test_the_function_gets_the_parts_of_the_context_that_it_asks_for(scan: Path) -> None:
    def of_run(params: dict[str, str], ti: Any = None) -> Path:
        assert ti.task_id == "task"
        return Path(params["folder"]) / scan.name

    assert run(made(of_run), params={"folder": str(scan.parent)})["text"] == TEXT


def test_a_retry_calls_it_again_and_resumes_the_ocr_task(emulator: Emulator, scan: Path) -> None:
    def source() -> str:
        return str(scan)

    store = StateStore()
    first = run(made(source, wait_for_completion=False), task_state_store=store)
    again = run(made(source), task_state_store=store, max_tries=1)
    assert again["ocr_task_id"] == first
    assert emulator.calls.submit == 1


@pytest.mark.parametrize(
    "many",
    [["a.png", "b.png"], ("a.png",), iter(["a.png"]), {"a.png"}, {"a.png": 1}.keys(), {1: "a.png"}.values()],
    ids=["list", "tuple", "iterator", "set", "keys", "values"],
)
def test_many_sources_are_refused_with_the_way_to_go(emulator: Emulator, many: Any) -> None:
    with pytest.raises(AirflowFailException, match="use @task"):
        run(made(returning(many)))
    assert emulator.transcript == []


@pytest.mark.parametrize("decorator", [asposeocr_task, asposeocr_batch_task])
def test_nothing_is_refused(emulator: Emulator, tmp_path: Path, decorator: Any) -> None:
    with pytest.raises(AirflowFailException, match="returns nothing"):
        run(made(returning(None), decorator=decorator, destination=f"{tmp_path}/"))
    assert emulator.transcript == []


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("decorator", [asposeocr_task, asposeocr_batch_task])
def test_a_coroutine_is_refused(emulator: Emulator, tmp_path: Path, decorator: Any) -> None:
    async def source() -> str:
        return "a.png"

    with pytest.raises(AirflowFailException, match="without async"):
        run(made(source, decorator=decorator, destination=f"{tmp_path}/"))
    assert emulator.transcript == []


def test_sources_without_an_order_get_one(scan: Path, tmp_path: Path) -> None:
    names = {str(scan), *(f"{tmp_path}/missing-{number}.png" for number in range(9))}
    batch = made(
        returning(names), decorator=asposeocr_batch_task, destination=f"{tmp_path}/out/", fail_on="none"
    )
    run(batch)
    assert batch.sources == sorted(names)


def test_a_source_with_a_password_is_refused_and_not_shown(emulator: Emulator) -> None:
    operator = made(returning("sftp://user:pass-word-77@host/a.png"))
    with pytest.raises(AirflowFailException) as caught:
        run(operator)
    assert "pass-word-77" not in str(caught.value)
    assert "pass-word-77" not in str(operator.source)


def test_a_batch_takes_what_the_function_yields(emulator: Emulator, scan: Path, tmp_path: Path) -> None:
    def sources() -> Any:
        yield str(scan)
        yield {"uri": str(scan.with_name("missing.png"))}

    batch = made(sources, decorator=asposeocr_batch_task, destination=f"{tmp_path}/out/", fail_on="none")
    summary = run(batch)
    assert (summary["items"], summary["succeeded"], summary["failed"]) == (2, 1, 1)


def test_a_returned_mapping_is_no_promise_of_many_outputs() -> None:
    def source() -> dict[str, str]:
        return {"bucket": "scans", "key": "a.png"}

    assert made(source).multiple_outputs is False
    assert made(source, multiple_outputs=True).multiple_outputs is True


def test_they_are_attributes_of_airflows_task() -> None:
    with DAG("attributes", schedule=None) as dag:

        @task.asposeocr(operation="RecognizeReceipt")
        def receipt() -> str:
            return "receipt.png"

        @task.asposeocr_batch(destination="/tmp/out/")
        def folder() -> str:
            return "/data/"

        receipt()
        folder()
    assert {one.task_id: getattr(one, "custom_operator_name", "") for one in dag.tasks} == {
        "receipt": "@task.asposeocr",
        "folder": "@task.asposeocr_batch",
    }
