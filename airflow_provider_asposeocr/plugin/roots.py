"""Folders that the result page may read: each file is resolved, held against them, and opened once.

What a manifest says is no proof of anything: whoever may write XComs can write any address into one.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from airflow_provider_asposeocr.api.coerce import is_unset
from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrError,
    AsposeOcrSettingsError,
    AsposeOcrSourceError,
    AsposeOcrStorageError,
)
from airflow_provider_asposeocr.files.paths import check_uri, display_uri, is_web, reason_of
from airflow_provider_asposeocr.files.storage import LOCAL, is_denied, storage_path
from airflow_provider_asposeocr.plugin.web import open_web

OBJECT_STORES = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "adl")
"""Schemes of stores in which no name can lead to another, as a link does on a server of files."""

READ_BLOCK = 1024 * 1024
"""Bytes that a read from an object store fetches at a time."""

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)", re.IGNORECASE | re.DOTALL)
_SEPARATORS = re.compile(r"[,\n]")


@dataclass(frozen=True, slots=True)
class Root:
    """A folder that may be read, with all that is below it.

    :param scheme: ``file``, ``http``, ``https`` or that of an object store.
    :param place: what follows ``://``, without a connection and without the last slash.
    :param conn_id: the Airflow connection for the object store; None for the default one of its scheme.
    """

    scheme: str
    place: str
    conn_id: str | None = None

    def holds(self, scheme: str, place: str) -> bool:
        """Tell whether a place is below this folder.

        :param scheme: as for :class:`Root`.
        :param place: as for :class:`Root`, of a file.
        """
        return scheme == self.scheme and place.startswith(f"{self.place}/") and place != f"{self.place}/"


@dataclass(frozen=True, slots=True)
class Readable:
    """A file that is open.

    :param stream: its content, from the beginning.
    :param size: bytes, as they were when it was opened.
    """

    stream: IO[bytes]
    size: int


def read_roots(value: Any) -> tuple[Root, ...]:
    """Read the option ``result_page_roots``.

    :param value: paths and URIs with commas or line breaks between, or a JSON list of them; unset for none.
    :raises AsposeOcrSettingsError: if one of them is none that can be read.
    """
    if is_unset(value):
        return ()
    text = str(value).strip()
    listed: Any = [part.strip() for part in _SEPARATORS.split(text) if part.strip()]
    if text.startswith("["):
        try:
            listed = json.loads(text)
        except ValueError:
            raise AsposeOcrSettingsError("it begins like a JSON list, and is none") from None
    if not isinstance(listed, list) or not all(isinstance(part, str) and part.strip() for part in listed):
        raise AsposeOcrSettingsError("it must be a list of paths and URIs")
    return tuple(_root(part.strip()) for part in listed)


def _root(text: str) -> Root:
    shown = display_uri(text)
    try:
        check_uri(text)
        scheme, place, conn_id = _split(text)
    except AsposeOcrSourceError as error:
        raise AsposeOcrSettingsError(str(error)) from None
    if scheme == "file":
        _check_folder(place, shown)
    return Root(scheme, place.rstrip("/") or "/", conn_id)


def _check_folder(place: str, shown: str) -> None:
    """Refuse a folder that holds what nobody may read.

    :raises AsposeOcrSettingsError: if Airflow's own configuration lies in it.
    """
    from airflow.configuration import AIRFLOW_HOME

    home = os.path.realpath(AIRFLOW_HOME)
    if _is_below(f"{home}/airflow.cfg", os.path.realpath(place)):
        raise AsposeOcrSettingsError(
            f"{shown} holds Airflow's own folder with its configuration and secrets: name another"
        )


def _split(uri: str) -> tuple[str, str, str | None]:
    """Return scheme, place and connection of a path or URI.

    :raises AsposeOcrSourceError: if it is not whole, of another scheme, or leads upwards.
    """
    shown = display_uri(uri)
    if not uri.isprintable():
        raise AsposeOcrSourceError(f"{shown} holds what cannot be printed")
    found = _SCHEME.match(uri)
    scheme, rest = (found[1].lower(), found[2]) if found else ("file", uri)
    if scheme in LOCAL:
        if not rest.startswith("/"):
            raise AsposeOcrSourceError(f"{shown} is no absolute path")
        return "file", rest, None
    if is_web(uri):
        return (*_split_web(uri, shown), None)
    if scheme not in OBJECT_STORES:
        raise AsposeOcrSourceError(
            f"{shown}: the result page reads local folders, http(s) and {', '.join(OBJECT_STORES)} alone"
        )
    authority, _, key = rest.partition("/")
    login, _, bucket = authority.rpartition("@")
    if not bucket or _leads_upwards(key):
        raise AsposeOcrSourceError(f"{shown} is no place in a bucket")
    return scheme, f"{bucket}/{key}" if key else bucket, login or None


def _split_web(uri: str, shown: str) -> tuple[str, str]:
    try:
        parts = urlsplit(uri)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        raise AsposeOcrSourceError(f"{shown} is no address of a web server") from None
    if "@" in parts.netloc or parts.query or parts.fragment or not parts.hostname:
        raise AsposeOcrSourceError(f"{shown}: an address with a login, a query or a fragment is not read")
    if _leads_upwards(parts.path):
        raise AsposeOcrSourceError(f"{shown} leads upwards")
    return parts.scheme, f"{parts.hostname}:{port}{parts.path}"


def _leads_upwards(path: str) -> bool:
    """Tell whether a server may read a path as one that leads out of its folder, encoded or not."""
    seen = None
    while path != seen:
        seen, path = path, unquote(path)
    return "\\" in path or "\0" in path or not {".", ".."}.isdisjoint(path.split("/"))


def _is_below(path: str, folder: str) -> bool:
    return folder == "/" or path == folder or path.startswith(f"{folder}/")


@contextmanager
def _open_below(path: str, roots: Iterable[str]) -> Iterator[Readable]:
    """Open a local file if it is below a folder, whatever links lead to either."""
    folders = [os.path.realpath(root) for root in roots]
    real = os.path.realpath(path)
    if not any(_is_below(real, folder) for folder in folders):
        raise _outside(path)
    if not stat.S_ISREG(os.lstat(real).st_mode):
        raise _outside(path)
    # A named pipe in its place must not block.
    handle = os.open(real, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY)
    with os.fdopen(handle, "rb", buffering=0) as stream:
        found = os.fstat(handle)
        # Meanwhile a folder on the way may have become a link.
        now = _opened(handle, real)
        if not stat.S_ISREG(found.st_mode) or not any(_is_below(now, folder) for folder in folders):
            raise _outside(path)
        yield Readable(stream, found.st_size)


def _opened(handle: int, path: str) -> str:
    """Return where an open file is, as the system says, or as its path is resolved where it does not."""
    with suppress(OSError):
        return str(Path(f"/proc/self/fd/{handle}").readlink())
    now = os.path.realpath(path)
    return now if os.path.samestat(os.fstat(handle), os.lstat(now)) else ""


def _outside(uri: str) -> AsposeOcrSourceError:
    return AsposeOcrSourceError(f"{display_uri(uri)} is no file below [asposeocr] result_page_roots")


@contextmanager
def open_within(uri: Any, roots: Iterable[Root]) -> Iterator[Readable]:
    """Open a file that lies below one of the folders.

    :param uri: a path or URI, whoever has written it. A connection in it does not count: that of the folder
        is used.
    :param roots: the folders.
    :raises AsposeOcrSourceError: if it lies elsewhere or does not exist; both look the same.
    :raises AsposeOcrStorageError: if its storage cannot be reached.
    """
    if not isinstance(uri, str) or not uri:
        raise AsposeOcrSourceError("there is no file")
    check_uri(uri)
    scheme, place, _ = _split(uri)
    try:
        if scheme == "file":
            opened: Any = _open_below(place, [root.place for root in roots if root.scheme == "file"])
        else:
            root = next((root for root in roots if root.holds(scheme, place)), None)
            if root is None:
                raise _outside(uri)
            opened = open_web(uri) if is_web(uri) else _open_object(root, place)
        with opened as readable:
            yield Readable(*readable) if isinstance(readable, tuple) else readable
    except AsposeOcrError:
        raise
    except OSError as error:
        if isinstance(error, FileNotFoundError | NotADirectoryError) or is_denied(error):
            raise _outside(uri) from None
        # Without the cause: its message may hold what nobody may see.
        raise AsposeOcrStorageError(f"{display_uri(uri)} cannot be read: {reason_of(error)}") from None


@contextmanager
def _open_object(root: Root, place: str) -> Iterator[Readable]:
    login = f"{root.conn_id}@" if root.conn_id else ""
    path = storage_path(f"{root.scheme}://{login}{place}")
    try:
        path.fs.invalidate_cache()
        info = path.fs.info(path.path)
        if info.get("type") != "file" or not isinstance(info.get("size"), int):
            raise _outside(str(path))
        stream = path.fs.open(path.path, "rb", block_size=READ_BLOCK)
    except (AsposeOcrError, OSError):
        raise
    except Exception as error:
        raise AsposeOcrStorageError(f"{display_uri(path)} cannot be read: {reason_of(error)}") from None
    with closing(stream):
        yield Readable(stream, info["size"])
