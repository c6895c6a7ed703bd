"""Values that tasks have returned, read as if strangers had written them: manifests, or totals of batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow_provider_asposeocr.api.coerce import one_line
from airflow_provider_asposeocr.api.exceptions import AsposeOcrSettingsError
from airflow_provider_asposeocr.api.operations import Operation, get_operation
from airflow_provider_asposeocr.files.paths import display_uri

MAX_RESULTS = 50
"""Results on a page at most."""

_MAX_WARNINGS = 20
_TYPES = {
    "txt": "Text",
    "hocr": "Hocr",
    "json": "JSON",
    "csv": "Csv",
    "xlsx": "Excel",
    "pdf": "Pdf",
    "png": "ImagePNG",
    "wav": "Wav",
}
"""Types of results by the extensions of their files, for a report, which does not name that of the first."""


@dataclass(frozen=True, slots=True)
class Result:
    """One result.

    :param type: such as ``Text``.
    :param uri: where it is said to lie; never shown as it is.
    :param text: of it, where that came inline.
    :param size: bytes, as it is said.
    :param sha256: as it is said.
    :param is_left: whether it is at the service alone.
    """

    type: str
    uri: str | None = None
    text: str | None = None
    size: int | None = None
    sha256: str | None = None
    is_left: bool = False

    @property
    def kind(self) -> str:
        """The type in lower case."""
        return self.type.casefold()


@dataclass(frozen=True, slots=True)
class Described:
    """One document and what has become of it.

    :param operation: its name.
    :param known: the operation, if it is one.
    :param status: of the OCR task or of the item.
    :param source: where the source is said to lie; never shown as it is.
    :param ocr_task_id: the service's id; None where it is a secret.
    :param results: at most :data:`MAX_RESULTS`.
    :param value: the typed value, or None.
    :param warnings: of the service.
    :param error: why the item has failed.
    :param api_calls: billed calls.
    :param submitted_at: ISO 8601.
    :param completed_at: ISO 8601.
    """

    operation: str
    known: Operation | None
    status: str
    source: str | None
    ocr_task_id: str | None
    results: tuple[Result, ...]
    value: Any = None
    warnings: tuple[str, ...] = ()
    error: str | None = None
    api_calls: int | None = None
    submitted_at: str | None = None
    completed_at: str | None = None

    @property
    def seconds(self) -> float | None:
        """From the submission to the moment at which completion was seen."""
        try:
            taken = datetime.fromisoformat(self.completed_at or "") - datetime.fromisoformat(
                self.submitted_at or ""
            )
        except (ValueError, TypeError):
            return None
        return max(taken.total_seconds(), 0.0)

    @property
    def name(self) -> str:
        """The name of the source's file, or that of the operation."""
        shown = display_uri(self.source or "").rstrip("/").rpartition("/")[2]
        return shown or self.operation or "OCR result"


@dataclass(frozen=True, slots=True)
class BatchResult:
    """Totals of a batch, and its report.

    :param report: where its report is said to lie; never shown as it is.
    :param totals: counts and figures by their names.
    """

    report: str
    totals: Mapping[str, Any] = field(default_factory=dict)


_TOTALS = ("items", "succeeded", "failed", "skipped", "resumed", "reused", "api_calls", "seconds")


def read_described(value: Any) -> Described | BatchResult | None:
    """Read what a task has returned.

    :param value: of the XCom, whoever has written it.
    :return: None if it is neither a manifest nor what a batch returns.
    """
    if not isinstance(value, Mapping):
        return None
    if isinstance(report := value.get("report"), str) and "items" in value:
        return BatchResult(report, {name: value[name] for name in _TOTALS if _is_number(value.get(name))})
    if not isinstance(value.get("results"), list) or "operation" not in value:
        return None
    return _described(value, tuple(_results(value)), value.get("warnings"), None)


def read_line(line: Mapping[str, Any]) -> Described:
    """Read a line of a report.

    :param line: JSON values, whoever has written them.
    """
    listed = [line] if line.get("uri") else []
    further = line.get("further_results")
    listed += further if isinstance(further, list) else []
    results = tuple(_result(entry) for entry in listed[:MAX_RESULTS] if isinstance(entry, Mapping))
    error = " ".join(str(line[name]) for name in ("error", "message") if line.get(name))
    return _described(line, results, line.get("warnings"), error or None)


def _described(
    value: Mapping[str, Any], results: tuple[Result, ...], warnings: Any, error: str | None
) -> Described:
    operation = _text(value.get("operation")) or ""
    try:
        known = get_operation(operation)
    except AsposeOcrSettingsError:
        known = None
    # Whoever holds the id of a trial OCR task can read it.
    is_public = known is not None and known.authenticated
    return Described(
        operation=operation,
        known=known,
        status=_text(value.get("status")) or "",
        source=_whole(value.get("source")),
        ocr_task_id=_text(value.get("ocr_task_id")) if is_public else None,
        results=results,
        value=value.get("value"),
        warnings=tuple(one_line(str(text)) for text in warnings[:_MAX_WARNINGS])
        if isinstance(warnings, list)
        else (),
        error=one_line(error, 1000) if error else None,
        api_calls=value["api_calls"] if _is_number(value.get("api_calls")) else None,
        submitted_at=_text(value.get("submitted_at")),
        completed_at=_text(value.get("completed_at")),
    )


def _results(value: Mapping[str, Any]) -> Iterator[Result]:
    entries = [entry for entry in value["results"][:MAX_RESULTS] if isinstance(entry, Mapping)]
    texts = [entry for entry in entries if entry.get("uri") is None and entry.get("delivered") is not False]
    for entry in entries:
        result = _result(entry)
        if result.text is None and [entry] == texts:
            # The only one that is inline has its text in the manifest.
            yield Result(result.type, None, _whole(value.get("text")), result.size, result.sha256)
        else:
            yield result


def _result(entry: Mapping[str, Any]) -> Result:
    uri = _whole(entry.get("uri"))
    extension = (uri or "").rpartition(".")[2].casefold()
    size = entry.get("bytes")
    return Result(
        type=_text(entry.get("type")) or _TYPES.get(extension, "Other"),
        uri=uri,
        text=_whole(entry.get("text")),
        size=size if type(size) is int and size >= 0 else None,
        sha256=_text(entry.get("sha256")),
        is_left=entry.get("delivered") is False,
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _text(value: Any) -> str | None:
    return one_line(value) if isinstance(value, str) else None
