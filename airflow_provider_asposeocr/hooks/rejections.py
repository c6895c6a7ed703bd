"""Rejected credentials, remembered for all processes of a host: the service locks a pair after five.

Airflow runs each task in a process of its own. Fifty tasks with one wrong secret would otherwise sign in
fifty times, and lock the account for everyone who uses it rightly.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import functools
import json
import logging
import os
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import IO

from airflow_provider_asposeocr.api.exceptions import AsposeOcrAuthError

log = logging.getLogger(__name__)

REMEMBERED = 600.0
"""Seconds for which a rejected pair is not tried again: as long as the service locks it out."""


LONGEST_WAIT = 30.0
"""Seconds that a process waits for another one to sign in with the same pair."""

_ACCEPTED = 0.0


class Rejection:
    """The memory of one pair of credentials: a small file that holds no more than a time.

    :param key: names the pair without telling it: a hash of token URL, Client ID and secret.
    """

    def __init__(self, key: str) -> None:
        self._name = f"{key}.json"

    @contextlib.contextmanager
    def guard(self, patience: float = LONGEST_WAIT) -> Iterator[None]:
        """Surround a sign-in: one at a time on this host, until the pair has once been accepted.

        :param patience: seconds to wait for the sign-in of another process before going on all the same.
        :raises AsposeOcrAuthError: without a call, if the pair was rejected a short while ago.
        """
        with self._open() as file:
            if file is None:
                yield
                return
            accepted = _read(file) == _ACCEPTED
            if not accepted:
                _lock(file, patience)
                accepted = _read(file) == _ACCEPTED
            try:
                _refuse_until(_read(file))
                yield
                if not accepted:
                    _write(file, _ACCEPTED)
            except AsposeOcrAuthError as error:
                if error.status is not None:
                    _write(file, time.time() + REMEMBERED)
                raise
            finally:
                # Closing would not do: a child forked meanwhile holds the same lock by its own handle.
                fcntl.flock(file, fcntl.LOCK_UN)

    @contextlib.asynccontextmanager
    async def aguard(self, patience: float = LONGEST_WAIT) -> AsyncIterator[None]:
        """As :meth:`guard`, waiting for other processes off the event loop."""
        guard = self.guard(patience)
        await asyncio.to_thread(guard.__enter__)
        try:
            yield
        except BaseException as error:
            guard.__exit__(type(error), error, error.__traceback__)
            raise
        guard.__exit__(None, None, None)

    @contextlib.contextmanager
    def _open(self) -> Iterator[IO[str] | None]:
        try:
            handle = os.open(_folder() / self._name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            _warn_once(error.strerror or type(error).__name__)
            yield None
            return
        with os.fdopen(handle, "r+") as file:
            yield file


@functools.cache
def _warn_once(reason: str) -> None:
    log.warning(
        "Rejected credentials are not remembered on this host (%s): tasks with a wrong secret sign in each "
        "for itself, and the service locks the pair after five failures",
        reason,
    )


def _folder() -> Path:
    """A folder of this user alone.

    :raises OSError: if another user has made it first.
    """
    folder = Path(tempfile.gettempdir()) / f"asposeocr-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077 or folder.is_symlink():
        raise PermissionError(1, "the folder belongs to another user or is open to others")
    return folder


def _lock(file: IO[str], patience: float) -> None:
    """Lock a file, but never wait for ever: its holder may have died and left a child that holds it too."""
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= end:
                return
            time.sleep(0.02)


def _refuse_until(until: float | None) -> None:
    left = (until or 0.0) - time.time()
    # A clock that was set back must not lock anyone out for longer than the service does.
    if 0 < left <= REMEMBERED:
        raise AsposeOcrAuthError(
            "sign in: the Client ID or the Client secret was rejected a short while ago on this host and is "
            f"not tried again for {left:.0f} s, since failures lock the pair. Correct the connection: "
            "another secret works at once"
        )


def _read(file: IO[str]) -> float | None:
    file.seek(0)
    try:
        return float(json.load(file)["rejected_until"])
    except (ValueError, KeyError, TypeError):
        return None


def _write(file: IO[str], until: float) -> None:
    try:
        file.seek(0)
        file.truncate()
        json.dump({"rejected_until": until}, file)
        file.flush()
    except OSError as error:
        _warn_once(error.strerror or type(error).__name__)
