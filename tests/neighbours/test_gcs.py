"""Images and texts in Google Cloud Storage, as an emulator of it has them.

Google's provider has no option for another address of the service: its hook takes it from the variable
``STORAGE_EMULATOR_HOST`` alone, of which gcsfs knows, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
import requests

from airflow_provider_asposeocr.emulator.testing import Emulator
from dags_examples.demo.accuracy import word_accuracy
from dags_examples.demo.local_airflow import LocalAirflow
from tests.neighbours.conftest import ROOT, SECRET, TRUTH, Start, scan_as_png, script, succeeded
from tests.neighbours.servers import GOOGLE_PYTHON, google_storage

pytestmark = pytest.mark.neighbours

DAG_ID = "asposeocr_gcs"
BUCKET = "scans"
SCAN, ODD = "inbox/scan.png", "inbox/monday/table [1]#2 50%25.png"
TABLE = (ROOT / "dags_examples" / "documents" / "table.png").read_bytes()
IMAGES = {SCAN: scan_as_png(), ODD: TABLE}
OTHERS = {"inbox/readme.txt": b"no image", "elsewhere/table.png": TABLE}


@dataclass(frozen=True)
class Stage:
    """The example on an Airflow beside an emulator of GCS.

    :param airflow: where it runs.
    :param url: the address of the emulator.
    """

    airflow: LocalAirflow
    url: str

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        """Send a request to the emulator, past Airflow."""
        reply = requests.request(method, f"{self.url}{path}", timeout=30, **more)
        reply.raise_for_status()
        return reply

    def put(self, name: str, content: bytes) -> None:
        """Store an object."""
        query = {"uploadType": "media", "name": name}
        self.call("POST", f"/upload/storage/v1/b/{BUCKET}/o", params=query, data=content)

    def objects(self) -> dict[str, bytes]:
        """Return all objects by their names."""
        listed = self.call("GET", f"/storage/v1/b/{BUCKET}/o").json().get("items", [])
        path = f"/download/storage/v1/b/{BUCKET}/o"
        return {
            entry["name"]: self.call("GET", f"{path}/{quote(entry['name'], safe='')}?alt=media").content
            for entry in listed
        }

    def texts(self, run_id: str) -> dict[str, str]:
        """Return the texts that a run has stored, by the URI of their image."""
        manifests = [self.airflow.xcom(DAG_ID, run_id, "recognize", map_index=index) for index in (0, 1)]
        objects = self.objects()
        return {manifest["source"]: objects[manifest["results"][0]["key"]].decode() for manifest in manifests}


@pytest.fixture(scope="module")
def stage(start: Start) -> Iterator[Stage]:
    google = {"conn_type": "google_cloud_platform", "extra": {"is_anonymous": True, "project": "tests"}}
    with google_storage() as url:
        env = {
            "STORAGE_EMULATOR_HOST": url,
            # Otherwise gcsfs asks by gRPC, which the emulator does not have, what kind of bucket it is.
            "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
        }
        with start(DAG_ID, {"google_cloud_default": google}, python=GOOGLE_PYTHON, env=env) as airflow:
            stage = Stage(airflow, url)
            stage.call("POST", "/storage/v1/b", json={"name": BUCKET})
            yield stage


@pytest.fixture(scope="module")
def first(stage: Stage) -> str:
    """Run it once with real recognition."""
    for name, content in (IMAGES | OTHERS).items():
        stage.put(name, content)
    return succeeded(stage.airflow, DAG_ID, {})


def test_without_images_a_run_ends_well(stage: Stage) -> None:
    run_id = succeeded(stage.airflow, DAG_ID, {"images": "nowhere/**.png"})
    states = {task["task_id"]: task["state"] for task in stage.airflow.task_instances(DAG_ID, run_id)}
    assert states == {"images": "success", "recognize": "skipped", "count_words": "skipped"}


def test_each_image_of_the_pattern_has_its_text(stage: Stage, first: str) -> None:
    texts = stage.texts(first)
    assert len(texts) == 2
    (scan,) = (text for uri, text in texts.items() if uri.endswith(f"/{SCAN}"))
    assert word_accuracy(TRUTH, scan) >= 0.98
    words = sum(len(text.split()) for text in texts.values())
    assert stage.airflow.xcom(DAG_ID, first, "count_words") == words > len(TRUTH.split())


def test_nothing_else_has_changed(stage: Stage, first: str) -> None:
    objects = stage.objects()
    assert {name: content for name, content in objects.items() if not name.startswith("text/")} == (
        IMAGES | OTHERS
    )
    assert len(objects) == len(IMAGES | OTHERS) + 2


def test_another_run_replaces_the_texts_also_by_long_ones(
    stage: Stage, first: str, service: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # More than one part of a resumable upload.
    long = "nine amber lanterns\n" * 400_000
    script(service, monkeypatch, {IMAGES[SCAN]: long, TABLE: ""})
    before = stage.objects().keys()
    run_id = succeeded(stage.airflow, DAG_ID, {})
    assert sorted(stage.texts(run_id).values()) == ["", long]
    assert stage.objects().keys() == before


def test_no_log_holds_a_secret_or_a_text(stage: Stage, first: str) -> None:
    """Runs last: it reads what all tests above have left."""
    logs = "\n".join(stage.airflow.all_logs().values())
    assert "Submitted gs://" in logs
    for hidden in (SECRET, max(TRUTH.splitlines(), key=len), "nine amber lanterns"):
        assert hidden not in logs
