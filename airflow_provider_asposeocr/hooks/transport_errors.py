"""Exceptions of HTTP clients, told apart: could the service have seen the request, and can a repeat help?"""

from __future__ import annotations

import errno
import os
import ssl
from collections.abc import Iterator

import aiohttp
import requests
import urllib3.exceptions

from airflow_provider_asposeocr.api.exceptions import AsposeOcrError, AsposeOcrSettingsError
from airflow_provider_asposeocr.api.http import FailureKind, TransportFailure
from airflow_provider_asposeocr.hooks.exchange import CompressionError

_NO_ADDRESS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
)
_NOT_SENT = (
    requests.exceptions.ConnectTimeout,
    requests.exceptions.ProxyError,
    requests.exceptions.SSLError,
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.LocationParseError,
    aiohttp.ClientConnectorError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ConnectionTimeoutError,
)
_TIMED_OUT = (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)


def transport_failure(error: Exception) -> TransportFailure:
    """Read an exception of ``requests`` or ``aiohttp``.

    :param error: the exception.
    :raises AsposeOcrError: if it is one, or wraps one of a body that cannot be read.
    :raises AsposeOcrSettingsError: if it means that the connection is wrong.
    """
    if isinstance(error, _NO_ADDRESS):
        raise AsposeOcrSettingsError("the connection's host, token_url or proxy is not an address") from None
    if isinstance(error, CompressionError):
        return TransportFailure(FailureKind.UNKNOWN, str(error))
    chain = list(_chain(error))
    for cause in chain:
        if isinstance(cause, AsposeOcrError):
            raise cause from None
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in chain):
        reasons = (cause.verify_message for cause in chain if hasattr(cause, "verify_message"))
        reason = next(reasons, "no reason given")
        return TransportFailure(FailureKind.UNTRUSTED, f"the certificate is not trusted: {reason}")
    # Only numbers of the system are told: messages of the clients hold addresses with task ids.
    told = "timed out" if isinstance(error, _TIMED_OUT) else _cause(chain)
    if any(isinstance(cause, _NOT_SENT) for cause in chain):
        return TransportFailure(FailureKind.NOT_SENT, f"the service cannot be reached ({told})")
    return TransportFailure(FailureKind.UNKNOWN, f"the connection broke before the answer came ({told})")


def _cause(chain: list[BaseException]) -> str:
    for error in chain:
        # Numbers of the TLS library are no numbers of the system.
        reason = getattr(error, "reason", None)
        if isinstance(error, ssl.SSLError) and isinstance(reason, str):
            return f"TLS: {reason.replace('_', ' ').lower()}"
        if isinstance(error, aiohttp.ClientHttpProxyError):
            return f"the proxy answers HTTP {error.status}"
    numbers = (e.errno for e in chain if isinstance(e, OSError) and not isinstance(e, ssl.SSLError))
    number = next((number for number in numbers if number in errno.errorcode), None)
    if any(isinstance(error, requests.exceptions.ProxyError) for error in chain):
        return f"through the proxy: {os.strerror(number)}" if number else "the proxy refuses"
    return os.strerror(number) if number else type(chain[0]).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error with all that it wraps, in whichever way its client wraps it.

    Not its context, which may be an error that the caller has met before.
    """
    yield error
    for wrapped in (error.__cause__, getattr(error, "reason", None), *error.args):
        if isinstance(wrapped, BaseException):
            yield from _chain(wrapped)
