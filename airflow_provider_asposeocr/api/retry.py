"""The retry table: what each outcome of a request means, and how long to wait before the next one."""

from __future__ import annotations

import html
import json
import logging
import math
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import Generic, TypeVar
from urllib.parse import quote, quote_plus

from airflow_provider_asposeocr.api.coerce import MAX_NOTICES, one_line
from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrAuthError,
    AsposeOcrCertificateError,
    AsposeOcrConnectionError,
    AsposeOcrError,
    AsposeOcrRateLimitError,
    AsposeOcrRequestError,
    AsposeOcrServerError,
)
from airflow_provider_asposeocr.api.http import (
    FailureKind,
    Flow,
    HttpRequest,
    HttpResponse,
    NeedToken,
    Sleep,
    TransportFailure,
)

MAX_SLEEP = 60.0
"""Seconds that a flow sleeps at most; a longer wait leaves it as an error that carries ``retry_after``."""

MAX_RETRY_AFTER = 24 * 3600.0
"""Seconds of a Retry-After at most: Airflow cannot plan a retry in a thousand years."""


class AnswerKind(Enum):
    """Say what an answer means for the next attempt."""

    ANSWERED = auto()
    UNAUTHORIZED = auto()
    REFUSED = auto()
    """For good: repeating cannot help."""
    NOT_ACCEPTED = auto()
    """The service has surely not acted on it: repeat, whatever the method."""
    AMBIGUOUS = auto()
    """The service may have acted on it: repeat GET and DELETE, think twice about POST."""


_NOT_ACCEPTED = frozenset({429, 503})
_AMBIGUOUS = frozenset({408, 500, 502, 504})


_FAILURES = {
    FailureKind.NOT_SENT: AnswerKind.NOT_ACCEPTED,
    FailureKind.UNTRUSTED: AnswerKind.REFUSED,
    FailureKind.UNKNOWN: AnswerKind.AMBIGUOUS,
}


def classify(answer: HttpResponse | TransportFailure) -> AnswerKind:
    """Look an answer up in the table.

    :param answer: the driver's answer; a 2xx counts as answered, whatever its body turns out to be.
    """
    if isinstance(answer, TransportFailure):
        return _FAILURES[answer.kind]
    if 200 <= answer.status < 300:
        return AnswerKind.ANSWERED
    if answer.status == 401:
        return AnswerKind.UNAUTHORIZED
    if answer.status in _NOT_ACCEPTED:
        return AnswerKind.NOT_ACCEPTED
    if answer.status < 200 or answer.status in _AMBIGUOUS or answer.status > 504:
        return AnswerKind.AMBIGUOUS
    return AnswerKind.REFUSED


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Read how many seconds a reply asks to wait (RFC 9110, Retry-After: seconds or a date), or None.

    :param headers: found by names in lower case.
    :param now: seconds since the epoch.
    :return: from 0 to a day.
    """
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        wait = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
            # The oldest of the three forms of a date names no zone; it always means UTC.
            wait = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(0.0, wait), MAX_RETRY_AFTER) if math.isfinite(wait) else None


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Say how often and how fast to repeat.

    :param attempts: how often a request is made at most.
    :param base: seconds of the first wait; each later one is twice as long.
    :param repeat_ambiguous_submit: whether a submission whose fate is unknown is repeated, once. The
        service has no idempotency key, so a repeat may pay for a second task.
    :param until: seconds since the epoch after which nothing is repeated.
    :param now: the clock, seconds since the epoch.
    :param uniform: draws a number between two bounds.
    """

    attempts: int = 5
    base: float = 0.5
    repeat_ambiguous_submit: bool = True
    until: float = math.inf
    now: Callable[[], float] = time.time
    uniform: Callable[[float, float], float] = random.uniform

    def wait(self, failures: int, asked: float | None) -> float:
        """Seconds to wait before the next attempt.

        :param failures: how many attempts have failed.
        :param asked: what the service asked for; spread upwards only, never shortened.
        """
        if asked is not None:
            return min(max(asked, MAX_SLEEP), asked + self.uniform(0, min(1.0, asked * 0.1)))
        backoff = min(MAX_SLEEP, self.base * 2.0 ** (failures - 1))
        return backoff * self.uniform(0.5, 1.0)


