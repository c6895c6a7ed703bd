"""PDF rendering: each page becomes an image, and one page at a time is in memory.

PDFium reads the file piece by piece and runs no scripts. It bounds neither time nor memory: the limits of the
recognition process apply.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from typing import IO

import pypdfium2
from pypdfium2 import raw

from airflow_provider_asposeocr.emulator.decoding import HEAD_BYTES, name_of_format
from airflow_provider_asposeocr.emulator.imaging import Scan, pixels_of
from airflow_provider_asposeocr.emulator.limits import (
    MAX_PIXELS,
    MAX_SIDE,
    LimitExceededError,
    UnreadableImageError,
    check_page_count,
)
from airflow_provider_asposeocr.emulator.resolution import POINTS_PER_INCH

_DPI = 200.0
_MIN_DPI = 50.0
"""Pages so large that they would have to be rendered at less are refused: their text could not be read."""

_ENCRYPTED = (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY)


def render_pages(file: IO[bytes]) -> Iterator[Scan]:
    """Render the pages of a PDF, each with what is filled in and annotated on it.

    :param file: the PDF, a file with a name.
    :raises UnreadableImageError: if it is no PDF, needs a password, or is damaged.
    :raises LimitExceededError: if it has too many pages, or a page is too large.
    """
    with _opened(file) as document:
        check_page_count("PDF", len(document))
        # All pages are checked before the first one takes any time.
        resolutions = [_resolution(document, number) for number in range(1, len(document) + 1)]
        document.init_forms()
        for number, dpi in enumerate(resolutions, 1):
            yield _rendered(document, number, dpi)


def _opened(file: IO[bytes]) -> pypdfium2.PdfDocument:
    file.seek(0)
    found = name_of_format(file.read(HEAD_BYTES))
    if found != "PDF":
        raise UnreadableImageError(
            f"The file is not a PDF: it is {found}." if found else "The file is not a PDF, or is damaged."
        )
    # Not by pypdfium2, which takes the error of an earlier file for that of a PDF without pages.
    opened = raw.FPDF_LoadDocument(os.fsencode(file.name), None)
    if not opened:
        if raw.FPDF_GetLastError() in _ENCRYPTED:
            raise UnreadableImageError("The PDF is encrypted: it opens only with a password.")
        raise UnreadableImageError("The PDF is damaged.")
    return pypdfium2.PdfDocument(opened)


def _rendered(document: pypdfium2.PdfDocument, number: int, dpi: float) -> Scan:
    with _damage_named(number):
        page = document[number - 1]
    try:
        bitmap = page.render(scale=dpi / POINTS_PER_INCH, rev_byteorder=True)
        return Scan(pixels_of(bitmap.to_numpy()), dpi)
    finally:
        page.close()


@contextlib.contextmanager
def _damage_named(number: int) -> Iterator[None]:
    try:
        yield
    except pypdfium2.PdfiumError as error:
        raise UnreadableImageError(f"Page {number} of the PDF is damaged.") from error


def _resolution(document: pypdfium2.PdfDocument, number: int) -> float:
    """Return the resolution at which a page fits the limits of an image, in dots per inch."""
    with _damage_named(number):
        size: tuple[float, float] = document.get_page_size(number - 1)
    across, down = (max(1.0, points) / POINTS_PER_INCH for points in size)
    dpi = min(_DPI, math.sqrt(MAX_PIXELS / (across * down)), MAX_SIDE / max(across, down))
    if not dpi >= _MIN_DPI:
        raise LimitExceededError(
            f"Page {number} of the PDF measures {across:,.0f} x {down:,.0f} inches; at most {MAX_PIXELS:,}"
            f" pixels are recognized, and a side of {MAX_SIDE:,}, at no less than {_MIN_DPI:g} dpi."
        )
    return dpi
