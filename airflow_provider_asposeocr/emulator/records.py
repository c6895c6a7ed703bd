"""Files of the state directory: one record per OCR task, and its upload for as long as that is needed.

The directory may have been written by an earlier version, by a process that was killed, or by someone else.
Files that cannot be understood are set aside, and no name inside a record is used as a path.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from airflow_provider_asposeocr.emulator.strict_json import read_json

VERSION = 1
MAX_RECORD_BYTES = 1 << 28
"""Maximum size of a record: several times the maximum size of the results of one OCR task."""

_OWN_NAME = re.compile(r"((?:TTS)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(json|draft|image)")
_LOG = logging.getLogger("asposeocr-emulator")

Parsed = TypeVar("Parsed")


class Records:
    """Read and write the records of one state directory, which is locked until it is closed.

    :param folder: the directory; it is created with access for its owner only.
    :raises OSError: if it cannot be created, or another emulator uses it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        self._lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # A lock on the directory itself ends with the process and leaves no file behind.
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise OSError(f"another emulator uses the state directory {folder}") from None

    def close(self) -> None:
        """Release the directory for other processes."""
        # Closing alone does not unlock: a process forked from this one shares the lock.
        fcntl.flock(self._lock, fcntl.LOCK_UN)
        os.close(self._lock)

    def save(self, ocr_task_id: str, record: Mapping[str, Any]) -> None:
        """Write the record of an OCR task atomically: a reader sees the old one or the new one."""
        draft = self._folder / f"{ocr_task_id}.draft"
        try:
            with private_file(draft) as file:
                file.write(json.dumps({"version": VERSION, **record}).encode())
            draft.replace(self._path(ocr_task_id))
        except OSError:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
            raise

    def delete(self, ocr_task_id: str) -> None:
        """Delete the record of an OCR task, if there is one."""
        with contextlib.suppress(OSError):
            self._path(ocr_task_id).unlink()

    def load(self, parse: Callable[[str, Mapping[str, Any]], Parsed]) -> Iterator[Parsed]:
        """Yield the parsed records; set damaged ones aside and delete leftover files.

        :param parse: converts the id of an OCR task and its record; raises ``ValueError`` for a damaged one.
        """
        known = set()
        for path in sorted(self._folder.glob("*.json")):
            try:
                ocr_task_id = _id_of(path)
                parsed = parse(ocr_task_id, _read(path))
            except (OSError, ValueError) as error:
                _set_aside(path, error)
            else:
                known.add(ocr_task_id)
                yield parsed
        self._remove_leftovers(known)

    def _remove_leftovers(self, known: set[str]) -> None:
        for path in self._folder.iterdir():
            name = _OWN_NAME.fullmatch(path.name)
            if name and (name[2] == "draft" or (name[2] == "image" and name[1] not in known)):
                with contextlib.suppress(OSError):
                    path.unlink()

    def _path(self, ocr_task_id: str) -> Path:
        return self._folder / f"{ocr_task_id}.json"


def private_file(path: Path) -> Any:
    """Create a file that only its owner can read, and open it for writing bytes.

    :raises FileExistsError: if the name is taken, even by a link.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    return os.fdopen(descriptor, "wb")


def is_plain_file(path: Path) -> bool:
    """Return whether the path is a regular file, not a link."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _id_of(path: Path) -> str:
    name = _OWN_NAME.fullmatch(path.name)
    if name is None:
        raise ValueError("it does not have the name of a record")
    return name[1]


def _read(path: Path) -> Mapping[str, Any]:
    # Neither a link to another file nor a pipe that never ends is a record.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_RECORD_BYTES:
            raise ValueError("it is not a file, or too large")
        record = read_json(file.read())
    if not isinstance(record, dict):
        raise ValueError("it is not an object")
    if record.get("version") != VERSION:
        raise ValueError(f"its version is not {VERSION}")
    return record


def _set_aside(path: Path, error: Exception) -> None:
    try:
        path.replace(path.with_name(f"{path.name}.damaged"))
    except OSError as failure:
        _LOG.warning("The record %r cannot be read (%s) nor set aside (%s).", str(path), error, failure)
    else:
        _LOG.warning("The record %r cannot be read (%s): it was renamed to .damaged.", str(path), error)
