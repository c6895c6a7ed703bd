"""One report of many: every line once, and nothing that is missing passes unseen."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_asposeocr.api.exceptions import AsposeOcrStorageError
from airflow_provider_asposeocr.batch import merge
from airflow_provider_asposeocr.batch.merge import MAX_LINE_BYTES
from airflow_provider_asposeocr.operators.batch import AsposeOcrMergeReportsOperator
from tests.batch.support import lines
from tests.running import context, run

SECRET = "the text of a document"


def written(
    folder: Path, number: int, statuses: Sequence[str], shards: int | None = 3, **more: Any
) -> dict[str, Any]:
    """Write the report of a batch, and return its summary."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"report-{number}.jsonl"
    told = [{"source": f"s{number}-{row}", "status": status} for row, status in enumerate(statuses)]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in told))
    return {
        "report": f"file://{path}",
        "destination": f"file://{folder}/",
        "items": len(statuses),
        "succeeded": statuses.count("succeeded"),
        "failed": statuses.count("failed"),
        "skipped": 1,
        "resumed": 2,
        "reused": 1,
        "api_calls": 10 + number,
        "seconds": 1.5 * number,
        **({} if shards is None else {"shard": number, "shards": shards}),
        **more,
    }


def merged(reports: Any, **arguments: Any) -> Any:
    return run(AsposeOcrMergeReportsOperator(task_id="merge", reports=reports, **arguments))


def whole(folder: Path) -> list[dict[str, Any]]:
    """Return three whole shards, of which one is empty."""
    return [
        written(folder, 0, ["succeeded", "succeeded"]),
        written(folder, 1, []),
        written(folder, 2, ["succeeded"]),
    ]


def test_lines_follow_one_another_and_numbers_are_added(tmp_path: Path) -> None:
    summary = merged(whole(tmp_path))
    assert summary == {
        "report": f"file://{tmp_path}/report.jsonl",
        "destination": f"file://{tmp_path}/",
        "items": 3,
        "succeeded": 3,
        "failed": 0,
        "skipped": 3,
        "resumed": 6,
        "reused": 3,
        "api_calls": 33,
        "seconds": 3.0,
    }
    assert [line["source"] for line in lines(tmp_path)] == ["s0-0", "s0-1", "s2-0"]
    # A retry writes it anew.
    assert merged(whole(tmp_path)) == summary
    assert len(lines(tmp_path)) == 3


@pytest.mark.parametrize("form", [json.dumps, str, iter, tuple])
def test_the_outputs_may_have_been_through_a_template(tmp_path: Path, form: Any) -> None:
    assert merged(form(whole(tmp_path)))["items"] == 3


def test_one_summary_is_enough(tmp_path: Path) -> None:
    assert merged(written(tmp_path, 7, ["succeeded"], shards=None))["items"] == 1


@pytest.mark.parametrize(
    ("report", "name"), [("{out}/all.jsonl", "all.jsonl"), ("{out}/", "report.jsonl"), ("None", None)]
)
def test_where_it_goes(tmp_path: Path, report: str, name: str | None) -> None:
    summary = merged(whole(tmp_path / "in"), report=report.format(out=tmp_path))
    assert summary["report"] == f"file://{tmp_path / name if name else tmp_path / 'in' / 'report.jsonl'}"


@pytest.mark.parametrize(
    ("reports", "message"),
    [
        (None, "there are no reports"),
        ([], "there are no reports"),
        ([None, "None"], "there are no reports"),
        (5, "must be the output of batches, not 5"),
        (["s3://out/report.jsonl"], "must be the output of batches, not 's3://out/report.jsonl'"),
        ([{"uri": "file:///etc/passwd", "text": SECRET}], "must be the output of batches, not a dict"),
    ],
)
def test_what_is_no_output_of_batches_is_refused(reports: Any, message: str) -> None:
    with pytest.raises(AirflowFailException, match=message) as raised:
        merged(reports)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    "forged",
    [
        {"report": None},
        {"report": {"a": 1}},
        {"items": "3"},
        {"items": True},
        {"failed": -1},
        {"seconds": None},
        {"shard": 3},
        {"shard": None},
        {"shards": "3"},
    ],
)
def test_a_forged_summary_is_refused(tmp_path: Path, forged: dict[str, Any]) -> None:
    with pytest.raises(AirflowFailException, match="must be the output of batches"):
        merged([written(tmp_path, 2, ["succeeded"], **forged)])


@pytest.mark.parametrize(
    ("left", "says"),
    [
        ([1, 2], "there is no report of shard 0 of 3"),
        ([0], "there is no report of shard 1 of 3, 2 of 3"),
        ([0, 1], "there is no report of shard 2 of 3"),
    ],
)
def test_a_missing_shard_fails_it_once_the_others_are_merged(
    tmp_path: Path, left: list[int], says: str
) -> None:
    summaries = whole(tmp_path)
    with pytest.raises(AirflowFailException, match=says):
        merged([summaries[index] for index in left], fail_on="none")
    assert len(lines(tmp_path)) == sum(summaries[index]["items"] for index in left)


