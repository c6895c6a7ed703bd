"""What was submitted: the one record that the queue, the options and the control endpoints share."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from airflow_provider_asposeocr.emulator import checks
from airflow_provider_asposeocr.emulator.routes import EMULATED

_SHA256 = re.compile("[0-9a-f]{64}")
_MAX_SIZE = 1 << 60
_PLAIN_BYTES = 1_800
"""Memory of a scripted task with a few settings, its counters included, as measured."""

_BYTES_PER_CHARACTER = 20
"""Settings can take so much memory for each character of their JSON: a list in a list has three of them."""


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
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @cached_property
    def memory(self) -> int:
        """About how much memory it takes, in bytes."""
        return _PLAIN_BYTES + _BYTES_PER_CHARACTER * len(json.dumps(self.settings))

    @classmethod
    def from_record(cls, ocr_task_id: str, record: Any) -> Submission:
        """Read what :meth:`to_dict` made.

        :param ocr_task_id: the id that the record has to be of.
        :param record: values read from JSON, whoever wrote it.
        :raises ValueError: if they are not those of a submission.
        """
        if not isinstance(record, dict) or set(record) != set(cls.__dataclass_fields__):
            raise ValueError("its submission is not an object with the members of one")
        checks.whole("index", record["index"], 0, _MAX_SIZE)
        checks.whole("size", record["size"], 0, _MAX_SIZE)
        checks.timestamp("submitted_at", record["submitted_at"])
        if record["ocr_task_id"] != ocr_task_id:
            raise ValueError("it is of another task")
        if not isinstance(record["operation"], str) or record["operation"] not in EMULATED:
            raise ValueError("its operation is not emulated")
        if not isinstance(record["sha256"], str) or not _SHA256.fullmatch(record["sha256"]):
            raise ValueError("its digest is none")
        if not isinstance(record["settings"], dict):
            raise ValueError("its settings are not an object")
        # A clock that was ahead must not keep it, and all tasks after it, for longer than the retention.
        return cls(**{**record, "submitted_at": min(record["submitted_at"], time.time())})
