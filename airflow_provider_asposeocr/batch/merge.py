"""One report made of those of several batches, such as the shards of one: copied by line, and counted."""

from __future__ import annotations

import json
import logging
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any

from airflow_provider_asposeocr.api.coerce import decoded, is_unset, shown_value
from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrDestinationError,
    AsposeOcrSettingsError,
    AsposeOcrSourceError,
    AsposeOcrStorageError,
)
from airflow_provider_asposeocr.batch.report import NAME, ItemStatus, store_report
from airflow_provider_asposeocr.batch.run import BatchSummary, allowed_share
from airflow_provider_asposeocr.batch.runner import AsposeOcrBatchError
from airflow_provider_asposeocr.files.destination import Names, check_destination
from airflow_provider_asposeocr.files.paths import display_uri, reason_of
from airflow_provider_asposeocr.files.source import READ_BLOCK
from airflow_provider_asposeocr.files.storage import canonical, is_denied, storage_path

log = logging.getLogger(__name__)

MAX_LINE_BYTES = 1024 * 1024
"""Bytes of a line of a report at most: that of an item with 5,000 results has less."""

_READ_AT_ONCE = 256 * 1024
_NUMBERS = ("items", "succeeded", "failed", "skipped", "resumed", "reused", "api_calls")


def read_summaries(value: Any) -> list[BatchSummary]:
    """Read the outputs of batches.

    :param value: one summary, or any number of them.
    :raises AsposeOcrSettingsError: if it is anything else, or none, or one report is named twice.
    """
    value = decoded(value)
    given = [value] if isinstance(value, Mapping) or not isinstance(value, Iterable) else list(value)
    summaries = [_summary(one) for one in map(decoded, given) if not is_unset(one)]
    if not summaries:
        raise AsposeOcrSettingsError("there are no reports: give the output of a mapped batch")
    uri, times = Counter(canonical(one["report"]) for one in summaries).most_common(1)[0]
    if times > 1:
        raise AsposeOcrSettingsError(
            f"{times} batches have written {display_uri(uri)}: the last one alone counts"
        )
    return summaries


def merge_reports(
    summaries: Sequence[BatchSummary], report: str | None, fail_on: Any, conn_id: str | None
) -> tuple[BatchSummary, AsposeOcrBatchError | None]:
    """Merge the reports of batches into one, and say what is to be said of them all.

    Their lines follow one another by batch. No more than a piece of one is in memory.

    :param summaries: from :func:`read_summaries`.
    :param report: where the merged report goes, by default ``report.jsonl`` beside the others; a folder ends
        in a slash.
    :param fail_on: as for :func:`.allowed_share`, of all items.
    :param conn_id: the Airflow connection for the storage.
    :return: the summary of all; the error that the merge ends with, or None.
    :raises AsposeOcrDestinationError: if the report cannot be written, or is one of those to be merged.
    :raises AsposeOcrSourceError: if a report is missing.
    :raises AsposeOcrStorageError: if a storage cannot be reached or fails.
    :raises AsposeOcrBatchError: if a report is not what its batch has written.
    """
    share = allowed_share(fail_on)
    where = _target(summaries, report)
    check_destination(where, conn_id)
    statuses: Counter[ItemStatus] = Counter()
    with tempfile.TemporaryFile(prefix="asposeocr-") as whole:
        for summary in summaries:
            statuses.update(_copied(summary, whole, conn_id))
        uri = store_report(whole, where, Names(None, "", "report"), conn_id)
    merged: BatchSummary = {
        "report": uri,
        "destination": summaries[0]["destination"],
        "items": statuses.total(),
        "succeeded": statuses[ItemStatus.SUCCEEDED],
        "failed": statuses[ItemStatus.FAILED],
        "skipped": sum(one["skipped"] for one in summaries),
        "resumed": sum(one["resumed"] for one in summaries),
        "reused": sum(one["reused"] for one in summaries),
        "api_calls": sum(one["api_calls"] for one in summaries),
        "seconds": max(one["seconds"] for one in summaries),
    }
    log.info(
        "%d items of %d batches, %d failed; report: %s",
        merged["items"],
        len(summaries),
        merged["failed"],
        display_uri(uri),
    )
    return merged, _verdict(merged, missing_shards(summaries), share)


