"""Lineage of each kind of task, by the names of OpenLineage, and the extra of asset events."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, Asset

from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.files.lineage import (
    MAX_DATASETS,
    asset_extra,
    dataset_name,
    tell_outlets,
)
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator
from airflow_provider_asposeocr.operators.base import AsposeOcrOperator
from airflow_provider_asposeocr.operators.batch import AsposeOcrBatchOperator
from airflow_provider_asposeocr.operators.fetch import AsposeOcrFetchResultOperator
from airflow_provider_asposeocr.sensors.asposeocr import AsposeOcrTaskSensor
from tests.running import run

TEXT = "Seven blue herons under a tin roof."


@pytest.fixture(autouse=True)
def _openlineage() -> None:
    pytest.importorskip(
        "airflow.providers.openlineage", reason="the provider of OpenLineage is not installed"
    )


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/data/a b.png", ("file", "/data/a b.png")),
        ("/data/no 5#a?b%20.png", ("file", "/data/no 5#a?b%20.png")),
        ("file:///data/a%20b.png", ("file", "/data/a%20b.png")),
        ("s3://bucket/in/a.png", ("s3://bucket", "in/a.png")),
        ("s3://aws_login@bucket/in/a?b#c.png", ("s3://bucket", "in/a?b#c.png")),
        ("s3a://bucket/in/", ("s3://bucket", "in")),
        ("s3://bucket", ("s3://bucket", "/")),
        ("gs://bucket/in/a.png", ("gs://bucket", "in/a.png")),
        ("abfs://azure@container/in/a.png", ("abfs://container", "in/a.png")),
        ("sftp://user:secret@host:22/in/a.png", ("file://host:22", "/in/a.png")),
        ("https://u:secret@h:8443/a/b%20c.png?X-Amz-Signature=1", ("https://h:8443", "a/b%20c.png")),
    ],
)
def test_datasets_are_named_by_the_convention(address: str, name: tuple[str, str]) -> None:
    assert dataset_name(address) == name


def test_a_relative_path_is_made_absolute() -> None:
    assert dataset_name("in/a.png") == ("file", str(Path.cwd() / "in" / "a.png"))


@pytest.mark.parametrize("deferrable", [False, True])
def test_an_operator_tells_what_it_has_read_and_written(
    emulator: Emulator, scan: Path, tmp_path: Path, deferrable: bool
) -> None:
    emulator.options.scripted_text = TEXT
    task = AsposeOcrRecognizeImageOperator(
        task_id="read",
        source=str(scan),
        destination=f"{tmp_path}/out/",
        inline_text=True,
        language="German",
        deferrable=deferrable,
    )
    manifest = run(task)
    lineage = task.get_openlineage_facets_on_complete(None)
    assert names(lineage.inputs) == [("file", str(scan))]
    assert names(lineage.outputs) == [dataset_name(manifest["uri"])]
    facet = lineage.run_facets["asposeocr"]
    assert (facet.operation, facet.settings["language"]) == ("RecognizeImage", "German")
    assert (facet.api_calls, facet.seconds) == (manifest["api_calls"], pytest.approx(0, abs=60))
    assert lineage.run_facets["externalQuery"].externalQueryId == manifest["ocr_task_id"]
    assert TEXT not in repr(lineage)


def test_the_id_of_a_trial_is_told_to_nobody(emulator: Emulator, scan: Path, tmp_path: Path) -> None:
    task = AsposeOcrOperator(
        task_id="read", operation="RecognizeImageTrial", source=str(scan), destination=f"{tmp_path}/out/"
    )
    manifest = run(task)
    lineage = task.get_openlineage_facets_on_complete(None)
    assert "externalQuery" not in lineage.run_facets
    assert "ocr_task_id" not in asset_extra(manifest)
    assert manifest["ocr_task_id"] not in json.dumps([repr(lineage), asset_extra(manifest)])


def test_a_failure_tells_what_was_to_be_read(emulator: Emulator, tmp_path: Path) -> None:
    missing = tmp_path / "gone.png"
    task = AsposeOcrRecognizeImageOperator(task_id="read", source=str(missing))
    with pytest.raises(AirflowFailException):
        run(task)
    lineage = task.get_openlineage_facets_on_failure(None)
    assert names(lineage.inputs) == [("file", str(missing))]
    assert lineage.outputs == []
    facet = lineage.run_facets["asposeocr"]
    assert (facet.operation, facet.api_calls, facet.seconds) == ("RecognizeImage", None, None)


@pytest.mark.parametrize("kind", [AsposeOcrFetchResultOperator, AsposeOcrTaskSensor])
def test_what_fetches_the_results_of_others_tells_where_they_went(
    emulator: Emulator, scan: Path, tmp_path: Path, kind: Any
) -> None:
    ocr_task_id = AsposeOcrHook().submit("RecognizeImage", scan)
    task = kind(
        task_id="fetch",
        ocr_task_id=ocr_task_id,
        operation="RecognizeImage",
        destination=f"{tmp_path}/out/",
    )
    run(task)
    lineage = task.get_openlineage_facets_on_complete(None)
    assert lineage.inputs == []
    assert [name.startswith(f"{tmp_path}/out/") for _, name in names(lineage.outputs)] == [True]
    assert lineage.run_facets["externalQuery"].externalQueryId == ocr_task_id


def test_a_batch_tells_its_folders_and_its_report(emulator: Emulator, scan: Path, tmp_path: Path) -> None:
    task = AsposeOcrBatchOperator(task_id="read", sources=[str(scan)], destination=f"{tmp_path}/out/")
    summary = run(task)
    lineage = task.get_openlineage_facets_on_complete(None)
    assert names(lineage.inputs) == [("file", str(scan.parent))]
    assert names(lineage.outputs) == [("file", f"{tmp_path}/out"), dataset_name(summary["report"])]
    assert lineage.run_facets["asposeocr"].api_calls == summary["api_calls"]


@pytest.mark.parametrize(
    ("sources", "destination", "expected"),
    [
        ("s3://inbox/scans/**/*.png", "s3://out/{stem}.txt", ("scans", "/")),
        ("s3://inbox/scans/", "s3://out/text/", ("scans", "text")),
    ],
)
def test_a_pattern_is_told_by_the_folder_that_all_share(
    sources: str, destination: str, expected: tuple[str, str]
) -> None:
    task = AsposeOcrBatchOperator(task_id="read", sources=sources, destination=destination)
    lineage = task.get_openlineage_facets_on_failure(None)
    assert (lineage.inputs[0].name, lineage.outputs[0].name) == expected


def test_a_huge_batch_has_a_bounded_lineage() -> None:
    sources = [f"s3://inbox/{number % 700}/{number}.png" for number in range(100_000)]
    task = AsposeOcrBatchOperator(task_id="read", sources=sources, destination="s3://out/")
    lineage = task.get_openlineage_facets_on_failure(None)
    assert len(lineage.inputs) == MAX_DATASETS
    assert len(repr(lineage)) < 50_000


def test_assets_are_told_and_keep_what_others_have_told() -> None:
    one, other = Asset("one"), Asset("other")
    events = {asset: SimpleNamespace(extra={"mine": 1}) for asset in (one, other)}
    result = {
        "operation": "RecognizeImage",
        "source": "https://u:secret@h/a.png?X-Amz-Signature=1",
        "uri": "s3://out/a.txt",
        "ocr_task_id": "some-id",
        "api_calls": 2,
        "results": [{"bytes": 5}, {"bytes": None}],
        "text": TEXT,
    }
    tell_outlets({"outlet_events": events}, [one, other, object()], result)
    assert events[one].extra == events[other].extra
    assert events[one].extra == {
        "mine": 1,
        "asposeocr": {
            "operation": "RecognizeImage",
            "source": "https://h/a.png",
            "uri": "s3://out/a.txt",
            "api_calls": 2,
            "bytes": 5,
            "characters": len(TEXT),
            "ocr_task_id": "some-id",
        },
    }


def names(datasets: list[Any]) -> list[tuple[str, str]]:
    """Return namespace and name of each."""
    return [(data.namespace, data.name) for data in datasets]
