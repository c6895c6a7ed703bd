"""``dag.test()`` and ``airflow tasks test``, which run triggers without a triggerer."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

from airflow_provider_asposeocr.emulator.testing import CONNECTION_VARIABLE, Emulator
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from tests import readme
from tests.system.servers import S3Server, SftpServer
from tests.test_examples import missing_module

ROOT = Path(__file__).parents[2]
SCAN = ROOT / "dags_examples" / "demo" / "scan.jpg"
DOCUMENTS = ROOT / "dags_examples" / "documents"
DJVU = ROOT / "tests" / "emulator" / "data" / "note.djvu"
TEXT = "Nine amber lanterns hang above the narrow quay."
SEEN_AS_TEXT = {
    "by_name",
    "plain",
    "deferred",
    "not_durable",
    "recorded",
    "mapped",
    "awaited",
    "by_function",
    "by_mapped_function",
}
Outcomes = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an ``AIRFLOW_HOME`` with a database and a folder of DAGs: Airflow runs no others."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "dags").mkdir()
    run_python(folder, {}, "-m", "airflow", "db", "migrate")
    return folder


def run(home: Path, way: str, confs: dict[Path, dict[str, str]], **env: str) -> dict[str, Outcomes]:
    """Run DAG files one after the other in one process; what came of each, by the id of the DAG.

    :param home: the ``AIRFLOW_HOME``.
    :param way: ``dag`` or ``tasks``.
    :param confs: the values of params by the path of each file.
    :param env: further environment variables.
    """
    arguments = [text for path, conf in confs.items() for text in (copied(path, home), json.dumps(conf))]
    result = home / "result.json"
    run_python(home, env, "-m", "tests.inline.program", way, str(result), *arguments)
    found: dict[str, Outcomes] = json.loads(result.read_text())
    return found


def copied(path: Path, home: Path) -> str:
    """Copy a file of a DAG into the folder of an Airflow, if it is not there."""
    there = home / "dags" / path.name
    return str(there if path == there else shutil.copy(path, there))


def run_python(home: Path, env: dict[str, str], *arguments: str) -> None:
    """Run Python with a private Airflow."""
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


@pytest.mark.parametrize("way", ["dag", "tasks"])
def test_every_class(home: Path, way: str, emulator: Emulator, tmp_path: Path) -> None:
    if way == "tasks" and not AIRFLOW_V_3_0_PLUS:
        pytest.skip("airflow tasks test of Airflow 2 runs no triggers")
    emulator.options.scripted_text = TEXT
    env = {
        CONNECTION_VARIABLE: emulator.connection_json(),
        "SOURCE": str(SCAN),
        "FOLDER": str(tmp_path),
        "AWAITED": AsposeOcrHook().submit("RecognizeImage", SCAN),
    }
    # Of the same runs and tasks there would be records of submissions already.
    own = shutil.copytree(home, tmp_path / "home")
    found = run(own, way, {ROOT / "tests" / "inline" / "every_class.py": {}}, **env)["every_class"]

    expected = {name: "skipped" if name == "skipped[-1]" else "success" for name in found["states"]}
    assert found["states"] == expected
    assert len({name.partition("[")[0] for name in expected}) == 21
    for name, value in found["xcoms"].items():
        if name.partition("[")[0] in SEEN_AS_TEXT:
            assert value["text"] == TEXT, name
            assert value["status"] == "Completed"
    for folder, pattern in {
        "text": "*.txt",
        "black": "*.png",
        "awaited": "*.txt",
        "batch": "*.txt",
        "batch_by_function": "*.txt",
    }.items():
        assert list((tmp_path / folder).glob(pattern)), folder
    assert found["xcoms"]["deferred[-1]"]["api_calls"] == 2
    assert found["xcoms"]["deferred[-1]"]["source"] == f"file://{SCAN}"


EXAMPLES: dict[str, dict[str, str]] = {
    readme.DAG_ID: {},
    "asposeocr_quickstart": {"source": str(SCAN), "destination": "file://{folder}/out/"},
    "asposeocr_submit_and_wait": {"source": str(SCAN)},
    "asposeocr_asset": {"source": str(SCAN), "destination": "file://{folder}/out/"},
    "asposeocr_preprocessing": {"source": str(SCAN), "destination": "file://{folder}/out/"},
    "asposeocr_documents": {
        "pdf": str(DOCUMENTS / "note.pdf"),
        "table": str(DOCUMENTS / "table.png"),
        "invoice": str(DOCUMENTS / "invoice.png"),
        "destination": "file://{folder}/out/",
    },
    "asposeocr_regions": {"source": str(SCAN)},
    "asposeocr_speech": {"source": str(SCAN), "destination": "file://{folder}/out/"},
    "asposeocr_djvu": {"source": str(DJVU), "destination": "file://{folder}/out/"},
    "asposeocr_local_folder": {"folder": "{folder}/in", "texts": "{folder}/out"},
    "asposeocr_batch": {"images": "{folder}/in/", "texts": "{folder}/out/"},
    "asposeocr_shards": {"images": "{folder}/in/", "texts": "{folder}/shards/"},
    "asposeocr_s3": {"bucket": "scans", "images": "in/*.jpg"},
    "asposeocr_sftp": {"inbox": "/in", "pattern": "*.jpg", "texts": "/out"},
}
"""Every example whose storage can be had on this machine, with the values of its params."""


@pytest.fixture(scope="module")
def examples(
    home: Path, s3: S3Server, sftp: SftpServer, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Outcomes]:
    """Return what came of all examples whose providers are installed."""
    folder = tmp_path_factory.mktemp("examples")
    for inbox in (folder / "in", sftp.root / "in"):
        inbox.mkdir(exist_ok=True)
        shutil.copy(SCAN, inbox)
    (sftp.root / "out").mkdir(exist_ok=True)
    s3.put("scans", {"in/scan.jpg": SCAN.read_bytes()})
    confs = {
        path: {key: value.format(folder=folder) for key, value in EXAMPLES[path.stem].items()}
        for path in (readme.write_readme_dag(home / "dags"), *(ROOT / "dags_examples").glob("*.py"))
        if path.stem in EXAMPLES and not missing_module(path)
    }
    with Emulator(ocr=False, scripted_text=TEXT) as emulator:
        env = {
            CONNECTION_VARIABLE: emulator.connection_json(),
            "AIRFLOW_CONN_AWS_DEFAULT": s3.connection(),
            "AIRFLOW_CONN_SFTP_DEFAULT": sftp.connection(),
        }
        return run(home, "dag", confs, **env)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example(examples: dict[str, Outcomes], name: str) -> None:
    if name not in examples:
        pytest.skip("its provider is not installed")
    states = set(examples[name]["states"].values())
    # It has two orders, of which a run takes one.
    assert states == ({"success", "skipped"} if name == "asposeocr_preprocessing" else {"success"})


def test_the_dag_of_the_readme_reads_the_scan(examples: dict[str, Outcomes]) -> None:
    assert examples[readme.DAG_ID]["xcoms"]["recognize[-1]"]["text"] == TEXT


def test_no_example_is_forgotten() -> None:
    # These wait for a person, and for the event of an asset.
    waiting = {"asposeocr_approval", "asposeocr_on_asset"}
    # These have servers and a command of their own, make test-neighbours.
    neighbours = {"asposeocr_azure", "asposeocr_gcs", "asposeocr_postgres_search"}
    others = {readme.DAG_ID, *waiting, *neighbours}
    assert {path.stem for path in (ROOT / "dags_examples").glob("*.py")} ^ set(EXAMPLES) == others
