"""The two scenarios: a worker that is killed, and a batch in shards over two workers."""

from __future__ import annotations

import io
import json
import re
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

from PIL import Image

from airflow_provider_asposeocr.emulator.submission import Submission
from airflow_provider_asposeocr.emulator.testing import Emulator
from dags_examples.demo.local_airflow import FINISHED, TaskInstance
from tests.celery.airflow import WORKERS, CeleryAirflow
from tests.celery.verdict import Batch, Killed

MAPPED, SHARDS = 200, 2
ROWS = {"deferred": range(MAPPED // 2), "in_worker": range(MAPPED // 2, MAPPED)}
"""The mapped tasks, each with a number of its own in its settings, by where they wait."""

BATCH_SECONDS, MAPPED_SECONDS, HELD_SECONDS = 1.5, 3.0, 1e6
"""Seconds that an OCR task takes at the service: the wait dominates, as it does with real recognition."""

FILES = 4000
"""Files of the batch in shards."""

FILES_BESIDE = 300
"""Files of the batch beside the mapped tasks."""

IN_FLIGHT, IN_FLIGHT_BESIDE = 50, 10
SUBMIT_SECONDS = 1.5
"""Seconds that the service takes to answer a submission while a worker is killed: so that it strikes tasks
between the submission and its record."""

MAX_SECONDS = 420.0
"""Seconds that a scenario may take."""

_NAMED = re.compile("this one is a duplicate")
_BATCH_NAMED = re.compile(r"up to (\d+) of its submissions may not be recorded")


class Stage:
    """Both scenarios on one Airflow and one service.

    :param airflow: where the DAGs run.
    :param service: what they call.
    :param folder: has the files in a folder ``in``, and takes what the tasks write.
    :param tell: is told what happens.
    """

    def __init__(
        self, airflow: CeleryAirflow, service: Emulator, folder: Path, tell: Callable[[str], None]
    ) -> None:
        self.tables: list[str] = []
        self._airflow = airflow
        self._service = service
        self._folder = folder
        self._tell = tell
        self._tasks: list[TaskInstance] = []

    def sharded(self) -> list[str]:
        """Run the same files as one batch in one worker, and in shards over two; return what must not be."""
        files = len(list((self._folder / "in").iterdir()))
        one, two = self._batch("whole", 1), self._batch("sharded", SHARDS)
        lines = [
            f"| files of a batch, {IN_FLIGHT} in flight per task | items | seconds | files a second |",
            "|---|---|---|---|",
        ]
        for what, seen in (("one worker, one task", one), (f"{SHARDS} workers, {SHARDS} shards", two)):
            sizes = " + ".join(map(str, seen.sizes))
            lines.append(f"| {what} | {sizes} | {seen.seconds:.0f} | {files / seen.seconds:.1f} |")
        self.tables.append("\n".join([*lines, f"\n{one.seconds / two.seconds:.2f} times as fast."]))
        return [
            *(f"one worker: {says}" for says in one.violations(files, 1)),
            *(f"shards: {says}" for says in two.violations(files, SHARDS)),
        ]

    def killed(self) -> list[str]:
        """Kill the worker that runs a batch, with all that it runs; return what must not be."""
        self._service.reset()
        self._service.inject("slow", on="submit", seconds=SUBMIT_SECONDS, times=None)
        beside = self._folder / "beside"
        images(beside, FILES_BESIDE)
        began = time.monotonic()
        run_id = self._start("killed", beside, IN_FLIGHT_BESIDE)
        # The batch is to be in its midst, and to submit, when enough of the tasks are.
        self._wait(lambda: len(self._files()) >= FILES_BESIDE // 6, "submissions of the batch")
        self._service.options.service_seconds = partial(service_seconds, batch=HELD_SECONDS)
        self._wait(lambda: len(self._rows()) >= MAPPED // 6, "submissions of the tasks")
        self._service.options.service_seconds = service_seconds
        for ocr_task in self._service.ocr_tasks.values():
            ocr_task.ready_at = min(ocr_task.ready_at, time.time())
        self._wait(lambda: len(self._files()) >= FILES_BESIDE // 3, "more submissions of the batch")
        self._look("killed", run_id)
        (batch,) = [task for task in self._tasks if task["task_id"] == "batch"]
        worker = self._airflow.worker_of(batch["pid"])
        assert worker, f"no worker runs the batch, which is {batch['state']}"
        held = Counter(task["state"] for task in self._tasks)
        self._tell(f"killing {worker}; the tasks are {dict(held)}")
        self._airflow.kill(worker)
        struck = time.monotonic()
        self._wait(lambda: self._is_over("killed", run_id), "the run to end")
        self._look("killed", run_id)
        seen = self._seen(run_id)
        total = time.monotonic() - began
        self.tables.append(
            "\n".join(
                (
                    "| a worker is killed (`kill -9`) | mapped tasks | files of the batch |",
                    "|---|---|---|",
                    f"| all | {len(seen.states)} | {seen.files} |",
                    f"| succeeded | {_successes(seen)} | {seen.results} |",
                    f"| tried again | {len(seen.again)} | {'the batch' if seen.batch_tries > 1 else 'no'} |",
                    f"| submitted once | {len(seen.submissions) - len(seen.twice)} "
                    f"| {len(seen.batch_submissions) - seen.batch_twice} |",
                    f"| submitted twice | {len(seen.twice)} | {seen.batch_twice} |",
                    f"| named in a log as perhaps submitted twice | {len(seen.named)} | {seen.batch_named} |",
                    f"\n{total:.0f} s in all, {time.monotonic() - struck:.0f} s of them after the kill.",
                )
            )
        )
        if broken := seen.violations(MAPPED):
            self._explain(run_id)
        return [f"killed: {says}" for says in broken]

    # -- parts of scenarios ------------------------------------------------------------------------------

    def _batch(self, dag_id: str, workers: int) -> Batch:
        self._service.reset()
        out = self._folder / dag_id
        run_id = self._start(dag_id, self._folder / "in", IN_FLIGHT)
        seen: set[str] = set()

        def is_over() -> bool:
            self._look(dag_id, run_id)
            if len(seen) < workers:
                running = [task for task in self._tasks if task["state"] == "running"]
                found = (
                    self._airflow.worker_of(task["pid"]) for task in running if task["task_id"] == "batch"
                )
                seen.update(filter(None, found))
            return self._is_over(dag_id, run_id)

        self._wait(is_over, f"{dag_id} to end")
        self._look(dag_id, run_id)
        batches = [task for task in self._tasks if task["task_id"] == "batch"]
        starts, ends = ([_moment(task[key]) for task in batches] for key in ("start_date", "end_date"))
        told = [json.loads(line) for line in (out / "report.jsonl").read_text().splitlines()]
        state = self._airflow.run_state(dag_id, run_id)
        self._tell(f"{dag_id} ended as {state}")
        if state != "success":
            self._explain(run_id)
        return Batch(
            state=state,
            submissions=self._files(),
            results=len(list(out.glob("*.txt"))),
            told=Counter(line["source"] for line in told),
            succeeded=sum(line["status"] == "succeeded" for line in told),
            workers=frozenset(seen),
            seconds=max(ends) - min(starts),
            sizes=[
                self._airflow.xcom(dag_id, run_id, "batch", map_index=task["map_index"])["items"]
                for task in batches
            ],
        )

    def _start(self, dag_id: str, sources: Path, in_flight: int) -> str:
        self._tell(f"running {dag_id}")
        return self._airflow.trigger(
            dag_id,
            {
                "source": str(next(sources.iterdir())),
                "sources": str(sources),
                "results": str(self._folder / dag_id),
                "in_flight": in_flight,
            },
        )

    def _seen(self, run_id: str) -> Killed:
        mapped = {
            ROWS[task["task_id"]][task["map_index"]]: task
            for task in self._tasks
            if task["task_id"] in ROWS and task["map_index"] >= 0
        }
        (batch,) = [task for task in self._tasks if task["task_id"] == "batch"]
        logs = self._airflow.task_logs("killed", run_id)
        named = {
            rows[int(path.parent.name.removeprefix("map_index="))]
            for task_id, rows in ROWS.items()
            for path, text in logs.items()
            if f"task_id={task_id}" in path.parts and _NAMED.search(text)
        }
        lost = [
            int(count)
            for path, text in logs.items()
            if "task_id=batch" in path.parts
            for count in _BATCH_NAMED.findall(text)
        ]
        return Killed(
            states={row: (task["state"], task["try_number"]) for row, task in mapped.items()},
            submissions=self._rows(),
            named=named,
            files=FILES_BESIDE,
            batch_state=batch["state"],
            batch_tries=batch["try_number"],
            batch_submissions=self._files(),
            batch_named=sum(lost),
            max_in_flight=IN_FLIGHT_BESIDE,
            results=len(list((self._folder / "killed").glob("*.txt"))),
        )

    def _rows(self) -> Counter[int]:
        return Counter(one.settings["row"] for one in self._service.submissions if "row" in one.settings)

    def _files(self) -> Counter[str]:
        return Counter(one.sha256 for one in self._service.submissions if "row" not in one.settings)

    def _look(self, dag_id: str, run_id: str) -> None:
        self._tasks = self._airflow.task_instances(dag_id, run_id)

    def _is_over(self, dag_id: str, run_id: str) -> bool:
        return self._airflow.run_state(dag_id, run_id) in FINISHED

    def _wait(self, is_met: Callable[[], bool], what: str) -> None:
        self._airflow.wait_for(is_met, MAX_SECONDS, what)

    def _explain(self, run_id: str) -> None:
        """Print what the tasks say that did not go well."""
        logs = self._airflow.task_logs(run_id=run_id)
        for task in self._tasks:
            if task["state"] != "success":
                print(task["task_id"], task["map_index"], task["state"], "try", task["try_number"])
        for path, text in list(logs.items())[:400]:
            bad = [line[:300] for line in text.splitlines() if re.search(r'"level": ?"error"|ERROR', line)]
            if bad:
                print(path, *bad[-3:], sep="\n  ")
        for worker in (*WORKERS, "scheduler"):
            print(
                worker, (self._airflow.home / f"{worker}.log").read_text(errors="replace")[-2000:], sep="\n"
            )


def service_seconds(submission: Submission, batch: float = BATCH_SECONDS) -> float:
    """Return how long an OCR task takes.

    :param submission: that of a mapped task has a row in its settings.
    :param batch: seconds for one that has none.
    """
    return MAPPED_SECONDS if "row" in submission.settings else batch


def images(folder: Path, count: int) -> None:
    """Make a folder with so many images, which are all different.

    :param folder: the new folder.
    :param count: how many.
    """
    folder.mkdir()
    stream = io.BytesIO()
    Image.new("L", (64, 32), 255).save(stream, "PNG")
    for number in range(count):
        (folder / f"page-{number:05}.png").write_bytes(stream.getvalue() + f"page {number}".encode())


def _successes(seen: Killed) -> int:
    return sum(state == "success" for state, _ in seen.states.values())


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
