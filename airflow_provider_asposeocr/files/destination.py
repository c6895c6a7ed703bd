"""Results in storage: their names, and each written whole or not at all."""

from __future__ import annotations

import hashlib
import re
import stat
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from airflow_provider_asposeocr.api.coerce import one_line
from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrDestinationError,
    AsposeOcrSourceError,
    AsposeOcrStorageError,
)
from airflow_provider_asposeocr.api.task import OcrResult, SpooledResult
from airflow_provider_asposeocr.files.paths import (
    display_uri,
    names_no_file,
    reason_of,
    safe_name,
    stem_of,
    uri_of,
)
from airflow_provider_asposeocr.files.source import source_path
from airflow_provider_asposeocr.files.storage import StoragePath, is_denied, is_too_long, report, write

NAME_DIGITS = 12
"""Digits of a fingerprint that are part of a default name."""

_WRONG_PATH = (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError)
"""Errors of storages where no retry can help."""

_KINDS = {
    "text": ("txt", "text/plain; charset=utf-8"),
    "pdf": ("pdf", "application/pdf"),
    "hocr": ("hocr", "text/html; charset=utf-8"),
    "json": ("json", "application/json"),
    "other": ("json", "application/json"),
    "csv": ("csv", "text/csv; charset=utf-8"),
    "excel": ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "imagepng": ("png", "image/png"),
    "wav": ("wav", "audio/wav"),
    "wavfile": ("wav", "audio/wav"),
}
"""Extension and media type of each type of results."""


class StoredResult(TypedDict, total=False):
    """One result in the manifest: ``path`` for a local file, ``bucket`` and ``key`` for a stored object.

    ``text`` where several travel inline; ``delivered`` is False for one that stays at the service.
    """

    type: str
    uri: str | None
    path: str
    bucket: str
    key: str
    bytes: int
    sha256: str
    text: str
    delivered: bool


@dataclass(frozen=True, slots=True)
class Names:
    """The values of a destination's placeholders.

    :param source: the URI of the source, or None where only the OCR task is known.
    :param operation: the operation's name.
    :param ocr_task_id: the service's id of the OCR task.
    :param map_index: Airflow's map index, -1 for a task that is not mapped.
    :param fingerprint: of the submission; its beginning is the same for all contents of the source.
    """

    source: str | None
    operation: str
    ocr_task_id: str
    map_index: int = -1
    fingerprint: str | None = None

    @property
    def stem(self) -> str:
        """The source's base name without its extension."""
        if self.source is None:
            return safe_name(self.ocr_task_id)
        return safe_name(stem_of(self.source.rsplit("/", 1)[-1]))

    @property
    def default_name(self) -> str:
        """The name below a directory: no two submissions have the same, a retry has that of the first try."""
        if self.source is None:
            return self.stem
        unique = self.fingerprint or hashlib.sha256(f"{self.operation}\0{self.source}".encode()).hexdigest()
        return f"{self.stem}-{unique[:NAME_DIGITS]}"

    def fill(self, template: str, extension: str) -> str:
        """Put the values in place of the placeholders; any other brace stays as it is."""
        values = {
            "stem": self.stem,
            "ext": extension,
            "operation": safe_name(self.operation),
            "map_index": str(self.map_index),
            "ocr_task_id": safe_name(self.ocr_task_id),
        }
        return re.sub(r"\{(\w+)\}", lambda m: values.get(m[1], m[0]), template)


