"""Exceptions of HTTP clients, told apart: could the service have seen the request, and can a repeat help?"""

from __future__ import annotations

import errno
import os
import ssl
from collections.abc import Iterator

import aiohttp
import requests
import urllib3.exceptions

from airflow_provider_asposeocr.api.exceptions import AsposeOcrSettingsError
from airflow_provider_asposeocr.api.http import FailureKind, TransportFailure


def sync_failure(error: Exception) -> TransportFailure:
    """What an exception of ``requests`` means.

    :param error: the exception.
    :raises AsposeOcrSettingsError: if it means that the connection is wrong.
    """
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        raise AsposeOcrSettingsError("the connection's host, token_url or proxy is not an address") from None
    chain = list(_chain(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in chain):
        return _untrusted(chain)
    not_sent = (
        requests.exceptions.ConnectTimeout,
        requests.exceptions.ProxyError,
        requests.exceptions.SSLError,
        urllib3.exceptions.NewConnectionError,
        urllib3.exceptions.NameResolutionError,
    )
    sent = not any(isinstance(cause, not_sent) for cause in chain)
    timed_out = isinstance(
        error, requests.exceptions.Timeout | urllib3.exceptions.TimeoutError | TimeoutError
    )
    return _failure(sent, timed_out, chain)


def async_failure(error: Exception) -> TransportFailure:
    """What an exception of ``aiohttp`` means.

    :param error: the exception.
    :raises AsposeOcrSettingsError: if it means that the connection is wrong.
    """
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        raise AsposeOcrSettingsError("the connection's host, token_url or proxy is not an address") from None
    chain = list(_chain(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in chain):
        return _untrusted(chain)
    not_sent = (aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError, aiohttp.ConnectionTimeoutError)
    return _failure(not isinstance(error, not_sent), isinstance(error, TimeoutError), chain)


def _failure(sent: bool, timed_out: bool, chain: list[BaseException]) -> TransportFailure:
    # Only numbers of the system are told: messages of the clients hold addresses with task ids.
    cause = "timed out" if timed_out else _cause(chain)
    if sent:
        return TransportFailure(FailureKind.UNKNOWN, f"the connection broke before the answer came ({cause})")
    return TransportFailure(FailureKind.NOT_SENT, f"the service cannot be reached ({cause})")


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


def _untrusted(chain: list[BaseException]) -> TransportFailure:
    why = next(
        (cause.verify_message for cause in chain if hasattr(cause, "verify_message")), "no reason given"
    )
    return TransportFailure(FailureKind.UNTRUSTED, f"the certificate is not trusted: {why}")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error with all that it wraps, in whichever way its client wraps it."""
    seen: list[BaseException] = []
    pending: list[BaseException] = [error]
    while pending:
        current = pending.pop(0)
        if current in seen:
            continue
        seen.append(current)
        yield current
        wrapped = (current.__cause__, current.__context__, getattr(current, "reason", None), *current.args)
        pending += [cause for cause in wrapped if isinstance(cause, BaseException)]
