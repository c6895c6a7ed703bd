"""Values of an invoice: dates, amounts and numbers as they are written, in the form that the service returns.

A text that is not of the expected form has no value.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Iterable, Mapping
from types import MappingProxyType

_MONTHS = (
    ("jan", "ene"),
    ("feb", "fev"),
    ("mar", "mrz"),
    ("apr", "avr", "abr"),
    ("may", "mai"),
    ("jun", "juin"),
    ("jul", "juil"),
    ("aug", "aou", "ago"),
    ("sep",),
    ("oct", "okt"),
    ("nov",),
    ("dec", "dez", "dic"),
)
"""Beginnings of the names of the months in English, German, French and Spanish, without accents."""

_MONTH_OF = {name: number for number, names in enumerate(_MONTHS, 1) for name in names}
_NAME = r"(?P<name>[a-z]{3,10})\.?"
_YEAR = r"(?P<year>\d{4}|\d{2})(?!\d)"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th|\.)?"
_BETWEEN = r"[\s,./-]*(?:de\s+)?"
_DATES = (
    # A year, a month and a day; two numbers and a year; a day, a name and a year; a name, a day and a year.
    re.compile(r"(?P<year>\d{4})(?P<mark>[-./])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})(?!\d)"),
    re.compile(rf"(?P<first>\d{{1,2}})(?P<mark>[-./])\s?(?P<second>\d{{1,2}})(?P=mark)\s?{_YEAR}"),
    re.compile(rf"{_DAY}{_BETWEEN}{_NAME}{_BETWEEN}{_YEAR}"),
    re.compile(rf"{_NAME}{_BETWEEN}{_DAY}{_BETWEEN}{_YEAR}"),
)

_SLASHES = re.compile(r"(?<!\d)(?P<first>\d{1,2})/(?P<second>\d{1,2})/\d{2}")
_SYMBOLS: Mapping[str, str] = MappingProxyType(
    {
        **{"us$": "usd", "ca$": "cad", "c$": "cad", "au$": "aud", "a$": "aud", "nz$": "nzd"},
        **{"$": "usd", "€": "eur", "£": "gbp", "₹": "inr"},
    }
)
_CODE = r"(?:usd|eur|gbp|chf|cad|aud|nzd|inr|jpy|cny|sek|nok|dkk|pln|czk|huf|brl|mxn|zar|sgd|hkd|aed)"
_SYMBOL = rf"(?:{'|'.join(map(re.escape, _SYMBOLS))})"
_CURRENCY = re.compile(
    rf"(?<![a-z])(?P<symbol>{_SYMBOL})|(?<![a-z])(?P<before>{_CODE})(?=\s*\d)|\d\s*(?P<after>{_CODE})(?![a-z])"
    rf"|(?:^|\()(?P<alone>{_CODE})(?:$|\))"
)
_NUMBER = r"(?:\d{1,3}(?:[., ']\d{3})+|\d+)(?:[.,]\d{1,2})?"
_AMOUNT = re.compile(
    rf"\(?(?:{_SYMBOL}|{_CODE})?\)?\s*{_SYMBOL}?\s*(?P<number>{_NUMBER})\s*(?:{_SYMBOL}|{_CODE})?"
)
_PERCENT = re.compile(r"(?P<number>\d{1,2}(?:[.,]\d{1,3})?)\s*%")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"[+(]?\d[\d\s()./+-]{5,}\d")
_MAX_PHONE_DIGITS = 15
_IDENTIFIER = re.compile(r"[a-z0-9](?:[a-z0-9 ./-]*[a-z0-9])?")
_BIC = re.compile(r"[a-z]{6}[a-z0-9]{2}(?:[a-z0-9]{3})?")
_MIN_IDENTIFIER = 5


def folded(text: str) -> str:
    """Return a text of the same length in lower case and without accents."""
    return "".join(unicodedata.normalize("NFKD", character)[0].lower()[0] for character in text)


def date_of(text: str, *, month_first: bool) -> str | None:
    """Return the date at the beginning of a text, as year, month and day.

    :param text: the text.
    :param month_first: read 3/4/2024 as 4 March, as in America.
    """
    plain = folded(text)
    for form in _DATES:
        found = form.match(plain)
        if found and (date := _date(found.groupdict(), month_first=month_first)):
            return date.isoformat()
    return None


def _date(parts: Mapping[str, str], *, month_first: bool) -> datetime.date | None:
    year = int(parts["year"]) + (2000 if len(parts["year"]) == 2 else 0)
    if "first" in parts:
        day, month = int(parts["first"]), int(parts["second"])
        # Only one of them can be a month above 12; with full stops the day is always the first.
        if month > 12 or (month_first and day <= 12 and parts["mark"] != "."):
            day, month = month, day
    else:
        day = int(parts["day"])
        month = _month_of(parts["name"]) if "name" in parts else int(parts["month"])
    try:
        return datetime.date(year, month, day)
    except ValueError:
        return None


def _month_of(name: str) -> int:
    """Return the number of a month by the beginning of its name; 0 if it is none."""
    return _MONTH_OF.get(name[:4]) or _MONTH_OF.get(name[:3], 0)


def puts_month_first(texts: Iterable[str]) -> bool | None:
    """Return whether dates with slashes begin with the month; None if all of them can be read both ways."""
    found = [match for text in texts for match in _SLASHES.finditer(text)]
    if any(int(match["first"]) > 12 for match in found):
        return False
    return True if any(int(match["second"]) > 12 for match in found) else None


def amount_of(text: str) -> float | None:
    """Return an amount of money, whatever its marks of thousands and decimals."""
    found = _AMOUNT.fullmatch(folded(text).strip())
    return _number(found["number"]) if found else None


def percent_of(text: str) -> float | None:
    """Return the number of a percentage."""
    found = _PERCENT.fullmatch(text.strip())
    return _number(found["number"]) if found else None


def _number(text: str) -> float:
    decimals = re.search(r"[.,](\d{1,2})$", text)
    whole = text[: decimals.start()] if decimals else text
    digits = re.sub(r"\D", "", whole)
    return float(f"{digits}.{decimals[1] if decimals else 0}")


def currency_of(text: str) -> str | None:
    """Return the code of the first currency in a text: a symbol, or a code beside a number or alone."""
    found = _CURRENCY.search(folded(text).strip())
    if not found:
        return None
    code: str = found[found.lastgroup or 0]
    return _SYMBOLS.get(code, code)


def email_of(text: str) -> str | None:
    """Return the first mail address in a text."""
    found = _EMAIL.search(text.lower())
    return found[0] if found else None


def phone_of(text: str) -> str | None:
    """Return the digits of a telephone number at the beginning of a text."""
    found = _PHONE.match(text)
    digits = re.sub(r"\D", "", found[0]) if found else ""
    return digits if 7 <= len(digits) <= _MAX_PHONE_DIGITS else None


def bare_phone_of(text: str) -> str | None:
    """Return the digits of a text that is a telephone number by its form alone."""
    return phone_of(text) if text[:1] in ("+", "(") and _PHONE.fullmatch(text) else None


def identifier_of(text: str) -> str | None:
    """Return the letters and digits of a number such as an account or a tax number."""
    found = _IDENTIFIER.fullmatch(text.lower().strip())
    plain = re.sub(r"[^a-z0-9]", "", found[0]) if found else ""
    is_number = len(plain) >= _MIN_IDENTIFIER and any(map(str.isdigit, plain))
    return plain if is_number else None


def bic_of(text: str) -> str | None:
    """Return a bank identifier code."""
    plain = re.sub(r"\s", "", text.lower())
    return plain if _BIC.fullmatch(plain) else None


def words_of(text: str) -> str | None:
    """Return a text in lower case without the punctuation around it; None if it holds no word."""
    plain = text.lower().strip(" ,;:-")
    return plain if any(map(str.isalpha, plain)) else None


def address_of(lines: Iterable[str]) -> str:
    """Return the lines of an address as one string, in lower case and without commas."""
    return " ".join(" ".join(lines).lower().replace(",", " ").split())
