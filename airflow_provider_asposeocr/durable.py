"""Submit once: a record of what was submitted outlives the process, so that a retry goes on with the job.

The record is written as an intent before the submission and completed right after it. Whoever finds
- no record submits;
- an intent alone submits too, and says that the job may be a duplicate: the process died in between;
- an id goes on with that job, if it is the same operation, settings and source, younger than the service's
  retention, and if it was not cleared by the user after its results had been delivered.

Airflow raises ``max_tries`` of a task when a user clears it, and leaves it alone when it retries. That is
how a crash after the delivery, which must not pay again, is told from a user who wants the task run anew.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, Protocol, TypeGuard

from airflow_provider_asposeocr.api.coerce import is_usable_id
from airflow_provider_asposeocr.api.exceptions import AsposeOcrError, AsposeOcrStorageError
from airflow_provider_asposeocr.api.operations import Operation
from airflow_provider_asposeocr.api.retry import Fate
from airflow_provider_asposeocr.api.submission import RETENTION, Submission
from airflow_provider_asposeocr.files.paths import reason_of
from airflow_provider_asposeocr.files.source import Source, source_path
from airflow_provider_asposeocr.files.writing import write_bytes

log = logging.getLogger(__name__)

KEY = "asposeocr_task"

FOLDER = ".asposeocr"
"""The folder beside results that records are kept in."""

MAX_REMOVED = 100
"""Old records that one process removes from a folder at most."""

_NAME = re.compile(r"([0-9a-f]{64})(-\d{5})?\.json")
_WRITTEN_AT = ("mtime", "LastModified", "last_modified", "updated", "created")
_tidied: set[str] = set()

_NO_JSON = (ValueError, RecursionError)
"""Raised for text that is no JSON, holds a number of thousands of digits, or is nested too deeply."""


class Store(Protocol):
    """Where one record is kept."""

    def read(self) -> Mapping[str, Any] | None:
        """Return the record; None if there is none, and an empty one if it is damaged."""

    def write(self, record: Mapping[str, Any]) -> None:
        """Keep a record in place of the one before."""


class StateStore:
    """Keeps the record in Airflow's task state store (Airflow 3.3 and later).

    :param accessor: ``context["task_state_store"]``. It speaks to the supervisor and blocks: not for an
        event loop.
    :param key: what the record is called there.
    """

    def __init__(self, accessor: Any, key: str = KEY) -> None:
        self._accessor = accessor
        self._key = key

    def read(self) -> Mapping[str, Any] | None:
        """Return the record; None if there is none, and an empty one if it is damaged."""
        try:
            record = self._accessor.get(self._key)
        except _NO_JSON:
            return {}
        return record if isinstance(record, Mapping | None) else {}

    def write(self, record: Mapping[str, Any]) -> None:
        """Keep a record in place of the one before."""
        self._accessor.set(self._key, dict(record))


class FileStore:
    """Keeps the record as a small JSON file in object storage.

    :param folder: a path or URI of a folder. From one that is called :data:`FOLDER` it removes what other
        tasks have left more than a day ago.
    :param identity: what tells this task from all others: DAG, task, run and map index, never the try.
    :param conn_id: the Airflow connection for the storage.
    :param part: the number of the part that it keeps, where a record has several.
    """

    def __init__(
        self, folder: str, identity: tuple[str, ...], conn_id: str | None, part: int | None = None
    ) -> None:
        name = hashlib.sha256("\0".join(identity).encode()).hexdigest()
        number = "" if part is None else f"-{part:05}"
        self._uri, self._conn_id = f"{folder.rstrip('/')}/{name}{number}.json", conn_id

    @functools.cached_property
    def _path(self) -> Any:
        # Not at once: a storage that cannot be reached must not hide what has ended the task.
        return source_path(self._uri, self._conn_id)

    def read(self) -> Mapping[str, Any] | None:
        """Return the record; None if there is none, and an empty one if it is damaged."""
        try:
            data = self._path.fs.cat_file(self._path.path)
        except FileNotFoundError:
            return None
        try:
            record = json.loads(data)
        except _NO_JSON:
            return {}
        return record if isinstance(record, Mapping) else {}

    def write(self, record: Mapping[str, Any]) -> None:
        """Keep a record in place of the one before."""
        write_bytes(self._path, json.dumps(dict(record)).encode())
        # After an intent every moment counts.
        if not record.get("intent"):
            _tidy(self._path)


def _tidy(own: Any) -> None:
    """Remove records that nobody can go on with any more; once in each process and folder.

    :param own: the path of a record that was just written: the storage's own clock counts.
    """
    folder = own.path.rpartition("/")[0]
    if not folder.endswith(f"/{FOLDER}") or str(own.with_name("")) in _tidied:
        return
    _tidied.add(str(own.with_name("")))
    try:
        own.fs.invalidate_cache(folder)
        # By task: a batch that is under way writes to the last part of its record alone.
        files: dict[str, list[tuple[float, str]]] = {}
        for entry in own.fs.ls(folder, detail=True):
            found = _NAME.fullmatch(entry["name"].rpartition("/")[2])
            if found and entry["type"] == "file" and not entry.get("islink"):
                files.setdefault(found[1], []).append((_written_at(entry), entry["name"]))
        newest = {task: max(of_task)[0] for task, of_task in files.items()}
        oldest = newest[own.name[:64]] - RETENTION
        old = [file for task, of_task in files.items() if newest[task] < oldest for file in of_task]
        for _, name in sorted(old)[:MAX_REMOVED]:
            # Another task may do the same.
            with suppress(FileNotFoundError):
                own.fs.rm_file(name)
    except Exception as error:
        log.debug("Old records were not removed: %s", reason_of(error))


def _written_at(entry: Mapping[str, Any]) -> float:
    moment = next(entry[key] for key in _WRITTEN_AT if entry.get(key))
    return float(moment.timestamp() if isinstance(moment, datetime) else moment)


class TaskRecord:
    """The record of one Airflow task.

    :param store: where it is kept.
    :param max_tries: of the task instance.
    """

    def __init__(self, store: Store, max_tries: int) -> None:
        self._store = store
        self._max_tries = max_tries
        self._intended: str | None = None

    def recall(self, operation: Operation, match: str, source: str) -> Submission | None:
        """Find the submission to go on with, or None if a new one is to be made. Logs the decision.

        :param operation: the operation.
        :param match: from :func:`fingerprint`.
        :param source: the URI of the source.
        :raises AsposeOcrStorageError: if the record cannot be read: to submit might pay twice.
        """
        try:
            record = self._store.read()
        except AsposeOcrError:
            raise
        except Exception as error:
            raise AsposeOcrStorageError(
                f"the record of an earlier try cannot be read: {reason_of(error)}"
            ) from None
        if record is None:
            return None
        if not _is_whole(record):
            log.warning(
                "The record of an earlier try is damaged and counts as none: what that try has submitted may "
                "be submitted again, and paid for twice"
            )
            return None
        if not (record.get("intent") or record.get("ocr_task_id")):
            return None
        if record.get("intent"):
            self._intended = record["match"]
        reason = self._stale(record, match)
        if reason:
            log.warning("Submitting anew: %s", reason)
            return None
        ocr_task_id, at = record["ocr_task_id"], float(record["submitted_at"])
        age = time.time() - at
        log.info("Going on with task %s, submitted %.0f s ago by an earlier try", ocr_task_id, age)
        return Submission(operation.name, ocr_task_id, source, match, submitted_at=at, reattached=True)

    def intend(self, match: str) -> None:
        """Record that a submission follows.

        :raises AsposeOcrStorageError: if it cannot be recorded; nothing has been submitted then.
        """
        try:
            self._store.write({"intent": True, "match": match, "max_tries": self._max_tries})
        except Exception as error:
            raise AsposeOcrStorageError(
                f"nothing was submitted, since it cannot be recorded: {reason_of(error)}"
            ) from None

    @contextmanager
    def intent(self, match: str) -> Iterator[Fate]:
        """Surround a submission: record an intent before it, and take it back if nothing was accepted.

        :param match: from :func:`fingerprint`.
        :return: what the flow of the submission is to be given.
        """
        fate = Fate(before=lambda: self.intend(match))
        try:
            yield fate
        except BaseException:
            # One of the same kind that an earlier try has left stays.
            if fate.begun and not fate.unknown and self._intended != match:
                self.forget()
            raise

    def record(self, submission: Submission) -> bool:
        """Record a submission; False, with an error in the log, if that fails: it is paid for."""
        return self._write(submission, delivered=False)

    def deliver(self, submission: Submission) -> bool:
        """Record that the results have been delivered."""
        return self._write(submission, delivered=True)

    def forget(self) -> bool:
        """Forget the job or the intent: there is nothing to go on with.

        False, with an error in the log, if that cannot be recorded: what has ended the task says more.
        """
        try:
            self._store.write({"max_tries": self._max_tries})
        except Exception as error:
            log.error("the end of the task cannot be recorded: %s", reason_of(error))
            return False
        return True

    def _write(self, submission: Submission, *, delivered: bool) -> bool:
        record = {
            "ocr_task_id": submission.ocr_task_id,
            "match": submission.fingerprint,
            "submitted_at": submission.submitted_at,
            "delivered": delivered,
            "max_tries": self._max_tries,
        }
        try:
            self._store.write(record)
        except Exception as error:
            log.error("the task is not recorded (%s): a retry would submit it again", reason_of(error))
            return False
        return True

    def _stale(self, record: Mapping[str, Any], match: str) -> str | None:
        """Why a record is not gone on with, or None."""
        if record["match"] != match:
            return "operation, settings or source differ from those of the earlier try"
        if record.get("intent"):
            return (
                "an earlier try ended between submitting and recording. If the service accepted that "
                "submission, this one is a duplicate"
            )
        if time.time() - float(record["submitted_at"]) >= RETENTION:
            return "the job of the earlier try is older than the 24 hours that the service keeps it"
        if record.get("delivered") and record.get("max_tries") != self._max_tries:
            return "the task was cleared after its results had been delivered"
        return None


def is_recorded_id(value: Any) -> TypeGuard[str]:
    """Tell whether a value of a record can be the id of an OCR task.

    :param value: a JSON value.
    """
    return isinstance(value, str) and is_usable_id(value.strip())


def is_moment(value: Any) -> TypeGuard[float]:
    """Tell whether a value of a record can be a moment at which something has happened.

    :param value: a JSON value.
    """
    # Nothing has happened in the future. Clocks differ, but not by a day.
    return type(value) in (int, float) and 0 <= value < time.time() + RETENTION


def _is_whole(record: Mapping[str, Any]) -> bool:
    if not record.get("intent") and "ocr_task_id" not in record:
        return "max_tries" in record
    return isinstance(record.get("match"), str) and (
        bool(record.get("intent"))
        or (is_recorded_id(record["ocr_task_id"]) and is_moment(record.get("submitted_at")))
    )


def record_for(
    context: Mapping[str, Any], *, path: str | None, destination: Any, conn_id: str | None
) -> TaskRecord | None:
    """The ledger of a running task, or None where there is nowhere to keep one.

    :param context: Airflow's.
    :param path: the user's ``durable_path``: a folder for records, which wins over all else.
    :param destination: where results go; records lie in a folder ``.asposeocr`` beside them.
    :param conn_id: the Airflow connection for the storage of either.
    """
    ti = context["ti"]
    max_tries = int(getattr(ti, "max_tries", 0) or 0)
    identity = (ti.dag_id, ti.task_id, ti.run_id, str(getattr(ti, "map_index", -1)))
    if path:
        return TaskRecord(FileStore(path, identity, conn_id), max_tries)
    accessor = context.get("task_state_store")
    if accessor is not None:
        return TaskRecord(StateStore(accessor), max_tries)
    if destination:
        # Only what is the same on every try may be part of the path, so nothing from a placeholder on.
        scheme, separator, rest = str(destination).partition("{")[0].rpartition("://")
        folder = rest.rpartition("/")[0] or (rest if separator else ".")
        return TaskRecord(FileStore(f"{scheme}{separator}{folder}/{FOLDER}", identity, conn_id), max_tries)
    return None


def warn_of_no_record() -> None:
    """Log that a retry pays again, where there is nowhere to keep a record, and how to mend that."""
    log.warning(
        "No record of the submission is kept: a retry submits again, and pays again. Give durable_path or "
        "destination to have one, or durable=False to do without"
    )


def fingerprint(operation: Operation, wire: Mapping[str, Any] | None, source: Source) -> str:
    """What makes two submissions the same: operation, settings, identity and content of the source.

    Its first half leaves the content out, so that names of results can begin with it.
    """
    settings = json.dumps(wire, sort_keys=True, default=str)
    what = (operation.name, settings, source.identity or source.uri)
    return _digest(*what)[:16] + _digest(*what, source.fingerprint)[:16]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()
