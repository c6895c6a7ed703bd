"""Tell what a task has read and written: facets for OpenLineage, and the extra of asset events.

.. seealso:: https://airflow.apache.org/docs/apache-airflow-providers-openlineage/stable/guides/developer.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Asset

from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.api.settings import SETTINGS
from airflow_provider_asposeocr.files.paths import display_uri, folder_of, uri_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import RunFacet
    from airflow.providers.openlineage.extractors import OperatorLineage

MAX_DATASETS = 100
"""Datasets of a task that are named at most."""

MAX_SOURCES = 1000
"""Sources of a batch whose folders are named at most."""

_ON_A_FILE_SYSTEM = ("file", "sftp")
_ALIASES = {"s3a": "s3", "gcs": "gs"}
_PLAIN = (str, int, float, bool)

_CLOUD = "https://docs.aspose.cloud/ocr/"


def asset_extra(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an asset event tells of a task: no text, and no id that opens a result to anyone.

    :param result: a manifest, or the summary of a batch.
    """
    if "items" in result:
        names = ("report", "items", "succeeded", "failed", "api_calls")
        return {name: result[name] for name in names}
    text = result.get("text")
    extra = {
        "operation": result["operation"],
        "source": _shown(result.get("source")),
        "uri": _shown(result.get("uri")),
        "api_calls": result["api_calls"],
        "bytes": sum(entry.get("bytes") or 0 for entry in result["results"]),
        "characters": None if text is None else len(text),
        "ocr_task_id": result["ocr_task_id"] if get_operation(result["operation"]).authenticated else None,
    }
    return {name: value for name, value in extra.items() if value is not None}


def tell_outlets(context: Mapping[str, Any], outlets: Iterable[Any], result: Mapping[str, Any]) -> None:
    """Add what is known of a task to the events of its assets.

    :param context: Airflow's.
    :param outlets: of the task; aliases are left to those who know what stands behind them.
    :param result: what the task returns.
    """
    events = context["outlet_events"]
    for outlet in outlets:
        if isinstance(outlet, Asset):
            # Under a key of our own: users may add to it.
            events[outlet].extra["asposeocr"] = asset_extra(result)


def facets_of(task: Any) -> OperatorLineage[Any, Any]:
    """Return the lineage of a task that has ended, well or not.

    :param task: the operator or sensor, rendered; :attr:`.OcrTaskMixin.result` is what it has returned.
    """
    from airflow.providers.common.compat.openlineage.facet import Dataset, ExternalQueryRunFacet
    from airflow.providers.openlineage.extractors import OperatorLineage

    result = task.result or {}
    read, written = _of_batch(task, result) if hasattr(task, "sources") else _of_one(task, result)
    run_facets: dict[str, Any] = {"asposeocr": _run_facet(task, result)}
    if (ocr_task_id := result.get("ocr_task_id")) and task.of_operation.authenticated:
        run_facets["externalQuery"] = ExternalQueryRunFacet(externalQueryId=ocr_task_id, source=_CLOUD)
    return OperatorLineage(
        inputs=[Dataset(*name) for name in _names(read)],
        outputs=[Dataset(*name) for name in _names(written)],
        run_facets=run_facets,
    )


def _of_one(task: Any, result: Mapping[str, Any]) -> tuple[list[str | None], list[str | None]]:
    given = getattr(task, "source", None)
    source = result.get("source") or (None if given is None else uri_of(task.unmasked("source")))
    return [source], [entry.get("uri") for entry in result.get("results") or ()]


def _of_batch(task: Any, result: Mapping[str, Any]) -> tuple[list[str | None], list[str | None]]:
    """Return folders: a batch may have more files than a lineage can hold."""
    given = task.unmasked("sources")
    sources = [given] if isinstance(given, str | Mapping) or not isinstance(given, Iterable) else given
    uris = (uri_of(source) for source in islice(sources, MAX_SOURCES))
    # Of a pattern, what stands before its first star.
    folders: list[str | None] = [folder_of(uri.partition("*")[0]) for uri in uris if uri]
    destination = task.location("destination")
    return folders, [destination and folder_of(destination), result.get("report")]


def _names(addresses: Iterable[str | None]) -> list[tuple[str, str]]:
    return list(dict.fromkeys(dataset_name(address) for address in addresses if address))[:MAX_DATASETS]


def dataset_name(address: str) -> tuple[str, str]:
    """Return namespace and name of a dataset, by the convention of OpenLineage.

    :param address: a path or a URI; login and query are left out. The account of an Azure storage is known to
        its connection alone, so that the namespace is the container.

    .. seealso:: https://openlineage.io/docs/spec/naming/
    """
    shown = display_uri(address)
    # No parser of URLs: to a file or an object, # and ? and % are part of the name.
    scheme, separator, rest = shown.partition("://")
    if not separator:
        return "file", str(Path(shown).absolute())
    host, _, path = rest.partition("/")
    if scheme in _ON_A_FILE_SYSTEM:
        return f"file://{host}" if host else "file", f"/{path}".rstrip("/") or "/"
    return f"{_ALIASES.get(scheme, scheme)}://{host}", path.strip("/") or "/"


def _run_facet(task: Any, result: Mapping[str, Any]) -> RunFacet:
    """Return the facet of this provider: operation, settings without regions and extras, and cost."""
    from airflow.providers.common.compat.openlineage.facet import RunFacet
    from attrs import define

    @define
    class AsposeOcrRunFacet(RunFacet):
        operation: str
        settings: dict[str, Any]
        api_calls: int | None
        seconds: float | None

        @staticmethod
        def _get_schema() -> str:
            return f"{_CLOUD}#AsposeOcrRunFacet"

    names = [setting.name for setting in SETTINGS if isinstance(getattr(task, setting.name, None), _PLAIN)]
    settings = {name: getattr(task, name) for name in names}
    operation = result.get("operation") or task.of_operation.name
    return AsposeOcrRunFacet(operation, settings, result.get("api_calls"), _seconds(result))


def _seconds(result: Mapping[str, Any]) -> float | None:
    if "seconds" in result:
        return float(result["seconds"])
    begun, ended = result.get("submitted_at"), result.get("completed_at")
    if not begun or not ended:
        return None
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).total_seconds()


def _shown(uri: str | None) -> str | None:
    return None if uri is None else display_uri(uri)
