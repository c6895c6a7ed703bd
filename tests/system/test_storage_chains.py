"""The examples over storage in a real Airflow: S3 and SFTP from real servers, and local folders."""

from __future__ import annotations

import hashlib
import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from airflow_provider_asposeocr.emulator.submission import Submission
from airflow_provider_asposeocr.emulator.testing import Emulator
from dags_examples.demo.local_airflow import LocalAirflow
from tests.system.servers import S3Server, SftpServer

pytestmark = pytest.mark.system

BUCKET = "scans"
FOLDERS = ("inbox/monday", "inbox/tuesday")
NAMES = tuple(f"page-{number}" for number in range(10))
MAX_XCOM_BYTES = 2048


@dataclass(frozen=True)
class Runs:
    """The runs of the examples, all of them ended well.

    :param ids: run ids by DAG.
    :param images: contents by path or key.
    :param folder: what the local examples use.
    """

    ids: dict[str, str]
    images: dict[str, bytes]
    folder: Path


def image(number: int) -> bytes:
    """Return a small image unlike all others."""
    stream = io.BytesIO()
    Image.new("L", (120, 40), number).save(stream, "PNG")
    return stream.getvalue()


def text_of(content: bytes) -> bytes:
    """Return what the service answers for an image."""
    return f"text of {hashlib.sha256(content).hexdigest()}".encode()


def scripted(submission: Submission) -> str:
    """Return what :func:`text_of` returns."""
    return f"text of {submission.sha256}"


@pytest.fixture(scope="module")
def scripted_service(service: Emulator) -> Iterator[Emulator]:
    """Return a service that recognizes nothing for real, and takes as long as a quick one does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service.options, "ocr", False)
        patch.setattr(service.options, "service_seconds", 3.0)
        patch.setattr(service.options, "scripted_text", scripted)
        yield service


@pytest.fixture(scope="module")
def runs(
    airflow: LocalAirflow,
    scripted_service: Emulator,
    s3: S3Server,
    sftp: SftpServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Runs:
    """Run the examples, all at the same time."""
    folder = tmp_path_factory.mktemp("local")
    keys = [f"{place}/{name}.png" for place in FOLDERS for name in NAMES]
    images = {key: image(number) for number, key in enumerate(keys)}
    s3.put(BUCKET, images)
    for number in range(3):
        path = f"/inbox/scan-{number}.png"
        images[path] = image(100 + number)
        (sftp.root / "inbox").mkdir(exist_ok=True)
        (sftp.root / path.lstrip("/")).write_bytes(images[path])
    for number in range(2):
        local = folder / f"local-{number}.png"
        images[str(local)] = image(200 + number)
        local.write_bytes(images[str(local)])

    conf = {
        "asposeocr_s3": {"bucket": BUCKET, "images": "inbox/*.png"},
        "asposeocr_sftp": {"inbox": "/inbox", "pattern": "*.png", "texts": "/text"},
        "asposeocr_local_folder": {"folder": str(folder), "pattern": "*.png", "texts": f"{folder}/text"},
    }
    airflow.wait_until_parsed(*conf)
    ids = {dag_id: airflow.trigger(dag_id, params) for dag_id, params in conf.items()}
    states = airflow.wait_all(list(ids.items()), 240)
    assert states == ["success"] * len(ids), airflow.task_logs()
    return Runs(ids, images, folder)


def test_every_image_of_the_bucket_has_its_text(runs: Runs, airflow: LocalAirflow, s3: S3Server) -> None:
    objects = s3.objects(BUCKET)
    texts = {key: content for key, content in objects.items() if key.startswith("text/")}
    assert len(texts) == len(FOLDERS) * len(NAMES)
    for index in range(len(texts)):
        manifest = airflow.xcom("asposeocr_s3", runs.ids["asposeocr_s3"], "recognize", map_index=index)
        key = manifest["source"].partition(f"{BUCKET}/")[2]
        # Each of a pair of images with one name in two folders has a text of its own.
        assert texts.pop(manifest["results"][0]["key"]) == text_of(runs.images[key])
        assert manifest["text"] is None


def test_what_was_read_has_left_the_inbox(runs: Runs, s3: S3Server) -> None:
    objects = s3.objects(BUCKET)
    assert not [key for key in objects if key.startswith("inbox/")]
    images = {key: content for key, content in runs.images.items() if key.startswith("inbox/")}
    assert {key: objects[f"read/{key}"] for key in images} == images


def test_without_new_images_a_run_ends_well(
    runs: Runs, airflow: LocalAirflow, scripted_service: Emulator
) -> None:
    before = scripted_service.calls.billed
    run_id = airflow.trigger("asposeocr_s3", {"bucket": BUCKET, "images": "inbox/*.png"})
    assert airflow.wait("asposeocr_s3", run_id, 120) == "success"
    states = {task["task_id"]: task["state"] for task in airflow.task_instances("asposeocr_s3", run_id)}
    assert states == {
        "images": "success",
        "recognize": "skipped",
        "use_texts": "skipped",
        "clear_inbox": "skipped",
    }
    assert scripted_service.calls.billed == before


def test_every_image_on_the_sftp_server_has_its_text(
    runs: Runs, airflow: LocalAirflow, sftp: SftpServer
) -> None:
    texts = sorted(path.read_bytes() for path in (sftp.root / "text").glob("scan-*.txt"))
    assert texts == sorted(text_of(content) for path, content in runs.images.items() if "scan-" in path)
    # Three texts of three words.
    assert airflow.xcom("asposeocr_sftp", runs.ids["asposeocr_sftp"], "count_words") == 9


def test_every_image_in_the_folder_has_its_text(runs: Runs) -> None:
    texts = sorted(path.read_bytes() for path in (runs.folder / "text").iterdir())
    assert texts == sorted(text_of(content) for path, content in runs.images.items() if "local-" in path)


def test_each_image_was_submitted_once(runs: Runs, scripted_service: Emulator) -> None:
    expected = {hashlib.sha256(content).hexdigest() for content in runs.images.values()}
    sent = [s.sha256 for s in scripted_service.submissions if s.sha256 in expected]
    assert len(sent) == len(expected)


def test_no_task_passes_more_than_2_kib_through_xcom(runs: Runs, airflow: LocalAirflow) -> None:
    passed = xcom_bytes(airflow, runs)
    assert len([task for task in passed if task[1] == "recognize"]) == 25
    print(
        "bytes in XCom at most:", {dag: max(n for t, n in passed.items() if t[0] == dag) for dag in runs.ids}
    )
    assert {task: size for task, size in passed.items() if size > MAX_XCOM_BYTES} == {}


def xcom_bytes(airflow: LocalAirflow, runs: Runs) -> dict[tuple[str, str, int], int]:
    """Return how many bytes stand in the database for each task instance: DAG, task and map index."""
    query = (
        "select dag_id, task_id, map_index, sum(length(cast(value as blob))) from xcom "
        f"where run_id in ({','.join('?' * len(runs.ids))}) group by dag_id, task_id, map_index"
    )
    with closing(sqlite3.connect(f"file:{airflow.home}/airflow.db?mode=ro", uri=True)) as database:
        rows = database.execute(query, list(runs.ids.values())).fetchall()
    return {(dag_id, task_id, index): size for dag_id, task_id, index, size in rows}
