"""Submit once: a record of what was submitted outlives the process, so that a retry resumes the OCR task.

The record is written as an intent before the submission and completed right after it. Whoever finds
- no record submits;
- an intent alone submits too, and says that the OCR task may be a duplicate: the process died in between;
- an id resumes that OCR task, if it is the same operation, settings and source, younger than the service's
  retention; with ``on_clear="resubmit"`` not if a user has cleared the task after its results had been
  delivered.

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
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol, TypeGuard

from airflow_provider_asposeocr import metrics
from airflow_provider_asposeocr.api.coerce import is_usable_id
from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrError,
    AsposeOcrEventError,
    AsposeOcrStorageError,
)
from airflow_provider_asposeocr.api.retry import Fate
from airflow_provider_asposeocr.api.submission import RETENTION, Submission
from airflow_provider_asposeocr.files.paths import folder_of, reason_of
from airflow_provider_asposeocr.files.source import source_path
from airflow_provider_asposeocr.files.storage import write

log = logging.getLogger(__name__)

FOLDER = ".asposeocr"
"""The folder beside results that records are kept in."""

MAX_REMOVED = 100
"""Old records that one process removes from a folder at most."""

_KEY = "task"
_NAME = re.compile(r"([0-9a-f]{64})-(?:task|shards|batch_\d{5})\.json")
_WRITTEN_AT = ("mtime", "LastModified", "last_modified", "updated", "created")
_tidied: set[str] = set()

_NO_JSON = (ValueError, RecursionError)
"""Raised for text that is no JSON, holds a number of thousands of digits, or is nested too deeply."""


class RecordStore(Protocol):
    """Keep the records of one Airflow task, each under a key."""

    def read(self, key: str) -> Mapping[str, Any] | None:
        """Return a record; None if there is none, and an empty one if it is damaged."""

    def write(self, key: str, record: Mapping[str, Any]) -> None:
        """Keep a record in place of the one before, whole or not at all."""


class StateRecordStore:
    """Keep records in Airflow's task state store (Airflow 3.3 and later).

    :param accessor: ``context["task_state_store"]``. It speaks to the supervisor and blocks: not for an
        event loop.
    """

    def __init__(self, accessor: Any) -> None:
        self._accessor = accessor

    def read(self, key: str) -> Mapping[str, Any] | None:
        """Return a record; None if there is none, and an empty one if it is damaged."""
        try:
            record = self._accessor.get(f"asposeocr_{key}")
        except _NO_JSON:
            return {}
        return record if isinstance(record, Mapping | None) else {}

    def write(self, key: str, record: Mapping[str, Any]) -> None:
        """Keep a record in place of the one before."""
        self._accessor.set(f"asposeocr_{key}", dict(record))


class FileRecordStore:
    """Keep records as small JSON files in object storage.

    :param folder: a path or URI of a folder. From one that is called :data:`FOLDER` it removes what other
        tasks have left more than a day ago.
    :param identity: tells this task from all others: DAG, task, run and map index, never the try.
    :param conn_id: the Airflow connection for the storage.
    """

    def __init__(self, folder: str, identity: tuple[str, ...], conn_id: str | None) -> None:
        name = hashlib.sha256("\0".join(identity).encode()).hexdigest()
        self._uri = f"{folder.rstrip('/')}/{name}"
        self._conn_id = conn_id

    @functools.cached_property
    def _path(self) -> Any:
        # Not at once: a storage that cannot be reached must not hide what has ended the task.
        return source_path(self._uri, self._conn_id)

    def read(self, key: str) -> Mapping[str, Any] | None:
        """Return a record; None if there is none, and an empty one if it is damaged."""
        path = self._file(key)
        try:
            data = path.fs.cat_file(path.path)
        except FileNotFoundError:
            return None
        try:
            record = json.loads(data)
        except _NO_JSON:
            return {}
        return record if isinstance(record, Mapping) else {}

    def write(self, key: str, record: Mapping[str, Any]) -> None:
        """Keep a record in place of the one before."""
        path = self._file(key)
        write(path, (json.dumps(dict(record)).encode(),))
        # After an intent every moment counts.
        if not record.get("intent"):
            _tidy(path)

    def _file(self, key: str) -> Any:
        return self._path.with_name(f"{self._path.name}-{key}.json")


def record_store_for(
    context: Mapping[str, Any], *, path: str | None, destination: str | None, conn_id: str | None
) -> RecordStore | None:
    """Return the record store of a running task, or None where there is nowhere to keep a record.

    :param context: Airflow's.
    :param path: the user's ``durable_path``: a folder for records, which wins over all else.
    :param destination: of the results; records lie in a folder ``.asposeocr`` beside them.
    :param conn_id: the Airflow connection for the storage of either.
    """
    ti, accessor = context["ti"], context.get("task_state_store")
    if accessor is not None and not path:
        return StateRecordStore(accessor)
    if not path and not destination:
        return None
    identity = (ti.dag_id, ti.task_id, ti.run_id, str(getattr(ti, "map_index", -1)))
    return FileRecordStore(path or f"{folder_of(destination or '')}/{FOLDER}", identity, conn_id)


def run_store_for(
    context: Mapping[str, Any], *what: str, path: str | None, destination: str, conn_id: str | None
) -> RecordStore:
    """Return the record store that all mapped instances of a task share in one run.

    It is always one of files: Airflow keeps the state of each instance apart.

    :param context: Airflow's.
    :param what: tells apart what instances of the task may do on their own.
    :param path: as for :func:`record_store_for`, and so are the others.
    :param destination: of the results.
    :param conn_id: the Airflow connection for the storage of either.
    """
    ti = context["ti"]
    identity = (ti.dag_id, ti.task_id, ti.run_id, "of all", *what)
    return FileRecordStore(path or f"{folder_of(destination)}/{FOLDER}", identity, conn_id)


def read_record(store: RecordStore, key: str) -> Mapping[str, Any] | None:
    """Read what an earlier try has recorded.

    :param store: the record store.
    :param key: of the record.
    :raises AsposeOcrStorageError: if it cannot be read: to submit might pay twice.
    """
    try:
        return store.read(key)
    except AsposeOcrError:
        raise
    except Exception as error:
        raise AsposeOcrStorageError(
            f"nothing was submitted, since the record of an earlier try cannot be read: {reason_of(error)}"
        ) from None


def not_recorded(error: Exception) -> AsposeOcrStorageError:
    """Make the error that keeps back a submission which could not be resumed.

    :param error: what the record store failed with.
    """
    return AsposeOcrStorageError(f"nothing was submitted, since it cannot be recorded: {reason_of(error)}")


def max_tries_of(context: Mapping[str, Any]) -> int:
    """Return how often the running task may be tried, which Airflow raises when a user clears it.

    :param context: Airflow's.
    """
    return int(getattr(context["ti"], "max_tries", 0) or 0)


def _tidy(own: Any) -> None:
    """Remove records that nobody can resume any more; once in each process and folder.

    :param own: the path of a record that was just written: the storage's own clock counts.
    """
    folder = own.path.rpartition("/")[0]
    if not folder.endswith(f"/{FOLDER}") or str(own.with_name("")) in _tidied:
        return
    _tidied.add(str(own.with_name("")))
    try:
        own.fs.invalidate_cache(folder)
        # By task: a running batch writes to the last segment of its record alone.
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
    """The record of an Airflow task that submits one source.

    :param store: keeps it.
    :param max_tries: of the task instance.
    :param resubmit: whether a task that was cleared after its delivery is to be paid for again.
    :ivar cleared: whether a user has cleared the task since the record that was recalled.
    :ivar pays_again: whether a record was left aside for that reason.
    """

    def __init__(self, store: RecordStore, max_tries: int, *, resubmit: bool = False) -> None:
        self._store = store
        self._max_tries = max_tries
        self._resubmit = resubmit
        self._intended: str | None = None
        self.cleared = self.pays_again = False

    def recall(self, fingerprint: str, source: str | None) -> Submission | None:
        """Find the submission to resume, or None if a new one is to be made. Logs the decision.

        :param fingerprint: of what would be submitted.
        :param source: the display URI of the source, which no record holds.
        :raises AsposeOcrStorageError: if the record cannot be read: to submit might pay twice.
        """
        record = read_record(self._store, _KEY)
        if record is None or record.keys() == {"max_tries"}:
            return None
        known, intended = _submission_of(record), record.get("fingerprint") if record.get("intent") else None
        if known is None and not isinstance(intended, str):
            log.warning(
                "The record of an earlier try is damaged and counts as none: what that try has submitted may "
                "be submitted again, and paid for twice"
            )
            return None
        self._intended = intended
        reason = self._why_stale(record, known, fingerprint)
        if known is None or reason:
            log.warning("Submitting anew: %s", reason)
            return None
        resumed = replace(known, source=source, reattached=True)
        told = resumed.line(known.api_calls, time.time())
        log.info("Resuming %s, which an earlier try has made", told)
        metrics.count("reattachments", operation=known.operation)
        return resumed

    @contextmanager
    def intent(self, fingerprint: str | None) -> Iterator[Fate]:
        """Surround a submission: record an intent before it, and take it back if nothing was accepted.

        :param fingerprint: of what is submitted.
        :return: what the flow of the submission is to be given.
        :raises AsposeOcrStorageError: if it cannot be recorded; nothing has been submitted then.
        """

        def intend() -> None:
            intent = {"intent": True, "fingerprint": fingerprint, "max_tries": self._max_tries}
            try:
                self._store.write(_KEY, intent)
            except Exception as error:
                raise not_recorded(error) from None

        fate = Fate(before=intend)
        try:
            yield fate
        except BaseException:
            # One of the same kind that an earlier try has left stays.
            if fate.begun and not fate.unknown and self._intended != fingerprint:
                self.forget()
            raise

    def submitted(self, submission: Submission, *, delivered: bool = False) -> bool:
        """Record a submission; False, with an error in the log, if that fails: it is paid for.

        :param submission: what was submitted.
        :param delivered: whether its results have been delivered.
        """
        known = replace(submission, source=None, api_calls=0).to_dict()
        failure = "%s is not recorded (%s): a retry would submit it again"
        return self._write({**known, "delivered": delivered}, failure, submission)

    def delivered(self, submission: Submission) -> bool:
        """Record that the results have been delivered."""
        return self.submitted(submission, delivered=True)

    def forget(self) -> bool:
        """Forget the OCR task or the intent: there is nothing to resume.

        False, with an error in the log, if that cannot be recorded: what has ended the task says more.
        """
        return self._write({}, "the end of the OCR task cannot be recorded: %s")

    def _write(self, record: Mapping[str, Any], failure: str, *what: object) -> bool:
        try:
            self._store.write(_KEY, {**record, "max_tries": self._max_tries})
        except Exception as error:
            log.error(failure, *what, reason_of(error))
            return False
        return True

    def _why_stale(self, record: Mapping[str, Any], known: Submission | None, fingerprint: str) -> str | None:
        """Say why a record is not resumed, or return None."""
        if record["fingerprint"] != fingerprint:
            return "operation, settings or source differ from those of the earlier try"
        if known is None:
            return (
                "an earlier try ended between submitting and recording. If the service accepted that "
                "submission, this one is a duplicate"
            )
        if time.time() - (known.submitted_at or 0.0) >= RETENTION:
            return "the OCR task of the earlier try is older than the 24 hours that the service keeps it"
        self.cleared = record.get("max_tries") != self._max_tries
        self.pays_again = self._resubmit and bool(record.get("delivered")) and self.cleared
        if self.pays_again:
            return "the task was cleared after its results had been delivered, and on_clear is resubmit"
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


def _submission_of(record: Mapping[str, Any]) -> Submission | None:
    """Read the submission in a record; None where there is none, or a damaged one."""
    own = {name: value for name, value in record.items() if name not in ("delivered", "max_tries")}
    try:
        submission = Submission.from_dict(own)
    except AsposeOcrEventError:
        return None
    whole = is_recorded_id(submission.ocr_task_id) and is_moment(submission.submitted_at)
    return submission if whole and submission.fingerprint else None


def warn_of_no_record() -> None:
    """Log that a retry pays again, where there is nowhere to keep a record, and how to mend that."""
    log.warning(
        "No record of the submission is kept: a retry submits again, and pays again. Give durable_path or "
        "destination to have one, or durable=False to do without"
    )
