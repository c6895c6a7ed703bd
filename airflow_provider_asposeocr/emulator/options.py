"""Everything that can be switched on the emulator, in one flat and live object.

Each switch in the second half of :class:`EmulatorOptions` stands for something that the service's
documentation leaves open, so that a client can be tried against either answer.
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
"""Largest generated result: never whole in memory, but Python's ``len`` must be able to tell its size."""

MAX_TRANSCRIPT_ENTRIES = 1_000_000
_MAX_COUNT = 1 << 53
"""Largest whole number that JSON holds exactly wherever it is read."""

_MAX_SIGMA = 10.0


@dataclass(frozen=True)
class LogNormal:
    """Draw service times from a log-normal distribution; the n-th submission always gets the same draw.

    :param median: the median service time, in seconds.
    :param sigma: the standard deviation of its natural logarithm.
    :param seed: two distributions with the same seed draw the same times.
    """

    median: float
    sigma: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse distributions that cannot be drawn from."""
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


def _count(name: str, value: Any, *, most: int = _MAX_COUNT, unit: str = "") -> None:
    checks.whole(name, value, 0, most, unit)


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
    "token_lifetime": partial(_count, most=int(checks.MAX_SECONDS)),
    "lockout_failures": _count,
    "lockout_seconds": partial(_count, most=int(checks.MAX_SECONDS)),
    "retention_seconds": checks.seconds,
    "ocr": checks.flag,
    "discard": checks.flag,
    "warm_up": checks.flag,
    "min_processing_seconds": checks.seconds,
    "service_seconds": _service_times,
    "scripted_text": _scripted_text,
    "result_bytes": partial(_optional, partial(_count, most=MAX_RESULT_BYTES, unit=" of bytes")),
    "completed_after_reads": _count,
    "max_body_bytes": partial(_optional, _count),
    "transcript_limit": partial(_count, most=MAX_TRANSCRIPT_ENTRIES),
    "id_style": partial(_choice, allowed=("guid", "tts", "quoted", "newline")),
    "unknown_id": partial(_choice, allowed=("not_exist", "404", "204")),
    "empty_results": partial(_choice, allowed=("null", "list")),
    "delete_status": partial(_choice, allowed=(200, 204)),
    "warnings": checks.texts,
    "messages": checks.texts,
    "block_get_seconds": checks.seconds,
    "plain_data": checks.flag,
    "extra_fields": checks.flag,
    "unknown_status": partial(_optional, checks.text),
    "shuffle_keys": checks.flag,
    "escape_base64": checks.flag,
    "gzip": checks.flag,
    "status_knows_ids": checks.flag,
}


@dataclass(slots=True)
class EmulatorOptions:
    """The emulator's switches. Assigning to one takes effect with the next request.

    :param client_id: the accepted client id.
    :param client_secret: the accepted client secret.
    :param token_lifetime: ``expires_in`` of new tokens, in seconds.
    :param lockout_failures: rejected sign-ins of one id and secret pair before it is locked out.
    :param lockout_seconds: how long a pair stays locked out, and its ``Retry-After``, in seconds.
    :param retention_seconds: how long a task is known, counted from its submission, in seconds.
    :param ocr: recognize images for real; when False every task is scripted.
    :param discard: hash and count uploads but keep none of them; every task is scripted.
    :param warm_up: load the recognition engine at start instead of at the first task.
    :param min_processing_seconds: the least time that a recognized (not scripted) task takes, in seconds.
    :param service_seconds: how long scripted tasks take, in seconds: a number, a list (one for each
        submission, the last one repeats) or a callable that is given the submission, such as
        :class:`LogNormal`.
    :param scripted_text: the text of scripted tasks, or a callable that is given the submission.
    :param result_bytes: answer each result of a completed task with so many generated bytes in place of its
        own, always the same for a size and a type; see :func:`.generated_sha256`.
    :param completed_after_reads: so many reads of a task answer a state that is not final, whatever the time.
    :param max_body_bytes: larger request bodies are refused with 413; None sets no limit.
    :param state_dir: where tasks are kept across a restart; None keeps none.
    :param transcript_limit: how many requests the transcript remembers.
    :param id_style: ``guid``, ``tts`` (prefix ``TTS``), ``quoted`` (JSON whatever was asked for) or
        ``newline`` (one at the end).
    :param unknown_id: how an unknown id is answered: ``not_exist`` (in a 200), ``404`` or ``204``.
    :param empty_results: ``results`` of an unfinished task: ``null`` or ``list`` (empty).
    :param delete_status: the status of a cancellation, 200 or 204.
    :param warnings: ``error.warnings`` of completed tasks.
    :param messages: ``error.messages`` of completed tasks.
    :param block_get_seconds: a fetch waits for the end of the task, at most so many seconds.
    :param plain_data: send text results as they are, not as Base64.
    :param extra_fields: add members that no documentation names.
    :param unknown_status: this ``taskStatus`` takes the place of ``Pending`` and ``Processing``.
    :param shuffle_keys: write the members of replies in an arbitrary order.
    :param escape_base64: write ``+`` and ``/`` as JSON escapes.
    :param gzip: compress replies for clients that accept it.
    :param status_knows_ids: when False, GetTaskStatus knows no task at all.
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
    warnings: Sequence[str] = ()
    messages: Sequence[str] = ()
    block_get_seconds: float = 0.0
    plain_data: bool = False
    extra_fields: bool = False
    unknown_status: str | None = None
    shuffle_keys: bool = False
    escape_base64: bool = False
    gzip: bool = False
    status_knows_ids: bool = True

    def __setattr__(self, name: str, value: Any) -> None:
        """Assign one switch; a value of the wrong kind or out of bounds raises ``ValueError``."""
        check = _CHECKS.get(name)
        if check:
            check(name, value)
        object.__setattr__(self, name, value)

    @property
    def scripted(self) -> bool:
        """Whether new tasks are scripted instead of recognized."""
        return self.discard or not self.ocr

    def update(self, changes: Mapping[str, Any]) -> None:
        """Change several switches from JSON values, all or none.

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
        """Return how long the scripted task of ``submission`` takes, in seconds."""
        given = self.service_seconds
        if callable(given):
            return float(given(submission))
        if isinstance(given, Sequence):
            return float(given[min(submission.index, len(given) - 1)]) if given else 0.0
        return float(given)

    def text_for(self, submission: Submission) -> str:
        """Return the text of the scripted task of ``submission``."""
        return self.scripted_text(submission) if callable(self.scripted_text) else self.scripted_text


def _service_seconds(value: Any) -> Any:
    return LogNormal(**value) if isinstance(value, Mapping) else value
