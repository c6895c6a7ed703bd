"""Every exchange with the service as a generator: it yields what is to be done and is sent the outcome.

The rules of authentication, repetition and polling stand here and in :mod:`.calls` once; the drivers of
the hook run these flows with ``requests`` in workers and with ``aiohttp`` in the triggerer.
"""

from __future__ import annotations

import json
import logging
import math
from dataclasses import dataclass, field, replace
from typing import IO
from urllib.parse import quote, urlencode

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrAuthError,
    AsposeOcrError,
    AsposeOcrHaltedError,
    AsposeOcrRateLimitError,
    AsposeOcrRequestError,
    AsposeOcrTimeoutError,
    AsposeOcrTooLargeError,
    AsposeOcrUnreachedTimeoutError,
)
from airflow_provider_asposeocr.api.http import (
    MAX_ANSWER_BYTES,
    BytesBody,
    Flow,
    HttpRequest,
    HttpResponse,
    RequestBody,
    Sleep,
    Token,
)
from airflow_provider_asposeocr.api.operations import TASK_STATUS, TOKEN, Operation
from airflow_provider_asposeocr.api.polling import (
    DEFAULT_DELAY_COST,
    Deadline,
    FixedSchedule,
    LatencyModels,
    LearnedSchedule,
    Pace,
)
from airflow_provider_asposeocr.api.question import ACCEPT_JSON, Question, read_task, status_call
from airflow_provider_asposeocr.api.retry import Call, Fate, RetryPolicy, make_call
from airflow_provider_asposeocr.api.submission import read_task_id
from airflow_provider_asposeocr.api.task import OcrTask, TaskStatus, decode_spooled

log = logging.getLogger(__name__)

DEFAULT_BASE_URL = "https://api.aspose.cloud"
DEFAULT_PREFIX = "/v5.0/ocr"

DEFAULT_MAX_OUTAGE = 300.0
"""Seconds for which polling goes on after a first failure without a single good answer: the job is paid
for, so a short outage of the service is waited out rather than handed to Airflow's retries."""

LAST_LOOK_SECONDS = 1.5
"""Seconds that a poll may take at least, although the deadline passes meanwhile."""

MAX_CANCEL_SECONDS = 10.0
"""Seconds that it may take to cancel a task which is given up: whoever waits has waited long enough."""

MAX_RESULT_BYTES = 4 * 1024**3
"""Bytes of a reply with its results that are fetched at most, by default."""

_MAX_TOKEN_CHARACTERS = 16 * 1024
_MAX_TOKEN_SECONDS = 24 * 3600.0
_DEFAULT_TOKEN_SECONDS = 600.0
_IGNORED_BYTES = 4096