def test_several_batches_in_as_many_shards(tmp_path: Path) -> None:
    all_of_them = [*whole(tmp_path / "a"), *whole(tmp_path / "b")]
    assert merged(all_of_them, report=f"{tmp_path}/")["items"] == 6
    with pytest.raises(AirflowFailException, match="there is no report of shard 1 of 3; see"):
        merged(all_of_them[:4] + all_of_them[5:], report=f"{tmp_path}/")
    # Batches that are whole ones have no shards to miss.
    assert merged([written(tmp_path, number, [], shards=None) for number in (5, 7)])["items"] == 0


@pytest.mark.parametrize(
    ("statuses", "fail_on", "says"),
    [
        (["failed", "succeeded"], "any", "1 of 2 items failed; see"),
        (["failed", "succeeded"], "0.5", None),
        (["failed", "failed"], 0.5, "2 of 2 items failed"),
        (["failed", "failed"], "none", None),
        (["submitted", "succeeded"], "none", "1 of 2 items were not brought to an end"),
        (["pending", "failed"], "any", "1 of 2 items were not brought to an end and 1 of 2 items failed"),
    ],
)
def test_it_has_the_last_word(tmp_path: Path, statuses: list[str], fail_on: Any, says: str | None) -> None:
    reports, pushed = [written(tmp_path, 0, statuses, 1)], {}
    ctx = context()
    ctx["ti"] = SimpleNamespace(**vars(ctx["ti"]), xcom_push=lambda key, value: pushed.update({key: value}))
    task = AsposeOcrMergeReportsOperator(task_id="merge", reports=reports, fail_on=fail_on)
    if says is None:
        task.execute(ctx)
    else:
        with pytest.raises(AirflowFailException, match=says):
            task.execute(ctx)
        assert pushed["return_value"]["items"] == 2
    assert len(lines(tmp_path)) == 2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (f'{{"status": "succeeded"}}\n{SECRET}\n', "line 2 of .* is none of a report"),
        ('{"status": "odd"}\n{"status": "failed"}\n', "line 1 of .* is none of a report"),
        ('["status"]\n{}\n', "line 1 of"),
        ("[" * 100_000 + "\n", "line 1 of"),
        ('{"status": "failed"}\n', "has 1 lines, its batch had 2 items"),
        ('{"status": "failed"}\n' * 3, "has 3 lines, its batch had 2 items"),
        ('{"status": "failed"}\n{"status": "failed"}', "ends within a line"),
        ("x" * (2 * MAX_LINE_BYTES) + "\n", "ends within a line, or holds one that is too long"),
    ],
)
def test_a_report_that_is_not_what_was_written_is_refused(tmp_path: Path, content: str, says: str) -> None:
    summary = written(tmp_path, 0, ["succeeded", "succeeded"], 1)
    (tmp_path / "report-0.jsonl").write_text(content)
    with pytest.raises(AirflowFailException, match=says) as raised:
        merged([summary])
    assert SECRET not in str(raised.value)
    assert raised.value.__cause__ is None or raised.value.__cause__.__cause__ is None
    assert not (tmp_path / "report.jsonl").exists()


def test_a_report_that_is_gone(tmp_path: Path) -> None:
    summaries = whole(tmp_path)
    (tmp_path / "report-2.jsonl").unlink()
    with pytest.raises(AirflowFailException, match=r"report-2\.jsonl does not exist: clear the batch"):
        merged(summaries)
    assert not (tmp_path / "report.jsonl").exists()


def test_a_storage_that_fails_is_left_to_a_retry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any) -> Any:
        class Files:
            def invalidate_cache(self) -> None:
                raise ConnectionResetError(104, "https://host/?sig=s3cret")

        return SimpleNamespace(fs=Files(), is_local=True)

    summaries = whole(tmp_path)
    monkeypatch.setattr(merge, "storage_path", gone)
    with pytest.raises(AsposeOcrStorageError, match="cannot be read: Connection reset by peer"):
        merged(summaries)


def test_places_where_reports_would_be_lost_are_refused(tmp_path: Path) -> None:
    summaries = whole(tmp_path)
    with pytest.raises(AirflowFailException, match="is one of the reports that are to be merged"):
        merged(summaries, report=f"{tmp_path}/./report-1.jsonl")
    with pytest.raises(AirflowFailException, match=r"2 batches have written file://.*report-0\.jsonl"):
        merged([*summaries, summaries[0]])
    with pytest.raises(AirflowFailException, match="lie in several folders"):
        merged([*summaries, written(tmp_path / "other", 0, [], 1)])
    assert not (tmp_path / "report.jsonl").exists()


def test_memory_does_not_grow_with_the_reports(tmp_path: Path) -> None:
    count = 30_000
    line = json.dumps({"source": "s" * 200, "status": "succeeded"}) + "\n"
    summaries = [written(tmp_path, number, [], 3, items=count) for number in range(3)]
    for summary in summaries:
        Path(summary["report"].removeprefix("file://")).write_text(line * count)
    tracemalloc.start()
    try:
        assert merged(summaries)["items"] == 3 * count
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (tmp_path / "report.jsonl").stat().st_size == 3 * count * len(line) > 20_000_000
    assert peak < 4_000_000
