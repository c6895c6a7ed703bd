"""Invoices for the tests, drawn in several layouts, with the fields that are on them."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from airflow_provider_asposeocr.emulator.page import Line, Page, Point, Word
from airflow_provider_asposeocr.emulator.work.invoice_fields import BLANK_INVOICE, Value
from tests.emulator.pages import FONTS, encode, upright

_SIZE = 1000, 1300
_POINTS = 20

Text = tuple[int, int, str]
"""Text on a sheet: its left edge, its upper edge, its characters."""


@dataclass(frozen=True)
class Invoice:
    """Invoice and what is to be read from it.

    :param texts: what is written on it, and where.
    :param fields: its fields; those that are not named are missing.
    """

    texts: Sequence[Text]
    fields: Mapping[str, Value]

    @property
    def expected(self) -> dict[str, Value]:
        """All fields of its result."""
        return {**BLANK_INVOICE, **self.fields}

    def image(self, *, angle: float = 0.0) -> bytes:
        """Draw it.

        :param angle: how far the sheet lies askew, in degrees.
        """
        canvas = Image.new("L", _SIZE, 255)
        pen = ImageDraw.Draw(canvas)
        for left, top, text in self.texts:
            pen.text((left, top), text, font=_face(), fill=10)
        return encode(canvas.rotate(angle, resample=Image.Resampling.BICUBIC, fillcolor=255))

    def page(self, *, degrees: float = 0.0) -> Page:
        """Return it as an engine without errors would read it.

        :param degrees: how far the sheet is turned, clockwise.
        """
        lines = [_line(text) for text in self.texts]
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))

        def turned(point: Point) -> Point:
            x, y = point
            return x * cos - y * sin, x * sin + y * cos

        return Page(*_SIZE, (tuple((line.moved(turned),) for line in lines),))


@functools.cache
def _face() -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONTS / "Vera.ttf"), _POINTS)


def _line(written: Text) -> Line:
    left, top, text = written
    words: list[Word] = []
    start = end = float(left)
    for piece in re.findall(r"\S+|\s+", text):
        start, end = end, end + _face().getlength(piece)
        if not piece.isspace():
            words.append(Word(piece, 1.0, upright(start, top, end, top + _POINTS)))
    return Line(tuple(words), 1.0, upright(left, top, end, top + _POINTS))


def _lines(left: int, top: int, *texts: str) -> list[Text]:
    return [(left, top + 30 * place, text) for place, text in enumerate(texts)]


def _table(top: int, columns: Sequence[int], *rows: Sequence[str]) -> list[Text]:
    return [
        (left, top + 36 * place, text)
        for place, row in enumerate(rows)
        for left, text in zip(columns, row, strict=False)
        if text
    ]


AMERICAN = Invoice(
    [
        *_lines(60, 60, "ABC Exports", "4300 Longbeach Blvd", "Longbeach, California 90807", "United States"),
        *_lines(60, 180, "Phone: (562) 734-9957", "Email: sales@abc-exports.com"),
        (700, 60, "INVOICE"),
        *_lines(640, 120, "Invoice No: 20171127", "Invoice Date: Nov 27, 2017", "Due Date: 12/27/2017"),
        *_lines(
            60, 320, "Bill To:", "ABC Imports", "140 Wecker Road", "Brisbane, Queensland 4122", "Australia"
        ),
        *_table(
            540,
            (60, 520, 640, 800),
            ("Description", "Qty", "Unit Price", "Total"),
            ("Wooden chairs", "100", "$ 400.00", "$ 40,000.00"),
            ("Transport", "1", "$ 3,550.00", "$ 3,550.00"),
            ("", "", "Subtotal", "$ 43,550.00"),
            ("", "", "Tax (8.25%)", "$ 3,592.88"),
            ("", "", "Total Due", "$ 47,142.88"),
        ),
        *_lines(60, 900, "Bank: Bank of America", "SWIFT: BOFAUS3N", "Account No: 2001 0034 5567"),
    ],
    {
        "issue_date": "2017-11-27",
        "due_date": "2017-12-27",
        "supplier_name": "abc exports",
        "supplier_address": "4300 longbeach blvd longbeach california 90807 united states",
        "supplier_email": "sales@abc-exports.com",
        "supplier_phone": "5627349957",
        "receiver_name": "abc imports",
        "receiver_address": "140 wecker road brisbane queensland 4122 australia",
        "currency": "usd",
        "total_amount": 47142.88,
        "vat": 8.25,
        "net_amount": 43550.0,
        "bank_name": "bank of america",
        "bic": "bofaus3n",
        "account": "200100345567",
    },
)

BRITISH = Invoice(
    [
        (60, 60, "TAX INVOICE"),
        # Labels above their values, in columns.
        *_table(
            140,
            (60, 300, 560, 780),
            ("Invoice Number", "Issue Date", "Due Date", "Currency"),
            ("INV-0042", "3 April 2024", "03/05/2024", "GBP"),
        ),
        *_lines(60, 280, "From", "Northern Office Supplies Ltd", "12 Mill Lane", "Leeds LS1 4AP"),
        *_lines(60, 400, "VAT No: GB 123 4567 89", "Tel: +44 113 496 0000"),
        *_lines(560, 280, "To", "Whitfield & Sons", "7 Harbour Street", "Whitby YO21 1DN"),
        (560, 400, "VAT No: GB 987 6543 21"),
        *_table(
            520,
            (60, 560, 780),
            ("Item", "VAT", "Amount"),
            ("Paper, 20 boxes", "20%", "400.00"),
            ("Toner", "20%", "850.00"),
        ),
        *_table(700, (560, 780), ("Total excl. VAT", "1,250.00"), ("VAT 20%", "250.00")),
        *_table(
            772, (560, 780), ("Total GBP", "1,500.00"), ("Amount paid", "500.00"), ("Balance due", "1,000.00")
        ),
        *_lines(60, 980, "Payment details", "Account name: Northern Office Supplies", "Sort code: 20-00-00"),
        (60, 1070, "Account number: 12345678"),
    ],
    {
        "issue_date": "2024-04-03",
        "due_date": "2024-05-03",
        "supplier_name": "northern office supplies ltd",
        "supplier_address": "12 mill lane leeds ls1 4ap",
        "supplier_phone": "441134960000",
        "supplier_tax_id": "gb123456789",
        "receiver_name": "whitfield & sons",
        "receiver_address": "7 harbour street whitby yo21 1dn",
        "receiver_tax_id": "gb987654321",
        "currency": "gbp",
        "total_amount": 1500.0,
        "vat": 20.0,
        "net_amount": 1250.0,
        "account": "12345678",
    },
)

GERMAN = Invoice(
    [
        *_lines(380, 50, "Holzbau Krüger GmbH", "Lindenstr. 5, 20095 Hamburg"),
        (60, 200, "Rechnung an: Elbe Möbel AG"),
        *_lines(236, 230, "Hafenweg 12", "01067 Dresden"),
        *_table(
            200,
            (620, 820),
            ("Rechnungs-Nr.", "2024-117"),
            ("Rechnungsdatum", "05.03.2024"),
            ("Fällig am", "04.04.2024"),
            ("USt-IdNr.", "DE123456789"),
        ),
        *_table(
            440,
            (60, 560, 820),
            ("Beschreibung", "Menge", "Betrag"),
            ("Eichenbretter", "14", "1.990,00 €"),
            ("Lieferung", "1", "60,50 €"),
            ("", "Nettobetrag", "2.050,50 €"),
            ("", "zzgl. 19% MwSt.", "389,60 €"),
            ("", "Gesamtbetrag", "2.440,10 €"),
        ),
        *_lines(60, 900, "Bank: Hamburger Sparkasse", "IBAN: DE89 3704 0044 0532 0130 00"),
        (60, 960, "BIC: HASPDEHHXXX"),
    ],
    {
        "issue_date": "2024-03-05",
        "due_date": "2024-04-04",
        "supplier_name": "holzbau krüger gmbh",
        "supplier_address": "lindenstr. 5 20095 hamburg",
        "supplier_tax_id": "de123456789",
        "receiver_name": "elbe möbel ag",
        "receiver_address": "hafenweg 12 01067 dresden",
        "currency": "eur",
        "total_amount": 2440.1,
        "vat": 19.0,
        "net_amount": 2050.5,
        "bank_name": "hamburger sparkasse",
        "bic": "haspdehhxxx",
        "account": "de89370400440532013000",
    },
)

FRENCH = Invoice(
    [
        (60, 60, "FACTURE"),
        (60, 120, "Date de facture: 2 janvier 2024   Échéance: 1 février 2024"),
        *_table(
            200,
            (60, 300),
            ("Fournisseur", "Atelier Dubois SARL"),
            ("Client", "Librairie Martin"),
        ),
        *_table(
            400,
            (60, 700),
            ("Désignation", "Montant"),
            ("Reliure", "1 200,00 EUR"),
            ("Total HT", "1 200,00 EUR"),
            ("TVA (5,5 %)", "66,00 EUR"),
            ("Total TTC", "1 266,00 EUR"),
        ),
    ],
    {
        "issue_date": "2024-01-02",
        "due_date": "2024-02-01",
        "supplier_name": "atelier dubois sarl",
        "receiver_name": "librairie martin",
        "currency": "eur",
        "total_amount": 1266.0,
        "vat": 5.5,
        "net_amount": 1200.0,
    },
)

UNLABELLED = Invoice(
    [
        *_lines(60, 60, "Invoice", "Thank you for your order of fourteen wooden chairs."),
        *_lines(60, 200, "27 November 2017", "1,250.00", "Due upon receipt", "Total to be agreed"),
        *_table(500, (60, 400, 700), ("Item", "Price", "Total"), ("Chairs", "89.00", "1,246.00")),
    ],
    {},
)
