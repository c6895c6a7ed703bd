"""What was asked of the emulator: counters to check a client's thrift against, and a transcript."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

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


@dataclass
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
        return {**asdict(self), "billed": self.billed}


@dataclass
class Calls(CallCounts):
    """The counts of all calls, and of those that named or made one task.

    :param by_task: the counts of each task id.
    """

    by_task: dict[str, CallCounts] = field(default_factory=dict)

    def count_for(self, ocr_task_id: str, kind: str) -> None:
        """Count one call for its task."""
        self.by_task.setdefault(ocr_task_id, CallCounts()).count(kind)

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as JSON values."""
        counts = {name: getattr(self, name) for name in CallCounts.__dataclass_fields__}
        by_task = {ocr_task_id: own.to_dict() for ocr_task_id, own in list(self.by_task.items())}
        return {**counts, "billed": self.billed, "by_task": by_task}

    def reset(self) -> None:
        """Set all counts to zero."""
        for name in CallCounts.__dataclass_fields__:
            setattr(self, name, 0)
        self.by_task.clear()


@dataclass
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

    def to_dict(self) -> dict[str, Any]:
        """Return the request as JSON values."""
        return asdict(self)


Transcript = deque[TranscriptEntry]
