"""Record of the calls that arrived: counters, to check how many calls a client makes, and a transcript."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_asposeocr.emulator.bounded import BoundedDict

MAX_COUNTED_OCR_TASKS = 100_000
"""OCR tasks with counters of their own: a day's worth at more than one per second."""

MAX_UNKNOWN_IDS = 10_000
"""Unknown ids with counters of their own: a client can ask about any number of them."""

MAX_ID_CHARS = 200
"""Ids are about forty characters long; longer ones are truncated wherever they are stored."""

MAX_SHOWN_CHARS = 500
"""Paths and headers in the transcript are truncated to this length."""

_PLAIN_BYTES = 1_500
"""Memory of an entry without its strings, as measured."""

SHOWN_HEADERS = (
    "accept",
    "accept-encoding",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
    "user-agent",
)
"""Request headers that the transcript shows; of a token it shows only that there was one."""


@dataclass(slots=True)
class CallCounts:
    """Number of calls of each kind that arrived, whether they were answered or not.

    :param token: sign-ins.
    :param submit: submissions.
    :param poll: reads of an OCR task at its own operation.
    :param status: reads at GetTaskStatus.
    :param cancel: cancellations.
    :param file: downloads of a raw result file.
    """

    token: int = 0
    submit: int = 0
    poll: int = 0
    status: int = 0
    cancel: int = 0
    file: int = 0

    @property
    def billed(self) -> int:
        """Number of all calls except sign-ins."""
        return self.submit + self.poll + self.status + self.cancel + self.file

    def count(self, kind: str) -> None:
        """Count one call."""
        setattr(self, kind, getattr(self, kind) + 1)

    def to_dict(self) -> dict[str, int]:
        """Return the counts as JSON values."""
        return {**{kind: getattr(self, kind) for kind in _KINDS}, "billed": self.billed}


_KINDS = tuple(CallCounts.__dataclass_fields__)


class Calls(CallCounts):
    """Counts of all calls, and of the calls that named or created each OCR task."""

    def __init__(self) -> None:
        super().__init__()
        self._made: BoundedDict[str, CallCounts] = BoundedDict(MAX_COUNTED_OCR_TASKS)
        self._unknown: BoundedDict[str, CallCounts] = BoundedDict(MAX_UNKNOWN_IDS)

    @property
    def by_ocr_task(self) -> Mapping[str, CallCounts]:
        """Counts by OCR task id, for tasks created here and for unknown ids that were asked about."""
        return ChainMap(self._made, self._unknown)

    def count_made(self, ocr_task_id: str) -> None:
        """Count the submission that created an OCR task."""
        counts = self._made[ocr_task_id] = CallCounts()
        counts.count("submit")

    def count_for(self, ocr_task_id: str, kind: str) -> None:
        """Count one call for the id that it names, whether or not such an OCR task exists."""
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
    """Request as the transcript shows it.

    :param method: the HTTP method.
    :param path: the path as sent, without the query.
    :param kind: the kind of call, as in :class:`CallCounts`.
    :param operation: the operation it names, None for sign-ins and GetTaskStatus.
    :param ocr_task_id: the OCR task that it named or created.
    :param authorized: whether an ``Authorization`` header was sent.
    :param headers: those of :data:`SHOWN_HEADERS` that were sent.
    :param received_at: in seconds since the epoch.
    :param body_bytes: how much of its body was read, in bytes.
    :param status: the HTTP status of the response; None until it is sent, or if the connection was dropped.
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
        """Approximate memory of the entry, in bytes."""
        return (
            _PLAIN_BYTES + len(self.path) + len(self.ocr_task_id or "") + sum(map(len, self.headers.values()))
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the request as JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}
