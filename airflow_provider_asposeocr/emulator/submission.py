"""What was submitted: the one record that the queue, the options and the control endpoints share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Submission:
    """One accepted submission.

    :param index: its place among all submissions of this emulator, from 0.
    :param ocr_task_id: the id it was given.
    :param operation: the operation's name, e.g. ``RecognizeImage``.
    :param settings: the settings exactly as received, empty where the operation has none.
    :param sha256: of the decoded file, in hexadecimal.
    :param size: of the decoded file, in bytes.
    :param submitted_at: when it was accepted, in seconds since the epoch.
    """

    index: int
    ocr_task_id: str
    operation: str
    settings: Mapping[str, Any]
    sha256: str
    size: int
    submitted_at: float

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        return asdict(self)