@dataclass(frozen=True, slots=True)
class OcrApi:
    """The operations of the service as flows.

    :param base_url: scheme, host and port.
    :param prefix: the path before each operation.
    :param token_url: where tokens are had; ``connect/token`` below the base URL unless given.
    :param retry: how often and how fast to repeat.
    :param latency: what has been learned of completion times.
    :param delay_cost: calls that a second between the end of a task and our knowing it is worth.
    :param max_result_bytes: the most bytes of a reply with its results that are fetched.
    """

    base_url: str = DEFAULT_BASE_URL
    prefix: str = DEFAULT_PREFIX
    token_url: str | None = None
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    latency: LatencyModels = field(default_factory=LatencyModels)
    delay_cost: float = DEFAULT_DELAY_COST
    max_result_bytes: int = MAX_RESULT_BYTES

    @property
    def sign_in_url(self) -> str:
        """Where tokens are had."""
        return self.token_url or f"{self.base_url}/{TOKEN.name}"

    def url(self, path: str, ocr_task_id: str | None = None) -> str:
        """The absolute URL of an operation.

        :param path: the operation's path below the prefix.
        :param ocr_task_id: goes into the query, escaped.
        """
        query = f"?id={quote(ocr_task_id, safe='')}" if ocr_task_id is not None else ""
        return f"{self.base_url}{self.prefix}/{path}{query}"

    def token(self, client_id: str, client_secret: str) -> Flow[Token]:
        """Sign in (POST /connect/token). Never billed.

        :param client_id: the account's Client ID.
        :param client_secret: the account's Client secret.
        :raises AsposeOcrAuthError: if the credentials are rejected; not repeated, as failures lock out.
        """
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        body = BytesBody(urlencode(form).encode("ascii"), "application/x-www-form-urlencoded")
        request = HttpRequest("POST", self.sign_in_url, ACCEPT_JSON, body, billed=False)
        try:
            call = Call("sign in", request, self._read_token, False, hidden=(client_secret,))
            return (yield from make_call(call, self.retry))
        except (AsposeOcrRequestError, AsposeOcrAuthError) as error:
            if error.status not in (400, 401, 403):
                raise
            raise _rejected(error) from None
        except AsposeOcrRateLimitError as error:
            raise _locked(error) from None

    def submit(self, operation: Operation, body: RequestBody, fate: Fate | None = None) -> Flow[str]:
        """Start a task (POST of the operation). Billed.

        :param operation: the operation.
        :param body: the input and the settings.
        :param fate: takes what is known of the submission, whatever ends it.
        :return: the service's id of the task.
        """
        request = HttpRequest("POST", self.url(operation.name), {"Accept": "text/plain"}, body)
        what = f"submit to {operation.name}"
        call = Call(what, request, read_task_id, operation.authenticated, submits=True, fate=fate or Fate())
        return (yield from make_call(call, self.retry))

    def get(self, operation: Operation, ocr_task_id: str, limit: int = MAX_ANSWER_BYTES) -> Flow[OcrTask]:
        """Ask for status and results (GET of the operation). Billed.

        :param operation: the operation that the task was submitted to.
        :param ocr_task_id: the service's id of the task.
        :param limit: the most bytes of the reply to read; of a longer one the results come back ``unread``.
        """
        return (yield from self.poll(operation, ocr_task_id, limit=limit))

    def fetch(self, operation: Operation, ocr_task_id: str, spool: IO[bytes]) -> Flow[OcrTask]:
        """Ask for status and results of any size (GET of the operation). Billed.

        :param operation: the operation that the task was submitted to.
        :param ocr_task_id: the service's id of the task.
        :param spool: a file that takes the reply; it must live as long as the results are used.
        :raises AsposeOcrTooLargeError: if the reply is larger than ``max_result_bytes``.
        """

        def read(response: HttpResponse) -> OcrTask:
            if response.status != 200:
                return read_task(response, ocr_task_id)
            if not response.complete:
                raise AsposeOcrTooLargeError(
                    f"the result is larger than {self.max_result_bytes} bytes, the most that is fetched. It "
                    "stays at the service for 24 hours: set max_result_bytes in the connection's extra",
                    ocr_task_id=ocr_task_id,
                )
            return decode_spooled(spool, ocr_task_id)

        request = HttpRequest(
            "GET",
            self.url(operation.fetch_path, ocr_task_id),
            ACCEPT_JSON,
            spool=spool,
            spool_limit=self.max_result_bytes,
        )
        call = Call(
            f"get the result of {operation.name}",
            request,
            read,
            operation.authenticated,
            ocr_task_id=ocr_task_id,
        )
        return (yield from make_call(call, self.retry))

    def status(self, ocr_task_id: str) -> Flow[OcrTask]:
        """Ask for the status alone (GET Utilities/GetTaskStatus). Billed. Results come back ``unread``.

        :param ocr_task_id: the service's id of the task; one that this endpoint does not know, as may
            be with trial and speech tasks, comes back as ``NotExist``.
        """
        call = status_call(self.url(TASK_STATUS.name, ocr_task_id), ocr_task_id)
        return (yield from make_call(call, self.retry))

    def cancel(self, operation: Operation, ocr_task_id: str, within: float = math.inf) -> Flow[None]:
        """Cancel a task and drop its results (DELETE of the operation). Billed.

        :param operation: the operation that the task was submitted to; the deprecated ones have no
            cancel, nothing is sent for them.
        :param ocr_task_id: the service's id of the task; an unknown one is no error.
        :param within: seconds that it may take, repetitions included.
        """
        if not operation.cancellable:
            log.info("%s has no cancel: the task runs to its end", operation.name)
            return
        call = Call(
            f"cancel {operation.name}",
            HttpRequest("DELETE", self.url(operation.name, ocr_task_id), ACCEPT_JSON, limit=_IGNORED_BYTES),
            _read_nothing,
            operation.authenticated,
            ocr_task_id=ocr_task_id,
        )
        yield from make_call(call, replace(self.retry, until=self.retry.now() + within))

    def abandon(self, operation: Operation, ocr_task_id: str) -> Flow[str]:
        """Cancel a task that is not waited for any more, and say what became of it. Raises nothing.

        :param operation: the operation that the task was submitted to.
        :param ocr_task_id: the service's id of the task.
        :return: as in "the task was cancelled at the service".
        """
        if not operation.cancellable:
            return "goes on: its operation has no cancel"
        try:
            yield from self.cancel(operation, ocr_task_id, MAX_CANCEL_SECONDS)
        except AsposeOcrError as error:
            return f"could not be cancelled ({error})"
        return "was cancelled at the service"

    def poll(
        self,
        operation: Operation,
        ocr_task_id: str,
        *,
        limit: int = MAX_ANSWER_BYTES,
        status_only: bool = False,
    ) -> Flow[OcrTask]:
        """Ask once whether a task has ended.

        :param operation: the operation that the task was submitted to.
        :param ocr_task_id: the service's id of the task.
        :param limit: as for :meth:`get`.
        :param status_only: ask the status endpoint; the results stay at the service.
        """
        question = self._question(operation, ocr_task_id, limit, status_only=status_only)
        return (yield from question.ask(self.retry))

    def schedule(
        self,
        operation: Operation,
        *,
        poll_interval: float | None = None,
        source_bytes: int | None = None,
        submitted_at: float | None = None,
        earliest: float = 0.0,
        backoff: bool = False,
        max_wait: float | None = None,
    ) -> Pace:
        """When to poll a task.

        :param operation: the operation that the task was submitted to.
        :param poll_interval: seconds between polls; None for moments that are learned.
        :param source_bytes: the size of its source, where it is known.
        :param submitted_at: seconds since the epoch by any machine's clock, where it is known. Where not,
            fixed intervals begin with a poll at once, and what is learned counts from now.
        :param earliest: seconds since the epoch before which nobody could make use of an answer.
        :param backoff: whether ``poll_interval`` grows with each poll.
        :param max_wait: seconds to which it grows at most.
        """
        if poll_interval is not None:
            at_once, most = submitted_at is None, max_wait or math.inf
            return FixedSchedule(poll_interval, self.retry.uniform, at_once, backoff, most, earliest)
        known, now = source_bytes if submitted_at is not None else None, self.retry.now()
        return LearnedSchedule(
            self.latency.of(self.base_url, operation.name, known),
            # The clock of the machine that has submitted it may be ahead of this one's.
            submitted_at=now if submitted_at is None else min(submitted_at, now),
            delay_cost=self.delay_cost,
            earliest=earliest,
            uniform=self.retry.uniform,
        )

    def wait(
        self,
        operation: Operation,
        ocr_task_id: str,
        *,
        schedule: Pace,
        deadline: Deadline,
        limit: int = MAX_ANSWER_BYTES,
        status_only: bool = False,
        max_outage: float | None = None,
    ) -> Flow[OcrTask]:
        """Poll until the task ends.

        :param operation: the operation that the task was submitted to.
        :param ocr_task_id: the service's id of the task.
        :param schedule: when to poll.
        :param deadline: when to give up.
        :param limit: as for :meth:`get`.
        :param status_only: poll the status endpoint while it knows the task; the results stay there.
        :param max_outage: seconds, :data:`DEFAULT_MAX_OUTAGE` by default, for which polling goes on without a
            good answer, be it that the service or that its sign-in cannot be reached.
        :return: the task with a final status: ``Completed``, ``Error`` or ``NotExist``.
        :raises AsposeOcrTimeoutError: at the deadline, after a last look. Nothing is cancelled.
        :raises AsposeOcrUnreachedTimeoutError: if the service cannot be reached for that look.
        """
        question = self._question(operation, ocr_task_id, limit, status_only=status_only)
        failing_since, polls = math.inf, 0
        patience = DEFAULT_MAX_OUTAGE if max_outage is None else max_outage
        try:
            while True:
                now = self.retry.now()
                yield Sleep(min(schedule.delay(now), deadline.remaining(now)))
                polls += 1
                asked_at = self.retry.now()
                # The last look comes when the deadline passes, and needs a moment.
                until = max(deadline.at, asked_at + LAST_LOOK_SECONDS)
                try:
                    task = yield from question.ask(replace(self.retry, until=until))
                except AsposeOcrError as error:
                    now = self.retry.now()
                    failing_since = min(failing_since, asked_at)
                    if isinstance(error, AsposeOcrHaltedError) or not error.retryable:
                        raise
                    if deadline.passed(now):
                        raise AsposeOcrUnreachedTimeoutError(
                            f"the deadline of {operation.name} has passed, and the service cannot be asked: "
                            f"{error}",
                            ocr_task_id=ocr_task_id,
                        ) from None
                    if now - failing_since > patience:
                        raise
                    log.warning("poll %d failed, waiting goes on: %s", polls, error)
                    schedule.polled(now, done=None)
                    yield Sleep(min(error.retry_after or 0.0, deadline.remaining(now)))
                    continue
                failing_since = math.inf
                now = self.retry.now()
                if task.status.is_terminal:
                    if task.status is not TaskStatus.NOT_EXIST:
                        schedule.polled(now, done=True)
                    return task
                schedule.polled(asked_at, done=False)
                if task.status is TaskStatus.UNKNOWN:
                    log.warning("unknown task status %r counts as not finished", task.raw_status)
                if deadline.passed(now):
                    raise AsposeOcrTimeoutError(
                        f"{operation.name} did not complete before the deadline; polled {polls} times",
                        ocr_task_id=ocr_task_id,
                    )
        finally:
            # What this has seen of the task counts for as long as anything refers to it, and a failed poll
            # leaves a traceback, which refers to this frame.
            del schedule

    def _question(self, operation: Operation, ocr_task_id: str, limit: int, *, status_only: bool) -> Question:
        urls = self.url(operation.fetch_path, ocr_task_id), self.url(TASK_STATUS.name, ocr_task_id)
        return Question(operation, ocr_task_id, *urls, limit=limit, status_only=status_only)

    def _read_token(self, response: HttpResponse) -> Token:
        reply = json.loads(response.body)
        value = reply["access_token"]
        if not isinstance(value, str) or not value.isascii() or not value.isprintable():
            raise ValueError("no token")
        if not 0 < len(value) <= _MAX_TOKEN_CHARACTERS:
            raise ValueError("no token")
        try:
            lifetime = float(reply.get("expires_in") or 0)
        except (TypeError, ValueError, OverflowError):
            lifetime = 0.0
        if not lifetime > 0:
            lifetime = _DEFAULT_TOKEN_SECONDS
        lifetime = min(lifetime, _MAX_TOKEN_SECONDS)
        return Token(value, self.retry.now() + lifetime - min(60.0, lifetime * 0.1))


def _read_nothing(response: HttpResponse) -> None:
    return None


def _rejected(error: AsposeOcrError) -> AsposeOcrAuthError:
    return AsposeOcrAuthError(
        f"sign in: the Client ID or the Client secret was rejected (HTTP {error.status}). Correct the "
        "connection before trying again: the service locks the pair for 10 minutes after 5 failures",
        status=error.status,
    )


def _locked(error: AsposeOcrRateLimitError) -> AsposeOcrRateLimitError:
    wait = f" for {error.retry_after:.0f} s" if error.retry_after else ""
    return AsposeOcrRateLimitError(
        f"sign in: the service refuses to sign in{wait} (HTTP {error.status}); with HTTP 429 the pair of "
        "Client ID and secret is locked after failed sign-ins: check the connection",
        status=error.status,
        retry_after=error.retry_after,
    )
