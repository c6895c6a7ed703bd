"""Keep what was learned of completion times beyond the process: a small file for each service on each host.

It is read before the first poll of a process, and what has ended since is added when no wait is left in the
process, else every few seconds. It is no more than a help: whatever is wrong with it, polling goes on, and
learns from nothing. It tells operations, sizes to a factor of four, and times; neither the address of the
service nor anything of a document.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import math
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from airflow_provider_asposeocr.api.latency import GRID, WINDOW, Ended, Kind, LatencyModels
from airflow_provider_asposeocr.hooks import host

log = logging.getLogger(__name__)

MAX_AGE = 14 * 24 * 3600.0
"""Seconds for which the end of an OCR task is kept: a weekly DAG still finds those of the week before."""

INTERVAL = 5.0
"""Seconds between two writes of a process at least, while it waits for OCR tasks."""

MAX_BYTES = 64 * 1024
"""Bytes of a file at most; a longer one counts as none."""

MAX_KINDS = 32
"""Kinds of OCR tasks in a file at most: those that were seen last. Of each, the last 200 are kept."""

MAX_PATIENCE = 0.2
"""Seconds that a write waits for those of other processes. Then it is left to the next one."""

_HOUR = 3600.0
_FORM = {"version": 1, "grid": [GRID[0], GRID[1], len(GRID)]}
_MAX_NAME = 100

Entry = tuple[int, Ended]
"""The hour in which an OCR task has ended, and the bins."""


@dataclass(slots=True)
class _Service:
    """Note what this process has done about one service.

    :param lock: held while the file is read or written.
    :param found: whether it was read.
    :param waits: how many go on.
    :param written_at: when the file was written, seconds since the epoch.
    :param unwritten: what has ended and is not in the file yet.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    found: bool = False
    waits: int = 0
    written_at: float = -math.inf
    unwritten: dict[Kind, list[Ended]] = field(default_factory=dict)


