"""The hook: credentials and transport from an Airflow connection, the API's operations as methods."""

from __future__ import annotations

import functools
import io
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar

import aiohttp
import requests
from airflow.providers.common.compat.connection import get_async_connection, get_async_extra_dejson
from airflow.providers.http.hooks.http import HttpHook

from airflow_provider_asposeocr.api import coerce
from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrError,
    AsposeOcrRequestError,
    AsposeOcrTooLargeError,
)
from airflow_provider_asposeocr.api.flows import OcrApi
from airflow_provider_asposeocr.api.http import BytesBody, Flow, HttpRequest, NeedToken, RequestBody, Work
from airflow_provider_asposeocr.api.operations import Operation, get_operation
from airflow_provider_asposeocr.api.polling import DEFAULT_TIMEOUT, Wait
from airflow_provider_asposeocr.api.retry import Call, Fate, RetryPolicy, make_call
from airflow_provider_asposeocr.api.settings import wire_settings
from airflow_provider_asposeocr.api.submission import Submission
from airflow_provider_asposeocr.api.task import OcrTask, TaskStatus
from airflow_provider_asposeocr.files.body import make_body
from airflow_provider_asposeocr.files.source import Source, open_source
from airflow_provider_asposeocr.hooks.auth import sign_in
from airflow_provider_asposeocr.hooks.connection import ConnectionConfig, existing, form_fields, form_text
from airflow_provider_asposeocr.hooks.drivers import AsyncDriver, Meter, SyncDriver, on_event_loop
from airflow_provider_asposeocr.hooks.sessions import new_session, shared_session

T = TypeVar("T")
P = ParamSpec("P")

MAX_IN_MEMORY = 100 * 1024 * 1024
"""Bytes of results that a method returns in memory at most."""


def _submit(
    api: OcrApi,
    operation: str | Operation,
    source: Any,
    settings: Mapping[str, Any] | None = None,
    *,
    source_conn_id: str | None = None,
    allow_multipage: bool = False,
    convert: bool = False,
) -> Flow[str]:
    """Start an OCR task. One billed call; what is wrong with the arguments is found before it.

    :param operation: the operation's name.
    :param source: a path, URI, ObjectStoragePath, Asset, manifest, bytes, or a binary file that can
        seek. It is streamed: memory does not grow with its size.
    :param settings: names of :data:`.SETTINGS`; others are sent unchanged.
    :param source_conn_id: the Airflow connection for the source's storage.
    :param allow_multipage: whether a TIFF of several pages may be sent.
    :param convert: whether to convert what the operation does not read; needs the extra ``images``.
    :return: the service's id of the OCR task.
    :raises AsposeOcrSettingsError: for a wrong argument; AsposeOcrSourceError for a wrong source.
    :raises AsposeOcrError: if the service refuses or cannot be reached.
    """
    found = get_operation(operation)
    wire = wire_settings(found, settings)

    def look() -> RequestBody:
        to = found if convert else None
        opened = open_source(source, source_conn_id, allow_multipage=allow_multipage, convert_for=to)
        opened.check_format(found)
        return make_body(found, opened, wire)

    return (yield from api.submit(found, (yield Work(look))))


def _get_task(api: OcrApi, operation: str | Operation, ocr_task_id: str) -> Flow[OcrTask]:
    """Ask for status and results. One billed call.

    :param operation: the operation that the OCR task was submitted to.
    :param ocr_task_id: the service's id of the OCR task.
    :raises AsposeOcrTooLargeError: if the results are larger than :data:`MAX_IN_MEMORY`; use :meth:`fetch`.
    """
    with tempfile.TemporaryFile(prefix="asposeocr-") as spool:
        task = yield from api.fetch(get_operation(operation), ocr_task_id, spool)
        return (yield Work(lambda: task.in_memory(MAX_IN_MEMORY)))  # type: ignore[no-any-return]


def _get_status(api: OcrApi, ocr_task_id: str) -> Flow[TaskStatus]:
    """Ask for the status alone. One billed call.

    :param ocr_task_id: the service's id of the OCR task. Those of trials and speech may come back as
        ``NotExist``: ask :meth:`get_task` about them.
    """
    return (yield from api.status(ocr_task_id)).status


