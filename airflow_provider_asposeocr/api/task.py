"""Read a reply of the service tolerantly: no property is required, any may be null."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import islice
from types import MappingProxyType
from typing import IO, Any

from airflow_provider_asposeocr.api.coerce import (
    MAX_LINE_CHARACTERS,
    MAX_NOTICES,
    one_line,
    storable,
)
from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrTaskError,
    AsposeOcrTaskNotFoundError,
    AsposeOcrTooLargeError,
)
from airflow_provider_asposeocr.api.settings import is_text
from airflow_provider_asposeocr.api.spool import Span, read_reply

MAX_RESULTS = 5000
"""Results of an OCR task at most. The service gives one for each region of a page."""

MAX_INLINE_RESULTS = 1000
"""Results that an event or an XCom carries at most."""

MAX_SEEN_TYPES = 100
"""Types that are named of results which were not read."""

_BETWEEN = "\n\n"
_MAX_WORD = 60
_UTF_8 = 4


class TaskStatus(StrEnum):
    """Say where an OCR task stands."""

    PENDING = "Pending"
    PROCESSING = "Processing"
    COMPLETED = "Completed"
    ERROR = "Error"
    NOT_EXIST = "NotExist"
    UNKNOWN = "Unknown"
    """A status that no source documents, or none at all: waited on, within the time limit."""

    @property
    def is_terminal(self) -> bool:
        """True if the status will not change any more."""
        return self in (TaskStatus.COMPLETED, TaskStatus.ERROR, TaskStatus.NOT_EXIST)

    @property
    def is_successful(self) -> bool:
        """True if the OCR task has results."""
        return self is TaskStatus.COMPLETED

    @classmethod
    def parse(cls, value: Any) -> TaskStatus:
        """Read a status in any case; what is not known is ``UNKNOWN``."""
        return _STATUSES.get(value.strip().casefold(), cls.UNKNOWN) if isinstance(value, str) else cls.UNKNOWN


_STATUSES = {status.value.casefold(): status for status in TaskStatus}


class _Result:
    """Answer the questions about a result that do not depend on where its data lies."""

    __slots__ = ()

    type: str
    data: Any

    @property
    def is_text(self) -> bool:
        """True if the data is UTF-8 text."""
        return is_text(self.type)

    @property
    def text(self) -> str:
        """The data as text, without what neither a log nor a database can hold."""
        return storable(bytes(self.data).decode("utf-8-sig", errors="replace"))


@dataclass(frozen=True, slots=True)
class OcrResult(_Result):
    """One result of an OCR task.

    :param type: such as ``Text`` or ``ImagePNG``; the service may send types that no source documents.
        Empty where it names none.
    :param data: the decoded bytes.
    """

    type: str
    data: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """The number of bytes of the data."""
        return len(self.data)

    def chunks(self) -> Iterator[bytes]:
        """Yield the data, a chunk at a time."""
        yield self.data


@dataclass(frozen=True, slots=True)
class SpooledResult(_Result):
    """One result that lies in a file, as :class:`OcrResult` otherwise.

    :param type: such as ``Pdf``.
    :param span: where its data lies.
    :param size: how many bytes the decoded data has.
    :param is_base64: whether the data is Base64; otherwise it is taken as it lies there.
    """

    type: str
    span: Span = field(repr=False)
    size: int
    is_base64: bool

    @classmethod
    def of(cls, kind: str, span: Span) -> SpooledResult:
        """Find out what lies in a span."""
        try:
            return cls(kind, span, sum(len(chunk) for chunk in span.decoded()), True)
        except ValueError:
            return cls(kind, span, sum(len(chunk) for chunk in span.raw()), False)

    @property
    def data(self) -> bytes:
        """The decoded bytes, all of them in memory."""
        return b"".join(self.chunks())

    def chunks(self) -> Iterator[bytes]:
        """Yield the data, a chunk at a time."""
        return self.span.decoded() if self.is_base64 else self.span.raw()


@dataclass(frozen=True, slots=True)
class OcrTask:
    """An OCR task, as the service describes it.

    :param id: the service's id of the OCR task.
    :param status: where it stands.
    :param results: its results, in the order of the reply; hidden from ``repr``, as they hold the document.
    :param messages: what the service says; fatal only with status ``Error``.
    :param warnings: what the service warns of, such as lost data, and what this reader found odd.
    :param response_status_code: the service's own code, reported and never acted on.
    :param raw_status: the status as it stood in the reply.
    :param unread: whether the results were not read: the status alone was asked for, they are larger than
        was wanted, or none of them is of a known form.
    :param seen_types: the types of results that were seen and are not among ``results``.
    """

    id: str
    status: TaskStatus
    results: tuple[OcrResult | SpooledResult, ...] = field(default=(), repr=False)
    messages: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    response_status_code: str | None = None
    raw_status: str | None = None
    unread: bool = False
    seen_types: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[OcrResult | SpooledResult, ...]:
        """Those that make up the text: of type ``Text`` or of none, else of the first type that is text."""
        kinds = [result.type.casefold() for result in self.results if result.is_text]
        kind = "text" if "text" in kinds else next(iter(kinds), "")
        return tuple(result for result in self.results if result.type.casefold() in ("", kind))

    @property
    def text(self) -> str | None:
        """The text in the order of its regions, a blank line between; None if there is none."""
        texts = self.texts
        return _BETWEEN.join(result.text for result in texts if result.size) if texts else None

    def text_fits(self, max_bytes: int) -> bool:
        """Tell whether the text has no more than so many bytes, and not very many parts."""
        sizes = [result.size for result in self.texts if result.size]
        between = len(_BETWEEN) * max(len(sizes) - 1, 0)
        return sum(sizes) + between <= max_bytes and len(self.texts) <= MAX_INLINE_RESULTS

    @property
    def notices(self) -> tuple[str, ...]:
        """Messages and warnings together, each once."""
        return tuple(dict.fromkeys((*self.messages, *self.warnings)))[:MAX_NOTICES]

    def in_memory(self, max_bytes: int) -> OcrTask:
        """Take all results into memory, from a file that may go away.

        :param max_bytes: the most that they may have together.
        :raises AsposeOcrTooLargeError: if they have more.
        """
        if sum(result.size for result in self.results) > max_bytes:
            raise AsposeOcrTooLargeError(
                f"the results have more than {max_bytes} bytes: fetch them into a file", ocr_task_id=self.id
            )
        return replace(self, results=tuple(OcrResult(result.type, result.data) for result in self.results))

    def trimmed(self, max_bytes: int) -> OcrTask:
        """Return the OCR task with its text alone, or without any result if the text does not fit."""
        if self.text_fits(max_bytes):
            texts = self.texts
            kept = {result.type for result in texts}
            others = (result.type for result in self.results if result.type not in kept)
            return replace(self, results=texts, seen_types=(*self.seen_types, *others)[:MAX_SEEN_TYPES])
        seen = tuple(result.type for result in self.results if result.type)
        return replace(self, results=(), unread=True, seen_types=seen[:MAX_SEEN_TYPES])

    def raise_for_status(self) -> None:
        """Raise if the OCR task has ended without success.

        :raises AsposeOcrTaskError: for status ``Error``.
        :raises AsposeOcrTaskNotFoundError: for status ``NotExist``.
        """
        code = f" ({self.response_status_code})" if self.response_status_code else ""
        if self.status is TaskStatus.NOT_EXIST:
            said = f": {'; '.join(self.messages)}" if self.messages else ""
            raise AsposeOcrTaskNotFoundError(
                f"the service does not know the OCR task{code}{said}: it was cancelled, is older than 24 "
                "hours, or belongs to another account or operation",
                ocr_task_id=self.id,
            )
        if self.status is TaskStatus.ERROR:
            said = "; ".join(self.notices) or "the service gives no reason"
            raise AsposeOcrTaskError(f"the OCR task failed{code}: {said}", ocr_task_id=self.id)

    def to_dict(self) -> dict[str, Any]:
        """Make a value of JSON scalars that :func:`parse_task` reads back."""
        return {
            "id": self.id,
            "taskStatus": self.raw_status or self.status.value,
            "responseStatusCode": self.response_status_code,
            "results": [
                {"type": result.type, "data": base64.b64encode(result.data).decode("ascii")}
                for result in self.results
            ],
            "error": {"messages": list(self.messages), "warnings": list(self.warnings)},
        }


def decode_reply(body: bytes, ocr_task_id: str) -> OcrTask:
    """Read the body of a reply.

    :param body: JSON, whatever its content type said.
    :param ocr_task_id: the id that was asked for.
    :raises ValueError: if it is not a JSON object, as an HTML error page or a truncated reply is not.
    """
    reply = json.loads(body.decode("utf-8-sig"))
    if not isinstance(reply, Mapping):
        raise ValueError("the reply is not a JSON object")
    return parse_task(reply, ocr_task_id)


def decode_spooled(file: IO[bytes], ocr_task_id: str) -> OcrTask:
    """Read the body of a reply from a file, where its large results stay.

    :param file: as the body of :func:`decode_reply`; it must live as long as the results are used.
    :param ocr_task_id: the id that was asked for.
    :raises ValueError: if it is not a JSON object.
    """
    reply, spans = read_reply(file)
    if not isinstance(reply, Mapping):
        raise ValueError("the reply is not a JSON object")
    return parse_task(reply, ocr_task_id, spans)


def parse_task(
    reply: Mapping[str, Any], ocr_task_id: str, spans: Mapping[str, Span] = MappingProxyType({})
) -> OcrTask:
    """Read a decoded reply.

    :param reply: keys in any case and order; any may be missing, null or of an unexpected kind.
    :param ocr_task_id: the id that was asked for.
    :param spans: where the strings lie for which a key stands in the reply.
    :raises AsposeOcrTooLargeError: if it has more results than any page has regions.
    """
    values = {str(key).casefold(): value for key, value in reply.items()}
    entries = values.get("results")
    if isinstance(entries, list) and len(entries) > MAX_RESULTS:
        raise AsposeOcrTooLargeError(
            f"the OCR task has {len(entries)} results, more than the {MAX_RESULTS} that are read",
            ocr_task_id=ocr_task_id,
        )
    results, odd = _results(entries, spans)
    messages, warnings = _notices(values.get("error"), spans)
    raw_status = _word(values.get("taskstatus"), spans)
    return OcrTask(
        id=ocr_task_id,
        status=TaskStatus.parse(raw_status),
        results=results,
        messages=messages,
        warnings=tuple(dict.fromkeys((*warnings, *odd)))[:MAX_NOTICES],
        response_status_code=_word(values.get("responsestatuscode"), spans),
        raw_status=raw_status,
        unread=bool(odd) and not results,
    )


def result_type_name(value: Any, spans: Mapping[str, Span] = MappingProxyType({})) -> str:
    """Read the type of a result; anything that is none is empty.

    :param value: as it stands in the reply.
    :param spans: as for :func:`parse_task`.
    """
    return _word(value, spans) or ""


def _results(
    value: Any, spans: Mapping[str, Span]
) -> tuple[tuple[OcrResult | SpooledResult, ...], list[str]]:
    results: list[OcrResult | SpooledResult] = []
    odd: list[str] = []
    for entry in value if isinstance(value, list) else [value]:
        if entry is None:
            continue
        # What is no object is no result; one without data is that of a page with nothing on it.
        members = entry if isinstance(entry, Mapping) else {"data": [entry]}
        members = {str(key).casefold(): member for key, member in members.items()}
        name, data = result_type_name(members.get("type"), spans), members.get("data") or ""
        if not isinstance(data, str):
            odd.append("a result is of no known form, and was left out")
            continue
        if data in spans:
            spooled = SpooledResult.of(name, spans[data])
            results.append(spooled)
            strict = spooled.is_base64
        else:
            decoded, strict = _decode(data)
            results.append(OcrResult(name, decoded))
        if not strict:
            odd.append(f"result {name or 'without a type'} is not Base64; kept as it came")
    return tuple(results), odd


def _decode(data: str) -> tuple[bytes, bool]:
    try:
        return base64.b64decode(data, validate=True), True
    except (binascii.Error, ValueError):
        return data.encode("utf-8", errors="surrogatepass"), False


def _notices(error: Any, spans: Mapping[str, Span]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Messages and warnings."""
    if error is None:
        return (), ()
    if not isinstance(error, Mapping):
        return _strings(error, spans), ()
    members = {str(key).casefold(): member for key, member in error.items()}
    return _strings(members.get("messages"), spans), _strings(members.get("warnings"), spans)


def _strings(value: Any, spans: Mapping[str, Span]) -> tuple[str, ...]:
    items = (value,) if isinstance(value, str) else value if isinstance(value, list | tuple) else ()
    texts = (_line(item, spans, MAX_LINE_CHARACTERS) for item in items if item is not None)
    return tuple(islice(filter(None, texts), MAX_NOTICES))


def _word(value: Any, spans: Mapping[str, Span]) -> str | None:
    return _line(value, spans, _MAX_WORD) if isinstance(value, str) else None


def _line(value: Any, spans: Mapping[str, Span], max_characters: int) -> str:
    if isinstance(value, str):
        span = spans.get(value)
        return one_line(span.head(2 * _UTF_8 * max_characters) if span else value, max_characters)
    if isinstance(value, int | float):
        return one_line(str(value), max_characters)
    return "(a message that is no text)"
