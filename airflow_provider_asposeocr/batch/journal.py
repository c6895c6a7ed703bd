"""The journal of a batch: what was submitted and what became of it, for a try that comes after a crash.

It is a sequence of records, cut into shards. Only the last shard is ever written again, as neither of the
stores can append: what can be read back is always a beginning of what was written, with all of it that was
committed.

Each shard carries a head; that of the last one counts. ``open`` is the most submissions that could be made
before the next commit, so that a try which finds it after a crash can say how many jobs may be lost, and be
paid for twice.
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import Any, Protocol

from airflow_provider_asposeocr.api.exceptions import AsposeOcrError, AsposeOcrStorageError
from airflow_provider_asposeocr.api.submission import RETENTION
from airflow_provider_asposeocr.batch.outcome import Outcome, is_outcome
from airflow_provider_asposeocr.durable import is_moment, is_recorded_id
from airflow_provider_asposeocr.files.paths import reason_of

log = logging.getLogger(__name__)

MAX_SEGMENT_CHARACTERS = 16 * 1024
"""Characters of JSON in a shard at most. Airflow's store takes 64 KiB; as the last shard is written over and
over while it fills, a smaller one means fewer bytes."""

MAX_RECORD_CHARACTERS = 8 * 1024
"""Characters of JSON in a record at most; of a longer one the less important parts are left out."""

MAX_DAMAGED_IN_A_ROW = 10
"""So many shards in a row that cannot be understood are the end of a journal: a store may say so of any."""

Record = list[Any]


class Parts(Protocol):
    """Where shards are kept, by their numbers."""

    def read(self, number: int) -> Mapping[str, Any] | None:
        """Return a shard; None if there is none, and an empty one if it is damaged."""

    def write(self, number: int, shard: Mapping[str, Any]) -> None:
        """Keep a shard in place of the one before, whole or not at all."""


class Kind(StrEnum):
    """What a record says of an item."""

    SUBMITTED = "s"
    DONE = "d"
    REFUSED = "r"
    """It failed for good, and there is no job to go on with."""
    UNDELIVERED = "u"
    """It failed for good, but its job is at the service."""
    FORGOTTEN = "f"
    """Its job is gone: a retry submits anew."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A job that was submitted.

    :param ocr_task_id: the service's id of the task.
    :param submitted_at: seconds since the epoch.
    """

    ocr_task_id: str
    submitted_at: float


@dataclass(frozen=True, slots=True)
class Entry:
    """What an earlier try knows of an item.

    :param job: the job to go on with.
    :param outcome: what became of it, if there is nothing more to be done.
    """

    job: Recorded | None = None
    outcome: Outcome | None = None


def submitted(match: str, job: Recorded) -> Record:
    """The record of a submission.

    :param match: what it was made of, from :func:`.fingerprint`.
    :param job: the job.
    """
    return [_short(match), Kind.SUBMITTED.value, job.ocr_task_id, round(job.submitted_at, 3)]


def ended(match: str, kind: Kind, outcome: Outcome) -> Record:
    """The record of an item that has come to an end. Never longer than :data:`MAX_RECORD_CHARACTERS`.

    :param match: what it was made of, from :func:`.fingerprint`.
    :param kind: how it ended.
    :param outcome: what the report says of it.
    """
    moment = None if outcome.submitted_at is None else round(outcome.submitted_at, 3)
    head = [_short(match), kind.value, outcome.ocr_task_id, moment]
    return next(
        record
        for shorter in (outcome, *outcome.shortened())
        if len(json.dumps(record := [*head, *shorter.to_record()])) <= MAX_RECORD_CHARACTERS
    )


def forgotten(match: str) -> Record:
    """The record of a job that is gone.

    :param match: what it was made of, from :func:`.fingerprint`.
    """
    return [_short(match), Kind.FORGOTTEN.value]


class BatchRecord:
    """What earlier tries and this one have recorded.

    :param parts: where it is kept.
    :param max_tries: of the task instance: Airflow raises it when a user clears the task.
    :raises AsposeOcrStorageError: if it cannot be read: to submit might pay twice.
    """

    def __init__(self, parts: Parts, max_tries: int) -> None:
        self._parts = parts
        self._max_tries = max_tries
        self._id = secrets.token_hex(8)
        self._number = 0
        self._tail: list[Record] = []
        self._entries: dict[str, Record] = {}
        self._cleared = False
        self._read()

    def recall(self, match: str) -> Entry | None:
        """What earlier tries know of an item, or None if it is to be submitted.

        :param match: what a submission would be made of, from :func:`.fingerprint`.
        """
        record = self._entries.get(_short(match))
        if record is None:
            return None
        _, kind, ocr_task_id, submitted_at, *rest = record
        if kind == Kind.SUBMITTED or (kind == Kind.UNDELIVERED and self._cleared):
            return Entry(job=Recorded(ocr_task_id, submitted_at))
        if kind == Kind.REFUSED and self._cleared:
            return None
        return Entry(outcome=Outcome.of_record(rest, ocr_task_id, submitted_at))

    def write(self, records: Iterable[Record], *, unrecorded: int, finished: bool = False) -> None:
        """Commit records, all of them or a beginning of them.

        :param records: to be added.
        :param unrecorded: the most submissions that may be made before the next commit.
        :param finished: whether the batch has succeeded.
        """
        head = {
            "journal": self._id,
            "max_tries": self._max_tries,
            "open": unrecorded,
            "finished": finished,
        }
        number, tail = self._number, list(self._tail)
        empty = len(json.dumps({**head, "records": []}))
        size = empty + sum(_size(record) for record in tail)
        for record in records:
            if tail and size + _size(record) > MAX_SEGMENT_CHARACTERS:
                self._parts.write(number, {**head, "records": tail})
                number, tail, size = number + 1, [], empty
            tail.append(record)
            size += _size(record)
        self._parts.write(number, {**head, "records": tail})
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
        damaged_shards = damaged_records = 0
        for number, shard in enumerate(self._shards()):
            if not _is_whole(shard):
                # If it is the last one, it is written over.
                self._number, self._tail = number, []
                damaged_shards += 1
                continue
            if last is not None and shard["journal"] != last["journal"]:
                break
            last, self._number = shard, number
            self._tail = [record for record in shard["records"] if _is_sound(record)]
            damaged_records += len(shard["records"]) - len(self._tail)
            self._entries.update((record[0], record) for record in self._tail)
        if damaged_shards or damaged_records:
            log.warning(
                "%d shards and %d records of the journal of an earlier try are damaged and count as none: "
                "what they stand for may be submitted again, and paid for twice",
                damaged_shards,
                damaged_records,
            )
        if last is None:
            self._number = 0
            return
        self._cleared = last["max_tries"] != self._max_tries
        if last["finished"] and self._cleared:
            log.warning("Submitting all items anew: the task was cleared after the batch had succeeded")
            self._number, self._tail, self._entries = 0, [], {}
            return
        self._id = last["journal"]
        self._forget_what_is_gone()
        self._tell(last["open"])

    def _shards(self) -> Iterator[Mapping[str, Any]]:
        damaged_in_a_row = 0
        for number in count():
            try:
                shard = self._parts.read(number)
            except AsposeOcrError:
                raise
            except Exception as error:
                raise AsposeOcrStorageError(
                    f"the journal of an earlier try cannot be read: {reason_of(error)}"
                ) from None
            damaged_in_a_row = 0 if shard else damaged_in_a_row + 1
            if shard is None or damaged_in_a_row > MAX_DAMAGED_IN_A_ROW:
                return
            yield shard

    def _forget_what_is_gone(self) -> None:
        oldest = time.time() - RETENTION
        alive = (Kind.SUBMITTED, Kind.UNDELIVERED)
        stale = [
            match for match, (_, kind, *rest) in self._entries.items() if kind in alive and rest[1] <= oldest
        ]
        gone = [match for match, record in self._entries.items() if record[1] == Kind.FORGOTTEN]
        for match in (*stale, *gone):
            del self._entries[match]
        if stale:
            log.warning(
                "%d jobs of earlier tries are older than the 24 hours that the service keeps them: "
                "submitting anew",
                len(stale),
            )

    def _tell(self, unrecorded: int) -> None:
        kinds = [record[1] for record in self._entries.values()]
        log.info(
            "Going on with the batch of an earlier try: %d items are done, %d jobs are under way, %d items "
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


def _is_whole(shard: Mapping[str, Any]) -> bool:
    kinds = {"journal": str, "max_tries": int, "open": int, "finished": bool, "records": list}
    return all(isinstance(shard.get(key), kind) for key, kind in kinds.items())


def _is_sound(record: Any) -> bool:
    match record:
        case [str(), Kind.FORGOTTEN]:
            return True
        case [str(), Kind.SUBMITTED, ocr_task_id, at]:
            return is_recorded_id(ocr_task_id) and is_moment(at)
        case [str(), Kind.DONE | Kind.REFUSED, None, None, *outcome]:
            return is_outcome(outcome)
        case [str(), Kind.DONE | Kind.REFUSED | Kind.UNDELIVERED, ocr_task_id, at, *outcome]:
            return is_recorded_id(ocr_task_id) and is_moment(at) and is_outcome(outcome)
    return False


def _short(match: str) -> str:
    return match[:32]


def _size(record: Record) -> int:
    return len(json.dumps(record)) + len(", ")
