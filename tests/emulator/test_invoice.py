"""Parsing of invoices: of several layouts, drawn and really recognized, and of details without an engine."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest
from PIL import Image

from airflow_provider_asposeocr.emulator.work.invoice import parse
from airflow_provider_asposeocr.emulator.work.invoice_fields import AMOUNTS, BLANK_INVOICE, FIELDS, Value
from tests.emulator.client import Client
from tests.emulator.invoices import AMERICAN, BRITISH, FRENCH, GERMAN, UNLABELLED, Invoice, Text
from tests.emulator.pages import encode

OPERATION = "RecognizeAndParseInvoice"
ALL = pytest.mark.parametrize(
    "invoice", [AMERICAN, BRITISH, GERMAN, FRENCH, UNLABELLED], ids=["us", "gb", "de", "fr", "none"]
)


def parsed(*texts: Text) -> dict[str, Value]:
    """Return the fields of an invoice that are not blank."""
    fields = parse(Invoice(texts, {}).page())
    return {name: value for name, value in fields.items() if BLANK_INVOICE.get(name) != value}


@ALL
def test_an_invoice_is_recognized_and_parsed(real: Client, invoice: Invoice) -> None:
    results = real.results(invoice.image(), OPERATION)
    assert list(results) == ["Text"]
    assert json.loads(results["Text"]) == invoice.expected


def test_filters_and_result_type(real: Client) -> None:
    """An invoice upside down is read after a rotation; the result type cannot be chosen."""
    with Image.open(io.BytesIO(FRENCH.image())) as image:
        turned = encode(image.rotate(180))
    settings: dict[str, Any] = {"rotate": 180, "makeBinarization": True, "resultType": "Pdf"}
    answer = real.wait(real.submit(turned, OPERATION, **settings), OPERATION)
    assert [result["type"] for result in answer["results"]] == ["Text"]
    assert answer["error"]["warnings"] == ["The emulator ignores resultType."]
    assert json.loads(base64.b64decode(answer["results"][0]["data"])) == FRENCH.expected


def test_a_blank_page_has_no_fields(real: Client) -> None:
    results = real.results(encode(Image.new("L", (400, 300), 255)), OPERATION)
    assert json.loads(results["Text"]) == BLANK_INVOICE


@ALL
@pytest.mark.parametrize("degrees", [-3, 90, 180, 270])
def test_a_sheet_may_lie_in_any_way(invoice: Invoice, degrees: float) -> None:
    assert parse(invoice.page(degrees=degrees)) == invoice.expected


def test_fields_are_those_of_the_documentation() -> None:
    assert len(FIELDS) == 17
    assert set(FIELDS) == {*BLANK_INVOICE, *AMOUNTS}
    assert list(parse(AMERICAN.page())) == list(FIELDS)


@pytest.mark.parametrize(
    "texts",
    [
        [(50, 50, "Total"), (400, 50, "1,250.00")],
        [(50, 50, "Total"), (50, 80, "1,250.00")],
        [(50, 50, "Total: 1,250.00")],
        [(50, 50, "Total (EUR)"), (400, 50, "1.250,00")],
        [(50, 50, "Total"), (200, 50, "3"), (400, 50, "€ 1 250.00")],
        [(50, 50, "Total"), (400, 50, "900.00"), (50, 80, "Grand total"), (400, 80, "1250")],
        [(50, 50, "Total"), (400, 50, "900.00"), (50, 80, "Total"), (400, 80, "1250.00")],
    ],
    ids=["right", "below", "after", "currency", "column", "better", "last"],
)
def test_a_total_is_found_where_it_stands(texts: list[Text]) -> None:
    assert parsed(*texts)["total_amount"] == 1250.0


@pytest.mark.parametrize(
    "texts",
    [
        [(50, 50, "Price"), (400, 50, "Total"), (50, 80, "10.00"), (400, 80, "1,250.00")],
        [(50, 50, "Total"), (400, 200, "1,250.00")],
        [(50, 50, "Total"), (400, 50, "many")],
        [(50, 50, "Totalizer"), (400, 50, "1,250.00")],
        [(50, 50, "Total tax"), (400, 50, "1,250.00")],
    ],
    ids=["items", "far", "word", "other-word", "tax"],
)
def test_another_number_is_no_total(texts: list[Text]) -> None:
    assert "total_amount" not in parsed(*texts)


def test_an_order_date_is_no_invoice_date() -> None:
    assert parsed((50, 50, "Order date: 2024-01-02"), (50, 90, "Delivery date: 2024-01-03")) == {}
    assert parsed((50, 50, "Order date: 2024-01-02  Date: 2024-01-04")) == {"issue_date": "2024-01-04"}


def test_dates_with_slashes_follow_the_others_or_the_currency() -> None:
    date, other = (50, 50, "Date: 03/04/2024"), (50, 90, "Due: 25/04/2024")
    assert parsed(date)["issue_date"] == "2024-04-03"
    assert parsed(date, (50, 200, "Total: $10.00"))["issue_date"] == "2024-03-04"
    assert parsed(date, other, (50, 200, "Total: $10.00"))["issue_date"] == "2024-04-03"
    assert parsed(date, (50, 90, "Due: 04/25/2024"))["issue_date"] == "2024-03-04"


def test_several_rates_or_currencies_are_none() -> None:
    assert parsed((50, 50, "VAT 7%"), (50, 90, "VAT 19%")) == {}
    assert parsed((50, 50, "€ 7.00"), (50, 90, "£ 19.00")) == {}
    assert parsed((50, 50, "Tax rate"), (400, 50, "7.5 %"), (50, 200, "€ 19.00")) == {
        "vat": 7.5,
        "currency": "eur",
    }


def test_names_that_begin_like_a_label_are_names() -> None:
    found = parsed(
        *[(50, 50, "From: Bank Street Books"), (120, 80, "1 Total Road")],
        *[(500, 50, "Bill to:"), (500, 80, "Mobile Due Ltd"), (500, 110, "5 Net Lane")],
    )
    assert found == {
        "supplier_name": "bank street books",
        "supplier_address": "1 total road",
        "receiver_name": "mobile due ltd",
        "receiver_address": "5 net lane",
    }


def test_the_head_of_a_letter_has_an_address() -> None:
    assert parsed((50, 50, "Meeting of the board"), (50, 80, "on Thursday"), (50, 900, "page")) == {}
    found = parsed(
        (50, 50, "Oak Cafe"), (50, 80, "(512) 555-0199"), (50, 110, "www.oak.example"), (50, 900, "end")
    )
    assert found == {"supplier_name": "oak cafe", "supplier_phone": "5125550199"}


def test_a_crowded_sheet_is_parsed_in_time() -> None:
    assert parsed(*((left, top, "Total") for left in range(0, 3000, 150) for top in range(0, 3000, 30))) == {}


def test_a_long_line_is_parsed_in_time() -> None:
    assert parsed((0, 0, "total: " * 3_000)) == {}
    assert parsed((0, 0, "1,000," * 20_000)) == {}