def missing_shards(summaries: Iterable[BatchSummary]) -> list[str]:
    """Name the shards that are missing beside others of the same number.

    :param summaries: of batches; those that are whole ones do not count.
    """
    found: dict[int, Counter[int]] = {}
    for one in summaries:
        if (count := one.get("shards")) is not None:
            found.setdefault(count, Counter())[one["shard"]] += 1
    return [
        f"{index} of {count}"
        for count, seen in sorted(found.items())
        # Several batches may be split into as many shards.
        for index in range(count)
        if seen[index] < max(seen.values())
    ]


def _summary(value: Any) -> BatchSummary:
    if not isinstance(value, Mapping) or not _is_summary(value):
        raise AsposeOcrSettingsError(f"reports must be the output of batches, not {shown_value(value)}")
    summary: BatchSummary = {**value}  # type: ignore[typeddict-item]
    return summary


def _is_summary(value: Mapping[str, Any]) -> bool:
    """Tell whether a batch can have returned a value: XComs can be written by others as well."""
    numbers = [*_NUMBERS, *({"shard", "shards"} & value.keys())]
    return (
        all(isinstance(value.get(name), str) for name in ("report", "destination"))
        and all(type(value.get(name)) is int and value[name] >= 0 for name in numbers)
        and type(value.get("seconds")) in (int, float)
        and ("shard" in value) == ("shards" in value)
        and value.get("shard", 0) < value.get("shards", 1)
    )


def _target(summaries: Sequence[BatchSummary], report: str | None) -> str:
    folders = {canonical(one["report"]).rpartition("/")[0] for one in summaries}
    if report is None and len(folders) > 1:
        raise AsposeOcrSettingsError(
            "the reports lie in several folders: say by report where the merged one goes"
        )
    where = report or f"{min(folders)}/"
    where = f"{where}{NAME}" if where.endswith("/") else where
    if canonical(where) in {canonical(one["report"]) for one in summaries}:
        raise AsposeOcrDestinationError(f"{display_uri(where)} is one of the reports that are to be merged")
    return where


def _copied(summary: BatchSummary, whole: IO[bytes], conn_id: str | None) -> Iterator[ItemStatus]:
    """Copy the lines of a report, and yield the status of each."""
    uri, count = summary["report"], 0
    for line in _lines(uri, conn_id):
        count += 1
        yield _status(line, f"line {count} of {display_uri(uri)}")
        whole.write(line + b"\n")
    if count != summary["items"]:
        raise AsposeOcrBatchError(
            f"{display_uri(uri)} has {count} lines, its batch had {summary['items']} items: it was written "
            "anew or changed. Clear that batch"
        )


def _status(line: bytes, what: str) -> ItemStatus:
    try:
        return ItemStatus(json.loads(line)["status"])
    except (ValueError, TypeError, KeyError, RecursionError):
        # Without the cause, which holds the line.
        raise AsposeOcrBatchError(f"{what} is none of a report") from None


def _lines(uri: str, conn_id: str | None) -> Iterator[bytes]:
    shown = display_uri(uri)
    path = storage_path(uri, conn_id)
    options = {} if path.is_local else {"block_size": READ_BLOCK}
    rest = b""
    try:
        # Airflow's storages keep what they have listed; it may have been written since.
        path.fs.invalidate_cache()
        with path.fs.open(path.path, "rb", **options) as stream:
            while read := stream.read(_READ_AT_ONCE):
                *whole, rest = (rest + read).split(b"\n")
                if len(rest) > MAX_LINE_BYTES:
                    break
                yield from whole
    except FileNotFoundError:
        raise AsposeOcrSourceError(f"{shown} does not exist: clear the batch that has written it") from None
    except Exception as error:
        if is_denied(error):
            raise AsposeOcrSourceError(f"{shown} may not be read: permission denied") from None
        raise AsposeOcrStorageError(f"{shown} cannot be read: {reason_of(error)}") from None
    if rest:
        raise AsposeOcrBatchError(f"{shown} ends within a line, or holds one that is too long for a report")


def _verdict(merged: BatchSummary, missing: Sequence[str], share: float) -> AsposeOcrBatchError | None:
    items, report = merged["items"], display_uri(merged["report"])
    found = []
    if missing:
        found.append(f"there is no report of shard {', '.join(missing)}")
    if left := items - merged["succeeded"] - merged["failed"]:
        found.append(f"{left} of {items} items were not brought to an end")
    if merged["failed"] > share * items:
        found.append(f"{merged['failed']} of {items} items failed")
    if not found:
        return None
    return AsposeOcrBatchError(f"{' and '.join(found)}; see {report}. Clear the batches that this concerns")
