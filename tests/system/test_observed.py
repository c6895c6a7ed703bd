"""Metrics, lineage and asset events of a real Airflow: what is told, and that no text of a document is."""

from __future__ import annotations

import json
import re
import shutil
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_asposeocr import metrics
from airflow_provider_asposeocr.emulator.testing import Emulator
from dags_examples.demo.local_airflow import LocalAirflow
from tests.system.conftest import ROOT, SECRET

pytestmark = pytest.mark.system

TEXT = "The orange walrus keeps its ledger in a hollow tree."
SCAN = ROOT / "dags_examples" / "demo" / "scan.jpg"
DAG_ID = "observed"


@dataclass(frozen=True)
class Observed:
    """What was told of one run.

    :param metrics: lines as StatsD receives them.
    :param lineage: events of OpenLineage.
    :param assets: the extra of each asset event, by the name of the asset.
    :param submissions: how many the service has received.
    :param secrets: what must not be among them.
    """

    metrics: list[str]
    lineage: list[dict[str, Any]]
    assets: dict[str, dict[str, Any]]
    submissions: int
    secrets: tuple[str, ...]


@contextmanager
def statsd() -> Iterator[tuple[int, list[str]]]:
    """Receive what is sent to a StatsD, and yield its port and the lines."""
    lines: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def receive() -> None:
            while data := server.recv(65536):
                lines.extend(data.decode().splitlines())

        thread = threading.Thread(target=receive)
        thread.start()
        port = server.getsockname()[1]
        try:
            yield port, lines
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", ("127.0.0.1", port))
            thread.join()


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    """Run the DAG once."""
    folder = tmp_path_factory.mktemp("observed")
    (folder / "dags").mkdir()
    shutil.copy(ROOT / "tests" / "system" / "dags" / "observed.py", folder / "dags")
    lineage = folder / "lineage.jsonl"
    with statsd() as (port, lines), Emulator(scripted_text=TEXT, client_secret=SECRET, ocr=False) as service:
        service.options.service_seconds = 4.0
        env = {
            "SCAN": str(SCAN),
            "FOLDER": str(folder),
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(port),
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
                {"type": "file", "log_file_path": str(lineage), "append": True}
            ),
        }
        connections = {"asposeocr_default": service.connection_json()}
        with LocalAirflow(folder / "dags", connections=connections, env=env) as airflow:
            airflow.start()
            airflow.wait_until_parsed(DAG_ID)
            run_id = airflow.trigger(DAG_ID)
            assert airflow.wait(DAG_ID, run_id, 240) == "success", airflow.task_logs(DAG_ID, run_id)
            events = [json.loads(line) for line in lineage.read_text().splitlines()]
            secrets, submissions = (TEXT, SECRET, *service.tokens), len(service.submissions)
            yield Observed(lines, events, asset_events(airflow.home), submissions, secrets)


def asset_events(home: Path) -> dict[str, dict[str, Any]]:
    """Read the extra of the events of assets, or of datasets, as Airflow 2 calls them."""
    with closing(sqlite3.connect(f"file:{home}/airflow.db?mode=ro", uri=True)) as database:
        tables = {name for (name,) in database.execute("select name from sqlite_master")}
        kind = "asset" if "asset_event" in tables else "dataset"
        rows = database.execute(f"select uri, e.extra from {kind}_event e join {kind} a on a.id = {kind}_id")
        return {uri.rpartition("/")[2]: json.loads(extra) for uri, extra in rows}


def test_metrics_arrive_from_worker_and_triggerer(observed: Observed) -> None:
    sent = {
        found[1]: line
        for line in observed.metrics
        if (found := re.match(r"airflow\.asposeocr\.([\w.]+):", line))
    }
    assert sent.keys() == {"submissions", "sent_bytes", "polls", *metrics.TIMERS, *metrics.GAUGES}
    submissions = [line for line in observed.metrics if ".asposeocr.submissions" in line]
    assert len(submissions) == observed.submissions == 2
    assert re.search(r":1\|c", submissions[0])
    (wait,) = [line for line in observed.metrics if ".asposeocr.wait:" in line][:1]
    assert 3_000 < float(wait.partition(":")[2].partition("|")[0]) < 60_000


def test_lineage_names_what_was_read_and_written(observed: Observed) -> None:
    ended = {event["job"]["name"]: event for event in observed.lineage if event["eventType"] == "COMPLETE"}
    one = ended[f"{DAG_ID}.recognize"]
    assert [(data["namespace"], data["name"]) for data in one["inputs"]] == [("file", str(SCAN))]
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


def test_asset_events_tell_of_the_result(observed: Observed) -> None:
    one = observed.assets["text_of_a_scan"]["asposeocr"]
    assert one["operation"] == "RecognizeImage"
    assert one["characters"] == len(TEXT)
    assert one["uri"].endswith(".txt")
    assert one["api_calls"] >= 2
    many = observed.assets["texts_of_a_folder"]["asposeocr"]
    assert (many["items"], many["succeeded"]) == (1, 1)


def test_nobody_is_told_a_text_or_a_secret(observed: Observed) -> None:
    told = json.dumps([observed.metrics, observed.lineage, observed.assets])
    assert len(observed.secrets) >= 3
    assert [secret for secret in observed.secrets if secret in told] == []
