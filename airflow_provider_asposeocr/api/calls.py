"""One call to the service, repeated by the rules of the retry table until it is answered or given up."""

from __future__ import annotations

import html
import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import quote, quote_plus

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
    Flow,
    HttpRequest,
    HttpResponse,
    NeedToken,
    Sleep,
    TransportFailure,
)
from airflow_provider_asposeocr.api.retry import LONGEST_SLEEP, Outcome, RetryPolicy, classify, retry_after
from airflow_provider_asposeocr.api.text import MAX_NOTICES, one_line

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
    """What is known of a submission for as long as there is no id.

    :param before: called before the first request leaves; what it raises keeps that back.
    """

    before: Callable[[], None] = field(default=lambda: None, repr=False)
    begun: bool = False
    """Whether ``before`` has been called."""
    unknown: bool = False
    """Whether the service may have accepted the submission."""

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
    :param ocr_task_id: the task it is about, for errors; HTTP 400 and 404 then mean that the service
        does not know the task, and are left to ``read``.
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


def make(call: Call[T], retry: RetryPolicy) -> Flow[T]:
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
        if outcome is Outcome.ANSWERED or _says_unknown_id(call, answer):
            try:
                return call.read(answer)
            except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
                outcome = Outcome.AMBIGUOUS
        call.fate.unknown = ambiguous > 0 or outcome is Outcome.AMBIGUOUS
        if outcome is Outcome.UNAUTHORIZED and call.authenticated and not refreshed:
            refreshed = True
            token = yield NeedToken(token, retry.until)
            continue
        asked = retry_after(answer.headers, retry.now()) if isinstance(answer, HttpResponse) else None
        error = _error(call, answer, outcome, asked, token)
        if not error.retryable:
            raise error
        failures += 1
        if call.submits and outcome is Outcome.AMBIGUOUS:
            ambiguous += 1
            if ambiguous > 1 or not retry.repeat_ambiguous_submit:
                raise error
        wait = retry.wait(failures, asked)
        late = retry.now() + wait > retry.until
        if failures >= retry.attempts or late or (asked or 0) > LONGEST_SLEEP:
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
    outcome: Outcome,
    asked: float | None,
    token: str | None,
) -> AsposeOcrError:
    fate = ""
    if call.submits and outcome is Outcome.AMBIGUOUS:
        fate = "; whether the service accepted it is not known: a retry submits again, and may pay twice"
    if isinstance(answer, TransportFailure):
        failed = AsposeOcrCertificateError if outcome is Outcome.REFUSED else AsposeOcrConnectionError
        return failed(f"{call.what}: {answer.reason}{fate}", ocr_task_id=call.ocr_task_id)
    kind = _error_class(outcome, answer.status)
    if 200 <= answer.status < 300:
        reason = "the answer is not what the protocol says (an HTML page or a truncated reply?)"
    elif 300 <= answer.status < 400:
        reason = "the service redirects, which is not followed: check the host of the connection"
    else:
        otherwise = "the service failed" if kind.retryable else "the request was refused"
        reason = _REASONS.get(answer.status, otherwise)
    # Whoever has the id of a task without a sign-in can read its result.
    secret_id = None if call.authenticated else call.ocr_task_id
    detail = problem_detail(answer, hidden=(token, secret_id, *call.hidden))
    waiting = f"; it asks to wait {asked:.0f} s" if asked is not None and kind.retryable else ""
    return kind(
        f"{call.what}: {reason} (HTTP {answer.status}{detail}){waiting}{fate}",
        status=answer.status,
        ocr_task_id=call.ocr_task_id,
        retry_after=asked if kind.retryable else None,
    )


def _error_class(outcome: Outcome, status: int) -> type[AsposeOcrError]:
    if outcome is Outcome.UNAUTHORIZED:
        return AsposeOcrAuthError
    if outcome is Outcome.NOT_ACCEPTED:
        return AsposeOcrRateLimitError
    return AsposeOcrServerError if outcome is Outcome.AMBIGUOUS else AsposeOcrRequestError


def _spellings(secret: str) -> re.Pattern[str]:
    forms = {secret, quote(secret, safe=""), quote_plus(secret), html.escape(secret)}
    return re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True))), re.IGNORECASE)


def problem_detail(response: HttpResponse, hidden: tuple[str | None, ...] = ()) -> str:
    """What a problem document (RFC 9457) says, in one short line that starts with a comma, or nothing.

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
