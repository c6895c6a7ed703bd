"""The record of a batch: what was submitted and what became of it, for a try that comes after a crash.

It is a sequence of rows, cut into segments. Only the last segment is ever written again, as no store can
append: what can be read back is always a beginning of what was written, with all of it that was committed.

Each segment carries a head; that of the last one counts. ``open`` is the most submissions that could be made
before the next commit, so that a try which finds it after a crash can say how many OCR tasks may be lost, and
be paid for twice.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from enum import StrEnum
from itertools import count
from typing import Any

from airflow_provider_asposeocr.api.exceptions import AsposeOcrStorageError, contained
from airflow_provider_asposeocr.api.submission import RETENTION
from airflow_provider_asposeocr.batch.report import Entry, ItemStatus, is_entry
from airflow_provider_asposeocr.durable import (
    RecordStore,
    is_moment,
    is_recorded_id,
    not_recorded,
    read_record,
)
from airflow_provider_asposeocr.files.paths import reason_of

log = logging.getLogger(__name__)

MAX_SEGMENT_CHARACTERS = 16 * 1024
"""Characters of JSON in a segment at most. Airflow's store takes 64 KiB; as the last segment is written over
and over while it fills, a smaller one means fewer bytes."""

MAX_ROW_CHARACTERS = 8 * 1024
"""Characters of JSON in a row at most; of a longer one the less important parts are left out."""

MAX_DAMAGED_IN_A_ROW = 10
"""So many segments in a row that cannot be understood are the end of a record: a store may say so of any."""

COMMIT_INTERVAL = 0.5
"""Seconds between two commits, unless somebody waits for the next one."""

MIN_COMMIT_INTERVAL = 0.1
"""Seconds between two commits at least."""

_MAX_ATTEMPTS = 5
_REUSE_KEY = re.compile("[0-9a-f]{64}")

Row = list[Any]


class Kind(StrEnum):
    """Say what a row tells of an item."""

    SUBMITTED = "s"
    DONE = "d"
    REFUSED = "r"
    """It failed for good, and there is no OCR task to resume."""
    UNDELIVERED = "u"
    """It failed for good, but its OCR task is at the service."""
    FORGOTTEN = "f"
    """Its OCR task is gone: a retry submits anew."""


def row_of(fingerprint: str | None, kind: Kind, entry: Entry, reuse_key: str | None = None) -> Row:
    """Return the row of an item. Never longer than :data:`MAX_ROW_CHARACTERS`.

    :param fingerprint: of its submission.
    :param kind: what the row tells.
    :param entry: of the item.
    :param reuse_key: of its submission; kept with a running OCR task alone.
    """
    if kind is Kind.FORGOTTEN:
        return [fingerprint, kind.value]
    head = [fingerprint, kind.value, entry.ocr_task_id, entry.submitted_at]
    if kind is Kind.SUBMITTED:
        return [*head, reuse_key] if reuse_key else head
    return next(
        row
        for shorter in (entry, *entry.shortened())
        if len(json.dumps(row := [*head, *shorter.to_row()])) <= MAX_ROW_CHARACTERS
    )


class BatchRecord:
    """Keep what earlier tries and this one have recorded.

    :param store: where it is kept.
    :param max_tries: of the task instance: Airflow raises it when a user clears the task.
    :param resubmit: whether a batch that was cleared after its success is to be paid for again.
    :ivar pays_again: whether what was recorded was left aside for that reason.
    :raises AsposeOcrStorageError: if it cannot be read: to submit might pay twice.
    """

    def __init__(self, store: RecordStore, max_tries: int, *, resubmit: bool = False) -> None:
        self._store = store
        self._resubmit = resubmit
        self.pays_again = False
        self._max_tries = max_tries
        self._id = secrets.token_hex(8)
        self._number = 0
        self._tail: list[Row] = []
        self._rows: dict[str, Row] = {}
        self._cleared = False
        self._read()

    def recall(self, fingerprint: str | None) -> Entry | None:
        """Return what earlier tries know of an item, or None if it is to be submitted.

        :param fingerprint: of what would be submitted.
        :return: an entry that is ``SUBMITTED`` where its OCR task is to be resumed.
        """
        row = self._rows.get(fingerprint or "")
        if row is None:
            return None
        _, kind, ocr_task_id, submitted_at, *rest = row
        if kind == Kind.SUBMITTED or (kind == Kind.UNDELIVERED and self._cleared):
            return Entry(ItemStatus.SUBMITTED, ocr_task_id, submitted_at)
        if kind == Kind.REFUSED and self._cleared:
            return None
        return Entry.of_row(rest, ocr_task_id, submitted_at)

    def reuse_key_of(self, fingerprint: str | None) -> str | None:
        """Return the reuse key of a running OCR task: that of its source now may be another.

        :param fingerprint: of its submission.
        """
        match self._rows.get(fingerprint or ""):
            case [_, Kind.SUBMITTED, _, _, str(key)]:
                return key
        return None

    def write(self, rows: Iterable[Row], *, unrecorded: int, finished: bool = False) -> None:
        """Commit rows, all of them or a beginning of them.

        :param rows: to be added.
        :param unrecorded: the most submissions that may be made before the next commit.
        :param finished: whether the batch has succeeded.
        """
        head = {"batch": self._id, "max_tries": self._max_tries, "open": unrecorded, "finished": finished}
        number, tail = self._number, list(self._tail)
        empty = len(json.dumps({**head, "rows": []}))
        size = empty + sum(_size(row) for row in tail)
        for row in rows:
            if tail and size + _size(row) > MAX_SEGMENT_CHARACTERS:
                self._store.write(_key(number), {**head, "rows": tail})
                number, tail, size = number + 1, [], empty
            tail.append(row)
            size += _size(row)
        self._store.write(_key(number), {**head, "rows": tail})
        self._number, self._tail = number, tail

    def finish(self) -> None:
        """Record that the batch has succeeded; a failure of that is only logged, as all items are done."""
        try:
            self.write((), unrecorded=0, finished=True)
        except Exception as error:
            log.error(
                "The end of the batch is not recorded (%s): if it is cleared, nothing is done anew",
                reason_of(error),
            )

    def _read(self) -> None:
        last: Mapping[str, Any] | None = None
        damaged_segments = damaged_rows = 0
        for number, segment in enumerate(self._segments()):
            if not _is_whole(segment):
                # If it is the last one, it is written over.
                self._number, self._tail = number, []
                damaged_segments += 1
                continue
            if last is not None and segment["batch"] != last["batch"]:
                break
            last, self._number = segment, number
            self._tail = [row for row in segment["rows"] if _is_sound(row)]
            damaged_rows += len(segment["rows"]) - len(self._tail)
            self._rows.update((row[0], row) for row in self._tail)
        if damaged_segments or damaged_rows:
            log.warning(
                "%d segments and %d rows of the record of an earlier try are damaged and count as none: what "
                "they stand for may be submitted again, and paid for twice",
                damaged_segments,
                damaged_rows,
            )
        if last is None:
            self._number = 0
            return
        self._cleared = last["max_tries"] != self._max_tries
        self.pays_again = last["finished"] and self._cleared and self._resubmit
        if self.pays_again:
            log.warning("Submitting all items anew: the batch had succeeded, and on_clear is resubmit")
            self._number, self._tail, self._rows = 0, [], {}
            return
        self._id = last["batch"]
        self._forget_what_is_gone()
        self._tell(last["open"])

    def _segments(self) -> Iterator[Mapping[str, Any]]:
        damaged_in_a_row = 0
        for number in count():
            segment = read_record(self._store, _key(number))
            damaged_in_a_row = 0 if segment else damaged_in_a_row + 1
            if segment is None or damaged_in_a_row > MAX_DAMAGED_IN_A_ROW:
                return
            yield segment

    def _forget_what_is_gone(self) -> None:
        oldest, at_service = time.time() - RETENTION, (Kind.SUBMITTED, Kind.UNDELIVERED)
        known = {of: row for of, row in self._rows.items() if row[1] != Kind.FORGOTTEN}
        self._rows = {of: row for of, row in known.items() if row[1] not in at_service or row[3] > oldest}
        if stale := len(known) - len(self._rows):
            log.warning(
                "%d OCR tasks of earlier tries are older than the 24 hours that the service keeps them: "
                "submitting anew",
                stale,
            )

    def _tell(self, unrecorded: int) -> None:
        kinds = [row[1] for row in self._rows.values()]
        log.info(
            "Resuming the batch of an earlier try: %d items are done, %d OCR tasks are running, %d items "
            "have failed for good",
            kinds.count(Kind.DONE),
            kinds.count(Kind.SUBMITTED),
            kinds.count(Kind.REFUSED) + kinds.count(Kind.UNDELIVERED),
        )
        if unrecorded:
            log.warning(
                "An earlier try failed or was killed: up to %d of its submissions may not be recorded. What "
                "the service accepted of them is submitted again now, and paid for twice",
                unrecorded,
            )


class RecordWriter:
    """Commit rows in groups: those of many items together, in a thread, a few times a second.

    :param record: where to; None commits nothing, and counts everything as committed.
    :param unrecorded: returns the most submissions that may be made before the next commit.
    """

    def __init__(self, record: BatchRecord | None, unrecorded: Callable[[], int]) -> None:
        self._record = record
        self._unrecorded = unrecorded
        self._pending: list[tuple[Row, asyncio.Event]] = []
        self._wanted = asyncio.Event()
        self._awaited = asyncio.Event()
        self._closing = False

    async def open(self) -> None:
        """Commit, before the first submission, how many may be made.

        :raises AsposeOcrStorageError: if that fails; nothing has been submitted then.
        """
        try:
            await self._commit()
        except Exception as error:
            raise not_recorded(error) from None

    def add(self, row: Row) -> asyncio.Event:
        """Take a row; what is returned is set once it is committed, for :meth:`settle` to wait for."""
        committed = asyncio.Event()
        if self._record is None:
            committed.set()
        else:
            self._pending.append((row, committed))
            self._wanted.set()
        return committed

    async def settle(self, committed: asyncio.Event) -> None:
        """Wait until a row is committed."""
        if not committed.is_set():
            self._awaited.set()
            await committed.wait()

    async def run(self) -> None:
        """Commit whenever there is something to commit, until closed.

        :raises AsposeOcrStorageError: if the record cannot be written: OCR tasks would be paid for twice
            after a crash.
        """
        while not self._closing:
            await self._wanted.wait()
            await self._persist()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._awaited.wait(), COMMIT_INTERVAL)
                await asyncio.sleep(MIN_COMMIT_INTERVAL)
        await self._persist()

    def close(self) -> None:
        """Let :meth:`run` commit what is left, and end."""
        self._closing = True
        self._wanted.set()
        self._awaited.set()

    async def _persist(self) -> None:
        for attempt in range(1, _MAX_ATTEMPTS + 1):
            try:
                await self._commit()
                return
            except Exception as error:
                if attempt == _MAX_ATTEMPTS:
                    raise AsposeOcrStorageError(
                        f"nothing more is submitted, since the record cannot be written: {reason_of(error)}"
                    ) from None
                log.warning("The record could not be written (%s): trying again", reason_of(error))
                await asyncio.sleep(COMMIT_INTERVAL * 2**attempt)

    async def _commit(self) -> None:
        self._wanted.clear()
        self._awaited.clear()
        if self._record is None:
            return
        taken = list(self._pending)
        rows = [row for row, _ in taken]
        await asyncio.to_thread(contained, self._record.write, rows, unrecorded=self._unrecorded())
        del self._pending[: len(taken)]
        for _, committed in taken:
            committed.set()


def _key(number: int) -> str:
    return f"batch_{number:05}"


def _is_whole(segment: Mapping[str, Any]) -> bool:
    kinds = {"batch": str, "max_tries": int, "open": int, "finished": bool, "rows": list}
    return all(isinstance(segment.get(key), kind) for key, kind in kinds.items())


def _is_sound(row: Any) -> bool:
    match row:
        case [str(), Kind.FORGOTTEN]:
            return True
        case [str(), Kind.SUBMITTED, ocr_task_id, at, *key]:
            whole = not key or (len(key) == 1 and isinstance(key[0], str) and _REUSE_KEY.fullmatch(key[0]))
            return bool(whole) and is_recorded_id(ocr_task_id) and is_moment(at)
        case [str(), Kind.DONE | Kind.REFUSED, None, None, *entry]:
            return is_entry(entry)
        case [str(), Kind.DONE | Kind.REFUSED | Kind.UNDELIVERED, ocr_task_id, at, *entry]:
            return is_recorded_id(ocr_task_id) and is_moment(at) and is_entry(entry)
    return False


def _size(row: Row) -> int:
    return len(json.dumps(row)) + len(", ")
