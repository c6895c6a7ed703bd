"""A submission: what is known of a task of the service from the moment at which it was accepted."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from airflow_provider_asposeocr.api.coerce import is_usable_id
from airflow_provider_asposeocr.api.exceptions import AsposeOcrEventError, AsposeOcrUnusableIdError
from airflow_provider_asposeocr.api.http import HttpResponse
from airflow_provider_asposeocr.api.polling import Deadline

RETENTION = 24 * 3600.0
"""Seconds, counted from the submission, for which the service keeps a task."""

UNKNOWN_EVENT = "the trigger sent an event that this version does not know"


@dataclass(frozen=True, slots=True)
class Submission:
    """A task of the service that this try or an earlier one has submitted.

    It travels whole: with the trigger, back with its event, and to the method that a task resumes with. For
    Airflow hands that method nothing but the event where it runs a trigger without a triggerer.

    :param operation: the name of the operation.
    :param ocr_task_id: the service's id of the task.
    :param source: the URI of the source, as it may be shown; None where it is not known.
    :param fingerprint: tells whether another submission would be the same; None where it is not known.
    :param submitted_at: seconds since the epoch; None where it is not known.
    :param api_calls: billed calls made for it so far.
    :param reattached: whether an earlier try has submitted it.
    """

    operation: str
    ocr_task_id: str
    source: str | None = None
    fingerprint: str | None = None
    submitted_at: float | None = None
    api_calls: int = 0
    reattached: bool = False

    def deadline(self, patience: float) -> Deadline:
        """Return when to stop waiting: no later than the service forgets the task.

        :param patience: seconds to wait, counted from the submission, or from now if that was an earlier
            try's.
        """
        now = time.time()
        at = now if self.submitted_at is None else self.submitted_at
        return Deadline(min((now if self.reattached else at) + patience, at + RETENTION))

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Any) -> Submission:
        """Read what :meth:`to_dict` made.

        :param value: JSON values.
        :raises AsposeOcrEventError: if they are not those of a submission.
        """
        if not isinstance(value, Mapping) or set(value) != set(cls.__dataclass_fields__):
            raise AsposeOcrEventError(f"{UNKNOWN_EVENT}: it holds no submission")
        at = value["submitted_at"]
        if not (
            all(isinstance(value[name], str) for name in ("operation", "ocr_task_id"))
            and all(isinstance(value[name], str | None) for name in ("source", "fingerprint"))
            and (at is None or (isinstance(at, int | float) and math.isfinite(at)))
            and isinstance(value["api_calls"], int)
            and isinstance(value["reattached"], bool)
        ):
            raise AsposeOcrEventError(f"{UNKNOWN_EVENT}: its submission holds values of the wrong kind")
        return cls(**value)


def read_task_id(response: HttpResponse) -> str:
    """Read the id of a new task.

    :raises ValueError: if the answer is none of the service's, such as a web page.
    :raises AsposeOcrUnusableIdError: if it is one, but its id would be of no use.
    """
    # Bytes that are not UTF-8 become surrogates, which no id may hold.
    text = response.body.decode("utf-8-sig", errors="surrogateescape").strip()
    quoted = text.startswith('"')
    if quoted:
        text = json.loads(text, strict=False).strip()
    elif not text or text[0] in "<{[" or (" " in text and text.isprintable()):
        # A text in quotes is an answer of the service, whatever it says; a sentence is another server's.
        raise ValueError("no task id")
    if not response.complete or not is_usable_id(text) or " " in text:
        raise AsposeOcrUnusableIdError(
            f"the service accepted the submission (HTTP {response.status}), but its answer holds no id that "
            "can be used. To submit again would pay twice, so that is left to whoever clears the task",
            status=response.status,
        )
    return text
