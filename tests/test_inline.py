"""``dag.test()`` and ``airflow tasks test``, which run triggers without a triggerer."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_asposeocr.emulator.testing import CONNECTION_VARIABLE, Emulator
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from tests.system.servers import S3Server, SftpServer
from tests.test_examples import missing_module

ROOT = Path(__file__).parents[1]
SCAN = ROOT / "dags_examples" / "demo" / "scan.jpg"
TEXT = "Nine amber lanterns hang above the narrow quay."
SEEN_AS_TEXT = {"by_name", "plain", "deferred", "not_durable", "recorded", "mapped", "awaited"}
Outcomes = dict[str, dict[str, Any]]
Run = Callable[..., Outcomes]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ``AIRFLOW_HOME`` with a database."""
    folder = tmp_path_factory.mktemp("home")
    run_python(folder, {}, "-m", "airflow", "db", "migrate")
    return folder


@pytest.fixture
def run(home: Path, tmp_path: Path, emulator: Emulator) -> Run:
    """Run a DAG file in a process of its own, against the emulator, with a database of its own."""
    emulator.options.scripted_text = TEXT
    own = tmp_path / "home"
    shutil.copytree(home, own)
    (own / "dags").mkdir()

    def run(way: str, path: Path, conf: dict[str, Any] | None = None, **env: str) -> Outcomes:
        env |= {CONNECTION_VARIABLE: emulator.connection_json()}
        # Airflow runs a DAG of its folder only.
        own_path = str(shutil.copy(path, own / "dags"))
        output = run_python(own, env, "-m", "tests.inline.program", way, own_path, json.dumps(conf or {}))
        found: Outcomes = json.loads(output.splitlines()[-1])
        return found

    return run


def run_python(home: Path, env: dict[str, str], *arguments: str) -> str:
    """Run Python with a private Airflow, and return what it prints."""
    private = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "0",
    }
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, **private, **env},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]
    return done.stdout


@pytest.mark.parametrize("way", ["dag", "tasks"])
def test_every_class(run: Run, way: str, tmp_path: Path) -> None:
    awaited = AsposeOcrHook().submit("RecognizeImage", SCAN)
    path = ROOT / "tests" / "inline" / "every_class.py"
    found = run(way, path, SOURCE=str(SCAN), FOLDER=str(tmp_path), AWAITED=awaited)

    expected = {name: "skipped" if name == "skipped[-1]" else "success" for name in found["states"]}
    assert found["states"] == expected
    assert len({name.partition("[")[0] for name in expected}) == 18
    for name, value in found["xcoms"].items():
        if name.partition("[")[0] in SEEN_AS_TEXT:
            assert value["text"] == TEXT, name
            assert value["status"] == "Completed"
    for folder, pattern in {"text": "*.txt", "black": "*.png", "awaited": "*.txt", "batch": "*.txt"}.items():
        assert list((tmp_path / folder).glob(pattern)), folder
    assert found["xcoms"]["deferred[-1]"]["api_calls"] == 2
    assert found["xcoms"]["deferred[-1]"]["source"] == f"file://{SCAN}"


EXAMPLES: dict[str, dict[str, str]] = {
    "asposeocr_quickstart": {"source": str(SCAN), "destination": "file://{folder}/out/"},
    "asposeocr_submit_and_wait": {"source": str(SCAN)},
    "asposeocr_preprocessing": {"source": str(SCAN), "destination": "file://{folder}/out/"},
    "asposeocr_local_folder": {"folder": "{folder}/in", "texts": "{folder}/out"},
    "asposeocr_batch": {"images": "{folder}/in/", "texts": "{folder}/out/"},
    "asposeocr_s3": {"bucket": "scans", "images": "in/*.jpg"},
    "asposeocr_sftp": {"inbox": "/in", "pattern": "*.jpg", "texts": "/out"},
}
"""Every example whose storage can be had on this machine, with the values of its params."""


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example(run: Run, name: str, tmp_path: Path, s3: S3Server, sftp: SftpServer) -> None:
    path = ROOT / "dags_examples" / f"{name}.py"
    if missing := missing_module(path):
        pytest.skip(f"{missing} is not installed")
    for folder in (tmp_path / "in", sftp.root / "in", sftp.root / "out"):
        folder.mkdir(exist_ok=True)
    for folder in (tmp_path / "in", sftp.root / "in"):
        shutil.copy(SCAN, folder)
    if name == "asposeocr_s3":
        s3.put("scans", {"in/scan.jpg": SCAN.read_bytes()})
    conf = {key: value.format(folder=tmp_path) for key, value in EXAMPLES[name].items()}
    found = run(
        "dag",
        path,
        conf,
        AIRFLOW_CONN_AWS_DEFAULT=s3.connection(),
        AIRFLOW_CONN_SFTP_DEFAULT=sftp.connection(),
    )

    assert found["states"]
    assert set(found["states"].values()) == {"success"}


def test_no_example_is_forgotten() -> None:
    elsewhere = {"asposeocr_gcs", "asposeocr_azure"}
    assert {path.stem for path in (ROOT / "dags_examples").glob("*.py")} == {*EXAMPLES, *elsewhere}
