"""What was asked of the emulator: counters to check a client's thrift against, and a transcript."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_asposeocr.emulator.bounded import BoundedDict

MAX_COUNTED_OCR_TASKS = 100_000
"""Tasks with counters of their own: a day's at more than one a second."""

MAX_UNKNOWN_IDS = 10_000
"""Ids with counters of their own that were not given here: anybody can ask about any number of them."""

MAX_ID_CHARS = 200
"""Ids are about forty characters long; what is longer is cut wherever it is kept."""

MAX_SHOWN_CHARS = 500
"""A path or a header in the transcript is cut to so many characters."""

_PLAIN_BYTES = 1_500
"""Memory of an entry without its texts, as measured."""

SHOWN_HEADERS = (
    "accept",
    "accept-encoding",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
    "user-agent",
)
"""The request headers that the transcript shows; a token is only ever shown as present."""


@dataclass(slots=True)
class CallCounts:
    """How many calls of each kind arrived, answered or not.

    :param token: sign-ins.
    :param submit: submissions.
    :param poll: reads of a task at its own operation.
    :param status: reads at GetTaskStatus.
    :param cancel: cancellations.
    :param file: reads of a raw result.
    """

    token: int = 0
    submit: int = 0
    poll: int = 0
    status: int = 0
    cancel: int = 0
    file: int = 0

    @property
    def billed(self) -> int:
        """All calls but sign-ins."""
        return self.submit + self.poll + self.status + self.cancel + self.file

    def count(self, kind: str) -> None:
        """Count one call."""
        setattr(self, kind, getattr(self, kind) + 1)

    def to_dict(self) -> dict[str, int]:
        """Return the counts as JSON values."""
        return {**{kind: getattr(self, kind) for kind in _KINDS}, "billed": self.billed}


_KINDS = tuple(CallCounts.__dataclass_fields__)


class Calls(CallCounts):
    """The counts of all calls, and of those that named or made one task."""

    def __init__(self) -> None:
        super().__init__()
        self._made: BoundedDict[str, CallCounts] = BoundedDict(MAX_COUNTED_OCR_TASKS)
        self._unknown: BoundedDict[str, CallCounts] = BoundedDict(MAX_UNKNOWN_IDS)

    @property
    def by_ocr_task(self) -> Mapping[str, CallCounts]:
        """The counts of each task id, of those that were made here and of others that were asked about."""
        return ChainMap(self._made, self._unknown)

    def count_made(self, ocr_task_id: str) -> None:
        """Count the submission that made a task."""
        counts = self._made[ocr_task_id] = CallCounts()
        counts.count("submit")

    def count_for(self, ocr_task_id: str, kind: str) -> None:
        """Count one call for the id that it names, whether there is such a task or not."""
        counts = self._made.get(ocr_task_id) or self._unknown.get(ocr_task_id[:MAX_ID_CHARS])
        if counts is None:
            counts = self._unknown[ocr_task_id[:MAX_ID_CHARS]] = CallCounts()
        counts.count(kind)

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as JSON values."""
        by_ocr_task = {ocr_task_id: own.to_dict() for ocr_task_id, own in list(self.by_ocr_task.items())}
        return {**self.totals(), "by_ocr_task": by_ocr_task}

    def totals(self) -> dict[str, int]:
        """Return the counts of all calls as JSON values."""
        return super().to_dict()

    def reset(self) -> None:
        """Set all counts to zero."""
        for kind in _KINDS:
            setattr(self, kind, 0)
        self._made.clear()
        self._unknown.clear()


@dataclass(slots=True)
class TranscriptEntry:
    """One request.

    :param method: the HTTP method.
    :param path: the path as sent, without the query.
    :param kind: the kind of call, as in :class:`CallCounts`.
    :param operation: the operation it names, None for sign-ins and GetTaskStatus.
    :param ocr_task_id: the task it named or made.
    :param authorized: whether an ``Authorization`` header was sent.
    :param headers: a few of its headers.
    :param received_at: in seconds since the epoch.
    :param body_bytes: how much of its body was read, in bytes.
    :param status: the HTTP status of the answer; None before it and when the connection was dropped.
    """

    method: str
    path: str
    kind: str
    operation: str | None
    ocr_task_id: str | None
    authorized: bool
    headers: Mapping[str, str]
    received_at: float
    body_bytes: int = 0
    status: int | None = None

    @property
    def memory(self) -> int:
        """About how much memory it takes, in bytes."""
        return (
            _PLAIN_BYTES + len(self.path) + len(self.ocr_task_id or "") + sum(map(len, self.headers.values()))
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the request as JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}
