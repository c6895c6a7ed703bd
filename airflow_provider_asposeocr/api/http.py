"""The steps of a flow, and the answers of its driver. No HTTP client is imported here."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import IO, Any, Protocol, TypeVar

T = TypeVar("T")

MAX_ANSWER_BYTES = 512 * 1024
"""Bytes of an answer that are read into memory by default. Decoded JSON can take twenty times as much."""


class RequestBody(Protocol):
    """A request body that can be sent again: every iteration starts from the beginning."""

    @property
    def content_type(self) -> str:
        """Return the value of the Content-Type header."""

    def __len__(self) -> int:
        """Return the number of bytes, known before the first is read."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes, in chunks."""


@dataclass(frozen=True, slots=True)
class BytesBody:
    """A small request body.

    :param data: the bytes.
    :param content_type: the value of the Content-Type header.
    """

    data: bytes = field(repr=False)
    content_type: str

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[bytes]:
        yield self.data


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """Send this request and answer with :class:`HttpResponse` or :class:`TransportFailure`.

    :param method: GET, POST or DELETE.
    :param url: absolute URL, query included.
    :param headers: without Authorization, Content-Type and Content-Length, which follow from the rest.
    :param body: what to send, or None.
    :param token: the bearer token, or None.
    :param limit: the most bytes of the answer's body to read, after decompression.
    :param until: when to give up at the latest, seconds since the epoch.
    :param billed: whether the service counts the call.
    :param spool: a file that takes the body of a 200 from its beginning, instead of memory.
    :param spool_limit: the most bytes that it takes.
    :param operation: the operation that it concerns, by which billed calls are counted.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: RequestBody | None = None
    token: str | None = field(default=None, repr=False)
    limit: int = MAX_ANSWER_BYTES
    until: float = math.inf
    billed: bool = True
    spool: IO[bytes] | None = field(default=None, repr=False)
    spool_limit: int = 0
    operation: str | None = None

    def bearing(self, token: str | None, until: float = math.inf) -> HttpRequest:
        """Return the same request with a token, without one if None, and with an end.

        :param token: the bearer token.
        :param until: when to give up at the latest, seconds since the epoch.
        """
        return replace(self, token=token, until=until)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An answer.

    :param status: the HTTP status.
    :param headers: found by names in lower case, whatever they are on the wire.
    :param body: the bytes, decompressed; none where they went to the request's spool.
    :param complete: False where the body is longer than the request's limit, or that of its spool.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    complete: bool = True


class FailureKind(Enum):
    """The way that a request without an answer has come."""

    NOT_SENT = auto()
    """No connection was made: the service has surely not seen it."""
    UNTRUSTED = auto()
    """The peer's certificate is not trusted: repeating cannot help."""
    UNKNOWN = auto()
    """The connection broke or timed out after it was made."""


@dataclass(frozen=True, slots=True)
class TransportFailure:
    """No answer.

    :param kind: whether the service may have seen the request.
    :param reason: what broke, without credentials, task ids or contents.
    """

    kind: FailureKind
    reason: str


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait.

    :param seconds: how long.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class NeedToken:
    """Answer with a bearer token.

    :param stale: the token that was refused, which must not be given again.
    :param until: when to give up at the latest, seconds since the epoch.
    """

    stale: str | None = field(default=None, repr=False)
    until: float = math.inf


@dataclass(frozen=True, slots=True)
class Work:
    """Call this off the event loop, and answer with what it returns. What it raises is thrown into the flow.

    :param call: takes no arguments.
    """

    call: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class WaitFor:
    """Wait for what another flow, in whichever thread, puts into a future, and answer with that.

    :param future: where it comes.
    :param until: when to give up at the latest, seconds since the epoch; TimeoutError is thrown then.
    """

    future: Future[Any]
    until: float = math.inf

    @property
    def seconds(self) -> float | None:
        """Return the seconds left, or None without an end."""
        return None if self.until == math.inf else max(0.0, self.until - time.time())


Step = HttpRequest | Sleep | NeedToken | Work | WaitFor
Flow = Generator[Step, Any, T]


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token.

    :param value: the token.
    :param expires_at: seconds since the epoch after which it is not used any more.
    """

    value: str = field(repr=False)
    expires_at: float
