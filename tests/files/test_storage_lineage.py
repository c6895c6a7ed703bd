"""Files that are read and written are reported to a reader of lineage, and to nobody else."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_2_PLUS

from airflow_provider_asposeocr.api.task import OcrResult
from airflow_provider_asposeocr.files import storage
from airflow_provider_asposeocr.files.destination import Names, store
from airflow_provider_asposeocr.files.source import open_source

from .object_store import ObjectStore, attach
from .web import serve

PNG = b"\x89PNG\r\n\x1a\n..."

PLUGIN = """
    from airflow.plugins_manager import AirflowPlugin

    try:
        from airflow.sdk.lineage import HookLineageReader
    except ImportError:
        from airflow.lineage.hook import HookLineageReader

    class Reading(AirflowPlugin):
        name = "reading"
        hook_lineage_readers = [HookLineageReader]
"""

PROGRAM = """
    import json, sys
    from airflow_provider_asposeocr.api.task import OcrResult
    from airflow_provider_asposeocr.files.destination import Names, store
    from airflow_provider_asposeocr.files.source import open_source

    source, destination = sys.argv[1:]
    with open_source(source).open() as stream:
        stream.read()
    store([OcrResult("Text", b"text")], destination, Names(source, "RecognizeImage", "1"))
    loaded = "boto3" in sys.modules

    from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector
    found = get_hook_lineage_collector().collected_assets
    inputs, outputs = ([one.asset.uri for one in side] for side in (found.inputs, found.outputs))
    print(json.dumps({"inputs": inputs, "outputs": outputs, "clients loaded": loaded}))
"""


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    folder = tmp_path / "plugins"
    folder.mkdir()
    return folder


def report(tmp_path: Path, plugins: Path) -> dict[str, Any]:
    (tmp_path / "scan.png").write_bytes(PNG)
    settings = {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(plugins),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    files = [str(tmp_path / name) for name in ("scan.png", "text.txt")]
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), *files],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def test_files_are_reported_to_a_reader_of_lineage(tmp_path: Path, plugins: Path) -> None:
    (plugins / "reading.py").write_text(textwrap.dedent(PLUGIN))
    found = report(tmp_path, plugins)
    assert found["inputs"] == [f"file://{tmp_path}/scan.png"]
    assert found["outputs"] == [f"file://{tmp_path}/text.txt"]


@pytest.mark.skipif(not AIRFLOW_V_3_2_PLUS, reason="Airflow before 3.2 decides by itself")
@pytest.mark.skipif(not importlib.util.find_spec("boto3"), reason="there are no clients to load")
def test_without_a_reader_no_clients_of_storages_are_loaded(tmp_path: Path, plugins: Path) -> None:
    assert report(tmp_path, plugins) == {"inputs": [], "outputs": [], "clients loaded": False}


class Collector:
    """Keeps what it is told, and refuses what it is told to refuse."""

    def __init__(self) -> None:
        self.inputs: list[str] = []
        self.outputs: list[str] = []
        self.refuses = False

    def add_input_asset(self, context: Any, uri: str) -> None:
        """Keep an input."""
        self._check()
        self.inputs.append(uri)

    def add_output_asset(self, context: Any, uri: str) -> None:
        """Keep an output."""
        self._check()
        self.outputs.append(uri)

    def _check(self) -> None:
        if self.refuses:
            raise ValueError("URI should not be so")


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Collector:
    """Collect our reports, and those of Airflow's own paths."""
    collecting = Collector()
    own = "airflow.sdk.lineage" if AIRFLOW_V_3_2_PLUS else "airflow.lineage.hook"
    for module in (storage, importlib.import_module(own)):
        monkeypatch.setattr(module, "get_hook_lineage_collector", lambda: collecting)
    monkeypatch.setattr(storage, "_is_lineage_read", lambda: True)
    return collecting


def read(source: Any) -> bytes:
    """Read a source."""
    with open_source(source).open() as stream:
        return stream.read()


def test_an_object_is_reported_once(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = ObjectStore()
    attach(monkeypatch, "s3", bucket)
    bucket.objects["inbox/scan.png"] = PNG
    assert read(ObjectStoragePath("s3://inbox/scan.png")) == PNG
    names = Names("s3://inbox/scan.png", "RecognizeImage", "1")
    store([OcrResult("Text", b"text")], "s3://outbox/text.txt", names)
    assert collector.inputs == ["s3://inbox/scan.png"]
    assert collector.outputs == ["s3://outbox/text.txt"]


def test_of_an_address_neither_login_nor_signature_is_reported(collector: Collector) -> None:
    with serve() as web:
        web.files["/scan.png"] = PNG
        assert read(f"{web.url.replace('://', '://me:pass@')}/scan.png?signature=s3cret") == PNG
    assert collector.inputs == [f"{web.url}/scan.png"]


def test_what_cannot_be_reported_is_read_and_written_all_the_same(
    collector: Collector, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    collector.refuses = True
    (tmp_path / "scan.png").write_bytes(PNG)
    assert read(tmp_path / "scan.png") == PNG
    names = Names(str(tmp_path / "scan.png"), "RecognizeImage", "1")
    store([OcrResult("Text", b"text")], f"{tmp_path}/text.txt", names)
    assert (tmp_path / "text.txt").read_bytes() == b"text"
    assert caplog.text.count("not reported for lineage: ValueError") == 2
