"""Fields of a parsed invoice, an object of JSON with all of them beside each other.

They are those of https://docs.aspose.cloud/ocr/fetch-invoice-recognition-result/ ("Invoice details"), whose
example is in lower case: dates such as ``2017-11-27``, currencies such as ``usd``, numbers of telephones and
accounts without spaces, an address in one line without commas. ``total_amount``, ``vat`` (in percent) and
``net_amount`` are numbers, the others texts. A missing text is ``""``, a missing ``vat`` is -1; a missing
amount is left out, since the documentation names no value for it.

This module imports nothing of the engine, so that the server can use it, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

Value = str | float

BLANK_INVOICE: Mapping[str, Value] = MappingProxyType(
    {
        "issue_date": "",
        "due_date": "",
        "supplier_name": "",
        "supplier_address": "",
        "supplier_email": "",
        "supplier_phone": "",
        "supplier_tax_id": "",
        "receiver_name": "",
        "receiver_address": "",
        "receiver_tax_id": "",
        "currency": "",
        "vat": -1,
        "bank_name": "",
        "bic": "",
        "account": "",
    }
)
"""Invoice of which nothing is known."""

AMOUNTS = ("total_amount", "net_amount")

FIELDS = (
    *("issue_date", "due_date"),
    *("supplier_name", "supplier_address", "supplier_email", "supplier_phone", "supplier_tax_id"),
    *("receiver_name", "receiver_address", "receiver_tax_id"),
    *("currency", "total_amount", "vat", "net_amount"),
    *("bank_name", "bic", "account"),
)
"""All fields in the order of the documentation."""
