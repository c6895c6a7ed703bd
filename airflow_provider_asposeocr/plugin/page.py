"""One document as the result page shows it: its source, and each result in the way that suits it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from airflow_provider_asposeocr.api.exceptions import AsposeOcrError
from airflow_provider_asposeocr.api.layout import LayoutPage, read_hocr, read_json_layout
from airflow_provider_asposeocr.api.settings import SETTINGS, is_text
from airflow_provider_asposeocr.api.typed import typed_value
from airflow_provider_asposeocr.files.paths import display_uri
from airflow_provider_asposeocr.plugin.contents import (
    IMAGES,
    MAX_FILE_BYTES,
    MAX_PARSED_BYTES,
    MAX_TEXT_BYTES,
    Look,
    human_size,
    look_at,
    read_bytes,
    text_from,
)
from airflow_provider_asposeocr.plugin.described import Described, Result
from airflow_provider_asposeocr.plugin.documents import (
    DrawnPage,
    Field,
    Table,
    drawn_page,
    fields_of,
    pages_of_value,
    table_of,
)
from airflow_provider_asposeocr.plugin.roots import Root

_LAYOUTS: Mapping[str, Callable[[bytes], list[LayoutPage]]] = {"hocr": read_hocr, "json": read_json_layout}
_WITH_FIELDS = ("RecognizeAndParseInvoice", "IdentifyFont")
_MAX_ARGUMENT = 300


@dataclass(frozen=True, slots=True)
class File:
    """A file, as the page names it.

    :param path: of its content, below that of the page; None where it is not served.
    :param uri: what may be shown of its address.
    :param size: bytes, for people.
    :param look: what its beginning shows; None where it cannot be read.
    :param problem: why it is not served.
    """

    path: str | None
    uri: str
    size: str
    look: Look | None
    problem: str | None = None

    @property
    def is_image(self) -> bool:
        """Tell whether a browser shows it as an image."""
        return bool(self.path and self.look and self.look.format in IMAGES)

    @property
    def is_pdf(self) -> bool:
        """Tell whether it is a PDF."""
        return bool(self.path and self.look and self.look.format == "pdf")

    @property
    def is_audio(self) -> bool:
        """Tell whether a browser plays it."""
        return bool(self.path and self.look and self.look.media_type.startswith("audio/"))

    @property
    def is_tiff(self) -> bool:
        """Tell whether it is a TIFF, which browsers do not show."""
        return bool(self.look and self.look.format == "tiff")


@dataclass(frozen=True, slots=True)
class ShownResult:
    """One result on the page.

    :param type: such as ``Text``.
    :param file: where it is; None for one that is inline or at the service.
    :param is_left: whether it is at the service alone.
    :param text: of it, where that is shown.
    :param is_cut: whether the text goes on.
    :param problem: why it is not shown.
    """

    type: str
    file: File | None
    is_left: bool
    text: str | None = None
    is_cut: bool = False
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """All that the page of a document shows.

    :param source: the file that was recognized; None where it is not known.
    :param results: in the order of the manifest.
    :param page: with its words; None where no result tells of any.
    :param tables: of results.
    :param fields: of an invoice, or of fonts.
    """

    source: File | None
    results: tuple[ShownResult, ...]
    page: DrawnPage | None
    tables: tuple[Table, ...]
    fields: tuple[Field, ...]

    @property
    def has_boxes(self) -> bool:
        """Tell whether there is a page to draw even without an image."""
        return bool(self.page and self.page.width and self.page.height and any(self.page.units))

    @property
    def pictures(self) -> list[File]:
        """Images that are results."""
        return [result.file for result in self.results if result.file and result.file.is_image]

    @property
    def sounds(self) -> list[File]:
        """Sounds that are results."""
        return [result.file for result in self.results if result.file and result.file.is_audio]

    @property
    def texts(self) -> list[ShownResult]:
        """Results that are shown as a text."""
        return [result for result in self.results if result.text is not None]


def shown(described: Described, roots: Iterable[Root], number: int) -> Shown:
    """Read all that the page of a document shows. Blocks.

    :param described: what is known of it, whoever has written that.
    :param roots: the folders that may be read.
    :param number: of the page of the document, counted from 1.
    """
    source = _file("files/source", described.source, None, roots) if described.source else None
    results, pages, tables, fields = [], [], [], []
    for index, result in enumerate(described.results):
        file = _file(f"files/{index}", result.uri, result.size, roots) if result.uri else None
        parsed, problem = _parsed(described, result, file, roots)
        pages += [parsed] if _are_pages(parsed) else []
        tables += [parsed] if isinstance(parsed, Table) else []
        fields += parsed if isinstance(parsed, list) and not _are_pages(parsed) else []
        text, is_cut = None, False
        if parsed is None and problem is None and is_text(result.type):
            text, is_cut, problem = _text(result, file, roots)
        results.append(ShownResult(result.type, file, result.is_left, text, is_cut, problem))
    if not pages and (inline := pages_of_value(described.value)):
        pages = [inline]
    if not tables and not pages and (table := table_of(described.value)):
        tables = [table]
    if not tables and not pages and not fields and described.operation in _WITH_FIELDS:
        fields = fields_of(described.value)
    page = drawn_page(pages[0], number) if pages else None
    return Shown(source, tuple(results), page, tuple(tables), tuple(fields))


def _are_pages(parsed: Any) -> bool:
    return isinstance(parsed, list) and bool(parsed) and all(isinstance(item, LayoutPage) for item in parsed)


def _file(path: str, uri: str | None, size: int | None, roots: Iterable[Root]) -> File:
    address = display_uri(uri or "")
    try:
        look = look_at(uri, roots)
    except AsposeOcrError as error:
        return File(None, address, human_size(size), None, str(error))
    if look.size > MAX_FILE_BYTES:
        problem = f"too large for the page, which takes {human_size(MAX_FILE_BYTES)}"
        return File(None, address, human_size(look.size), look, problem)
    return File(path, address, human_size(look.size), look)


def _parsed(
    described: Described, result: Result, file: File | None, roots: Iterable[Root]
) -> tuple[Any, str | None]:
    """Return pages, a table or fields, and why there is none although there should be."""
    read = _reader(described, result)
    if read is None or (file is None and result.text is None) or (file and not file.path):
        return None, None
    try:
        data = (
            (result.text or "").encode(errors="replace")
            if file is None
            else read_bytes(result.uri, roots, MAX_PARSED_BYTES)
        )
        return read(data), None
    except AsposeOcrError as error:
        return None, str(error)


def _reader(described: Described, result: Result) -> Callable[[bytes], Any] | None:
    name = described.known.name if described.known else ""
    if name in _WITH_FIELDS and described.known and result.kind in ("text", "json", "other"):
        return lambda data: fields_of(typed_value(described.known, result.type, data))  # type: ignore[arg-type]
    if name == "DetectRegions" and described.known:
        typed = partial(typed_value, described.known, result.type)
        return lambda data: pages_of_value(typed(data))
    if result.kind in _LAYOUTS:
        return _LAYOUTS[result.kind]
    if result.kind == "csv" and described.known:
        rows = partial(typed_value, described.known, result.type)
        return lambda data: table_of(rows(data))
    return None


def _text(result: Result, file: File | None, roots: Iterable[Root]) -> tuple[str | None, bool, str | None]:
    """Return the text of a result, whether it goes on, and why there is none."""
    if file is None:
        text = result.text
        return (
            (text[:MAX_TEXT_BYTES], len(text) > MAX_TEXT_BYTES, None)
            if text is not None
            else (None, False, None)
        )
    if not file.path:
        return None, False, None
    try:
        data = read_bytes(result.uri, roots, MAX_TEXT_BYTES + 1, whole=False)
    except AsposeOcrError as error:
        return None, False, str(error)
    return text_from(data[:MAX_TEXT_BYTES]), len(data) > MAX_TEXT_BYTES, None


def settings_of(arguments: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Return the settings of recognition that a task has set, by their names.

    :param arguments: rendered, as Airflow keeps them, with secrets masked.
    """
    given = arguments or {}
    names = [setting.name for setting in SETTINGS if given.get(setting.name) not in (None, "", "None", [])]
    return [(name, str(given[name])[:_MAX_ARGUMENT]) for name in names]
