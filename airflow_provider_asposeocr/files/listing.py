"""The files that a batch reads: a list, a pattern or a folder, in an order that every try sees alike."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from airflow.providers.common.compat.sdk import Asset, ObjectStoragePath

from airflow_provider_asposeocr.api.coerce import decoded, is_data, is_unset, trimmed
from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrSettingsError,
    AsposeOcrSourceError,
    AsposeOcrStorageError,
)
from airflow_provider_asposeocr.api.operations import Operation
from airflow_provider_asposeocr.files.conversion import CONVERTIBLE_SUFFIXES
from airflow_provider_asposeocr.files.paths import (
    check_uri,
    display_uri,
    identity_of,
    is_web,
    prefixed,
    reason_of,
    uri_of,
)
from airflow_provider_asposeocr.files.storage import StoragePath, canonical, is_denied, storage_path

_WILDCARD = re.compile(r"[*?\[]")
_LOGIN = re.compile(r"(?<=://)[^/]*@")
_SUFFIXES = {"plain text": ("txt",), "djvu": ("djvu", "djv")}


@dataclass(frozen=True, slots=True)
class Listing:
    """The sources of a batch.

    :param items: each is something that :func:`.open_source` takes; mostly a URI.
    :param conn_id: the Airflow connection for their storage.
    """

    items: list[Any]
    conn_id: str | None


def list_sources(
    sources: Any,
    operation: Operation,
    conn_id: str | None = None,
    *,
    prefix: str | None = None,
    destination: str | None = None,
    convert: bool = False,
) -> Listing:
    """List what a batch is to read, without opening any of it.

    :param sources: a list of what :func:`.open_source` takes, which keeps its order and loses its
        repetitions; a pattern such as ``s3://inbox/**/*.png``; a folder, of which all files are taken
        whose suffix the operation reads; or one file. What is found is sorted; hidden files are left out.
        What exists by its very name is no pattern, whatever characters are in it.
    :param operation: the operation that they are for.
    :param conn_id: the Airflow connection for their storage.
    :param prefix: a URI that stands before bare keys.
    :param destination: the folder that results go to: where it lies inside the folder that is listed, an
        earlier try has written there, and nothing in it is a source.
    :param convert: whether files of a folder count as well that can be converted for the operation.
    :raises AsposeOcrSettingsError: if it is nothing that can be listed.
    :raises AsposeOcrSourceError: if the storage may not be listed.
    :raises AsposeOcrStorageError: if the storage cannot be reached.
    """
    sources = decoded(sources)
    if isinstance(sources, Mapping):
        return Listing([_item(sources, prefix)], conn_id)
    if isinstance(sources, str | os.PathLike | ObjectStoragePath | Asset):
        text = _stripped(sources)
        if is_unset(text):
            raise AsposeOcrSettingsError("sources is empty: give a list, a pattern or a folder")
        if is_data(text):
            raise AsposeOcrSettingsError(
                "sources is the text of a list: take the output of the task itself, such as "
                "sources=list_files.output, or set render_template_as_native_obj=True of the DAG"
            )
        if is_web(text):
            return Listing([text], conn_id)
        text = canonical(prefixed(text, prefix))
        check_uri(text)
        path = storage_path(text, conn_id)
        kinds = {suffix for kind in operation.input_formats for suffix in _SUFFIXES.get(kind, (kind,))}
        if convert and kinds.intersection(("png", "pdf")):
            kinds.update(CONVERTIBLE_SUFFIXES)
        return Listing(_found(path, kinds, destination, text.endswith("/")), path.conn_id)
    if isinstance(sources, Iterable) and not isinstance(sources, bytes | bytearray):
        return Listing(_distinct(_item(source, prefix) for source in sources), conn_id)
    kind = "nothing" if sources is None else f"a {type(sources).__name__}"
    raise AsposeOcrSettingsError(f"sources is {kind}: give a list, a pattern or a folder")


def display_name(item: Any) -> str:
    """Name an item that has not been opened, so that the name may be shown.

    :param item: one of a :class:`Listing`.
    """
    uri = uri_of(item)
    return f"a {type(item).__name__}" if uri is None else display_uri(uri)


def _item(source: Any, prefix: str | None) -> Any:
    source = decoded(source)
    if isinstance(source, str | Path) and (text := _stripped(source)) and not is_data(text):
        return canonical(prefixed(text, prefix))
    if isinstance(source, Mapping) and "uri" in source:
        # A manifest may hold the text of a document.
        return uri_of(source) or {"uri": None}
    return source


def _stripped(source: Any) -> str:
    return trimmed(source) if isinstance(source, str) else uri_of(source) or ""


def _distinct(items: Iterable[Any]) -> list[Any]:
    distinct: dict[str | int, Any] = {}
    for number, item in enumerate(items):
        # Any other may fail when it is asked for its name, which is for it alone to do.
        is_named = isinstance(item, str | Asset | ObjectStoragePath) or _names_a_key(item)
        key = identity_of(canonical(uri_of(item) or "")) if is_named else number
        distinct.setdefault(key, item)
    return list(distinct.values())


def _names_a_key(item: Any) -> bool:
    return isinstance(item, Mapping) and all(isinstance(item.get(part), str) for part in ("bucket", "key"))


def _split(fs: Any, path: str) -> tuple[str, str]:
    """Split a path into the folder that exists by its very name, with a slash, and the pattern below it."""
    parts, found = path.split("/"), 0
    for number, part in enumerate(parts, 1):
        if _WILDCARD.search(part) and not fs.exists("/".join(parts[:number])):
            break
        found = number
    return "".join(f"{part}/" for part in parts[:found]), "/".join(parts[found:])


def _found(path: StoragePath, kinds: Set[str], destination: str | None, is_folder: bool) -> list[str]:
    uri, inner = str(path), str(path.path)
    suffixes: set[str] | None = None
    try:
        # Airflow's storages keep what they have listed; files may have come since.
        fs = path.fs
        fs.invalidate_cache()
        folder, pattern = _split(fs, inner)
        if pattern:
            found = fs.glob(f"{glob.escape(folder)}{pattern}", detail=True)
            if not found and "*" not in pattern:
                # It was to be one file; that it is missing is found where it is opened.
                return [uri]
            uri, inner = uri.removesuffix(pattern), folder
        elif is_folder or fs.isdir(inner):
            found = fs.find(inner, detail=True)
            suffixes = {f".{kind}" for kind in kinds}
        else:
            return [uri]
    except Exception as error:
        if is_denied(error):
            raise AsposeOcrSourceError(f"{display_uri(path)} may not be listed: permission denied") from None
        raise AsposeOcrStorageError(f"{display_uri(path)} cannot be listed: {reason_of(error)}") from None
    root = f"{uri.rstrip('/')}/"
    results = f"{canonical(destination).rstrip('/')}/" if destination else root
    names = (name for name, info in found.items() if info.get("type") != "directory")
    return sorted(_sources(names, root, inner.strip("/"), suffixes, results))


def _sources(
    names: Iterable[str], root: str, inner: str, suffixes: set[str] | None, results: str
) -> Iterator[str]:
    # The storage of the results may be reached through another connection.
    here, there = _LOGIN.sub("", root), _LOGIN.sub("", results)
    inside = there.removeprefix(here) if there.startswith(here) else ""
    for name in names:
        below = name.strip("/").removeprefix(inner).lstrip("/")
        is_hidden = any(part.startswith(".") for part in below.split("/"))
        is_result = inside and below.startswith(inside)
        is_other = suffixes is not None and PurePosixPath(below).suffix.casefold() not in suffixes
        if not (is_hidden or is_result or is_other):
            yield f"{root}{below}"
