"""Decide when to ask for an OCR task, and ask: as much of a reply is read as is wanted.

Pure: clock and randomness are passed in, and a poll is a flow.
"""

from __future__ import annotations

import logging
import math
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import IO, Protocol, TypeVar

from airflow_provider_asposeocr.api.coerce import MAX_LINE_CHARACTERS, one_line
from airflow_provider_asposeocr.api.exceptions import AsposeOcrServerError
from airflow_provider_asposeocr.api.http import MAX_ANSWER_BYTES, Flow, HttpRequest, HttpResponse
from airflow_provider_asposeocr.api.latency import LatencyModel
from airflow_provider_asposeocr.api.operations import Operation
from airflow_provider_asposeocr.api.retry import Call, RetryPolicy, make_call
from airflow_provider_asposeocr.api.task import (
    MAX_SEEN_TYPES,
    OcrTask,
    TaskStatus,
    decode_reply,
    result_type_name,
)

log = logging.getLogger(__name__)
T = TypeVar("T")

DEFAULT_TIMEOUT = 3600.0
"""Seconds that the hook and the operators wait for an OCR task by default."""

DEFAULT_DELAY_COST = 1.5
"""Calls that a second between the end of an OCR task and our knowing it is worth, by default."""

DEFAULT_MAX_OUTAGE = 300.0
"""Seconds for which polling goes on after a first failure without a single good answer: the OCR task is paid
for, so a short outage of the service is waited out rather than handed to Airflow's retries."""

JITTER = 0.05
"""The fraction by which each wait is spread to both sides."""

CROWD = 0.5
"""Seconds over which polls are spread that are overdue, or held back until an answer is of use: thousands of
them are due at the same moment when a triggerer has restarted."""

MAX_HANDOVER = 30.0
"""Seconds from the submission after which a wait that begins with an overdue poll tells when it began, rather
than how long the OCR task took: as after a restart, and not after a hand-over to the triggerer."""

MIN_INTERVAL = 0.1
"""Seconds between two polls at least, whatever is asked for: each of them is billed."""

_MAX_DOUBLINGS = 40
_MAX_SHOWN = datetime.max.replace(tzinfo=UTC).timestamp() - 1

ACCEPT_JSON = {"Accept": "application/json"}

MAX_UNWANTED_BYTES = 16 * 1024
"""Bytes read of a reply whose results are not wanted: enough for a status and the types of some results."""