def store(
    results: Sequence[OcrResult | SpooledResult],
    destination: Any,
    names: Names,
    *,
    conn_id: str | None = None,
    overwrite: bool = True,
) -> list[StoredResult]:
    """Write results to storage, each whole or not at all.

    :param results: what to write.
    :param destination: a file or a directory as path or URI; a directory ends in a slash, which an
        ObjectStoragePath loses, or is a local one that exists. May hold
        ``{stem} {ext} {operation} {map_index} {ocr_task_id}``.
    :param names: what the placeholders stand for.
    :param conn_id: the Airflow connection for the storage.
    :param overwrite: whether to replace what is there; a retry needs it.
    :raises AsposeOcrDestinationError: if it may not be written.
    :raises AsposeOcrStorageError: if the storage cannot be reached or fails.
    """
    stored: list[StoredResult] = []
    paths = targets([result.type for result in results], destination, names, conn_id)
    for result, path in zip(results, paths, strict=True):
        try:
            digest = write(path, result.chunks(), overwrite=overwrite, media_type=_kind(result.type)[1])
        except AsposeOcrDestinationError:
            raise
        except Exception as error:
            # Without the cause, whose message may hold anything.
            raise _unwritable(path, error) from None
        bucket, _, key = path.location.partition("/")
        where: StoredResult = {"path": path.path} if path.is_local else {"bucket": bucket, "key": key}
        stored.append(
            {"type": result.type, "uri": str(path), **where, "bytes": result.size, "sha256": digest}
        )
        report(path, "output")
    return stored


def targets(
    types: Sequence[str], destination: Any, names: Names, conn_id: str | None = None
) -> list[StoragePath]:
    """Find where :func:`store` writes results.

    :param types: the type of each.
    :param destination: as for :func:`store`.
    :param names: what the placeholders stand for.
    :param conn_id: the Airflow connection for the storage.
    :raises AsposeOcrDestinationError: if they cannot be written there.
    """
    # Results of one extension, such as one for each region, are told apart by their number.
    numbers: Counter[str] = Counter()
    template, paths = uri_of(destination) or "", []
    for kind in types:
        extension, _ = _kind(kind)
        numbers[extension] += 1
        twin = f"-{numbers[extension]}" if numbers[extension] > 1 else ""
        text = names.fill(template, extension)
        path = _path(text, conn_id)
        stem = stem_of(path.name)
        if text.endswith("/") or _is_local_directory(path) or not (path.is_local or path.key):
            path /= f"{names.default_name}{twin}.{extension}"
        elif len(types) > 1 and "{ext}" not in template:
            path = path.with_name(f"{stem}{twin}.{extension}")
        else:
            path = path.with_name(f"{stem}{twin}{path.name.removeprefix(stem)}")
        paths.append(path)
    return paths


def check_destination(destination: Any, conn_id: str | None = None) -> None:
    """Find out that a destination's storage can be named, before anything is paid for.

    :param destination: as for :func:`store`.
    :param conn_id: the Airflow connection for the storage.
    :raises AsposeOcrDestinationError: if its scheme is not one that can be written, or its name is too long.
    """
    path = _path(destination, conn_id)
    if is_too_long(path):
        raise AsposeOcrDestinationError(f"{display_uri(path)} cannot be written: the name is too long")
    _is_local_directory(path)


def _path(destination: Any, conn_id: str | None) -> StoragePath:
    try:
        path = source_path(destination, conn_id)
    except AsposeOcrSourceError as error:
        raise AsposeOcrDestinationError(f"destination: {error}") from error
    if not isinstance(path, StoragePath):
        raise AsposeOcrDestinationError(f"results cannot be stored at {display_uri(path)}")
    return path


def _is_local_directory(path: StoragePath) -> bool:
    try:
        return path.is_local and stat.S_ISDIR(Path(path.path).stat().st_mode)
    except OSError as error:
        if names_no_file(error):
            raise _unwritable(path, error) from None
        return False


def _kind(result_type: str) -> tuple[str, str | None]:
    return _KINDS.get(result_type.casefold(), ("bin", None))


def _unwritable(path: StoragePath, error: Exception) -> AsposeOcrDestinationError | AsposeOcrStorageError:
    shown = display_uri(path)
    if isinstance(error, _WRONG_PATH) or is_denied(error) or names_no_file(error):
        # What object stores raise has a message in place of the number of an error.
        reason = one_line(str(getattr(error, "strerror", None) or error))
        return AsposeOcrDestinationError(f"{shown} cannot be written: {reason}")
    return AsposeOcrStorageError(f"{shown} cannot be written: {reason_of(error)}")
