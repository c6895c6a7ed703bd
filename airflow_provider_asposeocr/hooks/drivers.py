"""Two drivers of the same flows: ``requests`` for workers, ``aiohttp`` for the triggerer.

Neither holds a rule of the protocol. Both take proxy, certificates and timeouts from the same
:class:`ConnectionSettings`, and neither lets its client add anything from the environment: an entry in
``.netrc`` would replace the token.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from http.cookiejar import DefaultCookiePolicy
from typing import IO, Any, TypeVar

import aiohttp
import requests
import urllib3.exceptions
import yarl
from requests_toolbelt.adapters.socket_options import TCPKeepAliveAdapter

from airflow_provider_asposeocr import __version__
from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrHaltedError,
    AsposeOcrStorageError,
)
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
)
from airflow_provider_asposeocr.api.retry import RetryPolicy
from airflow_provider_asposeocr.hooks.connection import CONNECT_TIMEOUT, ConnectionSettings
from airflow_provider_asposeocr.hooks.failures import async_failure, sync_failure
from airflow_provider_asposeocr.hooks.rejections import LONGEST_WAIT, Rejection
from airflow_provider_asposeocr.hooks.tokens import aget_token, get_token, kept_token, on_event_loop

T = TypeVar("T")

CHUNK = 64 * 1024

MAX_CONNECTIONS = 100
"""Sockets of one session at most; what is more waits for its turn."""

_SLICE = 0.25
_HEADERS = {"User-Agent": f"airflow-provider-asposeocr/{__version__}", "Accept-Encoding": "gzip, deflate"}


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
    """A body that remembers why reading it failed, which HTTP clients report as a broken connection."""

    def __init__(self, body: RequestBody) -> None:
        self._body = body
        self.error: Exception | None = None

    def __len__(self) -> int:
        return len(self._body)

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._body
        except Exception as error:
            self.error = error
            raise

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = iter(self)
        # Reading may block on a disk or another network: never on the event loop.
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            yield chunk


class SyncDriver:
    """Runs flows with ``requests``.

    :param settings: the connection.
    :param session: a session of :func:`new_session`.
    :param meter: counts and stops.
    """

    def __init__(self, settings: ConnectionSettings, session: requests.Session, meter: Meter) -> None:
        self._settings = settings
        self._session = session
        self._meter = meter

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return what it returns."""
        answer: Any = None
        sent = False
        try:
            while True:
                step = flow.send(answer)
                answer = None
                if isinstance(step, Sleep):
                    self._meter.sleep(step.seconds)
                elif isinstance(step, NeedToken):
                    answer = get_token(self._settings.token_key(), step.stale, self.sign_in)
                else:
                    self._meter.check()
                    sent = True
                    answer = self._send(step)
                    self._meter.count(step, answer)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        except AsposeOcrHaltedError as halted:
            # An earlier attempt may have been accepted.
            halted.ambiguous = sent
            raise

    def sign_in(self) -> Token:
        """Ask for a token, whatever is kept.

        :raises AsposeOcrAuthError: if the credentials are rejected, or were a short while ago on this host.
        """
        patience = 0.0 if on_event_loop() else LONGEST_WAIT
        with Rejection(self._settings.token_key()).guard(patience):
            return self.run(self._settings.api(RetryPolicy()).token(*self._settings.credentials()))

    def _send(self, request: HttpRequest) -> HttpResponse | TransportFailure:
        body = _WatchedBody(request.body) if request.body is not None else None
        proxy = self._settings.proxy_for(request.url)
        try:
            with self._session.request(
                request.method,
                request.url,
                headers=_headers(request),
                data=body,
                allow_redirects=False,
                stream=True,
                timeout=(CONNECT_TIMEOUT, self._settings.read_timeout),
                proxies={"all": proxy} if proxy else {},
                verify=self._settings.ca_bundle(),
                cert=self._settings.cert,
            ) as response:
                content, complete = _read(response, request)
                return HttpResponse(response.status_code, response.headers, content, complete)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            if body is not None and body.error is not None:
                raise body.error from None
            return sync_failure(error)


