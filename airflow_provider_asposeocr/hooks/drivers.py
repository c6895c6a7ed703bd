"""Two drivers of the same flows: ``requests`` for workers, ``aiohttp`` for the triggerer.

Neither holds a rule of the protocol. Both take proxy, certificates and time limits from the same
:class:`ConnectionConfig`, and neither lets its client add anything from the environment: an entry in
``.netrc`` would replace the token.
"""

from __future__ import annotations

import asyncio
import contextlib
import platform
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar

import aiohttp
import airflow
import requests
import urllib3.exceptions
import yarl

from airflow_provider_asposeocr import __version__, metrics
from airflow_provider_asposeocr.api.exceptions import AsposeOcrHaltedError, contained
from airflow_provider_asposeocr.api.http import (
    BytesBody,
    FailureKind,
    Flow,
    HttpRequest,
    HttpResponse,
    NeedToken,
    RequestBody,
    Sleep,
    Step,
    TransportFailure,
    Work,
)
from airflow_provider_asposeocr.hooks.auth import get_token
from airflow_provider_asposeocr.hooks.connection import ConnectionConfig
from airflow_provider_asposeocr.hooks.exchange import ACCEPTED, CHUNK, AnswerBody, ExchangeLimit
from airflow_provider_asposeocr.hooks.sessions import CONNECT_TIMEOUT, SharedSession, within
from airflow_provider_asposeocr.hooks.transport_errors import transport_failure

T = TypeVar("T")

_SLICE = 0.25
_AGENT = (
    f"airflow-provider-asposeocr/{__version__} apache-airflow/{airflow.__version__} "
    f"Python/{platform.python_version()}"
)
_HEADERS = {"User-Agent": _AGENT, "Accept-Encoding": ACCEPTED}
_NO_TIME = TransportFailure(FailureKind.NOT_SENT, "there was no time left to ask the service")
_NO_PLACE = TransportFailure(FailureKind.NOT_SENT, "all connections to the service were busy")


class Meter:
    """Counts billed calls, and stops a driver.

    :param calls: billed calls made so far.
    :param reports: whether they are metrics: of the meters that a flow runs under, one alone may report it.
    """

    def __init__(self, *, reports: bool = False) -> None:
        self.calls = 0
        self._reports = reports
        self._halted = False

    def halt(self) -> None:
        """Let no further request out, and end a sleep. Safe in a signal handler."""
        self._halted = True

    def check(self) -> None:
        """Raise if halted.

        :raises AsposeOcrHaltedError: if halted.
        """
        if self._halted:
            raise AsposeOcrHaltedError("the Airflow task was killed: no further request is sent")

    def sleep(self, seconds: float) -> None:
        """Sleep, unless and until halted."""
        # In slices: a lock to wait on could be held by this very thread when the signal handler halts.
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, _SLICE))
        self.check()

    def count(self, request: HttpRequest, answer: HttpResponse | TransportFailure) -> None:
        """Count a request, unless it surely never arrived."""
        arrived = isinstance(answer, HttpResponse) or answer.kind is FailureKind.UNKNOWN
        if request.billed and arrived:
            self.calls += 1
            if self._reports and request.operation is not None:
                metrics.called(request.method, request.operation, len(request.body or b""))


def metered(flow: Flow[T], meter: Meter) -> Flow[T]:
    """Run a flow under a meter: it stops each request when halted, and counts each that was sent.

    An error of the driver goes into the flow: what that means, the flow knows.

    :param flow: the flow.
    :param meter: counts and stops.
    """
    try:
        step = next(flow)
        while True:
            try:
                if isinstance(step, HttpRequest):
                    meter.check()
                    answer = (yield step) if time.time() < step.until else _NO_TIME
                    meter.count(step, answer)
                else:
                    answer = yield step
            except BaseException as error:
                step = flow.throw(error)
            else:
                step = flow.send(answer)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]


class _WatchedBody:
    """A body whose way to the service counts for the limit of the exchange.

    :param body: the body.
    :param limit: earns time by each chunk, and begins anew for the answer.
    :param on_move: called whenever the limit has moved.
    """

    def __init__(
        self, body: RequestBody, limit: ExchangeLimit, on_move: Callable[[], None] = lambda: None
    ) -> None:
        self._body = body
        self._limit = limit
        self._on_move = on_move

    def __len__(self) -> int:
        return len(self._body)

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._body:
            if self._limit.left <= 0:
                raise TimeoutError("the service takes the request too slowly")
            yield chunk
            self._limit.moved(len(chunk))
        self._limit.begin_anew()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = iter(self._body)
        # Reading may block on a disk or another network: never on the event loop.
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            yield chunk
            self._limit.moved(len(chunk))
            self._on_move()
        self._limit.begin_anew()
        self._on_move()


