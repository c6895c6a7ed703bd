"""A submission: the one record of a submitted OCR task, from the POST to the manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, get_type_hints

from airflow_provider_asposeocr.api.coerce import is_usable_id
from airflow_provider_asposeocr.api.exceptions import AsposeOcrEventError, AsposeOcrUnusableIdError
from airflow_provider_asposeocr.api.http import HttpResponse
from airflow_provider_asposeocr.api.operations import Operation, get_operation

RETENTION = 24 * 3600.0
"""Seconds, counted from the submission, for which the service keeps an OCR task."""

UNKNOWN_EVENT = "the trigger sent an event that this version does not know"


@dataclass(frozen=True, slots=True)
class Submission:
    """An OCR task that this try or an earlier one has submitted.

    It travels whole: record store, trigger, event, resumed method. Airflow hands the resumed method nothing
    but the event where it runs a trigger without a triggerer. The exact URI of the source is not part of it,
    as that may hold secrets: the fingerprint covers it.

    :param operation: the name of the operation.
    :param ocr_task_id: the service's id of the OCR task.
    :param source: the display URI of the source; None where it is not known.
    :param source_bytes: the size of the source; None where it is not known.
    :param fingerprint: from :func:`fingerprint`; None where it is not known.
    :param submitted_at: seconds since the epoch; None where it is not known.
    :param api_calls: billed calls made for it so far.
    :param reattached: whether an earlier try has submitted it.
    """

    operation: str
    ocr_task_id: str
    source: str | None = None
    source_bytes: int | None = None
    fingerprint: str | None = None
    submitted_at: float | int | None = None
    api_calls: int = 0
    reattached: bool = False

    def __str__(self) -> str:
        """Name the OCR task for a log or an error: whoever holds the id of a trial task can read it."""
        if self.of_operation.authenticated:
            return f"OCR task {self.ocr_task_id}"
        return "a trial OCR task, whose id is a secret"

    @property
    def of_operation(self) -> Operation:
        """The row of the operation in the table."""
        return get_operation(self.operation)

    def deadline(self, timeout: float, now: float) -> float:
        """Return when to stop waiting, no later than the service forgets the OCR task.

        :param timeout: seconds to wait, counted from the submission, or from now if an earlier try made it.
        :param now: seconds since the epoch.
        """
        at = now if self.submitted_at is None else self.submitted_at
        return min((now if self.reattached else at) + timeout, at + RETENTION)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Any) -> Submission:
        """Read what :meth:`to_dict` made.

        :param value: JSON values.
        :raises AsposeOcrEventError: if they are not those of a submission.
        """
        kinds = get_type_hints(cls)
        if not isinstance(value, Mapping) or value.keys() != kinds.keys():
            raise AsposeOcrEventError(f"{UNKNOWN_EVENT}: it holds no submission")
        at = value["submitted_at"]
        if not all(isinstance(value[name], kind) for name, kind in kinds.items()) or (
            at and not isfinite(at)
        ):
            raise AsposeOcrEventError(f"{UNKNOWN_EVENT}: its submission holds values of the wrong kind")
        return cls(**value)


def fingerprint(operation: Operation, wire: Mapping[str, Any] | None, identity: str, content_tag: str) -> str:
    """Tell two submissions apart: by operation, settings, identity and content of the source.

    Its first half leaves the content out, so that names of results can begin with it.

    :param operation: the operation.
    :param wire: its settings in the spelling of the wire.
    :param identity: of the source.
    :param content_tag: of the source; changes when its content does.
    """
    same = (operation.name, json.dumps(wire, sort_keys=True, default=str), identity)
    return _digest(*same)[:16] + _digest(*same, content_tag)[:16]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()


def read_task_id(response: HttpResponse) -> str:
    """Read the id of a new OCR task.

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
