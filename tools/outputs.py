"""Run the examples against the emulator, and keep what their tasks return for the pages of the site.

``python -m tools.outputs`` runs them by ``dag.test()`` in a private Airflow and writes a file for each task
that a page shows into ``docs/outputs``. Ids, times and folders of a run are replaced, and long lists are cut;
all else is as it came.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from airflow_provider_asposeocr.emulator.testing import CONNECTION_VARIABLE, Emulator

ROOT = Path(__file__).parents[1]
OUTPUTS = ROOT / "docs" / "outputs"

SHOWN: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "asposeocr_quickstart": (("binarize", "recognize"), {}),
    "asposeocr_submit_and_wait": (("submit", "wait"), {}),
    "asposeocr_documents": (("searchable", "table", "invoice"), {}),
    "asposeocr_regions": (("detect", "recognize"), {}),
    "asposeocr_djvu": (("convert",), {"source": "{dags}/documents/book.djvu"}),
    "asposeocr_speech": (("speak",), {}),
    "asposeocr_batch": (("recognize",), {"texts": "{results}/"}),
}
"""Examples, each with the tasks that a page shows, and with params beside ``destination``."""

MAX_ENTRIES = 3
"""Entries of a long list that are kept."""

MAX_TEXT = 120
"""Characters of a long text that are kept."""

VOLATILE = (
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "5e1f7c52-9b0e-4c1a-8d2f-3a6b9c0d1e2f"),
    (r"-[0-9a-f]{12}(?=\.)", "-451b63908f7e"),
    (r'(?<="submitted_at": ")[^"]+', "2026-01-31T09:00:00.000+00:00"),
    (r'(?<="completed_at": ")[^"]+', "2026-01-31T09:00:04.000+00:00"),
    (r'(?<="seconds": )[\d.]+', "4.2"),
)
"""Parts of an output that differ from run to run, with what stands for them."""


def main() -> None:
    """Run all and write the outputs."""
    with tempfile.TemporaryDirectory(prefix="asposeocr-outputs-") as folder, Emulator() as service:
        found = run_examples(Path(folder), service.connection_json())
        shutil.rmtree(OUTPUTS, ignore_errors=True)
        OUTPUTS.mkdir()
        for dag_id, (task_ids, _) in SHOWN.items():
            for task_id in task_ids:
                value = shortened(plain(found[dag_id]["xcoms"][f"{task_id}[-1]"], folder))
                path = OUTPUTS / f"{dag_id.removeprefix('asposeocr_')}.{task_id}.json"
                path.write_text(f"{written(value)}\n")
                print(path.relative_to(ROOT))


def run_examples(folder: Path, connection: str) -> dict[str, Any]:
    """Run the examples in a private Airflow and return states and XComs by DAG.

    :param folder: an empty folder, for all that they write.
    :param connection: that of the service, as JSON.
    """
    dags, results = folder / "dags", folder / "results"
    shutil.copytree(ROOT / "dags_examples", dags)
    shutil.copy(ROOT / "tests" / "emulator" / "data" / "note.djvu", dags / "documents" / "book.djvu")
    arguments = []
    for dag_id, (_, given) in SHOWN.items():
        conf = {"destination": f"file://{results}/", **given}
        filled = {name: text.format(dags=dags, results=results) for name, text in conf.items()}
        arguments += [str(dags / f"{dag_id}.py"), json.dumps(filled)]
    env = {
        **os.environ,
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "0",
        CONNECTION_VARIABLE: connection,
    }
    result = folder / "result.json"
    program = ("tests.inline.program", "dag", str(result), *arguments)
    for command in (("airflow", "db", "migrate"), program):
        subprocess.run([sys.executable, "-m", *command], cwd=ROOT, env=env, check=True, capture_output=True)
    found: dict[str, Any] = json.loads(result.read_text())
    return found


def plain(value: Any, folder: str) -> Any:
    """Return an output without what differs from run to run.

    :param value: what a task has returned.
    :param folder: that of the run.
    """
    text = json.dumps(value).replace(folder, "/data")
    for pattern, instead in VOLATILE:
        text = re.sub(pattern, instead, text)
    return json.loads(text)


def written(value: Any) -> str:
    """Return a value as JSON for readers: lists of plain values stand on a line of their own."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return re.sub(r"\[[^][{}]+\]", lambda found: f"[{' '.join(found[0][1:-1].split())}]", text)


def shortened(value: Any) -> Any:
    """Return a value with long texts cut, and lists of lists or objects, which say what is left out."""
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return f"{value[:MAX_TEXT]}..."
    if isinstance(value, dict):
        return {key: shortened(part) for key, part in value.items()}
    if not isinstance(value, list):
        return value
    more = len(value) - MAX_ENTRIES
    cut = [shortened(part) for part in value[:MAX_ENTRIES]]
    return [*cut, f"and {more} more"] if more > 1 and isinstance(value[0], dict | list) else value


if __name__ == "__main__":
    main()
