"""Ask about one OCR task, and read as much of the reply as is wanted: all of it, or what its head tells."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import IO, TypeVar

from airflow_provider_asposeocr.api.coerce import MAX_LINE_CHARACTERS, one_line
from airflow_provider_asposeocr.api.exceptions import AsposeOcrServerError
from airflow_provider_asposeocr.api.http import MAX_ANSWER_BYTES, Flow, HttpRequest, HttpResponse
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

ACCEPT_JSON = {"Accept": "application/json"}

MAX_UNWANTED_BYTES = 16 * 1024
"""Bytes read of a reply whose results are not wanted: enough for a status and the types of some results."""

# Base64 holds no quotes, and those inside of other strings are escaped: what looks like a member is one.
_TYPE = re.compile(rb'(?<!\\)"type"\s*:\s*"([^"\\]{1,40})"', re.IGNORECASE)
_STRING = re.compile(rb'"[^"]*+"?')
_MESSAGE = re.compile(rb'(?<!\\)"messages"\s*:\s*\[\s*"([^"\\]{1,2000})', re.IGNORECASE)
_MAX_LOOKS = 10
_STATUS = re.compile(rb'(?<!\\)"taskStatus"\s*:\s*"([^"\\]{1,40})"', re.IGNORECASE)


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
        self._status = status_call(status_url, ocr_task_id) if operation.authenticated else None
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
    request = HttpRequest("GET", url, ACCEPT_JSON, limit=limit, spool=spool, spool_limit=spool_limit)
    what = f"get the result of {operation.name}"
    return Call(what, request, read, operation.authenticated, ocr_task_id=ocr_task_id)


def status_call(url: str, ocr_task_id: str) -> Call[OcrTask]:
    """Make the call that asks for the status alone; results come back ``unread``.

    :param url: answers with the status.
    :param ocr_task_id: the service's id of the OCR task.
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

    return Call("get the task status", HttpRequest("GET", url, ACCEPT_JSON), read, ocr_task_id=ocr_task_id)


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
