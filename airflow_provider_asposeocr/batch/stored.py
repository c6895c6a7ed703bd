"""Results that a batch has stored: whether they are there, and what they are to other items."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrError,
    AsposeOcrStorageError,
    AsposeOcrTaskError,
    AsposeOcrTaskNotFoundError,
    AsposeOcrTimeoutError,
)
from airflow_provider_asposeocr.api.spool import VerbatimSpan
from airflow_provider_asposeocr.api.submission import Submission
from airflow_provider_asposeocr.api.task import OcrTask, SpooledResult, TaskStatus
from airflow_provider_asposeocr.batch.report import Entry
from airflow_provider_asposeocr.files.body import CHUNK
from airflow_provider_asposeocr.files.destination import Names, targets
from airflow_provider_asposeocr.files.manifest import Delivery
from airflow_provider_asposeocr.files.paths import display_uri, reason_of
from airflow_provider_asposeocr.files.source import source_path
from airflow_provider_asposeocr.files.storage import LOCAL, StoragePath, is_denied
from airflow_provider_asposeocr.reuse import Kept

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Content:
    """Hold what has become of one content.

    :param lock: whoever holds it brings an item of this content to its end.
    :param entry: of an item that was delivered.
    :param error: what its OCR task failed with, or was too late: that of the same content would be, too.
    :param submission: of an item whose OCR task is paid for, and whose results it could not take.
    """

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    entry: Entry | None = None
    error: AsposeOcrError | None = None
    submission: Submission | None = None

    def failed(self, submission: Submission, error: AsposeOcrError) -> None:
        """Keep from the next items what would fail them too, or the OCR task that is paid for.

        :param submission: of the item that failed.
        :param error: what it failed with.
        """
        if isinstance(error, AsposeOcrTaskError) or (
            isinstance(error, AsposeOcrTimeoutError) and error.reached
        ):
            self.error = error
        elif isinstance(error, AsposeOcrTaskNotFoundError):
            self.submission = None
        elif submission.ocr_task_id:
            self.submission = submission


@contextmanager
def stored_again(entry: Entry | None, conn_id: str | None) -> Iterator[Kept | None]:
    """Read the results of an item from where they were stored; None if they are not there as they were.

    They are good for as long as the context lasts. Blocks.

    :param entry: of the item, if one was delivered.
    :param conn_id: the Airflow connection for the storage of the results.
    """
    with tempfile.SpooledTemporaryFile(1024 * 1024, prefix="asposeocr-") as file:
        results = []
        try:
            for stored in entry.results if entry else ():
                path, start, digest = source_path(stored.uri, conn_id), file.tell(), hashlib.sha256()
                with path.fs.open(path.path, "rb") as stream:
                    while chunk := stream.read(CHUNK):
                        file.write(chunk)
                        digest.update(chunk)
                if digest.hexdigest() != stored.sha256:
                    raise ValueError(stored.type)
                span = VerbatimSpan(file, start, file.tell())
                results.append(SpooledResult(stored.type, span, stored.bytes, is_base64=False))
        except Exception as error:
            log.debug("The results of the same content cannot be read again: %s", type(error).__name__)
            results = []
        if not entry or not results or not entry.ocr_task_id or entry.completed_at is None:
            yield None
            return
        task = OcrTask(entry.ocr_task_id, TaskStatus.COMPLETED, tuple(results), warnings=entry.warnings)
        yield Kept(task, entry.submitted_at, entry.completed_at)


class StoredResults:
    """Tell whether the results of earlier tries are where this one would store them. Blocks.

    A remote folder is listed once, when it is first asked about, so that thousands of items cost one request.

    :param delivery: where this try stores results.
    """

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._locks: dict[str, Lock] = {}
        self._listed: dict[str, frozenset[str] | None] = {}

    def hold(self, entry: Entry, names: Names) -> bool:
        """Tell whether all results of an item are where they belong.

        :param entry: what an earlier try has recorded of the item.
        :param names: of its results.
        :raises AsposeOcrStorageError: if the storage cannot be asked.
        """
        types = [result.type for result in entry.results]
        paths = targets(types, self._delivery.destination, names, self._delivery.conn_id)
        same = [str(path) for path in paths] == [result.uri for result in entry.results]
        return bool(paths) and same and all(map(self._is_there, paths))

    def _is_there(self, path: StoragePath) -> bool:
        if path.protocol in LOCAL:
            return os.path.isfile(path.path)  # noqa: PTH113 - which raises where a folder may not be read
        folder, _, name = str(path).rpartition("/")
        with self._locks.setdefault(folder, Lock()):
            if folder not in self._listed:
                self._listed[folder] = _names_beside(path)
        listed = self._listed[folder]
        return listed is None or name in listed


def _names_beside(path: StoragePath) -> frozenset[str] | None:
    """List the folder of a file; None if that is not allowed."""
    try:
        # Airflow's storages keep what they have listed; files may have gone since.
        path.fs.invalidate_cache()
        found = path.fs.ls(path.path.rpartition("/")[0], detail=False)
    except FileNotFoundError:
        return frozenset()
    except Exception as error:
        shown = display_uri(path.with_name(""))
        if is_denied(error):
            log.warning("%s may not be listed: results of an earlier try are taken to be there", shown)
            return None
        raise AsposeOcrStorageError(f"{shown} cannot be listed: {reason_of(error)}") from None
    return frozenset(name.rstrip("/").rpartition("/")[2] for name in found)
