"""Options of the emulator, in one flat object whose changes take effect immediately.

Each option in the second half of :class:`EmulatorOptions` stands for a point that the documentation of the
service leaves open, so that a client can be tested against every possible behaviour.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any

from airflow_provider_asposeocr.emulator import checks
from airflow_provider_asposeocr.emulator.submission import Submission

MAX_RESULT_BYTES = 1 << 40
"""Maximum size of a generated result, which is never whole in memory, but has to fit Python's ``len``."""

MAX_TRANSCRIPT_ENTRIES = 1_000_000
_MAX_COUNT = 1 << 53
"""Largest whole number that every JSON parser reads exactly."""

_MAX_SIGMA = 10.0


@dataclass(frozen=True)
class LogNormal:
    """Draw service times from a log-normal distribution; the n-th submission always gets the same time.

    :param median: the median service time, in seconds.
    :param sigma: the standard deviation of its natural logarithm.
    :param seed: distributions with the same seed draw the same times.
    """

    median: float
    sigma: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse parameters from which nothing can be drawn."""
        checks.number("median", self.median, 1e-9, checks.MAX_SECONDS)
        checks.number("sigma", self.sigma, 0, _MAX_SIGMA)
        checks.whole("seed", self.seed, -_MAX_COUNT, _MAX_COUNT)

    def __call__(self, submission: Submission) -> float:
        """Return the service time of one submission, in seconds."""
        return random.Random(f"{self.seed}:{submission.index}").lognormvariate(
            math.log(self.median), self.sigma
        )


ServiceSeconds = float | Sequence[float] | Callable[[Submission], float]
ScriptedText = str | Callable[[Submission], str]
Check = Callable[[str, Any], None]

_FIXED_AT_START = frozenset({"state_dir", "warm_up"})


def _choice(name: str, value: Any, *, allowed: tuple[object, ...]) -> None:
    if isinstance(value, bool) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, not {checks.shown(value)}")


def _count(name: str, value: Any, *, maximum: int = _MAX_COUNT, unit: str = "") -> None:
    checks.whole(name, value, 0, maximum, unit)


def _optional(check: Check, name: str, value: Any) -> None:
    if value is not None:
        check(name, value)


def _scripted_text(name: str, value: Any) -> None:
    if not callable(value):
        checks.text(name, value)


def _service_times(name: str, value: Any) -> None:
    if callable(value):
        return
    if isinstance(value, str) or not isinstance(value, Sequence):
        value = [value]
    for item in value:
        checks.seconds(name, item)


_CHECKS: Mapping[str, Check] = {
    "client_id": checks.text,
    "client_secret": checks.text,
    "token_lifetime": partial(_count, maximum=int(checks.MAX_SECONDS)),
    "lockout_failures": _count,
    "lockout_seconds": partial(_count, maximum=int(checks.MAX_SECONDS)),
    "retention_seconds": checks.seconds,
    "ocr": checks.flag,
    "discard": checks.flag,
    "warm_up": checks.flag,
    "min_processing_seconds": checks.seconds,
    "service_seconds": _service_times,
    "scripted_text": _scripted_text,
    "result_bytes": partial(_optional, partial(_count, maximum=MAX_RESULT_BYTES, unit=" of bytes")),
    "completed_after_reads": _count,
    "max_body_bytes": partial(_optional, _count),
    "transcript_limit": partial(_count, maximum=MAX_TRANSCRIPT_ENTRIES),
    "id_style": partial(_choice, allowed=("guid", "tts", "quoted", "newline")),
    "unknown_id": partial(_choice, allowed=("not_exist", "404", "204")),
    "empty_results": partial(_choice, allowed=("null", "list")),
    "delete_status": partial(_choice, allowed=(200, 204, 405)),
    "keep_deleted": checks.flag,
    "forget_after_read": checks.flag,
    "unfinished": partial(_choice, allowed=("status", "404", "204")),
    "rejected_sign_in": partial(_choice, allowed=(400, 401, 403)),
    "refused_token": partial(_choice, allowed=(401, 403)),
    "wrong_settings": partial(_choice, allowed=("400", "error", "ignored")),
    "warnings": checks.texts,
    "messages": checks.texts,
    "block_get_seconds": checks.seconds,
    "plain_data": checks.flag,
    "lower_case_types": checks.flag,
    "reverse_results": checks.flag,
    "extra_fields": checks.flag,
    "unknown_status": partial(_optional, checks.text),
    "response_status_code": partial(_optional, checks.text),
    "reply_type": partial(_choice, allowed=("application/json", "text/plain")),
    "shuffle_keys": checks.flag,
    "escape_base64": checks.flag,
    "gzip": checks.flag,
    "status_knows_ids": checks.flag,
}


@dataclass(slots=True)
class EmulatorOptions:
    """Options of the emulator. Assigning to one takes effect with the next request.

    :param client_id: the accepted client id.
    :param client_secret: the accepted client secret.
    :param token_lifetime: ``expires_in`` of new tokens, in seconds.
    :param lockout_failures: failed sign-ins of one pair of id and secret before it is locked out.
    :param lockout_seconds: how long a pair stays locked out, and its ``Retry-After``, in seconds.
    :param retention_seconds: how long an OCR task is kept after its submission, in seconds.
    :param ocr: recognize images; if False, every OCR task is scripted.
    :param discard: hash and count uploads but keep none of them; every OCR task is scripted.
    :param warm_up: load the recognition engine at start instead of with the first OCR task.
    :param min_processing_seconds: the minimum duration of recognized (not scripted) OCR tasks, in seconds.
    :param service_seconds: the duration of scripted OCR tasks, in seconds: a number, a list (one for each
        submission, the last one repeats) or a callable that takes the submission, such as
        :class:`LogNormal`.
    :param scripted_text: the text of scripted OCR tasks, or a callable that takes the submission.
    :param result_bytes: replace each result of a completed OCR task by this many generated bytes, always the
        same for a size and a type; see :func:`.generated_sha256`.
    :param completed_after_reads: how many reads of an OCR task return a state that is not final, whatever
        the time.
    :param max_body_bytes: larger request bodies are refused with 413; None sets no limit.
    :param state_dir: the directory in which OCR tasks survive a restart; None keeps none.
    :param transcript_limit: how many requests the transcript remembers.
    :param id_style: ``guid``, ``tts`` (prefix ``TTS``), ``quoted`` (always JSON, whatever ``Accept`` says) or
        ``newline`` (a line break at the end).
    :param unknown_id: the response for an unknown id: ``not_exist`` (in a 200), ``404`` or ``204``.
    :param empty_results: ``results`` of an unfinished OCR task: ``null`` or ``list`` (empty).
    :param delete_status: the HTTP status of a cancellation, 200 or 204; with 405 there is no cancellation.
    :param keep_deleted: keep the results of a completed OCR task that is deleted.
    :param forget_after_read: forget an OCR task once its results have been read.
    :param unfinished: the response to a fetch of an unfinished OCR task: its ``status`` (in a 200), ``404``
        or ``204``.
    :param rejected_sign_in: the HTTP status for wrong credentials: 400, 401 or 403.
    :param refused_token: the HTTP status for a token that is missing, expired or wrong: 401 or 403.
    :param wrong_settings: the response to a wrong setting: ``400``, or an OCR task that ends as ``error`` or
        for which the settings are ``ignored``.
    :param warnings: ``error.warnings`` of completed OCR tasks.
    :param messages: ``error.messages`` of completed OCR tasks.
    :param block_get_seconds: how long a fetch waits for the OCR task to end, in seconds.
    :param plain_data: send text results as they are, not as Base64.
    :param lower_case_types: write the types of results in lower case.
    :param reverse_results: send several results in reverse order.
    :param extra_fields: add undocumented members to replies.
    :param unknown_status: a ``taskStatus`` that replaces ``Pending`` and ``Processing``.
    :param response_status_code: a ``responseStatusCode`` that replaces all others.
    :param reply_type: the media type of replies with a status: ``application/json`` or ``text/plain``.
    :param shuffle_keys: write the members of replies in an arbitrary order.
    :param escape_base64: write ``+`` and ``/`` as JSON escapes.
    :param gzip: compress replies for clients that accept it.
    :param status_knows_ids: if False, GetTaskStatus does not know any OCR task.
    """

    client_id: str = "emulator-client-id"
    client_secret: str = field(default="emulator-client-secret", repr=False)
    token_lifetime: int = 3600
    lockout_failures: int = 5
    lockout_seconds: int = 600
    retention_seconds: float = 24 * 3600.0
    ocr: bool = True
    discard: bool = False
    warm_up: bool = False
    min_processing_seconds: float = 0.0
    service_seconds: ServiceSeconds = 0.0
    scripted_text: ScriptedText = "The quick brown fox jumps over the lazy dog."
    result_bytes: int | None = None
    completed_after_reads: int = 0
    max_body_bytes: int | None = None
    state_dir: Path | None = None
    transcript_limit: int = 10_000

    id_style: str = "guid"
    unknown_id: str = "not_exist"
    empty_results: str = "null"
    delete_status: int = 200
    keep_deleted: bool = False
    forget_after_read: bool = False
    unfinished: str = "status"
    rejected_sign_in: int = 400
    refused_token: int = 401
    wrong_settings: str = "400"
    warnings: Sequence[str] = ()
    messages: Sequence[str] = ()
    block_get_seconds: float = 0.0
    plain_data: bool = False
    lower_case_types: bool = False
    reverse_results: bool = False
    extra_fields: bool = False
    unknown_status: str | None = None
    response_status_code: str | None = None
    reply_type: str = "application/json"
    shuffle_keys: bool = False
    escape_base64: bool = False
    gzip: bool = False
    status_knows_ids: bool = True

    def __setattr__(self, name: str, value: Any) -> None:
        """Assign one option; a value of the wrong type or out of range raises ``ValueError``."""
        check = _CHECKS.get(name)
        if check:
            check(name, value)
        object.__setattr__(self, name, value)

    @property
    def scripted(self) -> bool:
        """True if new OCR tasks are scripted instead of recognized."""
        return self.discard or not self.ocr

    def update(self, changes: Mapping[str, Any]) -> None:
        """Change several options from JSON values, all or none.

        :param changes: option names and values; ``service_seconds`` may be an object with the arguments of
            :class:`LogNormal`.
        """
        names = {f.name for f in fields(self)}
        unknown = sorted(set(changes) - names)
        if unknown:
            raise ValueError(f"unknown option: {', '.join(unknown)}")
        fixed = sorted(set(changes) & _FIXED_AT_START)
        if fixed:
            raise ValueError(f"can only be set at start: {', '.join(fixed)}")
        before = {name: getattr(self, name) for name in changes}
        try:
            for name, value in changes.items():
                setattr(self, name, _service_seconds(value) if name == "service_seconds" else value)
        except (TypeError, ValueError):
            for name, value in before.items():
                setattr(self, name, value)
            raise

    def service_time(self, submission: Submission) -> float:
        """Return the duration of the scripted OCR task of ``submission``, in seconds."""
        given = self.service_seconds
        if callable(given):
            return float(given(submission))
        if isinstance(given, Sequence):
            return float(given[min(submission.index, len(given) - 1)]) if given else 0.0
        return float(given)

    def text_for(self, submission: Submission) -> str:
        """Return the text of the scripted OCR task of ``submission``."""
        return self.scripted_text(submission) if callable(self.scripted_text) else self.scripted_text


def _service_seconds(value: Any) -> Any:
    return LogNormal(**value) if isinstance(value, Mapping) else value
