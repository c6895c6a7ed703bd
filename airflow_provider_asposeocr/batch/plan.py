"""What a batch does with each of its items, decided before the first call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_asposeocr.api.exceptions import AsposeOcrDestinationError
from airflow_provider_asposeocr.api.operations import Operation
from airflow_provider_asposeocr.api.settings import answers_with_text, selected_result_types
from airflow_provider_asposeocr.batch.containment import address_of, name_of
from airflow_provider_asposeocr.files.destination import Names, targets
from airflow_provider_asposeocr.files.manifest import Delivery
from airflow_provider_asposeocr.files.paths import display_uri, identity_of, is_web, location
from airflow_provider_asposeocr.files.storage import canonical

TEXT_LIMIT = 256 * 1024
"""Bytes of a reply that a poll reads at most: a text that fits costs no further call."""

DEFAULT_IN_FLIGHT = 50
"""OCR tasks submitted and not finished at any moment, by default."""

_TELLING_APART = ("{stem}", "{ocr_task_id}")


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to each item.

    :param operation: the operation.
    :param wire: its settings in the spelling of the wire.
    :param delivery: where results go.
    :param source_conn_id: the Airflow connection for the storage of the sources.
    :param max_source_bytes: the most bytes that a source may have.
    :param allow_redirects: whether a web server may redirect a source to another host.
    :param allow_multipage: whether a TIFF of several pages may be sent.
    :param patience: seconds to wait for the completion of an item.
    :param poll_interval: seconds between polls, or None for a schedule.
    :param max_in_flight: jobs submitted and not finished at any moment.
    :param cancel_on_timeout: whether to cancel the job of an item that is late.
    :param cancel_on_kill: whether to cancel jobs of which there is no record when the task is killed.
    :param map_index: Airflow's map index.
    :param taken: from :func:`check_names`.
    """

    operation: Operation
    wire: Mapping[str, Any] | None
    delivery: Delivery
    source_conn_id: str | None
    max_source_bytes: int | None
    allow_redirects: bool
    allow_multipage: bool
    patience: float
    poll_interval: float | None
    max_in_flight: int
    cancel_on_timeout: bool
    cancel_on_kill: bool
    map_index: int
    taken: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def status_only(self) -> bool:
        """Whether to poll the status: results that are no text are fetched when they are complete."""
        return not answers_with_text(self.operation, self.wire)


def checked_destination(destination: Any) -> str:
    """The destination of a batch as text.

    :param destination: a folder, which ends in a slash unless it is a path object, or a pattern with
        ``{stem}`` or ``{ocr_task_id}``.
    :raises AsposeOcrDestinationError: if it is neither: many results would meet in one file.
    """
    text = location("destination", destination)
    if text is None:
        raise AsposeOcrDestinationError("a batch needs a destination: give a folder")
    if text.endswith("/") or any(placeholder in text for placeholder in _TELLING_APART):
        return text
    if not isinstance(destination, str | Mapping):
        return f"{text}/"
    raise AsposeOcrDestinationError(
        f"{display_uri(text)} is one file for many results: end it with a slash if it is a folder, or "
        "use {stem}"
    )


def folder_of(destination: str) -> str:
    """The part of a destination that is the same for all items and tries, without a slash at its end."""
    scheme, separator, rest = destination.partition("{")[0].rpartition("://")
    folder = rest.rpartition("/")[0] or (rest if separator else ".")
    return f"{scheme}{separator}{folder}"


def check_names(plan: Plan, items: Iterable[Any], report: str) -> dict[str, str]:
    """Refuse a pattern under which the results of two items would meet, or a result and the report.

    :param plan: what happens to each item.
    :param items: of the listing.
    :param report: where the report goes.
    :return: the identity of the source of each path that will be written, where a pattern is given.
    :raises AsposeOcrDestinationError: if two have one name.
    """
    destination = plan.delivery.destination
    if destination.endswith("/") or "{ocr_task_id}" in destination:
        return {}
    types = selected_result_types(plan.operation, plan.wire)
    seen: dict[str, tuple[str, str]] = {canonical(report): ("", "the report")}
    for item in items:
        if (uri := address_of(item)) is None:
            continue
        identity, source = identity_of(uri), display_uri(uri) if is_web(uri) else uri
        names = Names(source, plan.operation.name, "", plan.map_index)
        try:
            written = {str(path) for path in targets(types, destination, names, plan.delivery.conn_id)}
        except AsposeOcrDestinationError:
            continue  # a name that no file can have fails its item alone
        for path in written:
            other, first = seen.setdefault(path, (identity, name_of(item)))
            if other != identity:
                raise AsposeOcrDestinationError(
                    f"{first} and {name_of(item)} would be stored under one name: use a folder as "
                    "destination, whose names are all different, or {ocr_task_id}"
                )
    return {path: identity for path, (identity, _) in seen.items()}
