"""Files on web servers, read in one stream: within a time, and from the host that was asked for."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import aiohttp
import fsspec
import yarl

from airflow_provider_asposeocr.api.exceptions import AsposeOcrSourceError
from airflow_provider_asposeocr.files.paths import display_uri

MIN_BYTES_PER_SECOND = 16 * 1024
"""How fast a file must arrive on the average, once the time for an empty one has passed."""

LOOK_SECONDS = 60.0
"""Seconds that a look at a file may take, and that a server may be silent."""

_CONNECT_SECONDS = 10.0
_ADDRESS = re.compile(r"(https?:)//([^/?#\\]+)(.*)", re.IGNORECASE | re.DOTALL)
_ILLEGAL = re.compile(r"%(?![0-9a-f]{2})|[^!-~]|[\"<>\\^`{|}]", re.IGNORECASE)
"""What may not stand in the path and query of a request."""


class WebPath:
    """The few members of ObjectStoragePath that are used of a source.

    :param uri: the address.
    :param allow_redirects: whether it may lead to another host.
    """

    protocol = "http"

    def __init__(self, uri: str, *, allow_redirects: bool) -> None:
        client = _free_client if allow_redirects else _bound_client
        self.uri = uri
        self.path = request_url(uri)
        self.fs = fsspec.filesystem("http", get_client=client, encoded=True)

    def __str__(self) -> str:
        return display_uri(self.uri)


def request_url(uri: str) -> str:
    """Return an address as it is asked for: what may stand in a request stays as it is.

    A signature covers the exact bytes of path and query, so that ``%7E`` must not become ``~``.

    :param uri: as the user gave it.
    :raises AsposeOcrSourceError: if it is no address.
    """
    found = _ADDRESS.fullmatch(uri)
    if found is None:
        raise AsposeOcrSourceError(f"{display_uri(uri)} is no address of a web server")
    scheme, authority, rest = found.groups()
    try:
        # Names of hosts have an encoding of their own.
        host = authority if authority.isascii() else yarl.URL(f"{scheme}//{authority}").raw_authority
        yarl.URL(f"{scheme}//{host}", encoded=True).port  # noqa: B018 - raises where it is none
    except ValueError:
        raise AsposeOcrSourceError(f"{display_uri(uri)} is no address of a web server") from None
    return f"{scheme}//{host}{_ILLEGAL.sub(lambda character: quote(character[0]), rest)}"


def open_options(size: int) -> dict[str, Any]:
    """Return the options with which a file is opened.

    :param size: the bytes that it has.
    """
    limit = aiohttp.ClientTimeout(
        total=LOOK_SECONDS + size / MIN_BYTES_PER_SECOND,
        sock_connect=_CONNECT_SECONDS,
        sock_read=LOOK_SECONDS,
    )
    # A web server need not serve ranges. A size that is known saves a request.
    return {"timeout": limit, "block_size": 0, "size": size}


async def _free_client(**arguments: Any) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(**arguments, requote_redirect_url=False)


async def _bound_client(**arguments: Any) -> aiohttp.ClientSession:
    watch = aiohttp.TraceConfig()
    watch.on_request_redirect.append(_stay_on_host)
    return aiohttp.ClientSession(**arguments, requote_redirect_url=False, trace_configs=[watch])


async def _stay_on_host(
    session: aiohttp.ClientSession, context: SimpleNamespace, redirect: aiohttp.TraceRequestRedirectParams
) -> None:
    headers = redirect.response.headers
    target = redirect.url.join(yarl.URL(headers.get("Location") or headers.get("URI") or ""))
    if (target.host, _port(target)) != (redirect.url.host, _port(redirect.url)):
        raise AsposeOcrSourceError(
            f"{display_uri(redirect.url)} redirects to another host, {display_uri(target.origin())}: set "
            "allow_redirects=True if its files may come from anywhere"
        )


def _port(url: yarl.URL) -> int | None:
    # The way from http to https stays with the host.
    return None if url.is_default_port() else url.port