# Base64 holds no quotes, and those inside of other strings are escaped: what looks like a member is one.
_TYPE = re.compile(rb'(?<!\\)"type"\s*:\s*"([^"\\]{1,40})"', re.IGNORECASE)
_STRING = re.compile(rb'"[^"]*+"?')
_MESSAGE = re.compile(rb'(?<!\\)"messages"\s*:\s*\[\s*"([^"\\]{1,2000})', re.IGNORECASE)
_MAX_LOOKS = 10
_STATUS = re.compile(rb'(?<!\\)"taskStatus"\s*:\s*"([^"\\]{1,40})"', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wait:
    """Say how to wait for an OCR task: until when, how often to ask, and how much of a reply to read.

    :param deadline: when to stop, seconds since the epoch, so that it survives a restart and travels between
        machines; None where ``timeout`` counts from the begin of the wait.
    :param timeout: seconds to wait where there is no deadline.
    :param poll_interval: seconds between polls; None for a learned schedule.
    :param backoff: whether the interval doubles with each poll, as that of BaseSensorOperator does with
        ``exponential_backoff``.
    :param max_wait: seconds to which it grows at most.
    :param max_outage: seconds for which polling goes on without a good answer, be it that the service or
        its token endpoint cannot be reached.
    :param earliest: seconds since the epoch before which nobody could make use of an answer.
    :param limit: the most bytes of a reply to read; of a longer one the results come back ``unread``.
    :param status_only: poll the status endpoint while it knows the OCR task; the results stay there.
    """

    deadline: float | None = None
    timeout: float = DEFAULT_TIMEOUT
    poll_interval: float | None = None
    backoff: bool = False
    max_wait: float | None = None
    max_outage: float | None = None
    earliest: float = 0.0
    limit: int = MAX_ANSWER_BYTES
    status_only: bool = False

    def until(self, now: float) -> float:
        """Return when the wait ends, if it begins now."""
        return now + self.timeout if self.deadline is None else self.deadline


def utc(moment: float) -> str:
    """Name a moment to the second, in UTC.

    :param moment: seconds since the epoch.
    """
    return datetime.fromtimestamp(min(moment, _MAX_SHOWN), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


class PollSchedule(Protocol):
    """Decide when to poll one OCR task."""

    def delay(self, now: float) -> float:
        """Return the seconds to wait before the next poll.

        :param now: seconds since the epoch.
        """

    def polled(self, at: float, *, done: bool | None) -> None:
        """Hear what a poll has shown.

        :param at: when the OCR task was seen, seconds since the epoch.
        :param done: whether it had ended; None where there was no answer.
        """

    def close(self) -> None:
        """Hear that nobody waits any more."""


@dataclass(slots=True)
class FixedSchedule:
    """Poll at fixed intervals, spread a little: waits that began together do not stay together.

    :param interval: seconds.
    :param uniform: draws a number between two bounds.
    :param at_once: whether the OCR task may have ended long ago, so that the first poll is due now.
    :param backoff: as that of :class:`Wait`.
    :param max_wait: seconds to which the interval grows at most.
    :param earliest: as that of :class:`Wait`.
    """

    interval: float
    uniform: Callable[[float, float], float] = random.uniform
    at_once: bool = False
    backoff: bool = False
    max_wait: float = math.inf
    earliest: float = 0.0
    polls: int = field(default=0, init=False)

    def delay(self, now: float) -> float:
        """Return the seconds until the next poll."""
        if self.at_once and not self.polls:
            wait = self.uniform(0.0, CROWD)
        elif self.backoff:
            # Airflow's own rule: whole seconds, from half of the interval after the first poll.
            least = max(1, int(self.interval * 2.0 ** min(self.polls - 2, _MAX_DOUBLINGS)))
            wait = min(self.max_wait, least + self.uniform(0, least - 1))
        else:
            wait = self.interval * self.uniform(1 - JITTER, 1 + JITTER)
        return max(wait, MIN_INTERVAL, self.earliest - now)

    def polled(self, at: float, *, done: bool | None) -> None:
        """Count the poll; nothing is learned."""
        self.polls += 1

    def close(self) -> None:
        """Do nothing."""


class LearnedSchedule:
    """Poll one OCR task when such tend to be done.

    :param model: of the completion times of such OCR tasks.
    :param submitted_at: seconds since the epoch.
    :param delay_cost: calls that a second between the end of the OCR task and our knowing it is worth.
    :param earliest: as that of :class:`Wait`.
    :param uniform: draws a number between two bounds.
    """

    def __init__(
        self,
        model: LatencyModel,
        *,
        submitted_at: float,
        delay_cost: float = DEFAULT_DELAY_COST,
        earliest: float = 0.0,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._model = model
        self._submitted_at = submitted_at
        self._delay_cost = delay_cost
        self._earliest = earliest
        self._uniform = uniform
        self._late = False
        self._polled: float | None = None
        self._seen_running = 0.0

    def delay(self, now: float) -> float:
        """Return the seconds until the best moment, spread to both sides, or until soon if it has passed.

        OCR tasks that were submitted together are so not polled together.
        """
        before = self._polled or 0.0
        best = self._model.poll_times(self._delay_cost).next(self._polled)
        spread = (best - before) * self._uniform(1 - JITTER, 1 + JITTER)
        due, soonest = self._submitted_at + before + spread, max(self._earliest, now)
        if self._polled is None:
            self._late = due < now and now - self._submitted_at > MAX_HANDOVER
        return (due if due > soonest else soonest + self._uniform(0.0, CROWD)) - now

    def polled(self, at: float, *, done: bool | None) -> None:
        """Remember when the OCR task was seen running last, and learn when it was done."""
        self._polled = max(0.0, at - self._submitted_at)
        if done:
            self._model.observe(self, self._seen_running, self._polled, late=self._late)
        elif done is False:
            self._seen_running = self._polled
            self._model.observe(self, self._seen_running, math.inf, late=self._late)

    def close(self) -> None:
        """Let the model forget an OCR task that was seen running, and that nobody waits for any more."""
        self._model.forget(self)


class Poll:
    """Ask about one OCR task, once or again and again.

    :param operation: the operation that the OCR task was submitted to.
    :param ocr_task_id: the service's id of the OCR task.
    :param result_url: answers with status and results.
    :param status_url: answers with the status alone.
    :param limit: the most bytes of the reply to read; of a longer one the results come back ``unread``.
    :param status_only: ask for the status alone, while that endpoint knows the OCR task. Where it does
        not, no more is read of the results than it takes to see the status.
    """

    def __init__(
        self,
        operation: Operation,
        ocr_task_id: str,
        result_url: str,
        status_url: str,
        *,
        limit: int,
        status_only: bool,
    ) -> None:
        self._ocr_task_id = ocr_task_id
        self._status_only = status_only
        # Whether that endpoint serves trial operations is not documented, and it would need a token.
        status = status_call(status_url, ocr_task_id, operation.name)
        self._status = status if operation.authenticated else None
        wanted = min(limit, MAX_UNWANTED_BYTES) if status_only else limit
        # No method of its own: a call that refers to its poll is left to the garbage collector.
        read = partial(_read, ocr_task_id)
        self._result = result_call(operation, ocr_task_id, result_url, read, limit=wanted)

    def ask(self, retry: RetryPolicy) -> Flow[OcrTask]:
        """Ask once. One billed call, or two where the first endpoint does not tell.

        :param retry: how often and how fast to repeat.
        """
        unknown = False
        if self._status_only and self._status:
            task = yield from make_call(self._status, retry)
            unknown = task.status is TaskStatus.NOT_EXIST
            if not unknown:
                return task
            log.info("the status endpoint does not know the OCR task, asking for its result instead")
        answer = yield from make_call(self._result, retry)
        self._status_only = self._status_only and not unknown
        return answer if isinstance(answer, OcrTask) else (yield from self._too_large(answer, retry))

    def _too_large(self, head: _Head, retry: RetryPolicy) -> Flow[OcrTask]:
        """Find out what a large reply means: mostly a large result, but errors can be large as well."""
        status = head.status or TaskStatus.COMPLETED
        # The status endpoint is asked where the head does not tell, and for the reason of an error.
        if self._status and (head.status is None or status is TaskStatus.ERROR):
            known = yield from make_call(self._status, retry)
            if known.status is TaskStatus.ERROR:
                return known if known.messages else replace(known, messages=head.messages)
            if head.status is None and known.status not in (TaskStatus.COMPLETED, TaskStatus.NOT_EXIST):
                message = f"the service sent a large reply for an OCR task that is {known.status}"
                raise AsposeOcrServerError(message, ocr_task_id=self._ocr_task_id)
        if status is TaskStatus.ERROR:
            told = head.messages or ("the reply that says why is too large to be read",)
            return OcrTask(self._ocr_task_id, status, messages=told)
        if status is TaskStatus.COMPLETED:
            return OcrTask(self._ocr_task_id, status, unread=True, seen_types=head.types)
        return OcrTask(self._ocr_task_id, status)


def _read(ocr_task_id: str, response: HttpResponse) -> OcrTask | _Head:
    whole = response.complete or response.status != 200
    return read_task(response, ocr_task_id) if whole else _head_of(response.body)


def result_call(
    operation: Operation,
    ocr_task_id: str,
    url: str,
    read: Callable[[HttpResponse], T],
    *,
    limit: int = MAX_ANSWER_BYTES,
    spool: IO[bytes] | None = None,
    spool_limit: int = 0,
) -> Call[T]:
    """Make the call that asks for status and results.

    :param operation: the operation that the OCR task was submitted to.
    :param ocr_task_id: the service's id of the OCR task.
    :param url: answers with status and results.
    :param read: reads the reply.
    :param limit: the most bytes of it that are read into memory.
    :param spool: a file that takes it instead.
    :param spool_limit: the most bytes that the file takes.
    """
    sized = partial(HttpRequest, limit=limit, spool=spool, spool_limit=spool_limit)
    request = sized("GET", url, ACCEPT_JSON, operation=operation.name)
    what = f"get the result of {operation.name}"
    return Call(what, request, read, operation.authenticated, ocr_task_id=ocr_task_id)


def status_call(url: str, ocr_task_id: str, operation: str) -> Call[OcrTask]:
    """Make the call that asks for the status alone; results come back ``unread``.

    :param url: answers with the status.
    :param ocr_task_id: the service's id of the OCR task.
    :param operation: by which the call is counted.
    """

    def read(response: HttpResponse) -> OcrTask:
        if response.status == 200 and not response.complete:
            head = _head_of(response.body)
            if head.status is None:
                raise ValueError("no status")
            unread = head.status.is_successful
            return OcrTask(ocr_task_id, head.status, messages=head.messages, unread=unread)
        task = read_task(response, ocr_task_id)
        return replace(task, unread=True) if task.status.is_successful and not task.results else task

    request = HttpRequest("GET", url, ACCEPT_JSON, operation=operation)
    return Call("get the task status", request, read, ocr_task_id=ocr_task_id)


def read_task(response: HttpResponse, ocr_task_id: str) -> OcrTask:
    """Read an answer about an OCR task.

    :param response: the answer; HTTP 204, 400 and 404 mean that the service does not know the OCR task.
    :param ocr_task_id: the id that was asked for.
    :raises ValueError: if the answer is not what the protocol says.
    """
    if response.status in (204, 400, 404):
        return OcrTask(ocr_task_id, TaskStatus.NOT_EXIST, messages=(f"HTTP {response.status}",))
    return decode_reply(response.body, ocr_task_id)


@dataclass(frozen=True, slots=True)
class _Head:
    """The beginning of a reply that is longer than what is read.

    :param status: the status of the OCR task, where it stands there.
    :param types: the types of the results that begin there.
    :param messages: the first message of the service, where it stands there.
    """

    status: TaskStatus | None
    types: tuple[str, ...]
    messages: tuple[str, ...]


def _is_member(body: bytes, match: re.Match[bytes]) -> bool:
    """Tell whether what was found is a member of the reply itself, not of an object in it."""
    before = body[: match.start()].replace(b"\\\\", b"").replace(b'\\"', b"")
    before = _STRING.sub(b"", before)
    return sum(map(before.count, (b"{", b"["))) - sum(map(before.count, (b"}", b"]"))) == 1


def _first_message_of(body: bytes) -> tuple[str, ...]:
    found = _MESSAGE.search(body)
    line = one_line(found[1].decode("utf-8", "replace"), MAX_LINE_CHARACTERS) if found else ""
    return (line,) if line else ()


def _head_of(body: bytes) -> _Head:
    if not body.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        raise ValueError("not a JSON object")
    looks = islice(_STATUS.finditer(body), _MAX_LOOKS)
    found = next((match for match in looks if _is_member(body, match)), None)
    status = TaskStatus.parse(found[1].decode("utf-8", "replace")) if found else None
    types = [result_type_name(match.decode("utf-8", "replace")) for match in _TYPE.findall(body)]
    return _Head(status, tuple(filter(None, types))[:MAX_SEEN_TYPES], _first_message_of(body))