class KeptLatencyModels(LatencyModels):
    """Latency models that begin with what earlier processes of this host have learned. Raise nothing.

    :param now: the clock, seconds since the epoch.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._now = now
        self._services: dict[str, _Service] = {}
        self._lock = threading.Lock()

    def forget(self) -> None:
        """Forget everything but the file, as a forked child must."""
        super().forget()
        self._services.clear()
        self._lock = threading.Lock()

    def begin(self, service: str) -> Callable[[], None] | None:
        """Hear that a wait begins; return what reads the file, before the first one of this process."""
        with self._lock:
            known = self._services.setdefault(service, _Service())
            known.waits += 1
            return None if known.found else partial(self._find, service, known)

    def end(self, service: str) -> Callable[[], None] | None:
        """Hear that a wait has ended; return what writes the file, if it is time."""
        with self._lock:
            known = self._services.setdefault(service, _Service())
            known.waits = max(0, known.waits - 1)
            # By a clock that may be set back.
            due = not known.waits or abs(self._now() - known.written_at) >= INTERVAL
            return partial(self._keep, service, known) if due else None

    def _find(self, service: str, known: _Service) -> None:
        with known.lock:
            if not known.found:
                with _told("read"):
                    entries = _read(_path(service), self._hour())
                    self.recall(service, {kind: [e for _, e in ended] for kind, ended in entries.items()})
                known.found = True

    def _keep(self, service: str, known: _Service) -> None:
        with known.lock:
            for kind, news in self.news(service).items():
                known.unwritten[kind] = [*known.unwritten.get(kind, ()), *news][-WINDOW:]
            if known.unwritten:
                known.written_at = self._now()
                with _told("written"):
                    if _add(_path(service), known.unwritten, self._hour()):
                        known.unwritten.clear()

    def _hour(self) -> int:
        return int(self._now() // _HOUR)


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        log.debug("completion times are not %s: %s", what, error.strerror or type(error).__name__)


def _path(service: str) -> Path:
    return host.folder() / f"latency-{hashlib.sha256(service.encode()).hexdigest()[:32]}.json"


def _read(path: Path, now: int) -> dict[Kind, list[Entry]]:
    """Read a file; one that is missing, damaged or of somebody else is the same as an empty one.

    :param path: the file.
    :param now: the hour. What is too old is left out, and so is what is yet to come.
    """
    try:
        # Nothing that is no file is waited for.
        with open(path, "rb", opener=host.opener(os.O_NONBLOCK)) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.getuid():
                raise ValueError  # of somebody else, or no file
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError
        return _decoded(content, now)
    except FileNotFoundError:
        return {}
    except OSError as error:
        log.debug("completion times are not read: %s", error.strerror)
    except (ValueError, TypeError, KeyError, RecursionError):
        log.debug("completion times are not read: the file is damaged, or of another version or user")
    return {}


def _decoded(content: bytes, now: int) -> dict[Kind, list[Entry]]:
    """Raise ValueError, TypeError, KeyError or RecursionError for what was not written by this module."""
    read = json.loads(content)
    if {name: read[name] for name in _FORM} != _FORM:
        raise ValueError  # of another version
    kinds: dict[Kind, list[Entry]] = {}
    for operation, size_class, hours in read["kinds"]:
        if not isinstance(operation, str) or not 0 < len(operation) <= _MAX_NAME:
            raise ValueError
        kind = operation, None if size_class is None else _bounded(size_class, 64)
        entries = kinds[kind] = []
        for hour, *bins in hours:
            if now - MAX_AGE / _HOUR <= _bounded(hour, math.inf) <= now + 1:
                pairs = zip(bins[::2], bins[1::2], strict=True)
                entries += [(hour, _ended(first, last)) for first, last in pairs]
    return kinds


def _ended(first: Any, last: Any) -> Ended:
    return _bounded(first, _bounded(last, len(GRID) - 1)), last


def _bounded(value: Any, most: float) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError
    return value


def _add(path: Path, news: dict[Kind, list[Ended]], now: int) -> bool:
    """Add to a file what has ended, and leave out what is too old or too much.

    :return: whether it was written: not if other processes write all the time.
    """
    # One for all files: it is never removed, or two processes could hold one each.
    with host.open_shared(path.with_name("latency.lock")) as lock:
        if host.lock_one([lock], MAX_PATIENCE) is None:
            return False
        try:
            if not path.exists():
                _remove_old(path.parent)
            kinds = _read(path, now)
            for kind, ended in news.items():
                # At the end: those that were seen last.
                entries = [*kinds.pop(kind, ()), *((now, one) for one in ended)]
                kinds[kind] = entries[-WINDOW:]
            _replace(path, _encoded(kinds))
        finally:
            host.unlock(lock)
    return True


def _encoded(kinds: dict[Kind, list[Entry]]) -> bytes:
    """Encode the last kinds, as many as a file may hold."""
    kept = [
        [operation, size_class, [[hour, *bins] for hour, bins in _by_hour(entries)]]
        for (operation, size_class), entries in kinds.items()
        if entries
    ][-MAX_KINDS:]
    while True:
        content = json.dumps({**_FORM, "kinds": kept}, separators=(",", ":")).encode()
        if len(content) <= MAX_BYTES:
            return content
        del kept[0]


def _by_hour(entries: list[Entry]) -> Iterator[tuple[int, list[int]]]:
    for hour, group in groupby(entries, key=lambda entry: entry[0]):
        yield hour, [place for _, ended in group for place in ended]


def _replace(path: Path, content: bytes) -> None:
    """Replace a file at once: whoever reads it finds the old one or the new one, whole."""
    new = path.with_suffix(".new")
    # One that a killed process has left.
    new.unlink(missing_ok=True)
    with open(new, "xb", opener=host.opener(0)) as file:
        file.write(content)
    new.replace(path)


def _remove_old(folder: Path) -> None:
    """Remove the files of services that nobody has asked for long, such as emulators on other ports."""
    for path in folder.glob("latency-*"):
        with contextlib.suppress(OSError):
            if path.lstat().st_mtime < time.time() - MAX_AGE:
                path.unlink()