def _wait(
    api: OcrApi,
    operation: str | Operation,
    ocr_task_id: str,
    *,
    timeout: float | timedelta = DEFAULT_TIMEOUT,
    poll_interval: float | timedelta | None = None,
) -> Flow[OcrTask]:
    """Wait for an OCR task and fetch its results, with one more call if they are larger than 512 KiB.

    :param operation: the operation that the OCR task was submitted to.
    :param ocr_task_id: the service's id of the OCR task.
    :param timeout: seconds or timedelta; the OCR task is not cancelled at the timeout.
    :param poll_interval: seconds or timedelta between polls; None: learned from earlier OCR tasks.
    :return: the completed OCR task.
    :raises AsposeOcrTaskError: if it ends with status ``Error``.
    :raises AsposeOcrTaskNotFoundError: if the service does not know it.
    :raises AsposeOcrTimeoutError: if it does not complete in time.
    :raises AsposeOcrTooLargeError: as :meth:`get_task`.
    """
    found = get_operation(operation)
    wait = Wait(
        timeout=coerce.seconds("timeout", timeout) or DEFAULT_TIMEOUT,
        poll_interval=coerce.seconds("poll_interval", poll_interval),
    )
    # Whoever waits here has mostly just submitted: a poll at once would be for nothing.
    task = yield from api.wait(Submission(found.name, ocr_task_id, submitted_at=time.time()), wait)
    task.raise_for_status()
    return (yield from _get_task(api, found, ocr_task_id)) if task.unread else task


def _cancel(api: OcrApi, operation: str | Operation, ocr_task_id: str) -> Flow[None]:
    """Cancel an OCR task and drop its results. One billed call; an unknown id is no error.

    :param operation: the operation that the OCR task was submitted to.
    :param ocr_task_id: the service's id of the OCR task.
    """
    yield from api.cancel(get_operation(operation), ocr_task_id)


