"""Submission: the one record of it that the queue, the options and the control endpoints share."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from airflow_provider_asposeocr.api.operations import OPERATIONS
from airflow_provider_asposeocr.emulator import checks

_SHA256 = re.compile("[0-9a-f]{64}")
_MAX_SIZE = 1 << 60
_PLAIN_BYTES = 1_800
"""Memory of a scripted OCR task with a few settings, including its counters, as measured."""

_BYTES_PER_CHARACTER = 20
"""Maximum memory of settings per character of their JSON: a list in a list takes three characters."""


@dataclass(frozen=True)
class Submission:
    """Accepted submission.

    :param index: its position among all submissions of this emulator, from 0.
    :param ocr_task_id: the id of its OCR task.
    :param operation: the operation's name, e.g. ``RecognizeImage``.
    :param settings: the settings exactly as received; empty if the operation has none.
    :param sha256: the digest of the decoded file, in hexadecimal.
    :param size: the size of the decoded file, in bytes.
    :param submitted_at: the time of its acceptance, in seconds since the epoch.
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
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @cached_property
    def memory(self) -> int:
        """Approximate memory of its OCR task, in bytes."""
        return _PLAIN_BYTES + _BYTES_PER_CHARACTER * len(json.dumps(self.settings))

    @classmethod
    def from_record(cls, ocr_task_id: str, record: Any) -> Submission:
        """Read the result of :meth:`to_dict`.

        :param ocr_task_id: the id that the record must belong to.
        :param record: values from JSON of any origin.
        :raises ValueError: if they are not those of a submission.
        """
        if not isinstance(record, dict) or set(record) != set(cls.__dataclass_fields__):
            raise ValueError("its submission is not an object with the members of one")
        checks.whole("index", record["index"], 0, _MAX_SIZE)
        checks.whole("size", record["size"], 0, _MAX_SIZE)
        checks.timestamp("submitted_at", record["submitted_at"])
        if record["ocr_task_id"] != ocr_task_id:
            raise ValueError("it belongs to another OCR task")
        operation = OPERATIONS.get(record["operation"]) if isinstance(record["operation"], str) else None
        if operation is None or not operation.submits:
            raise ValueError("its operation is none that starts an OCR task")
        if not isinstance(record["sha256"], str) or not _SHA256.fullmatch(record["sha256"]):
            raise ValueError("its digest is none")
        if not isinstance(record["settings"], dict):
            raise ValueError("its settings are not an object")
        # If the clock was ahead, this and all later OCR tasks must not outlive the retention.
        return cls(**{**record, "submitted_at": min(record["submitted_at"], time.time())})
