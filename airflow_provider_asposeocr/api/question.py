"""What is asked about one task, once or again and again."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import replace

from airflow_provider_asposeocr.api import calls
from airflow_provider_asposeocr.api.calls import Call
from airflow_provider_asposeocr.api.exceptions import AsposeOcrServerError
from airflow_provider_asposeocr.api.http import Flow, HttpRequest, HttpResponse
from airflow_provider_asposeocr.api.operations import Operation
from airflow_provider_asposeocr.api.retry import RetryPolicy
from airflow_provider_asposeocr.api.task import OcrTask, TaskStatus, decode_reply

log = logging.getLogger(__name__)

ACCEPT_JSON = {"Accept": "application/json"}
_TYPE = re.compile(rb'"type"\s*:\s*"([^"]{1,40})"', re.IGNORECASE)


class Question:
    """Where a task stands, and what its results are.

    :param operation: the operation that the task was submitted to.
    :param ocr_task_id: the service's id of the task.
    :param result_url: where status and results are had.
    :param status_url: where the status alone is had.
    :param limit: the most bytes of the reply to read; of a longer one the results come back ``unread``.
    :param status_only: whether to ask for the status alone, while that endpoint knows the task.
    """

    def __init__(
        self,
        operation: Operation,
        ocr_task_id: str,
        result_url: str,
        status_url: str,
        *,
        limit: int | None,
        status_only: bool,
    ) -> None:
        self._ocr_task_id = ocr_task_id
        self._status_only = status_only
        # Whether that endpoint serves trial tasks is not documented, and it would need a token.
        self._status = status_call(status_url, ocr_task_id) if operation.authenticated else None
        self._result = Call(
            f"get the result of {operation.name}",
            HttpRequest("GET", result_url, ACCEPT_JSON, limit=limit),
            _reader(ocr_task_id),
            operation.authenticated,
            ocr_task_id=ocr_task_id,
        )

    def ask(self, retry: RetryPolicy) -> Flow[OcrTask]:
        """Ask once. One billed call, or two where the first endpoint does not tell.

        :param retry: how often and how fast to repeat.
        """
        unknown = False
        if self._status_only and self._status:
            task = yield from calls.make(self._status, retry)
            unknown = task.status is TaskStatus.NOT_EXIST
            if not unknown:
                return task
            log.info("the status endpoint does not know the task, asking for its result instead")
        answer = yield from calls.make(self._result, retry)
        self._status_only = self._status_only and not unknown
        return answer if isinstance(answer, OcrTask) else (yield from self._too_large(answer, retry))

    def _too_large(self, seen: tuple[str, ...], retry: RetryPolicy) -> Flow[OcrTask]:
        """Tell a large result from a large page of something else: only a completed task is large."""
        if self._status:
            status = (yield from calls.make(self._status, retry)).status
            if status not in (TaskStatus.COMPLETED, TaskStatus.NOT_EXIST):
                message = f"the service sent a large reply for a task that is {status}"
                raise AsposeOcrServerError(message, ocr_task_id=self._ocr_task_id)
        return OcrTask(self._ocr_task_id, TaskStatus.COMPLETED, unread=True, seen_types=seen)


def status_call(url: str, ocr_task_id: str) -> Call[OcrTask]:
    """Ask for the status alone; results come back ``unread``.

    :param url: where the status of the task is had.
    :param ocr_task_id: the service's id of the task.
    """

    def read(response: HttpResponse) -> OcrTask:
        task = read_task(response, ocr_task_id)
        return replace(task, unread=True) if task.status.is_successful and not task.results else task

    request = HttpRequest("GET", url, ACCEPT_JSON)
    return Call("get the task status", request, _once(read), ocr_task_id=ocr_task_id)


def read_task(response: HttpResponse, ocr_task_id: str) -> OcrTask:
    """Read an answer about a task.

    :param response: the answer; HTTP 400 and 404 mean that the service does not know the task.
    :param ocr_task_id: the id that was asked for.
    :raises ValueError: if the answer is not what the protocol says.
    """
    if response.status in (204, 400, 404):
        return OcrTask(ocr_task_id, TaskStatus.NOT_EXIST, messages=(f"HTTP {response.status}",))
    return decode_reply(response.body, ocr_task_id)


def _reader(ocr_task_id: str) -> Callable[[HttpResponse], OcrTask | tuple[str, ...]]:
    """Read the task, or the types of results that are seen in a reply which is longer than the limit."""
    whole = _once(lambda response: read_task(response, ocr_task_id))

    def read(response: HttpResponse) -> OcrTask | tuple[str, ...]:
        return whole(response) if response.complete or response.status != 200 else _types_in(response.body)

    return read


def _once(read: Callable[[HttpResponse], OcrTask]) -> Callable[[HttpResponse], OcrTask]:
    """Do not read again what has not changed: of a task under way the service says the same each time."""
    last: tuple[int, bytes, OcrTask] | None = None

    def read_what_is_new(response: HttpResponse) -> OcrTask:
        nonlocal last
        if last and last[0] == response.status and last[1] == response.body:
            return last[2]
        task = read(response)
        last = None if task.status.is_terminal else (response.status, response.body, task)
        return task

    return read_what_is_new


def _types_in(head: bytes) -> tuple[str, ...]:
    if not head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        raise ValueError("not a JSON object")
    # Base64 holds no quotes, so what looks like the property is the property.
    return tuple(match.decode("ascii", "replace") for match in _TYPE.findall(head))
