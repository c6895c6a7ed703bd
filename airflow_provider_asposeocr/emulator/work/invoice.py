"""Parsing of an invoice: an image in, the documented fields as JSON out.

A value is found by its label, in English, German, French or Spanish: after it, right of it or below it. Only
the supplier may also be the head of the letter, a name with its address at the top. Nothing else is guessed:
what has no label, or no valid value, stays empty.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial

from airflow_provider_asposeocr.emulator import engine, results
from airflow_provider_asposeocr.emulator.decoding import decode
from airflow_provider_asposeocr.emulator.ocr_tasks import Outcome
from airflow_provider_asposeocr.emulator.page import Page
from airflow_provider_asposeocr.emulator.work import invoice_values as values
from airflow_provider_asposeocr.emulator.work.assignment import Assignment
from airflow_provider_asposeocr.emulator.work.invoice_fields import AMOUNTS, BLANK_INVOICE, FIELDS, Value
from airflow_provider_asposeocr.emulator.work.invoice_form import Form
from airflow_provider_asposeocr.emulator.work.invoice_labels import vat_rate_in
from airflow_provider_asposeocr.emulator.work.invoice_parties import contact_of, receiver_of, supplier_of


def recognize_and_parse_invoice(given: Assignment) -> Outcome:
    """Recognize an invoice and extract its fields."""
    page, _ = engine.recognize(decode(given.file), given.settings)
    fields = json.dumps(dict(parse(page)), ensure_ascii=False).encode()
    return Outcome(results=results.as_results([("Text", fields)]))


def parse(page: Page) -> Mapping[str, Value]:
    """Return the fields of an invoice.

    :param page: the recognized page.
    """
    form = Form(page)
    currency = _currency(form)
    found = {
        **BLANK_INVOICE,
        **_dates(form, currency),
        **_parties(form),
        "currency": currency,
        "vat": _vat(form),
        "bank_name": form.find("bank_name", values.words_of) or "",
        "bic": form.find("bic", values.bic_of) or "",
        "account": form.find("account", values.identifier_of) or "",
    }
    amounts = {field: form.find(field, values.amount_of, last=True) for field in AMOUNTS}
    found |= {field: amount for field, amount in amounts.items() if amount is not None}
    return {field: found[field] for field in FIELDS if field in found}


def _dates(form: Form, currency: str) -> Mapping[str, str]:
    month_first = values.puts_month_first(cell.text for cell in form.sheet.cells)
    if month_first is None:
        month_first = currency == "usd"
    date_of = partial(values.date_of, month_first=month_first)
    return {field: form.find(field, date_of) or "" for field in ("issue_date", "due_date")}


def _parties(form: Form) -> Mapping[str, str]:
    receiver = receiver_of(form)
    supplier = supplier_of(form, receiver)
    outside = [cell for cell in form.sheet.cells if cell not in receiver.cells]
    emails = (values.email_of(cell.text) for cell in outside)
    phones = (values.bare_phone_of(cell.text) for cell in supplier.cells)
    return {
        "supplier_name": supplier.name,
        "supplier_address": supplier.address,
        "supplier_email": next(filter(None, emails), ""),
        "supplier_phone": contact_of(form, "phone", outside) or next(filter(None, phones), ""),
        "supplier_tax_id": contact_of(form, "tax_id", outside),
        "receiver_name": receiver.name,
        "receiver_address": receiver.address,
        "receiver_tax_id": contact_of(form, "tax_id", receiver.cells),
    }


def _currency(form: Form) -> str:
    """Return the labelled currency, else the only one that the invoice mentions."""
    labelled = form.find("currency", values.currency_of)
    if labelled:
        return labelled
    mentioned = {values.currency_of(entry.rest) for field in AMOUNTS for entry in form.entries_of(field)}
    mentioned |= {values.currency_of(cell.text) for cell in form.sheet.cells}
    mentioned.discard(None)
    return (mentioned.pop() if len(mentioned) == 1 else None) or ""


def _vat(form: Form) -> float:
    """Return the only rate of a tax that the invoice mentions, in percent, else -1."""
    labelled = form.find("vat", values.percent_of)
    if labelled is not None:
        return labelled
    rates = {rate for cell in form.sheet.cells if (rate := vat_rate_in(cell.text))}
    only = rates.pop() if len(rates) == 1 else ""
    return values.percent_of(only) or -1
