"""Images and texts in Azure Blob Storage, as Azurite has it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from azure.storage.blob import ContainerClient

from airflow_provider_asposeocr.emulator.testing import Emulator
from dags_examples.demo.accuracy import word_accuracy
from dags_examples.demo.local_airflow import LocalAirflow
from tests.neighbours.conftest import ROOT, SECRET, TRUTH, Start, scan_as_png, script, succeeded
from tests.neighbours.servers import MissingServerError, azurite

pytestmark = pytest.mark.neighbours

DAG_ID = "asposeocr_azure"
CONTAINER = "scans"
SCAN, ODD = "inbox/scan.png", "inbox/monday/table [1]#2 50%25.png"
TABLE = (ROOT / "dags_examples" / "documents" / "table.png").read_bytes()
IMAGES = {SCAN: scan_as_png(), ODD: TABLE}
OTHERS = {"inbox/readme.txt": b"no image", "elsewhere/table.png": TABLE}


@dataclass(frozen=True)
class Stage:
    """The example on an Airflow beside Azurite.

    :param airflow: where it runs.
    :param container: what it reads and writes, past Airflow.
    :param secret: the key of the account.
    """

    airflow: LocalAirflow
    container: ContainerClient
    secret: str

    def blobs(self) -> dict[str, bytes]:
        """Return all blobs by their names."""
        names = list(self.container.list_blob_names())
        return {name: self.container.download_blob(name).readall() for name in names}

    def texts(self, run_id: str) -> dict[str, str]:
        """Return the texts that a run has stored, by the URI of their image."""
        manifests = [self.airflow.xcom(DAG_ID, run_id, "recognize", map_index=index) for index in (0, 1)]
        blobs = self.blobs()
        return {manifest["source"]: blobs[manifest["results"][0]["key"]].decode() for manifest in manifests}


@pytest.fixture(scope="module")
def stage(start: Start) -> Iterator[Stage]:
    with ExitStack() as stack:
        try:
            connection = stack.enter_context(azurite())
        except MissingServerError as missing:
            pytest.skip(str(missing))
        container = stack.enter_context(ContainerClient.from_connection_string(connection, CONTAINER))
        container.create_container()
        wasb = {"conn_type": "wasb", "extra": {"connection_string": connection}}
        airflow = stack.enter_context(start(DAG_ID, {"wasb_default": wasb}))
        yield Stage(airflow, container, connection.partition("AccountKey=")[2].partition(";")[0])


@pytest.fixture(scope="module")
def first(stage: Stage) -> str:
    """Run it over an empty container, which gets its images while the sensor waits in the triggerer."""
    run_id = stage.airflow.trigger(DAG_ID)
    states: dict[str, str | None] = {}
    deadline = time.monotonic() + 60
    while states.get("wait") != "deferred":
        assert time.monotonic() < deadline, states
        time.sleep(0.3)
        states = {task["task_id"]: task["state"] for task in stage.airflow.task_instances(DAG_ID, run_id)}
    for name, content in (IMAGES | OTHERS).items():
        stage.container.upload_blob(name, content)
    assert stage.airflow.wait(DAG_ID, run_id, 240) == "success", stage.airflow.task_logs(DAG_ID, run_id)
    return run_id


def test_each_image_below_the_prefix_has_its_text(stage: Stage, first: str) -> None:
    texts = stage.texts(first)
    assert len(texts) == 2
    (scan,) = (text for uri, text in texts.items() if uri.endswith(f"/{SCAN}"))
    assert word_accuracy(TRUTH, scan) >= 0.98
    words = sum(len(text.split()) for text in texts.values())
    assert stage.airflow.xcom(DAG_ID, first, "count_words") == words > len(TRUTH.split())


def test_nothing_else_has_changed(stage: Stage, first: str) -> None:
    blobs = stage.blobs()
    assert {name: content for name, content in blobs.items() if not name.startswith("text/")} == (
        IMAGES | OTHERS
    )
    assert len(blobs) == len(IMAGES | OTHERS) + 2


def test_another_run_replaces_the_texts_also_by_long_ones(
    stage: Stage, first: str, service: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # More than one block of the destination.
    long = "nine amber lanterns\n" * 400_000
    script(service, monkeypatch, {IMAGES[SCAN]: long, TABLE: ""})
    before = stage.blobs().keys()
    run_id = succeeded(stage.airflow, DAG_ID, {})
    assert sorted(stage.texts(run_id).values()) == ["", long]
    assert stage.blobs().keys() == before


def test_no_log_holds_the_key_or_a_text(stage: Stage, first: str) -> None:
    """Runs last: it reads what all tests above have left."""
    logs = "\n".join(stage.airflow.all_logs().values())
    assert "Submitted abfs://" in logs
    for hidden in (SECRET, stage.secret, max(TRUTH.splitlines(), key=len), "nine amber lanterns"):
        assert hidden not in logs
