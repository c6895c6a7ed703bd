"""Two drivers of the same flows: ``requests`` for workers, ``aiohttp`` for the triggerer.

Neither holds a rule of the protocol. Both take proxy, certificates and time limits from the same
:class:`ConnectionConfig`, and neither lets its client add anything from the environment: an entry in
``.netrc`` would replace the token.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar

import aiohttp
import requests
import urllib3.exceptions
import yarl

from airflow_provider_asposeocr import __version__
from airflow_provider_asposeocr.api.compression import ACCEPTED, CompressionError
from airflow_provider_asposeocr.api.exceptions import AsposeOcrError, AsposeOcrHaltedError, contained
from airflow_provider_asposeocr.api.http import (
    BytesBody,
    FailureKind,
    Flow,
    HttpRequest,
    HttpResponse,
    NeedToken,
    RequestBody,
    Sleep,
    Token,
    TransportFailure,
    Work,
)
from airflow_provider_asposeocr.api.retry import RetryPolicy
from airflow_provider_asposeocr.hooks.auth import (
    MAX_WAIT,
    Rejection,
    aget_token,
    get_token,
    kept_token,
    on_event_loop,
)
from airflow_provider_asposeocr.hooks.connecting import CONNECT_TIMEOUT
from airflow_provider_asposeocr.hooks.connection import ConnectionConfig
from airflow_provider_asposeocr.hooks.exchange import CHUNK, AnswerBody, TimeLimit
from airflow_provider_asposeocr.hooks.requests_session import within
from airflow_provider_asposeocr.hooks.sessions import SharedSession
from airflow_provider_asposeocr.hooks.transport_errors import async_failure, sync_failure

T = TypeVar("T")

_SLICE = 0.25
_HEADERS = {"User-Agent": f"airflow-provider-asposeocr/{__version__}", "Accept-Encoding": ACCEPTED}
_NO_TIME = TransportFailure(FailureKind.NOT_SENT, "there was no time left to ask the service")
_NO_PLACE = TransportFailure(FailureKind.NOT_SENT, "all connections to the service were busy")


class Meter:
    """Counts billed calls, and stops a driver.

    :param calls: billed calls made so far.
    """

    def __init__(self) -> None:
        self.calls = 0
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
        self.calls += request.billed and arrived


class _WatchedBody:
    """A body that tells of its way, and why reading it failed, which clients report as a broken connection.

    :param body: the body.
    :param limit: earns time by each chunk, and begins anew for the answer.
    :param on_move: called whenever the limit has moved.
    """

    def __init__(self, body: RequestBody, limit: TimeLimit, on_move: Callable[[], None]) -> None:
        self._body = body
        self._limit = limit
        self._on_move = on_move
        self.error: Exception | None = None

    def __len__(self) -> int:
        return len(self._body)

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._read():
            if self._limit.left <= 0:
                raise TimeoutError("the service takes the request too slowly")
            yield chunk
            self._moved(chunk)
        self._sent()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = self._read()
        # Reading may block on a disk or another network: never on the event loop.
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            yield chunk
            self._moved(chunk)
        self._sent()

    def _read(self) -> Iterator[bytes]:
        try:
            yield from self._body
        except Exception as error:
            self.error = error
            raise

    def _moved(self, chunk: bytes) -> None:
        self._limit.moved(len(chunk))
        self._on_move()

    def _sent(self) -> None:
        self._limit.request_sent()
        self._on_move()


class SyncDriver:
    """Runs flows with ``requests``.

    :param settings: the connection.
    :param session: a session of :func:`new_session`.
    :param meter: counts and stops.
    """

    def __init__(self, settings: ConnectionConfig, session: requests.Session, meter: Meter) -> None:
        self._settings = settings
        self._session = session
        self._meter = meter

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return what it returns."""
        answer: Any = None
        failed: AsposeOcrError | None = None
        try:
            while True:
                step = flow.send(answer) if failed is None else flow.throw(failed)
                answer = failed = None
                if isinstance(step, Sleep):
                    self._meter.sleep(step.seconds)
                elif isinstance(step, Work):
                    try:
                        answer = step.call()
                    except AsposeOcrError as error:
                        failed = error
                elif isinstance(step, NeedToken):
                    try:
                        answer = get_token(self._settings.token_key(), step.stale, step.until, self.sign_in)
                    except AsposeOcrError as error:
                        failed = error
                else:
                    try:
                        self._meter.check()
                        answer = self._send(step)
                    except AsposeOcrError as error:
                        failed = error
                    else:
                        self._meter.count(step, answer)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]

    def sign_in(self, until: float = math.inf) -> Token:
        """Ask for a token, whatever is kept.

        :param until: when to give up at the latest, seconds since the epoch.
        :raises AsposeOcrAuthError: if the credentials are rejected, or were a short while ago on this host.
        """
        patience = 0.0 if on_event_loop() else min(MAX_WAIT, until - time.time())
        with Rejection(self._settings.token_key()).guard(patience):
            return self.run(self._settings.api(RetryPolicy(until=until)).token(*self._settings.credentials()))

    def _send(self, request: HttpRequest) -> HttpResponse | TransportFailure:
        limit = TimeLimit(self._settings.read_timeout, request.until)
        if limit.left <= 0:
            return _NO_TIME
        body = _WatchedBody(request.body, limit, _nothing) if request.body is not None else None
        proxy = self._settings.proxy_for(request.url)
        try:
            with (
                within(limit) as framing,
                self._session.request(
                    request.method,
                    request.url,
                    headers=_headers(request),
                    data=body,
                    allow_redirects=False,
                    stream=True,
                    timeout=(min(CONNECT_TIMEOUT, limit.left), self._settings.read_timeout),
                    proxies={"all": proxy} if proxy else {},
                    verify=self._settings.ca_bundle(),
                    cert=self._settings.cert,
                ) as response,
            ):
                answer = AnswerBody(request, response.status_code, response.headers, limit)
                for chunk in response.raw.stream(CHUNK, decode_content=False):
                    framing.came(len(chunk))
                    if not answer.take(chunk):
                        break
                return answer.response()
        except CompressionError as error:
            return TransportFailure(FailureKind.UNKNOWN, str(error))
        except AsposeOcrError:
            raise
        # Some of what is no HTTP makes the client raise a plain ValueError.
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            if body is not None and body.error is not None:
                raise body.error from None
            return sync_failure(error)


