"""PDFs for the recognition tests: ordinary ones, drawn, and odd ones, written object by object."""

from __future__ import annotations

import io
import re
from typing import Any

import pypdfium2
from reportlab.lib.pagesizes import A5
from reportlab.pdfgen.canvas import Canvas

Rect = tuple[float, float, float, float]
"""Left, top, right, bottom in points, from the top left corner of the page."""


def draw_pdf(*pages: list[str], size: tuple[float, float] = A5, **options: Any) -> bytes:
    """Draw a PDF whose text is text, with a line of text in 14 points every 22 points."""
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=size, **options)
    for lines in pages:
        canvas.setFont("Helvetica", 14)
        for place, line in enumerate(lines):
            canvas.drawString(50, size[1] - 60 - 22 * place, line)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def pdf_words(data: bytes) -> list[list[tuple[str, Rect]]]:
    """Return the words of each page of a PDF, in the order of the file, with their boxes."""
    with pypdfium2.PdfDocument(data) as document:
        return [_words(page) for page in document]


def _words(page: pypdfium2.PdfPage) -> list[tuple[str, Rect]]:
    text = page.get_textpage()
    words = re.finditer(r"\S+", text.get_text_range())
    return [(word[0], _around(text, page.get_height(), *word.span())) for word in words]


def _around(text: pypdfium2.PdfTextPage, height: float, start: int, end: int) -> Rect:
    lefts, bottoms, rights, tops = zip(
        *(text.get_charbox(place, loose=True) for place in range(start, end)), strict=True
    )
    return min(lefts), height - max(tops), max(rights), height - min(bottoms)


def raw_pdf(*objects: bytes) -> bytes:
    """Write a PDF of given objects; the first one is its catalogue."""
    data, starts = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, 1):
        starts.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    end = len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    data += b"".join(b"%010d 00000 n \n" % start for start in starts)
    data += b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, end)
    return bytes(data)


def stream(head: bytes, content: bytes) -> bytes:
    """Write a stream for :func:`raw_pdf`."""
    return b"<<%s/Length %d>>\nstream\n%s\nendstream" % (head, len(content), content)


def raw_page(content: bytes, *others: bytes, box: bytes = b"0 0 300 300") -> bytes:
    """Write a PDF of one page, which draws the object 5, the first of the others, as X."""
    head = b"<</Type/Page/Parent 2 0 R/MediaBox[%s]/Resources<</XObject<</X 5 0 R>>>>/Contents 4 0 R>>" % box
    pages = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
    return raw_pdf(b"<</Type/Catalog/Pages 2 0 R>>", pages, head, stream(b"", content), *others)


def nested(levels: int, times: int) -> bytes:
    """Write a PDF whose page draws a form, which draws another one several times, and so on."""
    head = b"/Type/XObject/Subtype/Form/BBox[0 0 300 300]"
    inner = b"/Resources<</XObject<</X %d 0 R>>>>"
    forms = [stream(head + inner % (6 + level), b"/X Do\n" * times) for level in range(levels - 1)]
    return raw_page(b"/X Do", *forms, stream(head, b"0 0 10 10 re f\n"))
