import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_2_PLUS

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
    (tmp_path / "scan.png").write_bytes(b"\x89PNG\r\n\x1a\n...")
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


@pytest.mark.skipif(not AIRFLOW_V_3_2_PLUS, reason="Airflow before 3.2 cannot be asked")
def test_without_a_reader_no_clients_of_storages_are_loaded(tmp_path: Path, plugins: Path) -> None:
    assert report(tmp_path, plugins) == {"inputs": [], "outputs": [], "clients loaded": False}