log = logging.getLogger(__name__)
T = TypeVar("T")

_MAX_DETAIL = 300
_UNKNOWN_ID = frozenset({400, 404})
_REASONS = {
    401: "the service does not accept the sign-in",
    402: "the quota or the credits of the account are used up",
    403: "the account may not do this: it may be inactive or out of credits",
    404: "there is no such operation at this address: check host and api_prefix of the connection",
    413: "the source is larger than the service accepts",
    415: "the service does not accept this kind of input",
    429: "the service asks to slow down",
}


@dataclass(slots=True)
class Fate:
    """Keep what is known of a submission for as long as there is no id.

    :param before: called before the first request leaves; what it raises keeps that back.
    """

    before: Callable[[], None] = field(default=lambda: None, repr=False)
    begun: bool = False
    """True once ``before`` has been called."""
    unknown: bool = False
    """True while the service may have accepted the submission."""

    def sending(self) -> None:
        """Take note that a request leaves."""
        if not self.begun:
            self.begun = True
            self.before()
        self.unknown = True


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request with what is known about it.

    :param what: names the call in logs and errors.
    :param request: the request, without its token.
    :param read: turns the answer into the result; an error of a value in it means that the answer is not
        what the protocol says, and counts as HTTP 502.
    :param authenticated: whether the call carries a token.
    :param submits: whether a repeat may pay twice.
    :param fate: of the submission, where somebody wants to know it even when an exception ends the call.
    :param ocr_task_id: the OCR task it is about, for errors; HTTP 400 and 404 then mean that the service
        does not know it, and are left to ``read``.
    :param hidden: what must not be repeated from an answer, besides the token.
    """

    what: str
    request: HttpRequest
    read: Callable[[HttpResponse], T]
    authenticated: bool = True
    submits: bool = False
    fate: Fate = field(default_factory=Fate)
    ocr_task_id: str | None = None
    hidden: tuple[str, ...] = field(default=(), repr=False)


def make_call(call: Call[T], retry: RetryPolicy) -> Flow[T]:
    """Make a call.

    :param call: the call.
    :param retry: how often and how fast to repeat it.
    :raises AsposeOcrError: one that is ``retryable`` after the last attempt, or one that is not, at once.
    """
    try:
        return (yield from _attempts(call, retry))
    except AsposeOcrError as error:
        error.ambiguous = call.submits and call.fate.unknown
        raise


def _attempts(call: Call[T], retry: RetryPolicy) -> Flow[T]:
    token = (yield NeedToken(until=retry.until)) if call.authenticated else None
    failures, ambiguous, refreshed = 0, 0, False
    while True:
        call.fate.sending()
        try:
            answer = yield call.request.bearing(token, retry.until)
        except AsposeOcrError:
            # Nothing was sent, or a beginning alone, since the source could not be read to its end.
            call.fate.unknown = ambiguous > 0
            raise
        outcome = classify(answer)
        if outcome is AnswerKind.ANSWERED or _says_unknown_id(call, answer):
            try:
                return call.read(answer)
            except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
                outcome = AnswerKind.AMBIGUOUS
        call.fate.unknown = ambiguous > 0 or outcome is AnswerKind.AMBIGUOUS
        if outcome is AnswerKind.UNAUTHORIZED and call.authenticated and not refreshed:
            refreshed = True
            token = yield NeedToken(token, retry.until)
            continue
        asked = retry_after(answer.headers, retry.now()) if isinstance(answer, HttpResponse) else None
        error = _error(call, answer, outcome, asked, token)
        if not error.retryable:
            raise error
        failures += 1
        if call.submits and outcome is AnswerKind.AMBIGUOUS:
            ambiguous += 1
            if ambiguous > 1 or not retry.repeat_ambiguous_submit:
                raise error
        wait = retry.wait(failures, asked)
        late = retry.now() + wait > retry.until
        if failures >= retry.attempts or late or (asked or 0) > MAX_SLEEP:
            raise error
        if ambiguous:
            log.warning("%s: repeating a submission whose fate is unknown, a possible duplicate", call.what)
        log.warning("%s; attempt %d of %d follows in %.1f s", error, failures + 1, retry.attempts, wait)
        yield Sleep(wait)


def _says_unknown_id(call: Call[T], answer: HttpResponse | TransportFailure) -> bool:
    return call.ocr_task_id is not None and isinstance(answer, HttpResponse) and answer.status in _UNKNOWN_ID


def _error(
    call: Call[T],
    answer: HttpResponse | TransportFailure,
    outcome: AnswerKind,
    asked: float | None,
    token: str | None,
) -> AsposeOcrError:
    fate = ""
    if call.submits and outcome is AnswerKind.AMBIGUOUS:
        fate = "; whether the service accepted it is not known: a retry submits again, and may pay twice"
    if isinstance(answer, TransportFailure):
        failed = AsposeOcrCertificateError if outcome is AnswerKind.REFUSED else AsposeOcrConnectionError
        return failed(f"{call.what}: {answer.reason}{fate}", ocr_task_id=call.ocr_task_id)
    kind = _error_class(outcome, answer.status)
    if 200 <= answer.status < 300:
        reason = "the answer is not what the protocol says (an HTML page or a truncated reply?)"
    elif 300 <= answer.status < 400:
        reason = "the service redirects, which is not followed: check the host of the connection"
    else:
        otherwise = "the service failed" if kind.retryable else "the request was refused"
        reason = _REASONS.get(answer.status, otherwise)
    # Whoever has the id of an OCR task without a sign-in can read its result.
    secret_id = None if call.authenticated else call.ocr_task_id
    detail = problem_detail(answer, hidden=(token, secret_id, *call.hidden))
    waiting = f"; it asks to wait {asked:.0f} s" if asked is not None and kind.retryable else ""
    return kind(
        f"{call.what}: {reason} (HTTP {answer.status}{detail}){waiting}{fate}",
        status=answer.status,
        ocr_task_id=call.ocr_task_id,
        retry_after=asked if kind.retryable else None,
    )


def _error_class(outcome: AnswerKind, status: int) -> type[AsposeOcrError]:
    if outcome is AnswerKind.UNAUTHORIZED:
        return AsposeOcrAuthError
    if outcome is AnswerKind.NOT_ACCEPTED:
        return AsposeOcrRateLimitError
    return AsposeOcrServerError if outcome is AnswerKind.AMBIGUOUS else AsposeOcrRequestError


def _spellings(secret: str) -> re.Pattern[str]:
    forms = {secret, quote(secret, safe=""), quote_plus(secret), html.escape(secret)}
    return re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True))), re.IGNORECASE)


def problem_detail(response: HttpResponse, hidden: tuple[str | None, ...] = ()) -> str:
    """Return the message of a problem document (RFC 9457), as one short line after a comma, or nothing.

    :param response: the answer; one that is not such a document says nothing, since an error page may
        repeat anything, credentials included.
    :param hidden: what must not be repeated.
    """
    try:
        problem = json.loads(response.body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(problem, Mapping):
        return ""
    said = [problem.get("title"), problem.get("detail")]
    errors = problem.get("errors")
    if isinstance(errors, Mapping):
        said += [text for texts in errors.values() if isinstance(texts, list) for text in texts]
    texts = [text for text in said[:MAX_NOTICES] if isinstance(text, str) and text.strip()]
    for secret in filter(None, hidden):
        texts = [_spellings(secret).sub("***", text) for text in texts]
    line = one_line(": ".join(one_line(text) for text in texts), _MAX_DETAIL)
    return f", {line}" if line else ""