class SyncDriver:
    """Runs flows with ``requests``.

    :param config: the connection.
    :param session: a session of :func:`new_session`.
    :param meter: counts and stops.
    """

    def __init__(self, config: ConnectionConfig, session: requests.Session, meter: Meter) -> None:
        self._config = config
        self._session = session
        self._meter = meter

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return what it returns."""
        steps = metered(flow, self._meter)
        try:
            step = next(steps)
            while True:
                try:
                    answer = self._do(step)
                except BaseException as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(answer)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]

    def _do(self, step: Step) -> Any:
        if isinstance(step, HttpRequest):
            return self._send(step)
        if isinstance(step, NeedToken):
            return self.run(get_token(self._config, step, may_wait=not on_event_loop()))
        if isinstance(step, Sleep):
            return self._meter.sleep(step.seconds)
        return step.call() if isinstance(step, Work) else step.future.result(step.seconds)

    def _send(self, request: HttpRequest) -> HttpResponse | TransportFailure:
        limit = ExchangeLimit(self._config.read_timeout, request.until)
        try:
            proxy = self._config.proxy_for(request.url)
            with (
                within(limit),
                self._session.request(
                    request.method,
                    request.url,
                    headers=_headers(request),
                    data=_WatchedBody(request.body, limit) if request.body is not None else None,
                    allow_redirects=False,
                    stream=True,
                    timeout=(min(CONNECT_TIMEOUT, limit.left), self._config.read_timeout),
                    proxies={"all": proxy} if proxy else {},
                    verify=self._config.ca_bundle(),
                    cert=self._config.cert,
                ) as response,
            ):
                answer = AnswerBody(request, response.status_code, response.headers, limit)
                for chunk in response.raw.stream(CHUNK, decode_content=False):
                    if not answer.take(chunk):
                        break
                return answer.response()
        # Some of what is no HTTP makes the client raise a plain ValueError.
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            return transport_failure(error)


class AsyncDriver:
    """Runs flows with ``aiohttp``.

    :param shared: the session, with the connection that it was made for.
    :param meter: counts and stops.
    """

    def __init__(self, shared: SharedSession, meter: Meter) -> None:
        self._shared = shared
        self._meter = meter

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return what it returns."""
        steps = metered(flow, self._meter)
        try:
            step = next(steps)
            while True:
                try:
                    answer = await self._do(step)
                except BaseException as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(answer)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]

    async def _do(self, step: Step) -> Any:
        if isinstance(step, HttpRequest):
            return await self._send(step)
        if isinstance(step, NeedToken):
            return await self.run(get_token(self._shared.config, step))
        if isinstance(step, Sleep):
            return await asyncio.sleep(step.seconds)
        if isinstance(step, Work):
            return await asyncio.to_thread(contained, step.call)
        async with asyncio.timeout(step.seconds):
            # Shielded: one waiter that is cancelled must not cancel the future of all.
            return await asyncio.shield(asyncio.wrap_future(step.future))

    async def _send(self, request: HttpRequest) -> HttpResponse | TransportFailure:
        limit = ExchangeLimit(self._shared.config.read_timeout, request.until)
        loop = asyncio.get_running_loop()
        waits, has_place = self._shared.places.locked(), False
        try:
            async with asyncio.timeout(limit.left) as scope, self._shared.places:

                def move() -> None:
                    scope.reschedule(loop.time() + limit.left)

                has_place = True
                if waits:
                    # Not on the time of the exchange.
                    limit.begin_anew()
                    move()
                data: Any = request.body
                if isinstance(data, BytesBody):
                    data = data.data
                elif data is not None:
                    data = _WatchedBody(data, limit, move)
                async with self._shared.session.request(
                    request.method,
                    # requests sends the URL as it stands; so does this.
                    yarl.URL(request.url, encoded=True),
                    headers=_headers(request),
                    data=data,
                    allow_redirects=False,
                    proxy=self._shared.proxy_for(request.url.partition("?")[0]),
                ) as response:
                    answer = AnswerBody(request, response.status, response.headers, limit)
                    while chunk := await response.content.readany():
                        taken = asyncio.to_thread(answer.take, chunk) if answer.spool is not None else None
                        wanted = answer.take(chunk) if taken is None else await taken
                        move()
                        if not wanted:
                            response.close()
                            break
                    return answer.response()
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return transport_failure(error) if has_place else _NO_PLACE


def _headers(request: HttpRequest) -> dict[str, str]:
    headers = {**_HEADERS, **request.headers}
    if request.body is not None:
        headers["Content-Type"] = request.body.content_type
        headers["Content-Length"] = str(len(request.body))
    if request.token is not None:
        headers["Authorization"] = f"Bearer {request.token}"
    return headers


def on_event_loop() -> bool:
    """Tell whether this thread runs an event loop, which must not wait for its own coroutines."""
    with contextlib.suppress(RuntimeError):
        return asyncio.get_running_loop().is_running()
    return False
