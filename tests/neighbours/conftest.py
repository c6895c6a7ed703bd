"""An emulator with real recognition, and an Airflow for one example."""

from __future__ import annotations

import hashlib
import io
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from airflow_provider_asposeocr.emulator.testing import Emulator
from dags_examples.demo.local_airflow import LocalAirflow

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "dags_examples" / "demo"
TRUTH = (DEMO / "scan.txt").read_text()
SECRET = "secret-of-the-neighbours-4711"

Start = Callable[..., AbstractContextManager[LocalAirflow]]


@pytest.fixture(scope="package")
def service() -> Iterator[Emulator]:
    with Emulator(client_secret=SECRET, warm_up=True) as running:
        yield running


@pytest.fixture(scope="package")
def start(service: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Return how an Airflow with one example is started, by its name and the connections that it needs."""

    @contextmanager
    def started(
        dag_id: str, connections: dict[str, Any], python: Path | None = None, **more: Any
    ) -> Iterator[LocalAirflow]:
        folder = tmp_path_factory.mktemp("dags")
        shutil.copy(ROOT / "dags_examples" / f"{dag_id}.py", folder)
        known = {"asposeocr_default": service.connection_json(), **connections}
        with LocalAirflow(folder, connections=known, python=python or sys.executable, **more) as airflow:
            airflow.start()
            airflow.wait_until_parsed(dag_id)
            yield airflow

    return started


def succeeded(airflow: LocalAirflow, dag_id: str, conf: dict[str, Any]) -> str:
    """Run a DAG, which has to succeed, and return its run id."""
    run_id = airflow.trigger(dag_id, conf)
    assert airflow.wait(dag_id, run_id, 240) == "success", airflow.task_logs(dag_id, run_id)
    return run_id


def scan_as_png() -> bytes:
    """Return the scan of the demo as the PNG that the examples of storages look for."""
    stream = io.BytesIO()
    Image.open(DEMO / "scan.jpg").save(stream, "PNG")
    return stream.getvalue()


def script(service: Emulator, monkeypatch: pytest.MonkeyPatch, texts: dict[bytes, str]) -> None:
    """Let the service answer with given texts instead of recognizing images.

    :param service: the service.
    :param monkeypatch: undoes it after the test.
    :param texts: by the content of each image.
    """
    by_digest = {hashlib.sha256(content).hexdigest(): text for content, text in texts.items()}
    monkeypatch.setattr(service.options, "ocr", False)
    monkeypatch.setattr(service.options, "scripted_text", lambda submission: by_digest[submission.sha256])
