"""Install the wheel as a user does, into clean environments, and use it there: a table.

Once by ``pip`` alone, with Airflow, where the DAG of the README runs against the emulator; and once for each
extra, alone. Environments are removed when done.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from airflow_provider_asposeocr.emulator.testing import CONNECTION_VARIABLE, Emulator
from tests import readme
from tests.system.examples_matrix import build_wheel, table

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
AIRFLOW = "3.3.2"

_HAS_SCHEME = "from airflow.sdk.io import has_fs; assert has_fs({0!r}), {0!r}; import fsspec; {1}"

EXTRAS = {
    "emulator": "from airflow_provider_asposeocr.emulator.testing import Emulator\n"
    "with Emulator() as service: print(service.url)",
    "speech": "import espeakng_loader; print(espeakng_loader.get_library_path())",
    "images": "from airflow_provider_asposeocr.files.raster import opener_of\n"
    "print(opener_of('heic'), opener_of('avif'))",
    "s3": _HAS_SCHEME.format("s3", "print(fsspec.filesystem('s3', anon=True))"),
    "gcs": _HAS_SCHEME.format("gs", "print(fsspec.filesystem('gs', token='anon'))"),
    "azure": _HAS_SCHEME.format("abfs", "print(fsspec.filesystem('abfs', account_name='a', anon=True))"),
    "sftp": _HAS_SCHEME.format("sftp", "import sshfs; print(sshfs.SSHFileSystem)"),
}
"""Extras, each with a program that uses it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it, print the table and return 1 if anything failed.

    :param arguments: the command line; that of the process when None.
    """
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--only", choices=("pip", *EXTRAS), action="append", help="this, may be repeated")
    wanted = parser.parse_args(arguments).only or ["pip", *EXTRAS]
    rows: dict[str, dict[str, str]] = {}
    with tempfile.TemporaryDirectory(prefix="asposeocr-wheel-") as folder:
        wheel = build_wheel(Path(folder))
        for name in wanted:
            print(name, flush=True)
            started = time.monotonic()
            try:
                with tempfile.TemporaryDirectory(prefix="asposeocr-wheel-") as place:
                    said = (
                        by_pip(wheel, Path(place)) if name == "pip" else one_extra(wheel, name, Path(place))
                    )
            except subprocess.CalledProcessError as error:
                print(str(error.stdout)[-4000:], flush=True)
                said = f"failed: {error.cmd[-1]}"
            rows[name] = {"outcome": said, "seconds": f"{time.monotonic() - started:.0f}"}
            print(f"  {rows[name]}", flush=True)
    print(table(rows))
    return int(any(row["outcome"].startswith("failed") for row in rows.values()))


def by_pip(wheel: Path, folder: Path) -> str:
    """Install with ``pip`` into a new environment, and run the DAG of the README there.

    :param wheel: the package.
    :param folder: for the environment and Airflow's home.
    """
    run(folder, sys.executable, "-m", "venv", str(folder / "venv"))
    python = str(folder / "venv" / "bin" / "python")
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(folder, *pip, "twine")
    run(folder, python, "-m", "twine", "check", "--strict", str(wheel))
    run(folder, *pip, str(wheel), f"apache-airflow=={AIRFLOW}")
    run(folder, python, "-m", "pip", "check")
    airflow = (python, "-m", "airflow")
    shown = run(folder, *airflow, "providers", "get", "airflow-provider-asposeocr")
    if "airflow-provider-asposeocr" not in shown:
        return f"failed: airflow providers get says {shown}"
    (folder / "dags").mkdir()
    readme.write_readme_dag(folder / "dags")
    run(folder, *airflow, "db", "migrate")
    with Emulator() as service:
        env = {CONNECTION_VARIABLE: service.connection_json()}
        printed = run(folder, *airflow, "dags", "test", readme.DAG_ID, **env)
        submissions = len(service.submissions)
    if submissions != 1 or "1136 characters" not in printed:
        return f"failed: {submissions} submissions; {printed[-2000:]}"
    return "the README's DAG has run"


def one_extra(wheel: Path, extra: str, folder: Path) -> str:
    """Install the wheel with one extra into a new environment, and use it.

    :param wheel: the package.
    :param extra: the extra.
    :param folder: for the environment and Airflow's home.
    """
    python = str(folder / "venv" / "bin" / "python")
    run(folder, str(UV), "venv", "--quiet", "--python", sys.executable, str(folder / "venv"))
    install = (str(UV), "pip", "install", "--quiet", "--python", python)
    run(folder, *install, f"{wheel}[{extra}]", f"apache-airflow=={AIRFLOW}")
    return f"works: {run(folder, python, '-c', EXTRAS[extra]).strip().splitlines()[-1][:80]}"


def run(folder: Path, *command: str, **more: str) -> str:
    """Run a command with a private Airflow, and nothing of this project in its path; return what it prints.

    :param folder: the home of Airflow.
    :param command: the command.
    :param more: further environment variables.
    :raises CalledProcessError: if it fails.
    """
    private = {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "0",
    }
    env = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**env, **private, **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
