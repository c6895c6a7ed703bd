"""Metrics, spans, lineage and asset events of a real Airflow: what is told, and that no text or secret is."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from airflow_provider_asposeocr import metrics
from airflow_provider_asposeocr.emulator.testing import Emulator
from dags_examples.demo.local_airflow import LocalAirflow
from tests.files.web import serve
from tests.system.conftest import ROOT, SECRET
from tests.system.observers import collector, statsd

pytestmark = pytest.mark.system

TEXT = "The orange walrus keeps its ledger in a hollow tree."
SCAN = ROOT / "dags_examples" / "demo" / "scan.jpg"
DAG_ID = "observed"


PASSWORD, SIGNATURE = "password-of-the-web-server-0815", "signature-of-a-url-2342"


@dataclass(frozen=True)
class Observed:
    """What was told of one run.

    :param metrics: lines as StatsD receives them.
    :param spans: those of OpenTelemetry, of Airflow and of this package.
    :param lineage: events of OpenLineage.
    :param assets: the extra of each asset event, by the name of the asset.
    :param submissions: how many the service has received.
    :param secrets: what must not be among them.
    :param web: the address that the scan was read from, as it may be shown.
    :param version: that of Airflow.
    """

    metrics: list[str]
    spans: list[Any]
    lineage: list[dict[str, Any]]
    assets: dict[str, dict[str, Any]]
    submissions: int
    secrets: tuple[str, ...]
    web: str
    version: str


@pytest.fixture(scope="module")
def observed(airflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    """Run the DAG once."""
    folder = tmp_path_factory.mktemp("observed")
    (folder / "dags").mkdir()
    shutil.copy(ROOT / "tests" / "system" / "dags" / "observed.py", folder / "dags")
    lineage = folder / "lineage.jsonl"
    with (
        statsd() as (port, lines),
        collector() as (traces, spans),
        serve() as web,
        Emulator(scripted_text=TEXT, client_secret=SECRET, ocr=False) as service,
    ):
        service.options.service_seconds = 4.0
        web.files["/scan.jpg"] = SCAN.read_bytes()
        query = f"X-Amz-Date=20261127T000000Z&X-Amz-Signature={SIGNATURE}"
        env = {
            "SCAN": str(SCAN),
            "SIGNED": f"{web.url.replace('://', f'://reader:{PASSWORD}@')}/scan.jpg?{query}",
            "FOLDER": str(folder),
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(port),
            "AIRFLOW__TRACES__OTEL_ON": "True",
            "OTEL_TRACES_EXPORTER": "otlp_proto_http",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": traces,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
                {"type": "file", "log_file_path": str(lineage), "append": True}
            ),
        }
        connections = {"asposeocr_default": service.connection_json()}
        dags = folder / "dags"
        with LocalAirflow(dags, python=airflow_python, connections=connections, env=env) as airflow:
            airflow.start()
            airflow.wait_until_parsed(DAG_ID)
            run_id = airflow.trigger(DAG_ID)
            # Its last task fails.
            assert airflow.wait(DAG_ID, run_id, 240) == "failed", airflow.task_logs(DAG_ID, run_id)
            events = [json.loads(line) for line in lineage.read_text().splitlines()]
            assert any(event["eventType"] == "COMPLETE" for event in events), airflow.task_logs(
                DAG_ID, run_id
            )
            secrets = (TEXT, SECRET, PASSWORD, SIGNATURE, *service.tokens)
            assets, submissions = asset_events(airflow.home), len(service.submissions)
            shown = f"{web.url}/scan.jpg"
            yield Observed(lines, spans, events, assets, submissions, secrets, shown, airflow.version)


def asset_events(home: Path) -> dict[str, dict[str, Any]]:
    """Read the extra of the events of assets, or of datasets, as Airflow 2 calls them."""
    with closing(sqlite3.connect(f"file:{home}/airflow.db?mode=ro", uri=True)) as database:
        tables = {name for (name,) in database.execute("select name from sqlite_master")}
        kind = "asset" if "asset_event" in tables else "dataset"
        rows = database.execute(f"select uri, e.extra from {kind}_event e join {kind} a on a.id = {kind}_id")
        return {uri.rpartition("/")[2]: json.loads(extra) for uri, extra in rows}


def test_metrics_arrive_from_worker_and_triggerer(observed: Observed) -> None:
    sent: dict[str, list[str]] = {}
    for line in observed.metrics:
        if found := re.match(r"airflow\.asposeocr\.([\w.]+):(.*)", line):
            sent.setdefault(found[1], []).append(found[2])
    assert sent.keys() == {"submissions", "sent_bytes", "polls", *metrics.TIMERS, *metrics.GAUGES}
    assert sent["submissions"] == ["1|c", "1|c"]
    assert observed.submissions == 2
    # One was waited for in the triggerer, the other by a batch in a worker.
    waits = [float(value.partition("|")[0]) for value in sent["wait"]]
    assert len(waits) == len(sent["delay"]) == 2
    assert all(3_000 < wait < 60_000 for wait in waits)


def test_spans_are_part_of_those_of_the_task(observed: Observed) -> None:
    if Version(observed.version) < Version("3.2"):
        pytest.skip("Airflow below 3.2 configures no tracer that others find")
    named = {span.name: span for span in observed.spans}
    ours = [named[f"asposeocr.{name}"] for name in ("submit", "wait", "deliver")]
    told = {attribute.key for span in ours for attribute in span.attributes}
    assert told == {"asposeocr.operation", "asposeocr.bytes"}
    ids = {span.span_id for span in observed.spans}
    assert all(span.parent_span_id in ids for span in ours)


def test_lineage_names_what_was_read_and_written(observed: Observed) -> None:
    ended = {event["job"]["name"]: event for event in observed.lineage if event["eventType"] == "COMPLETE"}
    one = ended[f"{DAG_ID}.recognize"]
    server, _, name = observed.web.rpartition("/")
    assert [(data["namespace"], data["name"]) for data in one["inputs"]] == [(server, name)]
    (output,) = one["outputs"]
    assert output["namespace"] == "file"
    assert re.search(r"/one/scan-\w{12}\.txt$", output["name"])
    facet = one["run"]["facets"]["asposeocr"]
    assert facet["operation"] == "RecognizeImage"
    assert facet["api_calls"] >= 2
    assert 3 < facet["seconds"] < 60
    assert one["run"]["facets"]["externalQuery"]["externalQueryId"]
    many = ended[f"{DAG_ID}.batch"]
    assert [data["name"] for data in many["inputs"]] == [str(SCAN.parent)]
    assert any(data["name"].endswith("/report.jsonl") for data in many["outputs"])


def test_lineage_of_a_failure_names_what_was_to_be_read(observed: Observed) -> None:
    (failed,) = [
        event
        for event in observed.lineage
        if (event["eventType"], event["job"]["name"]) == ("FAIL", f"{DAG_ID}.fail")
    ]
    assert [data["name"] for data in failed["inputs"]] == ["gone.jpg"]
    assert failed["outputs"] == []
    assert failed["run"]["facets"]["asposeocr"]["operation"] == "RecognizeImage"
    assert "gone.jpg" in failed["run"]["facets"]["errorMessage"]["message"]


def test_asset_events_tell_of_the_result(observed: Observed) -> None:
    one = observed.assets["text_of_a_scan"]["asposeocr"]
    assert (one["operation"], one["source"]) == ("RecognizeImage", observed.web)
    assert one["characters"] == len(TEXT)
    assert one["uri"].endswith(".txt")
    assert one["api_calls"] >= 2
    many = observed.assets["texts_of_a_folder"]["asposeocr"]
    assert (many["items"], many["succeeded"]) == (1, 1)


def test_nobody_is_told_a_text_or_a_secret(observed: Observed) -> None:
    spans = [str(span) for span in observed.spans]
    told = json.dumps([observed.metrics, spans, observed.lineage, observed.assets])
    assert len(observed.secrets) >= 5
    assert [secret for secret in observed.secrets if secret in told] == []
