"""Small files that the processes of one user share on one host, and locks between them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO


def folder() -> Path:
    """Return a folder of this user alone, below that for temporary files.

    :raises OSError: if it cannot be made, or another user has made it first.
    """
    place = Path(tempfile.gettempdir()) / f"asposeocr-{os.getuid()}"
    place.mkdir(mode=0o700, exist_ok=True)
    status = place.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077 or place.is_symlink():
        raise PermissionError(1, "the folder belongs to another user or is open to others")
    return place


def opener(more: int) -> Callable[[str, int], int]:
    """Return what opens files for :func:`open`: no link is followed, and new ones are this user's alone.

    :param more: further flags.
    """
    return lambda name, flags: os.open(name, flags | more | os.O_NOFOLLOW, 0o600)


def open_shared(path: Path) -> IO[bytes]:
    """Open a file to read, write and lock it, past all buffers: others write meanwhile.

    :param path: is made if need be.
    :raises OSError: if that cannot be.
    """
    return open(path, "r+b", 0, opener=opener(os.O_CREAT))


def lock_one(places: Sequence[IO[bytes]], patience: float) -> IO[bytes] | None:
    """Lock one of several files and return it, or None; never wait for ever.

    A holder that dies loses its lock, but a child that it has forked may live on and hold it, too.

    :param places: open files.
    :param patience: seconds to wait for other holders.
    :raises OSError: if they cannot be locked, as on some network file systems.
    """
    end = time.monotonic() + patience
    while True:
        for place in places:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return place
        if time.monotonic() >= end:
            return None
        time.sleep(0.02)


def unlock(place: IO[bytes]) -> None:
    """Let go of a lock. Closing would not do: a child forked meanwhile holds it by its own handle."""
    with contextlib.suppress(OSError):
        fcntl.flock(place, fcntl.LOCK_UN)
