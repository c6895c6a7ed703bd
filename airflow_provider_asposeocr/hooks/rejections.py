"""Rejected credentials, remembered for all processes of a host: the service locks a pair after five.

Airflow runs each task in a process of its own. Fifty tasks with one wrong secret would otherwise sign in
fifty times, and lock the account for everyone who uses it rightly. Nor is a pair that was accepted before
safe: it may have been revoked since, so no more than two sign-ins of one pair are under way at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import functools
import io
import json
import logging
import os
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import IO

from airflow_provider_asposeocr.api.exceptions import AsposeOcrAuthError, AsposeOcrConnectionError

log = logging.getLogger(__name__)

REMEMBERED = 600.0
"""Seconds for which a rejected pair is not tried again: as long as the service locks it out."""

MAX_WAIT = 60.0
"""Seconds that a process waits for others to sign in with the same pair."""

_ACCEPTED = 0.0
_CHARACTERS = 64
"""Characters that the memory of a pair takes, always the same: no reader finds a part of it."""

_in_process: dict[str, io.StringIO] = {}
"""What this process remembers where the host cannot."""


class Rejection:
    """The memory of one pair of credentials: a small file that holds no more than a time.

    :param key: names the pair without telling it: a hash of token URL, Client ID and secret.
    """

    def __init__(self, key: str) -> None:
        self._key = key

    @contextlib.contextmanager
    def guard(self, patience: float = MAX_WAIT) -> Iterator[None]:
        """Surround a sign-in: one at a time on this host, and two once the pair has been accepted.

        :param patience: seconds to wait for the sign-ins of other processes.
        :raises AsposeOcrAuthError: without a call, if the pair was rejected a short while ago.
        :raises AsposeOcrConnectionError: without a call, if those of others do not end.
        """
        with contextlib.ExitStack() as stack:
            memory, *places = self._open(stack)
            if places:
                accepted = _read(memory) == _ACCEPTED
                # A single sign-in that hangs keeps nobody out.
                place = _lock(places if accepted else places[:1], patience) or _lock(places, 0.0)
                if place is None:
                    raise AsposeOcrConnectionError(
                        "sign in: other processes of this host are signing in with the same Client ID, and "
                        f"did not come to an end within {max(0.0, patience):.0f} s"
                    )
                stack.callback(_unlock, place)
            accepted = _read(memory) == _ACCEPTED
            _refuse_until(_read(memory))
            try:
                yield
            except AsposeOcrAuthError as error:
                if error.status is not None:
                    _write(memory, time.time() + REMEMBERED)
                raise
            if not accepted:
                _write(memory, _ACCEPTED)

    @contextlib.asynccontextmanager
    async def aguard(self, patience: float = MAX_WAIT) -> AsyncIterator[None]:
        """As :meth:`guard`, waiting for other processes off the event loop."""
        guard = self.guard(patience)
        await asyncio.to_thread(guard.__enter__)
        try:
            yield
        except BaseException as error:
            guard.__exit__(type(error), error, error.__traceback__)
            raise
        guard.__exit__(None, None, None)

    def _open(self, stack: contextlib.ExitStack) -> list[IO[str]]:
        """The memory, and the files to lock, of which there are none where the host remembers nothing."""
        try:
            folder = _folder()
            memory = stack.enter_context(_opened(folder / f"{self._key}.json"))
            return [memory, memory, stack.enter_context(_opened(folder / f"{self._key}.second"))]
        except OSError as error:
            _warn_once(error.strerror or type(error).__name__)
            return [_in_process.setdefault(self._key, io.StringIO())]


@functools.cache
def _warn_once(reason: str) -> None:
    log.warning(
        "Rejected credentials are not remembered on this host (%s): processes with a wrong secret sign in "
        "each for itself, and the service locks the pair after five failures",
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


def _opened(path: Path) -> IO[str]:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+")


def _lock(places: list[IO[str]], patience: float) -> IO[str] | None:
    """Lock one of several files and return it, or None; never wait for ever.

    A holder that dies loses its lock, but a child that it has forked may live on and hold it, too.
    """
    end = time.monotonic() + patience
    while True:
        for place in places:
            try:
                fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            except OSError as error:
                # Some network file systems know no locks.
                _warn_once(error.strerror or type(error).__name__)
            return place
        if time.monotonic() >= end:
            return None
        time.sleep(0.02)


def _unlock(place: IO[str]) -> None:
    # Closing would not do: a child forked meanwhile holds the same lock by its own handle.
    with contextlib.suppress(OSError):
        fcntl.flock(place, fcntl.LOCK_UN)


def _refuse_until(until: float | None) -> None:
    left = (until or 0.0) - time.time()
    # A clock that was set back must not lock anyone out for longer than the service does.
    if 0 < left <= REMEMBERED:
        raise AsposeOcrAuthError(
            "sign in: the Client ID or the Client secret was rejected a short while ago on this host and is "
            f"not tried again for {left:.0f} s, since failures lock the pair. Correct the connection: "
            "another secret works at once"
        )


def _read(memory: IO[str]) -> float | None:
    # Past all buffers: others write meanwhile.
    if isinstance(memory, io.StringIO):
        data: str | bytes = memory.getvalue()
    else:
        data = os.pread(memory.fileno(), _CHARACTERS, 0)
    try:
        return float(json.loads(data)["rejected_until"])
    except (ValueError, KeyError, TypeError):
        return None


def _write(memory: IO[str], until: float) -> None:
    text = json.dumps({"rejected_until": until}).ljust(_CHARACTERS)
    if isinstance(memory, io.StringIO):
        memory.seek(0)
        memory.write(text)
        return
    try:
        os.pwrite(memory.fileno(), text.encode(), 0)
    except OSError as error:
        _warn_once(error.strerror or type(error).__name__)
