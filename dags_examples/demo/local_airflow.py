"""A real Airflow on this machine, for a demo or a test: private, on loopback, removed afterwards."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from dags_examples.demo.airflow_rest import AirflowRest
from dags_examples.demo.airflow_settings import airflow_settings
from dags_examples.demo.processes import (
    LOOPBACK,
    clean_environment,
    end,
    family,
    free_port,
    quit_signals_raise,
    spawn,
)

TaskInstance = dict[str, Any]
FINISHED = frozenset({"success", "failed"})
_POLL_SECONDS = 0.4
_TAIL_CHARACTERS = 4000


class LocalAirflowError(RuntimeError):
    """Raised when a part of the local Airflow fails, with the end of its log."""


class LocalAirflow:
    """Run a real Airflow with its own database, its components as separate processes.

    Airflow 3 gets an API server, scheduler, triggerer and DAG processor, with the LocalExecutor; Airflow 2 a
    webserver, scheduler and triggerer, with the SequentialExecutor. Use it as a context manager: however the
    block ends, Ctrl-C and SIGTERM included, it leaves nothing running.

    :param dags_folder: folder of the DAG files
    :param python: interpreter of the environment whose Airflow is run
    :param connections: connection id to its definition: a mapping, or text as in ``AIRFLOW_CONN_*``
    :param env: further environment variables of all components; they override the default ones
    :param port: port of the API server on the loopback interface; a free one when None
    :param home: folder that becomes ``AIRFLOW_HOME`` and is kept; a temporary one that is removed when None
    """

    def __init__(
        self,
        dags_folder: Path | str,
        *,
        python: Path | str = sys.executable,
        connections: Mapping[str, str | Mapping[str, Any]] | None = None,
        env: Mapping[str, str] | None = None,
        port: int | None = None,
        home: Path | str | None = None,
    ) -> None:
        self.dags_folder = Path(dags_folder).absolute()
        self.python = Path(python).absolute()
        self.version = _airflow_version(self.python)
        self.port = port or free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self._temporary = None
        if home is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="airflow-", ignore_cleanup_errors=True)
        self.home = Path(self._temporary.name if self._temporary else home or "").absolute()
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._env = self._environment(connections or {}) | dict(env or {})
        self._components: dict[str, subprocess.Popen[bytes]] = {}
        self._rest = AirflowRest(self.url, self._major)
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    # -- life cycle ------------------------------------------------------------------------------------

    def start(self, on_progress: Callable[[str], None] | None = None, *, timeout: float = 180.0) -> None:
        """Create the database, start all components and wait until the API responds.

        :param on_progress: called with a line of text for each step
        :param timeout: seconds to wait for the API
        :raises LocalAirflowError: if a component ends or the API does not respond; everything is stopped then
        """
        tell = on_progress or (lambda line: None)
        self._cleanup.enter_context(quit_signals_raise())
        atexit.register(self.stop)
        try:
            tell(f"creating the database of Airflow {self.version}")
            self._migrate(timeout)
            for name, arguments in self._commands().items():
                tell(f"starting the {name}")
                self._spawn(name, *arguments)
            self._until(self._rest.answers, timeout, "the API to respond")
            tell("the API responds")
        except BaseException:
            self.stop()
            raise

    def stop(self, *, grace: float = 3.0) -> None:
        """End every component and its child processes; remove a temporary home. May be repeated.

        :param grace: seconds for an orderly end; the triggerer would need 11, for nothing
        """
        try:
            end(self._components.values(), grace=grace)
        finally:
            self._components.clear()
            self._rest.close()
            if self._temporary:
                self._temporary.cleanup()
            atexit.unregister(self.stop)
            self._cleanup.close()

    def check_alive(self) -> None:
        """Check that all components are running.

        :raises LocalAirflowError: if one has ended; with the end of its log
        """
        for name, process in self._components.items():
            if process.poll() is not None:
                raise LocalAirflowError(
                    f"the {name} ended with exit code {process.returncode}:\n{self._tail(name)}"
                )

    # -- DAG runs --------------------------------------------------------------------------------------

    def wait_until_parsed(self, *dag_ids: str, timeout: float = 120.0) -> None:
        """Wait until Airflow knows these DAGs.

        :param dag_ids: the DAGs
        :param timeout: seconds to wait
        :raises LocalAirflowError: if one is missing and a file of the DAG folder cannot be imported
        """
        self._until(lambda: self._all_parsed(dag_ids), timeout, f"the DAGs {', '.join(dag_ids)}")

    def import_errors(self) -> str:
        """Return file and traceback of every DAG file that cannot be imported, or an empty text."""
        return self._rest.import_errors()

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a DAG run and return its run id.

        :param dag_id: the DAG
        :param conf: values for its params
        """
        body: dict[str, Any] = {"conf": dict(conf or {})}
        if self._major >= 3:
            body["logical_date"] = None
        return str(self.rest("POST", f"{self._rest.prefix}/dags/{quote(dag_id)}/dagRuns", body)["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a DAG run, such as ``running``.

        :param dag_id: the DAG
        :param run_id: the run
        """
        return str(self.rest("GET", self._rest.run_path(dag_id, run_id))["state"])

    def task_instances(self, dag_id: str, run_id: str) -> list[TaskInstance]:
        """Return the task instances of a DAG run as the REST API describes them.

        :param dag_id: the DAG
        :param run_id: the run
        """
        path = f"{self._rest.run_path(dag_id, run_id)}/taskInstances?limit=100"
        found: list[TaskInstance] = []
        while True:
            page = self.rest("GET", f"{path}&offset={len(found)}")
            found += page["task_instances"]
            if not page["task_instances"] or len(found) >= page["total_entries"]:
                return found

    def wait(
        self,
        dag_id: str,
        run_id: str,
        timeout: float = 300.0,
        on_change: Callable[[TaskInstance], None] | None = None,
    ) -> str:
        """Wait until a DAG run ends and return its state: ``success`` or ``failed``.

        :param dag_id: the DAG
        :param run_id: the run
        :param timeout: seconds to wait
        :param on_change: called with each task instance whose state or try has changed
        :raises LocalAirflowError: if a component ends or the time is over
        """
        return self.wait_all([(dag_id, run_id)], timeout, on_change)[0]

    def wait_all(
        self,
        runs: Sequence[tuple[str, str]],
        timeout: float = 300.0,
        on_change: Callable[[TaskInstance], None] | None = None,
    ) -> list[str]:
        """Wait until several DAG runs end and return the state of each.

        :param runs: DAG id and run id of each
        :param timeout: seconds to wait for all of them
        :param on_change: called with each task instance whose state or try has changed
        :raises LocalAirflowError: if a component ends or the time is over
        """
        states: dict[tuple[str, str], str] = {}
        seen: dict[tuple[str, str], dict[tuple[str, int], tuple[str | None, int]]]
        seen = {run: {} for run in runs}

        def are_over() -> bool:
            for run in [run for run in runs if states.get(run) not in FINISHED]:
                # Read before the tasks, so that they are read once more after the end.
                states[run] = self.run_state(*run)
                if on_change:
                    self._report_changes(run, seen[run], on_change)
            return FINISHED.issuperset(states.values())

        self._until(are_over, timeout, f"{' and '.join(dag_id for dag_id, _ in runs)} to end")
        return [states[run] for run in runs]

    def xcom(
        self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", map_index: int = -1
    ) -> Any:
        """Return an XCom value of a task.

        :param dag_id: the DAG
        :param run_id: the run
        :param task_id: the task
        :param key: key of the value
        :param map_index: index of a mapped task; -1 for one that is not mapped
        """
        path = (
            f"{self._rest.run_path(dag_id, run_id)}/taskInstances/{quote(task_id)}/xcomEntries/{quote(key)}"
        )
        return self.rest("GET", f"{path}?map_index={map_index}&stringify=false")["value"]

    def rest(self, method: str, path: str, body: Any = None) -> Any:
        """Call Airflow's REST API and return the decoded JSON response, None if it is empty.

        :param method: HTTP method
        :param path: path with its query, such as ``/api/v2/dags``
        :param body: value to send as JSON
        :raises RestError: if the response is not a success
        """
        return self._rest.call(method, path, body)

    # -- inspection ------------------------------------------------------------------------------------

    @property
    def release(self) -> tuple[int, int]:
        """Return major and minor version of Airflow."""
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)

    def pids(self, component: str) -> set[int]:
        """Return the pids of a component and all its child processes.

        :param component: its name, such as ``triggerer``
        """
        return {process.pid for process in family(self._components[component].pid)}

    def task_logs(self, dag_id: str = "*", run_id: str = "*") -> dict[Path, str]:
        """Return path and text of the tasks' logs, including those of the triggerer.

        :param dag_id: only of this DAG
        :param run_id: only of this run
        """
        return _texts(self.home / "logs", f"dag_id={dag_id}/run_id={run_id}/**/*.log*")

    def all_logs(self) -> dict[Path, str]:
        """Return path and text of every log: of the components, of parsing and of the tasks."""
        return _texts(self.home, "*.log") | _texts(self.home / "logs", "**/*.log*")

    # -- internals -------------------------------------------------------------------------------------

    @property
    def _major(self) -> int:
        return self.release[0]

    def _spawn(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        argv = [str(self.python), "-m", "airflow", *arguments]
        process = spawn(argv, env=self._env, cwd=self.home, log=self.home / f"{name}.log")
        self._components[name] = process
        return process

    def _migrate(self, timeout: float) -> None:
        if self._major < 3:
            # Everyone is an administrator, as with the simple auth manager of Airflow 3.
            (self.home / "webserver_config.py").write_text("AUTH_ROLE_PUBLIC = 'Admin'\n")
        process = self._spawn("database", "db", "migrate")
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            code = -1
        if code:
            raise LocalAirflowError(f"airflow db migrate failed ({code}):\n{self._tail('database')}")
        del self._components["database"]

    def _commands(self) -> dict[str, tuple[str, ...]]:
        # Without --skip-serve-logs, scheduler and triggerer serve logs on all interfaces.
        common: dict[str, tuple[str, ...]] = {
            "scheduler": ("scheduler", "--skip-serve-logs"),
            "triggerer": ("triggerer", "--skip-serve-logs"),
        }
        address = ("--port", str(self.port), "--workers", "1")
        if self._major >= 3:
            api = ("api-server", "--host", LOOPBACK, *address)
            return {"api-server": api, **common, "dag-processor": ("dag-processor",)}
        return {"webserver": ("webserver", "--hostname", LOOPBACK, *address), **common}

    def _environment(self, connections: Mapping[str, str | Mapping[str, Any]]) -> dict[str, str]:
        env = clean_environment("AIRFLOW")
        env["PATH"] = os.pathsep.join([str(self.python.parent), env.get("PATH", os.defpath)])
        env["AIRFLOW_HOME"] = str(self.home)
        settings = airflow_settings(self.version, home=self.home, dags_folder=self.dags_folder, url=self.url)
        for section, options in settings.items():
            env |= {f"AIRFLOW__{section}__{option}".upper(): value for option, value in options.items()}
        for name, value in connections.items():
            text = value if isinstance(value, str) else json.dumps(value)
            env[f"AIRFLOW_CONN_{name.upper()}"] = text
        return env

    def _report_changes(
        self,
        run: tuple[str, str],
        seen: dict[tuple[str, int], tuple[str | None, int]],
        on_change: Callable[[TaskInstance], None],
    ) -> None:
        for task in self.task_instances(*run):
            key, now = (task["task_id"], task["map_index"]), (task["state"], task["try_number"])
            if task["state"] and seen.get(key) != now:
                on_change(task)
            seen[key] = now

    def _until(self, is_done: Callable[[], bool], timeout: float, what: str) -> None:
        deadline = time.monotonic() + timeout
        while not is_done():
            self.check_alive()
            if time.monotonic() > deadline:
                raise LocalAirflowError(f"waited {timeout:.0f} s in vain for {what}")
            time.sleep(_POLL_SECONDS)

    def _all_parsed(self, dag_ids: tuple[str, ...]) -> bool:
        if all(self._rest.knows(dag_id) for dag_id in dag_ids):
            return True
        if errors := self.import_errors():
            raise LocalAirflowError(f"a DAG file cannot be imported: {errors[-_TAIL_CHARACTERS:]}")
        return False

    def _tail(self, name: str) -> str:
        return (self.home / f"{name}.log").read_text(errors="replace")[-_TAIL_CHARACTERS:]


def _airflow_version(python: Path) -> str:
    code = "from importlib.metadata import version; print(version('apache-airflow'))"
    reply = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=False)
    if reply.returncode:
        raise LocalAirflowError(f"{python} has no Airflow:\n{reply.stderr[-_TAIL_CHARACTERS:]}")
    return reply.stdout.strip()


def _texts(folder: Path, pattern: str) -> dict[Path, str]:
    return {path: path.read_text(errors="replace") for path in sorted(folder.glob(pattern)) if path.is_file()}
