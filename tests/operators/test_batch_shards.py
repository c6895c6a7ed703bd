"""A batch in shards: each source once, whatever ends one of them."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException

from airflow_provider_asposeocr.batch.runner import AsposeOcrBatchIncompleteError
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.operators.batch import AsposeOcrBatchOperator, AsposeOcrMergeReportsOperator
from tests.batch.support import CountingStore, batch, fail_once, image, images, lines
from tests.running import context, run

SHARDS = 3


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    images(tmp_path / "in", 30)
    return tmp_path / "in"


def run_shard(sources: Any, out: Path, index: int, count: int = SHARDS, **more: Any) -> Any:
    """Run one shard as the instance of a mapped task that it is."""
    return run(batch(sources, f"{out}/", shards=count, shard=index, **more), map_index=index)


def submitted(emulator: Emulator) -> Counter[str]:
    return Counter(one.sha256 for one in emulator.submissions)


def test_every_source_is_in_one_shard_and_named_as_in_a_whole_batch(
    emulator: Emulator, sources: Path, tmp_path: Path
) -> None:
    run(batch(f"{sources}/", f"{tmp_path}/whole/"))
    whole = {path.name for path in (tmp_path / "whole").glob("*.txt")}
    emulator.reset()
    summaries = [run_shard(f"{sources}/", tmp_path / "out", index) for index in range(SHARDS)]

    assert set(submitted(emulator).values()) == {1}
    assert len(emulator.submissions) == 30
    assert {path.name for path in (tmp_path / "out").glob("*.txt")} == whole
    assert [summary["shard"] for summary in summaries] == [0, 1, 2]
    assert {summary["shards"] for summary in summaries} == {SHARDS}
    assert sum(summary["items"] for summary in summaries) == 30
    assert min(summary["items"] for summary in summaries) > 3
    told = [line for index in range(SHARDS) for line in lines(tmp_path / "out", f"report-{index}.jsonl")]
    assert sorted(line["source"] for line in told) == sorted(f"file://{path}" for path in sources.iterdir())


def test_a_file_that_comes_between_is_submitted_once_or_not_at_all(
    emulator: Emulator, sources: Path, out: Path
) -> None:
    for index in range(SHARDS):
        run_shard(f"{sources}/", out, index)
        (sources / f"late-{index}.png").write_bytes(image(100 + index))
    assert set(submitted(emulator).values()) == {1}
    assert len(emulator.submissions) >= 30


def test_a_retry_of_one_shard_touches_no_other(
    emulator: Emulator, sources: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in (0, 2):
        run_shard(f"{sources}/", out, index)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    with monkeypatch.context() as patched:
        fail_once(patched, "deliver", call=3, error=MemoryError())
        with pytest.raises(AsposeOcrBatchIncompleteError):
            run_shard(f"{sources}/", out, 1)
    count = len(emulator.submissions)
    summary = run_shard(f"{sources}/", out, 1)
    assert (summary["failed"], summary["succeeded"]) == (0, summary["items"])
    assert len(emulator.submissions) == 30 == count
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_the_records_of_shards_are_apart_in_airflow_s_store(
    emulator: Emulator, sources: Path, out: Path
) -> None:
    """As Airflow hands each mapped instance a store of its own."""
    stores = [CountingStore() for _ in range(SHARDS)]
    for _ in range(2):
        for index, store in enumerate(stores):
            task = batch(f"{sources}/", f"{out}/", shards=SHARDS, shard=index)
            run(task, map_index=index, task_state_store=store)
    assert len(emulator.submissions) == 30
    ids = [{row[2] for row in store.batch_rows()} for store in stores]
    assert sum(map(len, ids)) == len(set.union(*ids)) == 30


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shards": 4}, "shards is given without shard:"),
        ({"shard": 0}, "shard is given without shards:"),
        ({"shards": 4, "shard": None}, "shards is given without shard:"),
        ({"shards": "{{ none }}", "shard": 1}, "shards must be a whole number, at least 1"),
        ({"shards": 4, "shard": 4}, "shard must be less than shards, which is 4, not 4"),
        ({"shards": 4, "shard": -1}, "shard must be a whole number, at least 0"),
        ({"shards": 0, "shard": 0}, "shards must be a whole number, at least 1"),
        ({"shards": True, "shard": 0}, "shards must be a whole number"),
        ({"shards": 2.5, "shard": 0}, "shards must be a whole number"),
        ({"shards": 4, "shard": [0, 1]}, "shard must be a whole number"),
        ({"shards": 4, "shard": 0, "report": "out/r.jsonl"}, "one report for 4 shards"),
    ],
)
def test_bad_values_are_refused_before_any_call(
    emulator: Emulator, sources: Path, out: Path, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(AirflowFailException, match=message):
        run(batch(f"{sources}/", f"{out}/", **arguments))
    assert (emulator.calls.token, emulator.calls.billed) == (0, 0)


@pytest.mark.parametrize(("index", "count"), [(0, 2), (3, 4), (0, 1)])
def test_another_number_of_shards_in_the_same_run_is_refused(
    emulator: Emulator, sources: Path, out: Path, index: int, count: int
) -> None:
    """Whether the instance has a record of its own or is a new one."""
    run_shard(f"{sources}/", out, 0)
    billed = emulator.calls.billed
    with pytest.raises(AirflowFailException, match=f"begun with shards=3, and now shards is {count}"):
        run_shard(f"{sources}/", out, index, count)
    assert emulator.calls.billed == billed
    # Another run, and other sources of the same run, have nothing to do with it.
    ctx = context(map_index=index)
    ctx["ti"].run_id = "another"
    batch(f"{sources}/", f"{out}/", shards=count, shard=index).execute(ctx)
    run_shard(f"{sources}/*.png", out, index, count)


def test_without_records_nothing_is_kept_of_the_number(emulator: Emulator, sources: Path, out: Path) -> None:
    run_shard(f"{sources}/", out, 0, durable=False)
    run_shard(f"{sources}/", out, 0, 2, durable=False)
    assert not (out / ".asposeocr").exists()


def test_names_that_meet_in_two_shards_are_refused_by_all(
    emulator: Emulator, tmp_path: Path, out: Path
) -> None:
    for folder in ("a", "b", "c", "d"):
        images(tmp_path / "in" / folder, 1)
    for index in range(4):
        task = batch(f"{tmp_path}/in/", f"{out}/{{stem}}.txt", shards=4, shard=index)
        with pytest.raises(AirflowFailException, match="would be stored under one name"):
            run(task, map_index=index)
    assert emulator.calls.billed == 0


def test_where_reports_go(emulator: Emulator, sources: Path, out: Path) -> None:
    reports = [
        run(batch(f"{sources}/", f"{out}/", shards=2, shard=1))["report"],
        run_shard(f"{sources}/", out, 1, 2, report=f"{out}/told/")["report"],
        run_shard(f"{sources}/", out, 1, 2, report=f"{out}/told-{{shard}}.jsonl")["report"],
        run_shard(f"{sources}/", out, 1, 2, report=f"{out}/map-{{map_index}}.jsonl")["report"],
        run_shard(f"{sources}/*.png", out, 0, 1, report=f"{out}/only.jsonl")["report"],
    ]
    names = ("report-1", "told/report-1", "told-1", "map-1", "only")
    assert reports == [f"file://{out}/{name}.jsonl" for name in names]


def test_a_shard_without_sources_succeeds(
    emulator: Emulator, tmp_path: Path, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    images(tmp_path / "in", 1)
    with caplog.at_level(logging.INFO):
        summaries = [run_shard(f"{tmp_path}/in/", out, index, 5) for index in range(5)]
    assert sorted(summary["items"] for summary in summaries) == [0, 0, 0, 0, 1]
    assert (out / "report-0.jsonl").exists()
    assert caplog.text.count(" of 5, with 0 of 1 sources") == 4
    assert "There are no sources" not in caplog.text
    with caplog.at_level(logging.WARNING):
        assert run_shard([], out, 0)["items"] == 0
    assert "There are no sources" in caplog.text


@pytest.mark.parametrize("pushes", [True, False])
def test_the_summary_of_a_batch_that_fails_is_in_xcom(
    emulator: Emulator, sources: Path, out: Path, pushes: bool
) -> None:
    (sources / "empty.png").write_bytes(b"")
    pushed: dict[str, Any] = {}
    ctx = context()
    ctx["ti"] = SimpleNamespace(**vars(ctx["ti"]), xcom_push=lambda key, value: pushed.update({key: value}))
    task = batch(f"{sources}/", f"{out}/", do_xcom_push=pushes)
    with pytest.raises(AirflowFailException, match="1 of 31 items failed"):
        task.execute(ctx)
    if not pushes:
        assert pushed == {}
        return
    assert pushed["return_value"]["failed"] == 1
    assert pushed["return_value"]["report"] == f"file://{out}/report.jsonl"


def test_the_summary_of_a_batch_that_is_stopped_is_in_xcom(
    emulator: Emulator, sources: Path, out: Path
) -> None:
    emulator.inject("status", on="submit", status=402, after=5, times=None)
    pushed: dict[str, Any] = {}
    ctx = context()
    ctx["ti"] = SimpleNamespace(**vars(ctx["ti"]), xcom_push=lambda key, value: pushed.update({key: value}))
    with pytest.raises(AirflowFailException):
        batch(f"{sources}/", f"{out}/", max_in_flight=2).execute(ctx)
    summary = pushed["return_value"]
    assert summary["items"] == 30 == len(lines(out))
    assert summary["succeeded"] + summary["failed"] < 30


def test_shards_are_mapped_and_merged_in_a_dag() -> None:
    """As in the documentation: arguments are assigned unchanged, and templates are rendered."""
    with DAG("sharded", schedule=None):
        mapped = AsposeOcrBatchOperator.partial(
            task_id="recognize", sources="s3://in/", destination="s3://out/", shards="{{ 2 + 2 }}"
        ).expand(shard=[0, 1, 2, 3])
        merged = AsposeOcrMergeReportsOperator(
            task_id="merge", reports=mapped.output, trigger_rule="all_done"
        )
    assert merged.upstream_task_ids == {"recognize"}
    for name in ("shards", "shard"):
        assert name in AsposeOcrBatchOperator.template_fields