class AsyncDriver:
    """Runs flows with ``aiohttp``.

    :param shared: the session, with the connection that it was made for.
    :param meter: counts and stops.
    """

    def __init__(self, shared: SharedSession, meter: Meter) -> None:
        self._shared = shared
        self._settings = shared.settings
        self._meter = meter
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_TIMEOUT, sock_read=self._settings.read_timeout
        )
        self._token_key: str | None = None
        self._parsed: tuple[str, yarl.URL] = "", yarl.URL()

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return what it returns."""
        answer: Any = None
        failed: AsposeOcrError | None = None
        while True:
            try:
                step = flow.send(answer) if failed is None else flow.throw(failed)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            answer = failed = None
            if isinstance(step, Sleep):
                await asyncio.sleep(step.seconds)
            elif isinstance(step, Work):
                try:
                    answer = await asyncio.to_thread(contained, step.call)
                except AsposeOcrError as error:
                    failed = error
            elif isinstance(step, NeedToken):
                self._token_key = self._token_key or self._settings.token_key()
                try:
                    answer = kept_token(self._token_key, step.stale) or await aget_token(
                        self._token_key, step.stale, step.until, self.sign_in
                    )
                except AsposeOcrError as error:
                    failed = error
            else:
                try:
                    self._meter.check()
                    answer = await self._send(step)
                except AsposeOcrError as error:
                    failed = error
                else:
                    self._meter.count(step, answer)

    async def sign_in(self, until: float = math.inf) -> Token:
        """Ask for a token, whatever is kept.

        :param until: when to give up at the latest, seconds since the epoch.
        :raises AsposeOcrAuthError: if the credentials are rejected, or were a short while ago on this host.
        """
        patience = min(MAX_WAIT, until - time.time())
        async with Rejection(self._settings.token_key()).aguard(patience):
            api = self._settings.api(RetryPolicy(until=until))
            return await self.run(api.token(*self._settings.credentials()))

    async def _send(self, request: HttpRequest) -> HttpResponse | TransportFailure:
        limit = TimeLimit(self._settings.read_timeout, request.until)
        if limit.left <= 0:
            return _NO_TIME
        places = self._shared.places
        if places.locked():
            try:
                async with asyncio.timeout(limit.left):
                    await places.acquire()
            except TimeoutError:
                return _NO_PLACE
        else:
            await places.acquire()
        try:
            return await self._exchange(request)
        finally:
            places.release()

    async def _exchange(self, request: HttpRequest) -> HttpResponse | TransportFailure:
        limit = TimeLimit(self._settings.read_timeout, request.until)
        loop = asyncio.get_running_loop()
        small = request.body.data if isinstance(request.body, BytesBody) else None
        body = None
        try:
            async with asyncio.timeout(limit.left) as scope:

                def move() -> None:
                    scope.reschedule(loop.time() + limit.left)

                if request.body is not None and small is None:
                    body = _WatchedBody(request.body, limit, move)
                async with self._shared.session.request(
                    request.method,
                    self._url(request.url),
                    headers=_headers(request),
                    data=body if small is None else small,
                    allow_redirects=False,
                    proxy=self._proxy_for(request.url),
                    timeout=self._timeout,
                ) as response:
                    answer = AnswerBody(request, response.status, response.headers, limit)
                    while chunk := await response.content.readany():
                        taken = asyncio.to_thread(answer.take, chunk) if answer.is_spooled else None
                        wanted = answer.take(chunk) if taken is None else await taken
                        move()
                        if not wanted:
                            response.close()
                            break
                    return answer.response()
        except CompressionError as error:
            return TransportFailure(FailureKind.UNKNOWN, str(error))
        except AsposeOcrError:
            raise
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if body is not None and body.error is not None:
                raise body.error from None
            return async_failure(error)

    def _url(self, url: str) -> yarl.URL:
        # All polls of a task go to one address, which takes longer to parse than the answer.
        if self._parsed[0] != url:
            # requests sends the URL as it stands; so does this.
            self._parsed = url, yarl.URL(url, encoded=True)
        return self._parsed[1]

    def _proxy_for(self, url: str) -> str | None:
        address, proxies = url.partition("?")[0], self._shared.proxies
        if address not in proxies:
            proxies[address] = self._settings.proxy_for(address)
        return proxies[address]


def _nothing() -> None:
    pass


def _headers(request: HttpRequest) -> dict[str, str]:
    headers = {**_HEADERS, **request.headers}
    if request.body is not None:
        headers["Content-Type"] = request.body.content_type
        headers["Content-Length"] = str(len(request.body))
    if request.token is not None:
        headers["Authorization"] = f"Bearer {request.token}"
    return headers


def metered(flow: Flow[T], meter: Meter) -> Flow[T]:
    """Return the same flow, its calls counted by a meter.

    :param flow: the flow.
    :param meter: counts them.
    """
    answer: Any = None
    failed: AsposeOcrError | None = None
    while True:
        try:
            step = flow.send(answer) if failed is None else flow.throw(failed)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        answer = failed = None
        try:
            answer = yield step
        except AsposeOcrError as error:
            # A token that cannot be had: what that means, the flow knows.
            failed = error
            continue
        if isinstance(step, HttpRequest):
            meter.count(step, answer)
