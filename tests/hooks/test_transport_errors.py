"""Exceptions of the clients that no service can be made to cause, or not in one way alone."""

from __future__ import annotations

import pytest
import requests
import urllib3.exceptions

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrConnectionError,
    AsposeOcrError,
    AsposeOcrSettingsError,
    AsposeOcrStorageError,
)
from airflow_provider_asposeocr.api.http import FailureKind, TransportFailure
from airflow_provider_asposeocr.hooks.exchange import CompressionError
from airflow_provider_asposeocr.hooks.transport_errors import transport_failure


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    """Return an error with its cause and context, as if it had been raised."""
    try:
        raise error from cause
    except type(error) as caught:
        return caught


@pytest.mark.parametrize("wraps", [True, False])
def test_an_error_of_the_package_is_raised_whoever_wraps_it(wraps: bool) -> None:
    error = AsposeOcrStorageError("the source cannot be read")
    with pytest.raises(AsposeOcrStorageError) as caught:
        transport_failure(raised(ConnectionError("broken"), error) if wraps else error)
    assert caught.value is error


def test_an_error_that_the_caller_has_met_before_says_nothing_of_this_one() -> None:
    earlier = requests.ConnectTimeout("connect", response=None)
    for met in (AsposeOcrConnectionError("the service cannot be reached"), earlier):
        try:
            raise met
        except (AsposeOcrError, OSError):
            failure = transport_failure(raised(ConnectionResetError(104, "reset")))
        assert failure.kind is FailureKind.UNKNOWN
        assert "Connection reset by peer" in failure.reason


def test_what_is_no_address_is_wrong_for_good() -> None:
    with pytest.raises(AsposeOcrSettingsError, match="is not an address"):
        transport_failure(requests.exceptions.InvalidURL("http://"))


def test_a_host_that_has_no_name_was_not_reached() -> None:
    failure = transport_failure(urllib3.exceptions.LocationParseError("label too long"))
    assert failure.kind is FailureKind.NOT_SENT


def test_a_body_that_cannot_be_decompressed_tells_why() -> None:
    failure = transport_failure(CompressionError("the answer cannot be decompressed"))
    assert failure == TransportFailure(FailureKind.UNKNOWN, "the answer cannot be decompressed")
