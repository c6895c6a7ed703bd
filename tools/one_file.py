"""Trace the way of one deferred file with a destination through the package.

A program of its own: it imports the package that ``PYTHONPATH`` names, whatever its revision, and asks no
more of it than its public names. It prints one JSON object: the files of the package that ran, the functions,
and how often the way changed from one file to another. The emulator runs in a process of its own and does not
count.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import os
import pkgutil
import shlex
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from types import CodeType, FrameType, SimpleNamespace
from typing import Any

PACKAGE = "airflow_provider_asposeocr"
SCAN = Path(__file__).parents[1] / "dags_examples" / "demo" / "scan.jpg"
CONNECTION = "AIRFLOW_CONN_ASPOSEOCR_DEFAULT"

_EMULATOR = (sys.executable, "-m", f"{PACKAGE}.emulator", "--port", "0", "--no-ocr")

_COMPREHENSIONS = frozenset(("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"))


class Trace:
    """Note every call of a function that a file below a folder defines.

    :param folder: the folder.
    :param without: a folder in it whose functions do not count.
    """

    def __init__(self, folder: Path, without: Path) -> None:
        self._folder, self._without = f"{folder}{os.sep}", f"{without}{os.sep}"
        self.calls: list[tuple[str, str]] = []

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        """Note a call; the signature is that of a profile function."""
        path = frame.f_code.co_filename
        if event != "call" or not path.startswith(self._folder) or path.startswith(self._without):
            return
        if _is_function(frame.f_code) and _begins(frame):
            self.calls.append((path.removeprefix(self._folder), frame.f_code.co_qualname))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Note calls in this thread and in those that start meanwhile."""
        threading.setprofile(self)
        sys.setprofile(self)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    def figures(self) -> dict[str, int]:
        """Return what was counted."""
        files = [path for path, _ in self.calls]
        changes = sum(before != after for before, after in pairwise(files))
        return {"files": len(set(files)), "functions": len(set(self.calls)), "changes": changes}


def _is_function(code: CodeType) -> bool:
    """Tell a function from the body of a module or class, and from a comprehension: 3.12 inlines those."""
    return bool(code.co_flags & inspect.CO_OPTIMIZED) and code.co_name not in _COMPREHENSIONS


def _begins(frame: FrameType) -> bool:
    """Tell the start of a call from a generator or coroutine that goes on: RESUME says it by its argument."""
    return frame.f_code.co_code[frame.f_lasti + 1] & 3 == 0


def main() -> None:
    """Trace one file and print the figures."""
    with tempfile.TemporaryDirectory(prefix="asposeocr-trace-") as folder, emulator() as connection:
        os.environ[CONNECTION] = connection
        # Before anything imports Airflow, which reads its configuration then.
        os.environ["AIRFLOW_HOME"] = folder
        os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
        os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "ERROR"
        # No scheduler waits for a worker's report, so the event need not wait for it either.
        os.environ["AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL"] = "0"
        package = import_package()
        trace = Trace(package, package / "emulator")
        run_one(f"{folder}/texts/", trace)
    print(json.dumps({**trace.figures(), "paths": sorted({path for path, _ in trace.calls})}))


@contextmanager
def emulator() -> Iterator[str]:
    """Start the package's emulator and yield the connection to it."""
    with subprocess.Popen(_EMULATOR, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield shlex.split(process.stdout.readline())[-1].partition("=")[2]
        finally:
            process.terminate()


def import_package() -> Path:
    """Import all of the package but its emulator, so that no import counts; return its folder."""
    package = importlib.import_module(PACKAGE)
    for module in pkgutil.walk_packages(package.__path__, f"{PACKAGE}."):
        if not module.name.startswith(f"{PACKAGE}.emulator"):
            # What needs a library that is not installed takes no part.
            with suppress(ImportError):
                importlib.import_module(module.name)
    return Path(package.__path__[0])


def run_one(destination: str, trace: Trace) -> None:
    """Run one operator as Airflow does, each step in its turn: worker, triggerer, worker.

    :param destination: the folder for the result.
    :param trace: what counts.
    """
    from airflow.providers.common.compat.sdk import TaskDeferred

    operators = importlib.import_module(f"{PACKAGE}.operators.asposeocr")
    arguments = {"source": str(SCAN), "destination": destination, "deferrable": True}
    task = operators.AsposeOcrRecognizeImageOperator(task_id="recognize", **arguments)
    context = make_context()
    with trace.running():
        try:
            task.execute(context)
        except TaskDeferred as deferred:
            event = as_json(first_payload(*deferred.trigger.serialize()))
            resume: Callable[..., Any] = getattr(task, deferred.method_name)
            manifest = resume(context, event=event, **as_json(deferred.kwargs or {}))
        else:
            raise RuntimeError("the operator did not defer")
    if not Path(manifest["results"][0]["path"]).stat().st_size:
        raise RuntimeError(f"nothing was stored: {manifest}")


def make_context() -> Any:
    """Return the little of a context that operators look at."""
    ti = SimpleNamespace(
        dag_id="dag", task_id="recognize", run_id="run", map_index=-1, try_number=1, max_tries=1
    )
    return {"ti": ti}


def first_payload(path: str, arguments: dict[str, Any]) -> Any:
    """Make a trigger from what the database would hold of it and return the payload of its first event.

    :param path: the trigger's class.
    :param arguments: its arguments.
    """
    module, _, name = path.rpartition(".")
    trigger = getattr(importlib.import_module(module), name)(**as_json(arguments))
    trigger.trigger_id = 1

    async def first() -> Any:
        async for event in trigger.run():
            return event.payload
        raise RuntimeError("the trigger ended without an event")

    return asyncio.run(first())


def as_json(value: Any) -> Any:
    """Return a value as it comes out of the database."""
    return json.loads(json.dumps(value))


if __name__ == "__main__":
    main()
