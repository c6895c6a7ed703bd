"""Every exchange with the service as a generator: it yields what is to be done and is sent the outcome.

The rules of authentication, repetition and polling stand here and in :mod:`.retry` once; the drivers of
the hook run these flows with ``requests`` in workers and with ``aiohttp`` in the triggerer.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import IO, TypeVar
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
from airflow_provider_asposeocr.api.forecast import expected_polls_of
from airflow_provider_asposeocr.api.http import (
    MAX_ANSWER_BYTES,
    BytesBody,
    Flow,
    HttpRequest,
    HttpResponse,
    RequestBody,
    Sleep,
    Token,
    Work,
)
from airflow_provider_asposeocr.api.latency import LatencyModels
from airflow_provider_asposeocr.api.operations import TASK_STATUS, TOKEN, Operation
from airflow_provider_asposeocr.api.polling import (
    ACCEPT_JSON,
    DEFAULT_DELAY_COST,
    DEFAULT_MAX_OUTAGE,
    FixedSchedule,
    LearnedSchedule,
    Poll,
    PollSchedule,
    Wait,
    read_task,
    result_call,
    status_call,
)
from airflow_provider_asposeocr.api.retry import Call, Fate, RetryPolicy, make_call
from airflow_provider_asposeocr.api.submission import Submission, read_task_id
from airflow_provider_asposeocr.api.task import OcrTask, TaskStatus, decode_spooled

log = logging.getLogger(__name__)
T = TypeVar("T")

DEFAULT_BASE_URL = "https://api.aspose.cloud"
DEFAULT_PREFIX = "/v5.0/ocr"

MIN_LAST_LOOK_SECONDS = 1.5
"""Seconds that a poll may take at least, although the deadline passes meanwhile."""

MAX_CANCEL_SECONDS = 10.0
"""Seconds that it may take to cancel an OCR task that nobody waits for any more."""

MAX_RESULT_BYTES = 4 * 1024**3
"""Bytes of a reply with its results that are fetched at most, by default."""

_MAX_TOKEN_CHARACTERS = 16 * 1024
_MAX_TOKEN_SECONDS = 24 * 3600.0
_DEFAULT_TOKEN_SECONDS = 600.0
_MAX_IGNORED_BYTES = 4096


@dataclass(frozen=True, slots=True)
class OcrApi:
    """Offer the operations of the service as flows.

    :param base_url: scheme, host and port.
    :param prefix: the path before each operation.
    :param token_url: the token endpoint; ``connect/token`` below the base URL unless given.
    :param retry: how often and how fast to repeat.
    :param latency: what has been learned of completion times.
    :param delay_cost: calls that a second between the end of an OCR task and our knowing it is worth.
    :param max_result_bytes: the most bytes of a reply with its results that are fetched.
    :param on_end: told of each OCR task that was waited for and has ended: its operation and status, the
        seconds since its submission, if that is known, and since it was seen running last.
    """

    base_url: str = DEFAULT_BASE_URL
    prefix: str = DEFAULT_PREFIX
    token_url: str | None = None
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    latency: LatencyModels = field(default_factory=LatencyModels)
    delay_cost: float = DEFAULT_DELAY_COST
    max_result_bytes: int = MAX_RESULT_BYTES
    on_end: Callable[[str, str, float | None, float], None] = lambda *_: None

    def url(self, path: str, ocr_task_id: str | None = None) -> str:
        """Return the absolute URL of an operation.

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
        url = self.token_url or f"{self.base_url}/{TOKEN.name}"
        request = HttpRequest("POST", url, ACCEPT_JSON, body, billed=False)
        try:
            call = Call("sign in", request, self._read_token, False, hidden=(client_secret,))
            return (yield from make_call(call, self.retry))
        except (AsposeOcrRequestError, AsposeOcrAuthError) as error:
            if error.status not in (400, 401, 403):
                raise
            raise AsposeOcrAuthError(
                f"sign in: the Client ID or the Client secret was rejected (HTTP {error.status}). Correct "
                "the connection before trying again: the service locks the pair for 10 minutes after 5 "
                "failures",
                status=error.status,
            ) from None
        except AsposeOcrRateLimitError as error:
            wait = f" for {error.retry_after:.0f} s" if error.retry_after else ""
            raise AsposeOcrRateLimitError(
                f"sign in: the service refuses to sign in{wait} (HTTP {error.status}); with HTTP 429 the "
                "pair of Client ID and secret is locked after failed sign-ins: check the connection",
                status=error.status,
                retry_after=error.retry_after,
            ) from None

    def submit(self, operation: Operation, body: RequestBody, fate: Fate | None = None) -> Flow[str]:
        """Start an OCR task (POST of the operation). Billed.

        :param operation: the operation.
        :param body: the input and the settings.
        :param fate: takes what is known of the submission, whatever ends it.
        :return: the service's id of the OCR task.
        """
        url, name = self.url(operation.name), operation.name
        request = HttpRequest("POST", url, {"Accept": "text/plain"}, body, operation=name)
        what = f"submit to {operation.name}"
        call = Call(what, request, read_task_id, operation.authenticated, submits=True, fate=fate or Fate())
        return (yield from make_call(call, self.retry))

    def fetch(self, operation: Operation, ocr_task_id: str, spool: IO[bytes]) -> Flow[OcrTask]:
        """Ask for status and results of any size (GET of the operation). Billed.

        :param operation: the operation that the OCR task was submitted to.
        :param ocr_task_id: the service's id of the OCR task.
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

        url = self.url(operation.fetch_path, ocr_task_id)
        call = result_call(operation, ocr_task_id, url, read, spool=spool, spool_limit=self.max_result_bytes)
        return (yield from make_call(call, self.retry))

    def status(self, ocr_task_id: str) -> Flow[OcrTask]:
        """Ask for the status alone (GET Utilities/GetTaskStatus). Billed. Results come back ``unread``.

        :param ocr_task_id: the service's id of the OCR task; one that this endpoint does not know, as may
            be with those of trial and speech operations, comes back as ``NotExist``.
        """
        call = status_call(self._status_url(ocr_task_id), ocr_task_id, TASK_STATUS.name.rpartition("/")[2])
        return (yield from make_call(call, self.retry))

    def poll(
        self,
        operation: Operation,
        ocr_task_id: str,
        limit: int = MAX_ANSWER_BYTES,
        *,
        status_only: bool = False,
    ) -> Flow[OcrTask]:
        """Ask once whether an OCR task has ended. One billed call, or two where the first does not tell.

        :param operation: the operation that the OCR task was submitted to.
        :param ocr_task_id: the service's id of the OCR task.
        :param limit: the most bytes of the reply to read; of a longer one the results come back ``unread``.
        :param status_only: ask the status endpoint, while it knows the OCR task; the results stay at the
            service. Where it does not, no more is read of the results than it takes to see the status.
        """
        return (yield from self._new_poll(operation, ocr_task_id, limit, status_only).ask(self.retry))

    def cancel(self, operation: Operation, ocr_task_id: str, within: float = math.inf) -> Flow[None]:
        """Cancel an OCR task and drop its results (DELETE of the operation). Billed.

        :param operation: the operation that the OCR task was submitted to; the deprecated ones have no
            cancel, nothing is sent for them.
        :param ocr_task_id: the service's id of the OCR task; an unknown one is no error.
        :param within: seconds that it may take, repetitions included.
        """
        if not operation.cancellable:
            log.info("%s has no cancel: the OCR task runs to its end", operation.name)
            return
        url = self.url(operation.name, ocr_task_id)
        call = Call(
            f"cancel {operation.name}",
            HttpRequest("DELETE", url, ACCEPT_JSON, limit=_MAX_IGNORED_BYTES, operation=operation.name),
            lambda response: None,
            operation.authenticated,
            ocr_task_id=ocr_task_id,
        )
        yield from make_call(call, replace(self.retry, until=self.retry.now() + within))

    def cancel_unwanted(self, submission: Submission) -> Flow[str]:
        """Cancel an OCR task that nobody waits for any more, and say what became of it. Raises nothing.

        :param submission: the OCR task.
        :return: as in "the OCR task was cancelled at the service".
        """
        operation = submission.of_operation
        if not operation.cancellable:
            return "goes on: its operation has no cancel"
        try:
            yield from self.cancel(operation, submission.ocr_task_id, MAX_CANCEL_SECONDS)
        except AsposeOcrError as error:
            return f"could not be cancelled ({error})"
        return "was cancelled at the service"

    def wait(self, submission: Submission, wait: Wait) -> Flow[OcrTask]:
        """Poll until an OCR task ends.

        :param submission: the OCR task.
        :param wait: until when, how often, and how much of a reply to read.
        :return: the OCR task with a final status: ``Completed``, ``Error`` or ``NotExist``.
        :raises AsposeOcrTimeoutError: at the deadline, after a last look. Nothing is cancelled.
        :raises AsposeOcrUnreachedTimeoutError: if the service cannot be reached for that look.
        """
        if wait.poll_interval is not None:
            return (yield from self._wait(submission, wait))
        recall = self.latency.begin(self._service)
        try:
            try:
                yield from _aside(recall)
                task = yield from self._wait(submission, wait)
            finally:
                keep = self.latency.end(self._service)
        except AsposeOcrError:
            yield from _aside(keep)
            raise
        yield from _aside(keep)
        return task

    def expected_calls(
        self, operation: Operation, sizes: Iterable[int | None], *, fetched: bool
    ) -> Flow[float]:
        """Estimate the billed calls of OCR tasks that are submitted and waited for. No call by itself.

        :param operation: the operation.
        :param sizes: bytes of each source; None where they are not known, which is the mean of all seen.
        :param fetched: whether a call of its own fetches the results of each.
        """
        recall = self.latency.begin(self._service)
        self.latency.end(self._service)
        yield from _aside(recall)
        polls = expected_polls_of(self.latency, self._service, operation.name, sizes, self.delay_cost)
        return sum(each + 1 + fetched for each in polls)

    def schedule(self, submission: Submission, wait: Wait) -> PollSchedule:
        """Make the schedule for the polls of an OCR task.

        :param submission: the OCR task. Where it is not known when it was submitted, fixed intervals begin
            with a poll at once, and what is learned counts from now.
        :param wait: how to wait for it.
        """
        at, uniform = submission.submitted_at, self.retry.uniform
        if wait.poll_interval is not None:
            at_once, longest = at is None, wait.max_wait or math.inf
            return FixedSchedule(wait.poll_interval, uniform, at_once, wait.backoff, longest, wait.earliest)
        now, size = self.retry.now(), submission.source_bytes if at is not None else None
        return LearnedSchedule(
            self.latency.of(self._service, submission.operation, size),
            # The clock of the machine that has submitted it may be ahead of this one's.
            submitted_at=now if at is None else min(at, now),
            delay_cost=self.delay_cost,
            earliest=wait.earliest,
            uniform=uniform,
        )

    def _wait(self, submission: Submission, wait: Wait) -> Flow[OcrTask]:
        schedule = self.schedule(submission, wait)
        try:
            return (yield from self._poll_by(schedule, submission, wait))
        finally:
            schedule.close()

    def _poll_by(self, schedule: PollSchedule, submission: Submission, wait: Wait) -> Flow[OcrTask]:
        operation, ocr_task_id = submission.of_operation, submission.ocr_task_id
        poll = self._new_poll(operation, ocr_task_id, wait.limit, wait.status_only)
        deadline = wait.until(self.retry.now())
        patience = DEFAULT_MAX_OUTAGE if wait.max_outage is None else wait.max_outage
        failing_since, polls = math.inf, 0
        submitted_at, seen_running_at = submission.submitted_at, self.retry.now()
        while True:
            now = self.retry.now()
            yield Sleep(min(schedule.delay(now), max(0.0, deadline - now)))
            polls += 1
            asked_at = self.retry.now()
            # The last look comes when the deadline passes, and needs a moment.
            until = max(deadline, asked_at + MIN_LAST_LOOK_SECONDS)
            try:
                task = yield from poll.ask(replace(self.retry, until=until))
            except AsposeOcrError as error:
                now = self.retry.now()
                failing_since = min(failing_since, asked_at)
                if isinstance(error, AsposeOcrHaltedError) or not error.retryable:
                    raise
                if now >= deadline:
                    raise AsposeOcrUnreachedTimeoutError(
                        f"the deadline of {operation.name} has passed, and the service cannot be asked: "
                        f"{error}",
                        ocr_task_id=ocr_task_id,
                    ) from None
                if now - failing_since > patience:
                    raise
                log.warning("poll %d failed, waiting goes on: %s", polls, error)
                schedule.polled(now, done=None)
                yield Sleep(min(error.retry_after or 0.0, max(0.0, deadline - now)))
                continue
            failing_since = math.inf
            now = self.retry.now()
            if task.status.is_terminal:
                if task.status is not TaskStatus.NOT_EXIST:
                    schedule.polled(now, done=True)
                since = None if submitted_at is None else now - submitted_at
                self.on_end(operation.name, task.status.value, since, now - seen_running_at)
                return task
            seen_running_at = asked_at
            schedule.polled(asked_at, done=False)
            if task.status is TaskStatus.UNKNOWN:
                log.warning("unknown task status %r counts as not finished", task.raw_status)
            if now >= deadline:
                raise AsposeOcrTimeoutError(
                    f"{operation.name} did not complete before the deadline; polled {polls} times",
                    ocr_task_id=ocr_task_id,
                )

    def _new_poll(self, operation: Operation, ocr_task_id: str, limit: int, status_only: bool) -> Poll:
        url, status_url = self.url(operation.fetch_path, ocr_task_id), self._status_url(ocr_task_id)
        return Poll(operation, ocr_task_id, url, status_url, limit=limit, status_only=status_only)

    @property
    def _service(self) -> str:
        """The name by which completion times of the service are learned."""
        return self.base_url + self.prefix

    def _status_url(self, ocr_task_id: str) -> str:
        return self.url(TASK_STATUS.name, ocr_task_id)

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


def _aside(call: Callable[[], None] | None) -> Flow[None]:
    """Call something off the event loop, if there is something to call."""
    if call is not None:
        yield Work(call)
