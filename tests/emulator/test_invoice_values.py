"""Values of an invoice in the forms in which they are written."""

from __future__ import annotations

import pytest

from airflow_provider_asposeocr.emulator.work import invoice_values as values


@pytest.mark.parametrize(
    "text",
    [
        *("2017-11-27", "2017/11/27", "27.11.2017", "27/11/2017", "11/27/2017", "27-11-17", "27. 11. 2017"),
        *("Nov 27, 2017", "November 27th, 2017", "27 November 2017", "27-Nov-2017", "27. November 2017"),
        *("27 novembre 2017", "27 de noviembre de 2017", "27 NOV 17", "27Nov2017"),
    ],
)
def test_dates(text: str) -> None:
    assert values.date_of(text, month_first=False) == "2017-11-27"
    assert values.date_of(f"{text} page 1", month_first=True) == "2017-11-27"


@pytest.mark.parametrize(
    ("text", "month"),
    [
        *(("5 Mai 2024", "05"), ("5 août 2024", "08"), ("5 März 2024", "03"), ("5 Juillet 2024", "07")),
        *(("5 juin 2024", "06"), ("5 Dez. 2024", "12"), ("5 enero 2024", "01"), ("5 févr. 2024", "02")),
    ],
)
def test_months(text: str, month: str) -> None:
    assert values.date_of(text, month_first=False) == f"2024-{month}-05"


@pytest.mark.parametrize(
    "text", ["upon receipt", "31.02.2024", "2024-13-01", "12", "Net 30", "", "5 Foo 2024"]
)
def test_no_dates(text: str) -> None:
    assert values.date_of(text, month_first=False) is None


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        *(("43,550.00", 43550.0), ("43.550,00", 43550.0), ("43 550,00", 43550.0), ("43'550.00", 43550.0)),
        *(("$43,550", 43550.0), ("USD 43550", 43550.0), ("1.234.567,8 €", 1234567.8), ("0,50 EUR", 0.5)),
        *(("CA$ 12.50", 12.5), ("(EUR) 12.5", 12.5)),
    ],
)
def test_amounts(text: str, amount: float) -> None:
    assert values.amount_of(text) == amount


@pytest.mark.parametrize("text", ["", "free", "12 chairs", "1,2,3", "27.11.2017", "20%"])
def test_no_amounts(text: str) -> None:
    assert values.amount_of(text) is None


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        *(
            ("$ 1", "usd"),
            ("CA$1", "cad"),
            ("1 €", "eur"),
            ("12 CHF", "chf"),
            ("GBP 3", "gbp"),
            ("EUR", "eur"),
        ),
        *(("Total (SEK)", "sek"), ("CAD drawings", None), ("12 cadres", None), ("none", None)),
    ],
)
def test_currencies(text: str, currency: str | None) -> None:
    assert values.currency_of(text) == currency


def test_numbers_and_codes() -> None:
    assert values.phone_of("+44 (0)113 496-0000 Fax") == "4401134960000"
    assert values.phone_of("12") is None
    assert values.identifier_of("DE89 3704 0044 0532 0130 00") == "de89370400440532013000"
    assert values.identifier_of("holder") is None
    assert values.bic_of("BOFA US 3N") == "bofaus3n"
    assert values.bic_of("12345678") is None
    assert values.email_of("Mail: Sales@ABC-Exports.com.") == "sales@abc-exports.com"
    assert values.percent_of("8,25 %") == 8.25
    assert values.percent_of("8.25") is None
    assert values.words_of("Ltd. :") == "ltd."
    assert values.words_of("12-34") is None