def _twins(
    flow: Callable[Concatenate[OcrApi, P], Flow[T]],
) -> tuple[
    Callable[Concatenate[AsposeOcrHook, P], T],
    Callable[Concatenate[AsposeOcrHook, P], Coroutine[Any, Any, T]],
]:
    """Make two methods of a flow: one that blocks, and one for an event loop."""

    def run(hook: AsposeOcrHook, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return hook.run_flow(lambda api: flow(api, *args, **kwargs))

    async def arun(hook: AsposeOcrHook, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await hook.arun_flow(lambda api: flow(api, *args, **kwargs))

    functools.update_wrapper(run, flow)
    functools.update_wrapper(arun, flow)
    return run, arun


def _get_token() -> Flow[str]:
    return (yield NeedToken())  # type: ignore[no-any-return]


class AsposeOcrHook(HttpHook):
    """Talk to Aspose.OCR Cloud v5.0.

    An operation is given by name, such as ``RecognizeImage``, in any case. Temporary
    failures are retried with backoff and Retry-After, permanent ones never. No redirect is followed.

    .. code-block:: python

        hook = AsposeOcrHook()
        ocr_task_id = hook.submit("RecognizeImage", "s3://inbox/scan.png")
        text = hook.wait("RecognizeImage", ocr_task_id).text

    ``asubmit``, ``aget_task``, ``aget_status``, ``acancel``, ``afetch`` and ``await_task`` are the same for
    an event loop.

    :param asposeocr_conn_id: the Airflow connection of type ``asposeocr``: login is the Client ID,
        password the Client secret, host the base URL (the vendor's cloud by default); extra may hold
        ``token_url``, ``api_prefix``, ``timeout`` (seconds), ``delay_cost``, ``max_result_bytes``,
        ``verify``, ``cert`` and ``proxies``.
    :param repeat_ambiguous_submit: whether a submission whose fate is unknown, such as after a reset
        connection, is repeated once. It may then have been accepted, and be billed, twice.

    .. seealso:: https://docs.aspose.cloud/ocr/
    """

    conn_name_attr = "asposeocr_conn_id"
    default_conn_name = "asposeocr_default"
    conn_type = "asposeocr"
    hook_name = "Aspose.OCR Cloud"

    # For releases before Airflow 3.2; later ones read the metadata.
    get_connection_form_widgets = staticmethod(form_fields)
    get_ui_field_behaviour = staticmethod(form_text)

    def __init__(
        self, asposeocr_conn_id: str = default_conn_name, *, repeat_ambiguous_submit: bool = True
    ) -> None:
        if coerce.is_unset(asposeocr_conn_id):
            asposeocr_conn_id = self.default_conn_name
        # Our sessions keep connections alive by themselves, and use no adapter of the base class.
        super().__init__(http_conn_id=asposeocr_conn_id, tcp_keep_alive=False)
        self.asposeocr_conn_id = asposeocr_conn_id
        self._retry = RetryPolicy(repeat_ambiguous_submit=repeat_ambiguous_submit)
        self._meter = Meter(reports=True)

    @property
    def api_calls(self) -> int:
        """Count the billed calls that this hook has made."""
        return self._meter.calls

    submit, asubmit = _twins(_submit)
    get_task, aget_task = _twins(_get_task)
    get_status, aget_status = _twins(_get_status)
    wait, await_task = _twins(_wait)
    cancel, acancel = _twins(_cancel)

    def submit_source(
        self, operation: Operation, source: Source, wire: Mapping[str, Any] | None, fate: Fate | None = None
    ) -> str:
        """Start an OCR task with an open source and settings as they go on the wire.

        :param operation: the operation.
        :param source: from :func:`.open_source`.
        :param wire: from :func:`.wire_settings`.
        :param fate: told whether the service may have received the submission.
        """
        source.check_format(operation)
        body = make_body(operation, source, wire)
        return self.run_flow(lambda api: api.submit(operation, body, fate))

    @contextmanager
    def fetch(self, operation: str | Operation, ocr_task_id: str) -> Iterator[OcrTask]:
        """Ask for status and results of any size, in constant memory. One billed call.

        The reply goes to a temporary file, from which ``chunks()`` of each result reads inside the block.

        :param operation: the operation that the OCR task was submitted to.
        :param ocr_task_id: the service's id of the OCR task.
        """
        with tempfile.TemporaryFile(prefix="asposeocr-") as spool:
            yield self.run_flow(lambda api: api.fetch(get_operation(operation), ocr_task_id, spool))

    @asynccontextmanager
    async def afetch(self, operation: str | Operation, ocr_task_id: str) -> AsyncIterator[OcrTask]:
        """Do as :meth:`fetch`, on an event loop; ``chunks()`` of each result reads a file."""
        with tempfile.TemporaryFile(prefix="asposeocr-") as spool:
            yield await self.arun_flow(lambda api: api.fetch(get_operation(operation), ocr_task_id, spool))

    def run_flow(self, flow: Callable[[OcrApi], Flow[T]]) -> T:
        """Run a flow with ``requests``.

        :param flow: makes the flow from the API of this connection.
        """
        driver = SyncDriver(self.config, self._session, self._meter)
        return driver.run(flow(self.config.api(self._retry)))

    async def arun_flow(self, flow: Callable[[OcrApi], Flow[T]]) -> T:
        """Run a flow with ``aiohttp``.

        :param flow: makes the flow from the API of this connection.
        """
        async with shared_session(self.asposeocr_conn_id, self._aload) as shared:
            return await AsyncDriver(shared, self._meter).run(flow(shared.config.api(self._retry)))

    @asynccontextmanager
    async def async_session(self) -> AsyncIterator[aiohttp.ClientSession]:
        """Keep the session of asynchronous calls open inside the block. Without, a lone call opens its own.

        All hooks of one event loop that name the same connection share it.
        """
        async with shared_session(self.asposeocr_conn_id, self._aload) as shared:
            yield shared.session

    def halt(self) -> None:
        """Stop all further requests and any wait. Safe in a signal handler."""
        self._meter.halt()

    def get_conn(
        self, headers: dict[Any, Any] | None = None, extra_options: dict[str, Any] | None = None
    ) -> requests.Session:
        """Make a session whose requests carry the token, for endpoints without a method here.

        :param headers: further headers.
        :param extra_options: not supported; the connection's extra configures proxy and certificates.
        """
        config = self.config
        # A session of its own: this one would ask for a token before asking for a token.
        driver = SyncDriver(config, new_session(), self._meter)

        def authorize(request: requests.PreparedRequest) -> requests.PreparedRequest:
            # The service sees the token, and nobody else.
            if (request.url or "").startswith(f"{config.base_url}/"):
                request.headers["Authorization"] = f"Bearer {driver.run(_get_token())}"
            return request

        session = new_session()
        session.headers.update(headers or {})
        session.auth = authorize
        session.verify = config.ca_bundle()
        session.cert = config.cert
        if proxy := config.proxy_for(config.base_url):
            session.proxies = {"all": proxy}
        return session

    def run(
        self,
        endpoint: str | None = None,
        data: dict[str, Any] | str | None = None,
        headers: dict[str, Any] | None = None,
        extra_options: dict[str, Any] | None = None,
        **request_kwargs: Any,
    ) -> requests.Response:
        """Call a path below the base URL with the token and by the retry rules of this hook.

        :param endpoint: the path.
        :param data: form or body; for GET the query.
        :param headers: further headers.
        :param extra_options: not supported; the connection's extra configures proxy and certificates.
        :param request_kwargs: further arguments of :class:`requests.Request`, such as ``json``.
        :raises AsposeOcrError: for any answer that is not 2xx. No body is logged.
        """
        url = self.url_from_endpoint(endpoint)
        query = {"params": data} if self.method == "GET" else {"data": data}
        prepared = requests.Request(self.method, url, headers=headers, **query, **request_kwargs).prepare()
        body = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body
        content_type = prepared.headers.get("Content-Type", "application/octet-stream")
        request = HttpRequest(
            self.method,
            prepared.url or url,
            headers or {},
            BytesBody(body, content_type) if body is not None else None,
            limit=MAX_IN_MEMORY,
        )
        submits = self.method == "POST"
        call = Call(f"{self.method} {endpoint}", request, lambda answer: answer, submits=submits)
        answer = self.run_flow(lambda api: make_call(call, api.retry))
        if not answer.complete:
            raise AsposeOcrTooLargeError(f"the answer is larger than {MAX_IN_MEMORY} bytes")
        response = requests.Response()
        response.status_code = answer.status
        response.headers.update(answer.headers)
        response.url = prepared.url or url
        response.encoding = requests.utils.get_encoding_from_headers(response.headers)
        response.raw = io.BytesIO(answer.body)
        return response

    def url_from_endpoint(self, endpoint: str | None) -> str:
        """Return the address of a path below the base URL."""
        return f"{self.config.base_url}/{(endpoint or '').lstrip('/')}"

    def check_response(self, response: requests.Response) -> None:
        """Raise for a status that is not 2xx. Unlike the inherited one, this logs no body.

        :param response: the answer.
        :raises AsposeOcrRequestError: if it is not 2xx.
        """
        if not 200 <= response.status_code < 300:
            raise AsposeOcrRequestError(
                f"the service answers HTTP {response.status_code}", status=response.status_code
            )

    def test_connection(self) -> tuple[bool, str]:
        """Sign in, for the Test button. One call that is not billed."""
        try:
            config = self.config
            driver = SyncDriver(config, new_session(), self._meter)
            driver.run(sign_in(config, may_wait=not on_event_loop()))
        except AsposeOcrError as error:
            return False, str(error)
        return True, (
            "Signed in: Client ID and Client secret are accepted. The operations below "
            f"{config.base_url}{config.prefix} were not tried, since each call there is billed"
        )

    @functools.cached_property
    def _session(self) -> requests.Session:
        return new_session()

    @functools.cached_property
    def config(self) -> ConnectionConfig:
        """The connection, read when it is first asked for."""
        with existing(self.asposeocr_conn_id):
            connection = self.get_connection(self.asposeocr_conn_id)
        config = ConnectionConfig.of(connection, connection.extra_dejson)
        config.check_files()
        return config

    async def _aload(self) -> ConnectionConfig:
        if "config" in vars(self):
            return self.config
        # Not kept: what several hooks share is looked up again from time to time.
        with existing(self.asposeocr_conn_id):
            connection = await get_async_connection(self.asposeocr_conn_id, hook=self)
        return ConnectionConfig.of(connection, await get_async_extra_dejson(connection))
