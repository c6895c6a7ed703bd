"""Images and texts in Azure Blob Storage, and in Google Cloud Storage, as local servers have them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from airflow_provider_asposeocr.emulator.testing import Emulator
from dags_examples.demo.accuracy import word_accuracy
from dags_examples.demo.local_airflow import LocalAirflow
from tests.neighbours.conftest import ROOT, SECRET, TRUTH, Start, scan_as_png, script, succeeded
from tests.neighbours.servers import MissingServerError, Storage, azurite, google_storage

pytestmark = pytest.mark.neighbours

MAX_SECONDS = 240.0
"""Seconds that a run may take."""

SCAN, ODD = "inbox/scan.png", "inbox/monday/table [1]#2 50%25.png"
TABLE = (ROOT / "dags_examples" / "documents" / "table.png").read_bytes()
IMAGES = {SCAN: scan_as_png(), ODD: TABLE}
OTHERS = {"inbox/readme.txt": b"no image", "elsewhere/table.png": TABLE}


@dataclass(frozen=True)
class Stage:
    """An example on an Airflow beside its storage.

    :param dag_id: the example.
    :param airflow: where it runs.
    :param storage: what it reads and writes.
    """

    dag_id: str
    airflow: LocalAirflow
    storage: Storage

    def states(self, run_id: str) -> dict[str, str | None]:
        """Return the states of the tasks of a run."""
        tasks = self.airflow.task_instances(self.dag_id, run_id)
        return {task["task_id"]: task["state"] for task in tasks}

    def texts(self, run_id: str) -> dict[str, str]:
        """Return the texts that a run has stored, by the URI of their image."""
        manifests = [self.airflow.xcom(self.dag_id, run_id, "recognize", map_index=index) for index in (0, 1)]
        objects = self.storage.objects()
        return {manifest["source"]: objects[manifest["results"][0]["key"]].decode() for manifest in manifests}


@pytest.fixture(scope="module", params=["azure", "gcs"])
def stage(request: pytest.FixtureRequest, start: Start) -> Iterator[Stage]:
    dag_id = f"asposeocr_{request.param}"
    with ExitStack() as stack:
        try:
            storage = stack.enter_context(azurite() if request.param == "azure" else google_storage())
        except MissingServerError as missing:
            pytest.skip(str(missing))
        connections = {storage.conn_id: storage.connection}
        airflow = stack.enter_context(start(dag_id, connections, python=storage.python, env=storage.env))
        yield Stage(dag_id, airflow, storage)


@pytest.fixture(scope="module")
def first(stage: Stage) -> str:
    """Run it once with real recognition; that for Azure waits in the triggerer until there are images."""
    airflow, run_id = stage.airflow, ""
    if stage.dag_id == "asposeocr_azure":
        run_id = airflow.trigger(stage.dag_id)
        deadline = time.monotonic() + MAX_SECONDS
        while (states := stage.states(run_id)).get("wait") != "deferred":
            assert time.monotonic() < deadline, states
            time.sleep(0.3)
    for name, content in (IMAGES | OTHERS).items():
        stage.storage.put(name, content)
    run_id = run_id or airflow.trigger(stage.dag_id)
    assert airflow.wait(stage.dag_id, run_id, MAX_SECONDS) == "success", airflow.task_logs(stage.dag_id)
    return run_id


def test_each_image_has_its_text(stage: Stage, first: str) -> None:
    texts = stage.texts(first)
    assert len(texts) == 2
    (scan,) = (text for uri, text in texts.items() if uri.endswith(f"/{SCAN}"))
    assert word_accuracy(TRUTH, scan) >= 0.98
    words = sum(len(text.split()) for text in texts.values())
    assert stage.airflow.xcom(stage.dag_id, first, "count_words") == words > len(TRUTH.split())


def test_nothing_else_has_changed(stage: Stage, first: str) -> None:
    objects = stage.storage.objects()
    assert {name: content for name, content in objects.items() if not name.startswith("text/")} == (
        IMAGES | OTHERS
    )
    assert len(objects) == len(IMAGES | OTHERS) + 2


def test_another_run_replaces_the_texts_also_by_long_ones(
    stage: Stage, first: str, service: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # More than one block, or part, of an upload.
    long = "nine amber lanterns\n" * 400_000
    script(service, monkeypatch, {IMAGES[SCAN]: long, TABLE: ""})
    before = stage.storage.objects().keys()
    run_id = succeeded(stage.airflow, stage.dag_id, {})
    assert sorted(stage.texts(run_id).values()) == ["", long]
    assert stage.storage.objects().keys() == before


def test_without_images_a_run_ends_well(stage: Stage, first: str) -> None:
    # There are objects, and no image among them.
    azure, gcs = {"prefix": "inbox/read"}, {"images": "inbox/read**.png"}
    run_id = succeeded(stage.airflow, stage.dag_id, azure if stage.dag_id == "asposeocr_azure" else gcs)
    states = stage.states(run_id)
    assert states.pop("wait", "success") == "success"
    assert states == {"images": "success", "recognize": "skipped", "count_words": "skipped"}


def test_no_log_holds_a_secret_or_a_text(stage: Stage, first: str) -> None:
    """Runs last: it reads what all tests above have left."""
    logs = "\n".join(stage.airflow.all_logs().values())
    assert re.search("Submitted (abfs|gs)://", logs)
    for hidden in (SECRET, *stage.storage.secrets, max(TRUTH.splitlines(), key=len), "nine amber lanterns"):
        assert hidden not in logs
