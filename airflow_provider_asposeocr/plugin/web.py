"""Files on web servers that the result page may read: no redirect, no login, within a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, cast

import requests

from airflow_provider_asposeocr.api.exceptions import AsposeOcrSourceError, AsposeOcrStorageError
from airflow_provider_asposeocr.files.paths import display_uri
from airflow_provider_asposeocr.files.source import request_url

MAX_CONNECT_SECONDS = 5.0
MAX_READ_SECONDS = 20.0
"""Seconds that a server may be silent."""

MAX_SECONDS = 60.0
"""Seconds that all of a file may take."""


@contextmanager
def open_web(uri: str) -> Iterator[tuple[IO[bytes], int]]:
    """Open a file on a web server, and return its stream, which cannot seek, and its size in bytes.

    :param uri: its address, which has been held against the folders that may be read.
    :raises AsposeOcrSourceError: if the server does not have it, does not give it, or redirects.
    :raises AsposeOcrStorageError: if the server cannot be reached or fails.
    """
    url = request_url(uri)
    with requests.Session() as session:
        # No login of .netrc goes anywhere; the proxies of the environment are used.
        session.trust_env = False
        proxies = cast("dict[str, Any]", requests.utils.get_environ_proxies(url))
        try:
            reply = session.get(
                url,
                stream=True,
                allow_redirects=False,
                timeout=(MAX_CONNECT_SECONDS, MAX_READ_SECONDS),
                headers={"Accept-Encoding": "identity"},
                proxies=proxies,
            )
        except requests.RequestException as error:
            raise AsposeOcrStorageError(
                f"{display_uri(uri)} cannot be reached: {type(error).__name__}"
            ) from None
        with reply:
            if reply.status_code >= 500:
                raise AsposeOcrStorageError(f"{display_uri(uri)} cannot be read: HTTP {reply.status_code}")
            length = reply.headers.get("Content-Length", "")
            if reply.status_code != 200 or not length.isdecimal():
                raise AsposeOcrSourceError(f"{display_uri(uri)} is not given: HTTP {reply.status_code}")
            yield cast("IO[bytes]", _Stream(reply.raw)), int(length)


class _Stream:
    """Read a body as it comes, within a time, however slowly it drips.

    :param raw: of the response.
    """

    def __init__(self, raw: Any) -> None:
        self._read = getattr(raw, "read1", raw.read)
        self._deadline = time.monotonic() + MAX_SECONDS

    def read(self, size: int) -> bytes:
        """Return some bytes, at most so many; none at the end.

        :raises AsposeOcrStorageError: if the time is over.
        """
        if time.monotonic() > self._deadline:
            raise AsposeOcrStorageError(f"the server took more than {MAX_SECONDS:.0f} s")
        return bytes(self._read(size))

    def seekable(self) -> bool:
        """Tell that it cannot go back."""
        return False
