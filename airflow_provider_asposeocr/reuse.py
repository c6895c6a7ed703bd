"""Reuse: results of earlier runs, kept by content in any storage, and delivered again without a call.

An entry is a zip file of the results as the service sent them and an ``entry.json`` that describes them. Its
name is a digest of what the results depend on: the content of the source, the operation, the settings as they
were sent, and the service. It is written whole or not at all, and holds the SHA-256 of each result.

Beside the entries lies an index, from the tag that an object store has for an object to the SHA-256 of its
content, so that an object that is known is not read again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import struct
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import IO, Any

from airflow_provider_asposeocr import metrics
from airflow_provider_asposeocr.api.coerce import is_usable_id
from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrError,
    AsposeOcrSettingsError,
    AsposeOcrStorageError,
)
from airflow_provider_asposeocr.api.operations import Operation
from airflow_provider_asposeocr.api.spool import VerbatimSpan
from airflow_provider_asposeocr.api.submission import Submission
from airflow_provider_asposeocr.api.task import MAX_RESULTS, OcrTask, SpooledResult, parse_task
from airflow_provider_asposeocr.durable import is_moment
from airflow_provider_asposeocr.files.body import CHUNK, TemporaryCopy, read_exactly
from airflow_provider_asposeocr.files.manifest import Delivery, Manifest, deliver
from airflow_provider_asposeocr.files.paths import is_web, reason_of
from airflow_provider_asposeocr.files.source import READ_BLOCK, Source, source_path
from airflow_provider_asposeocr.files.storage import LOCAL, StoragePath, canonical, write

log = logging.getLogger(__name__)

VERSION = 1
"""Of the form of entries; those of another one are not found."""

MAX_ENTRY_BYTES = 4 * 1024 * 1024
"""Bytes of the description of an entry at most."""

_DESCRIPTION = "entry.json"
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
"""Of a member of a zip file: it ends in the lengths of the name and of what else follows before the data."""


def with_sha256(source: Source) -> Source:
    """Read a source once, and return it with the SHA-256 of its content. Blocks.

    What is sent as it is, and is not on this machine, is read into a temporary file, and sent from there.

    :param source: from :func:`.open_source`.
    :raises AsposeOcrError: as :func:`.read_exactly`.
    """
    if source.sha256:
        return source
    digest = hashlib.sha256()
    is_here = not is_web(source.uri) and canonical(source.uri).partition("://")[0] in LOCAL
    copy = None if is_here or source.convert else TemporaryCopy()
    for chunk in read_exactly(source):
        digest.update(chunk)
        if copy:
            copy.file.write(chunk)
    found = replace(source, sha256=digest.hexdigest())
    return replace(found, open=copy.opened, is_current=lambda: True) if copy else found


def reuse_key(service: str, operation: Operation, wire: Mapping[str, Any] | None, source: Source) -> str:
    """Name what the results of a submission depend on.

    :param service: base URL and prefix of the service: an emulator's results never pass for real ones.
    :param operation: the operation.
    :param wire: its settings in the spelling of the wire.
    :param source: with its SHA-256.
    """
    parts = [VERSION, service, operation.name, wire, source.sha256, source.conversion]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Kept:
    """Results that need no call.

    :param task: the OCR task that they come from.
    :param submitted_at: when it was submitted, seconds since the epoch.
    :param completed_at: when it was seen to be complete.
    """

    task: OcrTask
    submitted_at: float | None
    completed_at: float

    def submission(self, new: Submission) -> Submission:
        """Return the submission that was made for the same.

        :param new: the one that is not made.
        """
        return replace(new, ocr_task_id=self.task.id, submitted_at=self.submitted_at)

    def deliver(self, new: Submission, delivery: Delivery) -> Manifest:
        """Deliver the results as those of a submission that is not made.

        :param new: that submission.
        :param delivery: where the results go.
        :raises AsposeOcrError: as :func:`.deliver`.
        """
        manifest = deliver(self.task, self.submission(new), delivery, completed_at=self.completed_at)
        metrics.count("reused", operation=new.operation)
        return {**manifest, "reused": True}


@dataclass(frozen=True, slots=True)
class ReuseStore:
    """Keep results by content.

    :param folder: a path or URI of a folder. Whoever may write there decides what later runs deliver.
    :param conn_id: the Airflow connection for its storage.
    :param max_age: seconds for which a result is good, counted from its completion; None: for ever.
    """

    folder: str
    conn_id: str | None
    max_age: float | None = None

    def identified(self, source: Source) -> Source:
        """Return a source with the SHA-256 of its content, from the index where its store tags it. Blocks.

        :param source: from :func:`.open_source`.
        :raises AsposeOcrStorageError: if the index or the source cannot be read.
        """
        if source.sha256 or not source.strong_tag:
            return with_sha256(source)
        entry = self._path("index", source.strong_tag, "sha256")
        with _unreadable():
            try:
                known = entry.fs.cat_file(entry.path).decode("ascii", errors="replace").strip()
            except FileNotFoundError:
                known = ""
        if len(known) == 64 and set(known) <= set("0123456789abcdef"):
            return replace(source, sha256=known)
        read = with_sha256(source)
        try:
            write(entry, [str(read.sha256).encode()])
        except Exception as error:
            log.warning("The index of reuse_path cannot be written: %s", reason_of(error))
        return read

    @contextmanager
    def lookup(self, new: Submission) -> Iterator[Kept | None]:
        """Find the results of an earlier run; None if there are none, or none that are whole and new enough.

        They are good for as long as the context lasts. Blocks.

        :param new: a submission to be made, with its :func:`reuse_key`.
        :raises AsposeOcrStorageError: if the storage cannot be asked: to submit might pay again.
        """
        key = new.reuse_key or ""
        with tempfile.SpooledTemporaryFile(1024 * 1024, prefix="asposeocr-") as file:
            there = self._copied(key, file)
            try:
                found = _read(file, key) if there else None
            except Exception:  # whatever a reader of zip files or of JSON meets
                log.warning("What is kept for reuse of this content is damaged, and counts as none")
                found = None
            if found and self.max_age is not None and abs(time.time() - found.completed_at) >= self.max_age:
                log.info("What is kept for reuse of this content is older than reuse_max_age")
                found = None
            yield found

    def keeping(self, submission: Submission, completed_at: float) -> Callable[[OcrTask], None]:
        """Return what takes the results of an OCR task once they are delivered, for :func:`.collect`.

        :param submission: of the OCR task; without a reuse key nothing is kept.
        :param completed_at: when completion was seen, seconds since the epoch.
        """
        return partial(self._keep, submission, completed_at)

    def _keep(self, submission: Submission, completed_at: float, task: OcrTask) -> None:
        """Keep results, whole or not at all. A failure is only logged. Blocks."""
        key, whole = submission.reuse_key, not task.unread and not task.seen_types
        if not key or not whole or not task.status.is_successful:
            return
        try:
            with tempfile.SpooledTemporaryFile(1024 * 1024, prefix="asposeocr-") as file:
                with zipfile.ZipFile(file, "w") as archive:
                    described = [
                        _put(archive, f"{number}", result) for number, result in enumerate(task.results)
                    ]
                    entry = {
                        "key": key,
                        "submitted_at": submission.submitted_at,
                        "completed_at": completed_at,
                        "task": {**replace(task, results=()).to_dict(), "results": described},
                    }
                    archive.writestr(_DESCRIPTION, json.dumps(entry))
                file.seek(0)
                write(self._path("", key, "zip"), iter(lambda: file.read(CHUNK), b""))
        except Exception as error:
            log.warning("The results cannot be kept for reuse: %s", reason_of(error))

    def _path(self, below: str, name: str, extension: str) -> StoragePath:
        parts = (self.folder.rstrip("/"), below, name[:2], f"{name}.{extension}")
        path = source_path("/".join(filter(None, parts)), self.conn_id)
        if not isinstance(path, StoragePath):
            raise AsposeOcrSettingsError("reuse_path must be a folder in a storage that can be written")
        return path

    def _copied(self, key: str, file: IO[bytes]) -> bool:
        path = self._path("", key, "zip")
        options = {} if path.is_local else {"block_size": READ_BLOCK}
        with _unreadable():
            try:
                with path.fs.open(path.path, "rb", **options) as stream:
                    while chunk := stream.read(CHUNK):
                        file.write(chunk)
            except FileNotFoundError:
                return False
        return True


@contextmanager
def _unreadable() -> Iterator[None]:
    try:
        yield
    except AsposeOcrError:
        raise
    except Exception as error:
        raise AsposeOcrStorageError(
            f"nothing was submitted, since reuse_path cannot be read: {reason_of(error)}"
        ) from None


def _put(archive: zipfile.ZipFile, name: str, result: Any) -> dict[str, Any]:
    digest = hashlib.sha256()
    with archive.open(name, "w", force_zip64=True) as member:
        for chunk in result.chunks():
            digest.update(chunk)
            member.write(chunk)
    return {"type": result.type, "bytes": result.size, "sha256": digest.hexdigest()}


def _read(file: IO[bytes], key: str) -> Kept:
    """Read an entry.

    :raises Exception: any, if it is not whole.
    """
    with zipfile.ZipFile(file) as archive:
        members = {info.filename: info for info in archive.infolist()}
        if members[_DESCRIPTION].file_size > MAX_ENTRY_BYTES:
            raise ValueError(_DESCRIPTION)
        entry = json.loads(archive.read(_DESCRIPTION))
        described = entry["task"]["results"]
        completed_at, submitted_at = entry["completed_at"], entry["submitted_at"]
        task = parse_task({**entry["task"], "results": []}, str(entry["task"]["id"]))
        whole = (
            entry["key"] == key
            and task.status.is_successful
            and is_usable_id(task.id)
            and is_moment(completed_at)
            and (submitted_at is None or is_moment(submitted_at))
            and len(described) <= MAX_RESULTS
        )
        if not whole:
            raise ValueError(key)
        spans = [_span(members[str(number)], file) for number in range(len(described))]
    results = tuple(_checked(one, span) for one, span in zip(described, spans, strict=True))
    return Kept(replace(task, results=results), submitted_at, completed_at)


def _span(info: zipfile.ZipInfo, file: IO[bytes]) -> VerbatimSpan:
    """Find where a result lies: it is stored as it is."""
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
        raise ValueError(info.filename)
    file.seek(info.header_offset)
    *_, name, extra = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    start = info.header_offset + _LOCAL_HEADER.size + name + extra
    return VerbatimSpan(file, start, start + info.file_size)


def _checked(described: Mapping[str, Any], span: VerbatimSpan) -> SpooledResult:
    digest, size = hashlib.sha256(), 0
    for chunk in span.raw():
        digest.update(chunk)
        size += len(chunk)
    if digest.hexdigest() != described["sha256"] or size != described["bytes"]:
        raise ValueError(described["type"])
    return SpooledResult(str(described["type"]), span, size, is_base64=False)
