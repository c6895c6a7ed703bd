"""Run the DAG of the README and all local examples on every release of Airflow, on real components: a table.

For each release it makes an environment, installs the wheel into it, and starts a private Airflow with the
whole folder of examples, the emulator, and nothing else: no extra of the package is installed.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from airflow_provider_asposeocr.emulator.testing import Emulator
from dags_examples.demo.accuracy import word_accuracy
from dags_examples.demo.local_airflow import LocalAirflow, LocalAirflowError
from dags_examples.demo.report import failure_report
from dags_examples.demo.run import MIN_ACCURACY
from tests import readme
from tests.system.releases import RELEASES, requirements

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")

DJVU = ROOT / "tests" / "emulator" / "data" / "note.djvu"

DAGS: dict[str, dict[str, str]] = {
    readme.DAG_ID: {},
    "asposeocr_quickstart": {"destination": "file://{folder}/quickstart/"},
    "asposeocr_submit_and_wait": {},
    "asposeocr_preprocessing": {"destination": "file://{folder}/preprocessing/"},
    "asposeocr_documents": {"destination": "file://{folder}/documents/"},
    "asposeocr_regions": {},
    "asposeocr_speech": {"destination": "file://{folder}/speech/"},
    "asposeocr_djvu": {"source": str(DJVU), "destination": "file://{folder}/djvu/"},
    "asposeocr_local_folder": {"texts": "{folder}/local_folder"},
    "asposeocr_batch": {"texts": "{folder}/batch/"},
    "asposeocr_shards": {"texts": "{folder}/shards/"},
}
"""DAGs that need nothing but this machine, with the params that say where their files go."""

SUBMISSIONS = 18
"""Submissions of one run of each: most have two, that of documents has three."""

RUN_SECONDS = 600.0
PROCESSING_SECONDS = 3.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it, print the table and return 1 if anything did not succeed.

    :param arguments: the command line; that of the process when None.
    """
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--only", choices=RELEASES, action="append", help="this release, may be repeated")
    releases = parser.parse_args(arguments).only or list(RELEASES)
    with tempfile.TemporaryDirectory(prefix="asposeocr-matrix-") as folder:
        wheel = build_wheel(Path(folder))
        rows = {}
        for release in releases:
            print(f"Airflow {release}", flush=True)
            rows[release] = run_release(release, wheel, Path(folder) / release)
            print(f"  {rows[release]}", flush=True)
    print(table(rows))
    return int(any(set(row.values()) != {"success"} for row in rows.values()))


def build_wheel(folder: Path) -> Path:
    """Build the package and return its wheel.

    :param folder: where it goes.
    """
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def environment(release: str, wheel: Path) -> Path:
    """Make or renew the environment of a release and return its interpreter.

    :param release: the release of Airflow.
    :param wheel: the package.
    """
    folder = ROOT / ".venv" / f"airflow-{release}"
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    install = [str(UV), "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python)]
    renew = ["--reinstall-package", "airflow-provider-asposeocr"]
    subprocess.run([*install, *renew, str(wheel), *requirements(release)], check=True)
    return python


def run_release(release: str, wheel: Path, folder: Path) -> dict[str, str]:
    """Run all DAGs on a release of Airflow and return what came of each.

    :param release: the release.
    :param wheel: the package.
    :param folder: for the DAGs and for what they write.
    """
    python = environment(release, wheel)
    dags = shutil.copytree(ROOT / "dags_examples", folder / "dags")
    readme.write_readme_dag(dags)
    with Emulator(min_processing_seconds=PROCESSING_SECONDS, warm_up=True) as service:
        connections = {"asposeocr_default": service.connection_json()}
        try:
            with LocalAirflow(dags, python=python, connections=connections) as airflow:
                airflow.start()
                states = run_dags(airflow, folder)
        except LocalAirflowError as error:
            return {"Airflow": f"failed: {error}"}
        submissions = len(service.submissions)
    paid = "success" if submissions == SUBMISSIONS else f"{submissions}, not {SUBMISSIONS}"
    return {**states, "submissions": paid, "words": words_read(folder)}


def words_read(folder: Path) -> str:
    """Return ``success`` if the stored texts are what the scan says, else how much of it each has right.

    :param folder: what the DAGs have written.
    """
    truth = readme.SCAN.with_suffix(".txt").read_text()
    stored = [
        path.read_text() for name in ("local_folder", "batch") for path in (folder / name).glob("*.txt")
    ]
    right = [word_accuracy(truth, text) for text in stored]
    return "success" if len(right) == 2 and min(right) >= MIN_ACCURACY else f"right: {right}"


def run_dags(airflow: LocalAirflow, folder: Path) -> dict[str, str]:
    """Run all DAGs at the same time and return how each ended.

    :param airflow: where they run.
    :param folder: for what they write.
    """
    airflow.wait_until_parsed(*DAGS)
    runs = {
        dag_id: airflow.trigger(dag_id, {key: value.format(folder=folder) for key, value in conf.items()})
        for dag_id, conf in DAGS.items()
    }
    states = dict(zip(runs, airflow.wait_all(list(runs.items()), RUN_SECONDS), strict=True))
    for dag_id, state in states.items():
        if state != "success":
            print(failure_report(airflow, dag_id, runs[dag_id]), flush=True)
    mapped = airflow.task_instances("asposeocr_local_folder", runs["asposeocr_local_folder"])
    labels = {task.get("rendered_map_index") for task in mapped if task["map_index"] >= 0}
    broken = airflow.import_errors()
    if broken:
        print(broken, flush=True)
    return {
        **states,
        "labels": "success" if labels == {readme.SCAN.name} else f"are {labels}",
        "whole folder parses": "failed" if broken else "success",
    }


def table(rows: dict[str, dict[str, str]]) -> str:
    """Return a table in Markdown: a line for each release, a column for each thing that was tried.

    :param rows: what came of each, by release.
    """
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    lines = [["Airflow", *columns], ["---"] * (len(columns) + 1)]
    lines += [[release, *(row.get(column, "-") for column in columns)] for release, row in rows.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