class AsyncDriver:
    """Runs flows with ``aiohttp``.

    :param settings: the connection.
    :param session: a session of :func:`new_async_session`.
    :param meter: counts and stops.
    :param proxies: the proxy of each address that was asked for, kept by whoever keeps the session: to
        search the environment takes longer than to send a poll.
    """

    def __init__(
        self,
        settings: ConnectionSettings,
        session: aiohttp.ClientSession,
        meter: Meter,
        proxies: dict[str, str | None],
    ) -> None:
        self._settings = settings
        self._session = session
        self._meter = meter
        self._proxies = proxies
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_TIMEOUT, sock_read=settings.read_timeout
        )
        self._token_key: str | None = None
        self._parsed: tuple[str, yarl.URL] = "", yarl.URL()

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return what it returns."""
        answer: Any = None
        while True:
            try:
                step = flow.send(answer)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            if isinstance(step, Sleep):
                await asyncio.sleep(step.seconds)
                answer = None
            elif isinstance(step, NeedToken):
                self._token_key = self._token_key or self._settings.token_key()
                answer = kept_token(self._token_key, step.stale) or await aget_token(
                    self._token_key, step.stale, self.sign_in
                )
            else:
                self._meter.check()
                answer = await self._send(step)
                self._meter.count(step, answer)

    async def sign_in(self) -> Token:
        """Ask for a token, whatever is kept.

        :raises AsposeOcrAuthError: if the credentials are rejected, or were a short while ago on this host.
        """
        async with Rejection(self._settings.token_key()).aguard():
            return await self.run(self._settings.api(RetryPolicy()).token(*self._settings.credentials()))

    async def _send(self, request: HttpRequest) -> HttpResponse | TransportFailure:
        small = request.body.data if isinstance(request.body, BytesBody) else None
        body = _WatchedBody(request.body) if request.body is not None and small is None else None
        try:
            async with self._session.request(
                request.method,
                self._url(request.url),
                headers=_headers(request),
                data=body if small is None else small,
                allow_redirects=False,
                proxy=self._proxy_for(request.url),
                timeout=self._timeout,
            ) as response:
                content, complete = await _aread(response, request)
                return HttpResponse(response.status, response.headers, content, complete)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
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
        address = url.partition("?")[0]
        if address not in self._proxies:
            self._proxies[address] = self._settings.proxy_for(address)
        return self._proxies[address]


class _Session(requests.Session):
    """A session that follows no redirect, whoever uses it: the token would travel along."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


def new_session() -> requests.Session:
    """Make a session that keeps connections alive and takes nothing from the environment or from cookies."""
    session = _Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = TCPKeepAliveAdapter(idle=120, count=20, interval=30)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def new_async_session(settings: ConnectionSettings) -> aiohttp.ClientSession:
    """Make a session for the running event loop, with the same rules as :func:`new_session`.

    :param settings: the connection, for its certificates.
    """
    connector = aiohttp.TCPConnector(limit=MAX_CONNECTIONS, ssl=settings.ssl_context())
    session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)
    # It would repeat a GET by itself where a kept connection turns out to be closed: a call that may be
    # billed and is not counted. There is no public name for this switch.
    session._retry_connection = False
    return session


def _headers(request: HttpRequest) -> dict[str, str]:
    headers = {**_HEADERS, **request.headers}
    if request.body is not None:
        headers["Content-Type"] = request.body.content_type
        headers["Content-Length"] = str(len(request.body))
    if request.token is not None:
        headers["Authorization"] = f"Bearer {request.token}"
    return headers


def _read(response: requests.Response, request: HttpRequest) -> tuple[bytes, bool]:
    if request.spool is not None and response.status_code == 200:
        _rewind(request.spool)
        for chunk in response.iter_content(CHUNK):
            _spool(request.spool, chunk)
        return b"", True
    content, limit = bytearray(), request.limit
    for chunk in response.iter_content(CHUNK):
        content += chunk
        if limit is not None and len(content) > limit:
            return bytes(content[:limit]), False
    return bytes(content), True


async def _aread(response: aiohttp.ClientResponse, request: HttpRequest) -> tuple[bytes, bool]:
    if request.spool is not None and response.status == 200:
        _rewind(request.spool)
        async for chunk in response.content.iter_chunked(CHUNK):
            await asyncio.to_thread(_spool, request.spool, chunk)
        return b"", True
    content, limit = bytearray(), request.limit
    async for chunk in response.content.iter_chunked(CHUNK):
        content += chunk
        if limit is not None and len(content) > limit:
            response.close()
            return bytes(content[:limit]), False
    return bytes(content), True


def _rewind(spool: IO[bytes]) -> None:
    # An earlier attempt may have left a part of its answer.
    spool.seek(0)
    spool.truncate()


def _spool(spool: IO[bytes], chunk: bytes) -> None:
    try:
        spool.write(chunk)
    except OSError as error:
        # Not to be taken for a broken connection: to ask again would be billed, and help nothing.
        raise AsposeOcrStorageError(f"the reply cannot be kept in a file: {error.strerror}") from error
