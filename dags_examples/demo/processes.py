"""Start child processes and end them with all their descendants, however the parent ends."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

import psutil

LOOPBACK = "127.0.0.1"
_QUIT_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class QuitSignal(KeyboardInterrupt):
    """Raised when the program is asked to quit: a KeyboardInterrupt, so that nothing swallows it by accident.

    :param signum: number of the signal
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.exit_code = 128 + signum


@contextlib.contextmanager
def quit_signals_raise() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into :class:`QuitSignal`, so that ``finally`` and ``with`` clean up.

    A handler of the program's own stays in place. Outside of the main thread nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = [number for number in _QUIT_SIGNALS if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _raise_quit)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def clean_environment(*drop_prefixes: str) -> dict[str, str]:
    """Return the environment of this process for a child that uses the loopback interface.

    :param drop_prefixes: prefixes of variables that the child must not inherit
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith(drop_prefixes)}
    # Without bytecode files each child compiles all of Airflow again, which takes tens of seconds.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    direct = ",".join(filter(None, [env.get("NO_PROXY") or env.get("no_proxy"), LOOPBACK, "localhost"]))
    return env | {"NO_PROXY": direct, "no_proxy": direct, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}


def free_port() -> int:
    """Return a TCP port that is currently free on the loopback interface."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def spawn(argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start a process in its own session, so that Ctrl-C reaches only the parent, which then ends it.

    :param argv: program and arguments
    :param env: its complete environment
    :param cwd: its working directory
    :param log: file to which its standard output and error are appended
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            list(argv),
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def family(*leaders: int) -> set[psutil.Process]:
    """Return the running processes of some sessions, including descendants that left them.

    :param leaders: pids of processes started by :func:`spawn`, which may have ended
    """
    found: set[psutil.Process] = set()
    others: list[psutil.Process] = []
    for process in psutil.process_iter(["ppid", "status"]):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if process.info["status"] != psutil.STATUS_ZOMBIE:
                (found.add if os.getsid(process.pid) in leaders else others.append)(process)
    while more := [process for process in others if process.info["ppid"] in {mine.pid for mine in found}]:
        found.update(more)
        others = [process for process in others if process not in found]
    return found


def end(processes: Iterable[subprocess.Popen[bytes]], *, grace: float = 10.0) -> None:
    """End processes and all their descendants: SIGTERM to each, then SIGKILL to those that are left.

    :param processes: processes started by :func:`spawn`
    :param grace: seconds for an orderly end; an interrupt cuts them short
    """
    leaders = list(processes)
    if not leaders:
        return
    pids = [leader.pid for leader in leaders]
    known = family(*pids)
    try:
        for leader in leaders:
            if leader.poll() is None:
                leader.terminate()
        deadline = time.monotonic() + grace
        while any(leader.poll() is None for leader in leaders) and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        # Descendants that outlive their parent get no second grace period.
        for process in known | family(*pids):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        for leader in leaders:
            leader.wait(timeout=10)


def _raise_quit(signum: int, _frame: FrameType | None) -> None:
    raise QuitSignal(signum)
