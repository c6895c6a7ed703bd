"""Wait for a large result in a process of its own, ``python -m tests.faults.weighing``, and weigh that.

The process waits for a small result first, so that all that is loaded once is loaded. What the large one
takes stands in the last line that it prints.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

from airflow_provider_asposeocr.emulator.testing import CONNECTION_VARIABLE, Emulator
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from airflow_provider_asposeocr.sensors.asposeocr import AsposeOcrTaskSensor
from benchmarks.gauge import Gauge
from tests.running import fire, new_trigger, run

ROOT = Path(__file__).parents[2]
MAX_EXTRA_MIB = 16.0
BYTES = 80_000_000
OPERATION = "BinarizeImage"
TRIGGER = "trigger"
SENSORS: dict[str, dict[str, Any]] = {"waiting": {}, "poking": {"poke_interval": 0.2}}
WAYS = (TRIGGER, *SENSORS)
UNKNOWN = json.dumps({"taskStatus": "NotExist"})


def wait(way: str, destination: str, ocr_task_id: str) -> str:
    """Wait for a task in one way, and tell how that ended."""
    if way == TRIGGER:
        return str(fire(new_trigger(ocr_task_id, operation=OPERATION))["status"])
    manifest = run(
        AsposeOcrTaskSensor(
            task_id="wait",
            operation=OPERATION,
            ocr_task_id=ocr_task_id,
            destination=destination,
            deferrable=False,
            **SENSORS[way],
        )
    )
    return f"{manifest['status']}, {manifest['results'][0]['bytes']} bytes"


def weigh(way: str, folder: Path, scan: Path) -> tuple[float, str, int]:
    """Let a process wait for a large result that the status endpoint does not know.

    :return: the extra MiB that it took, how it ended, and how many calls for the result there were.
    """
    with (
        Emulator(discard=True, result_bytes=1000) as emulator,
        mock.patch.dict(os.environ, {CONNECTION_VARIABLE: emulator.connection_json()}),
    ):
        small, large = (AsposeOcrHook().submit(OPERATION, scan) for _ in range(2))
        emulator.inject("status", on="status", status=200, body=UNKNOWN, times=None)
        env = os.environ | {
            "AIRFLOW_HOME": str(folder / "home"),
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "0",
            "TMPDIR": str(folder),
        }
        argv = [sys.executable, "-m", "tests.faults.weighing", way, f"{folder}/out/", small, large]
        with subprocess.Popen(
            argv, env=env, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            next(line for line in process.stdout if line == "warm\n")
            polls = emulator.calls.poll
            emulator.options.result_bytes = BYTES
            process.stdin.write("\n")
            process.stdin.flush()
            *_, outcome, report = process.stdout.read().splitlines()
        return json.loads(report)["extra_mib"], outcome, emulator.calls.poll - polls


def main(way: str, destination: str, small: str, large: str) -> None:
    """Wait twice, and print what the second time takes.

    :param way: one of :data:`WAYS`.
    :param destination: of the results, where they are stored.
    :param small: the id of the task to begin with.
    :param large: the id of the one to weigh.
    """
    wait(way, destination, small)
    print("warm", flush=True)
    sys.stdin.readline()
    gauge = Gauge()
    with gauge:
        outcome: Any = wait(way, destination, large)
    print(outcome)
    gauge.print_report()


if __name__ == "__main__":
    main(*sys.argv[1:])
