"""Run it all, print two tables, and exit with 1 if anything was paid for twice, lost or not told.

``python -m tests.celery PYTHON``: the interpreter of an environment with Airflow and its provider for Celery.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.celery.airflow import CeleryAirflow
from tests.celery.redis import NoRedisError, redis
from tests.celery.scenarios import FILES, ROWS, SHARDS, Stage, images, service_seconds
from tests.system.hostile.postgres import NoPostgresError, postgres


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it.

    :param arguments: the command line; that of the process when None.
    """
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument(
        "python", type=Path, help="interpreter of the environment with the provider for Celery"
    )
    parser.add_argument("--files", type=int, default=FILES, help="files of the batch in shards")
    parser.add_argument("--only", choices=("killed", "sharded"), help="one of the two scenarios")
    given = parser.parse_args(arguments)
    begun = time.monotonic()

    def tell(line: str) -> None:
        print(f"{time.monotonic() - begun:6.0f} s  {line}", flush=True)

    with tempfile.TemporaryDirectory(prefix="asposeocr-celery-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "dags").mkdir()
        shutil.copy(Path(__file__).with_name("dag.py"), folder / "dags")
        sizes = {"mapped": {task_id: list(rows) for task_id, rows in ROWS.items()}, "shards": SHARDS}
        (folder / "dags" / "celery.json").write_text(json.dumps(sizes))
        images(folder / "in", given.files)
        try:
            broken = run(given.python, folder, tell, given.only)
        except (NoRedisError, NoPostgresError) as missing:
            print(missing, file=sys.stderr)
            return 2
    for line in broken:
        print("VIOLATED:", line)
    tell("ended")
    return int(bool(broken))


def run(python: Path, folder: Path, tell: Callable[[str], None], only: str | None) -> list[str]:
    """Play the scenarios, and return what must not be.

    :param python: interpreter of the environment with the provider for Celery.
    :param folder: has the DAGs and the files, and takes what the tasks write.
    :param tell: is told what happens.
    :param only: the scenario, if not all of them.
    """
    with ExitStack() as stack:
        database, broker = stack.enter_context(postgres()), stack.enter_context(redis())
        service = stack.enter_context(Emulator(ocr=False, discard=True, service_seconds=service_seconds))
        connections = {"asposeocr_default": service.connection_json()}
        airflow = stack.enter_context(
            CeleryAirflow(
                folder / "dags", python=python, connections=connections, database=database, broker=broker
            )
        )
        airflow.slots = 1
        airflow.start(tell)
        airflow.wait_until_parsed("killed", "sharded", "whole")
        stage, broken = Stage(airflow, service, folder, tell), []
        if only != "killed":
            airflow.start_workers(slots=1)
            broken += stage.sharded()
            airflow.stop_workers()
        else:
            airflow.stop_workers()
        if only != "sharded":
            airflow.start_workers(slots=4)
            broken += stage.killed()
        for table in stage.tables:
            print(table)
    return broken


if __name__ == "__main__":
    sys.exit(main())
