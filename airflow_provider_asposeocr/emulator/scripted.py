"""Outcomes without recognition: a given text in the smallest valid form of each result type."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
import wave
import zipfile
from collections.abc import Callable, Iterator, Mapping

from airflow_provider_asposeocr.api.operations import Category, get_operation
from airflow_provider_asposeocr.emulator.ocr_tasks import Outcome
from airflow_provider_asposeocr.emulator.settings import AppliedSettings
from airflow_provider_asposeocr.emulator.submission import Submission
from airflow_provider_asposeocr.emulator.trial import mask_text
from airflow_provider_asposeocr.emulator.work.invoice_fields import BLANK_INVOICE

_WHITE_PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABAQAAAAA3bvkkAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)
_EMPTY_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 3 3]>>endobj\n"
    b"trailer<</Root 1 0 R>>\n%%EOF\n"
)
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_OPEN_XML = "http://schemas.openxmlformats.org/"
_SHEET = f"{_OPEN_XML}spreadsheetml/2006/main"
_RELATIONSHIPS = f"{_OPEN_XML}officeDocument/2006/relationships"
_SAMPLES_PER_SECOND = 8_000


def scripted_outcome(submission: Submission, text: str) -> Outcome:
    """Build the outcome of a scripted OCR task.

    :param submission: its submission.
    :param text: the text to return.
    """
    operation = get_operation(submission.operation)
    settings = AppliedSettings.from_wire(operation, submission.settings)
    if operation.category is Category.RECOGNITION and not operation.authenticated:
        text = mask_text(text, submission.sha256)
    own = _SPECIAL.get(operation.name)
    if own is not None:
        kind, data = own(text)
        return Outcome(results=(_result(kind, data),))
    count = len(settings.regions) if operation.name == "RecognizeRegions" else 1
    found = [(kind, _FORMS[kind](text)) for kind in settings.result_types for _ in range(count)]
    return Outcome(results=tuple(_result(kind, data) for kind, data in found))


def _result(kind: str, data: bytes) -> dict[str, str]:
    return {"type": kind, "data": base64.b64encode(data).decode("ascii")}


def _text(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _hocr(text: str) -> bytes:
    return _text(
        '<html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body>'
        f'<div class="ocr_page"><span class="ocr_line">{html.escape(text)}</span></div></body></html>'
    )


def _json(text: str) -> bytes:
    return json.dumps([{"text": text, "box": [0, 0, 1, 1]}]).encode()


def _csv(text: str) -> bytes:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow([text])
    return _text(written.getvalue())


def _excel(text: str) -> bytes:
    """Return a workbook of one sheet with one cell."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as book:
        for name, content in _parts(text):
            # A fixed date, so that the same text always gives the same bytes.
            book.writestr(zipfile.ZipInfo(name), _XML + content)
    return written.getvalue()


def _parts(text: str) -> Iterator[tuple[str, str]]:
    main = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    yield (
        "[Content_Types].xml",
        f'<Types xmlns="{_OPEN_XML}package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/book.xml" ContentType="{main}.sheet.main+xml"/>'
        f'<Override PartName="/sheet.xml" ContentType="{main}.worksheet+xml"/></Types>',
    )
    yield "_rels/.rels", _relationship("officeDocument", "book.xml")
    yield (
        "book.xml",
        f'<workbook xmlns="{_SHEET}" xmlns:r="{_RELATIONSHIPS}">'
        '<sheets><sheet name="Table" sheetId="1" r:id="r1"/></sheets></workbook>',
    )
    yield "_rels/book.xml.rels", _relationship("worksheet", "sheet.xml")
    cell = f'<c r="A1" t="inlineStr"><is><t>{html.escape(_storable(text))}</t></is></c>'
    yield (
        "sheet.xml",
        f'<worksheet xmlns="{_SHEET}"><sheetData><row r="1">{cell}</row></sheetData></worksheet>',
    )


def _relationship(kind: str, target: str) -> str:
    return (
        f'<Relationships xmlns="{_OPEN_XML}package/2006/relationships">'
        f'<Relationship Id="r1" Type="{_RELATIONSHIPS}/{kind}" Target="{target}"/></Relationships>'
    )


def _storable(text: str) -> str:
    """Return a text without what XML cannot hold."""
    return "".join(c for c in text if c in "\t\n\r" or (c >= " " and not "\ud800" <= c <= "\udfff"))


def _wave(text: str) -> bytes:
    """Return silence, a tenth of a second for each word."""
    written = io.BytesIO()
    with wave.open(written, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(_SAMPLES_PER_SECOND)
        sound.writeframes(bytes(2 * _SAMPLES_PER_SECOND // 10 * max(1, len(text.split()))))
    return written.getvalue()


_FORMS: Mapping[str, Callable[[str], bytes]] = {
    "Text": _text,
    "Hocr": _hocr,
    "JSON": _json,
    "Csv": _csv,
    "Excel": _excel,
    "Pdf": lambda text: _EMPTY_PDF,
    "ImagePNG": lambda text: _WHITE_PIXEL,
    "Wav": _wave,
}


def _speech(text: str) -> tuple[str, bytes]:
    return "WavFile", _wave(text)


_SPECIAL: Mapping[str, Callable[[str], tuple[str, bytes]]] = {
    "DetectRegions": lambda text: ("Other", b"[[0,0,1,1]]"),
    "IdentifyFont": lambda text: ("Text", b"{'style': 'regular', 'font': ['dejavu sans']}"),
    "RecognizeAndParseInvoice": lambda text: ("Text", json.dumps(dict(BLANK_INVOICE)).encode()),
    "ConvertTextToSpeech": _speech,
    "ConvertTextToSpeechTrial": _speech,
    "TextToSpeech/PostTextToSpeech": _speech,
}
