"""Parties of an invoice: the supplier and the receiver, each as a name with the lines below it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from airflow_provider_asposeocr.emulator.work.invoice_cells import Cell
from airflow_provider_asposeocr.emulator.work.invoice_form import Entry, Form
from airflow_provider_asposeocr.emulator.work.invoice_labels import CONTACTS
from airflow_provider_asposeocr.emulator.work.invoice_values import (
    address_of,
    bare_phone_of,
    date_of,
    email_of,
    identifier_of,
    phone_of,
    words_of,
)

_MAX_LINES = 8
_LINE_GAP = 1.2
"""Maximum gap between the lines of an address, in text heights."""

_HEAD = 0.4
"""Share of an invoice, from its top, in which the head of a letter is looked for."""


@dataclass(frozen=True)
class Party:
    """One of the two parties.

    :param name: its name, empty if unknown.
    :param address: its address in one line, empty if unknown.
    :param cells: the cells that it consists of.
    """

    name: str = ""
    address: str = ""
    cells: tuple[Cell, ...] = ()


def receiver_of(form: Form) -> Party:
    """Return the party that an invoice is addressed to, by its label."""
    return _labelled(form, "receiver")


def supplier_of(form: Form, receiver: Party) -> Party:
    """Return the party that an invoice comes from: by its label, or as the head of the letter.

    :param form: the invoice.
    :param receiver: the other party.
    """
    labelled = _labelled(form, "supplier")
    return labelled if labelled.name else _letterhead(form, receiver)


def contact_of(form: Form, field: str, cells: Sequence[Cell]) -> str:
    """Return a labelled contact or tax number.

    :param form: the invoice.
    :param field: ``email``, ``phone`` or ``tax_id``.
    :param cells: the cells in which its label may stand.
    """
    parse = {"email": email_of, "phone": phone_of, "tax_id": identifier_of}[field]
    entries = [entry for entry in form.entries_of(field) if entry.cell in cells]
    values = (form.value_of(entry, parse) for entry in entries)
    return next((value for value in values if value is not None), "")


def _labelled(form: Form, field: str) -> Party:
    parties = (_party(form, *start) for entry in form.entries_of(field) if (start := _start(form, entry)))
    return next((party for party in parties if party.name), Party())


def _start(form: Form, entry: Entry) -> tuple[str, Cell, float] | None:
    """Return the first line of a labelled party, its cell, and where it begins."""
    if entry.rest:
        return entry.rest, entry.cell, entry.rest_left
    below = form.sheet.below(entry.cell)
    right = next(iter(form.sheet.right_of(entry.cell)), None)
    for cell in (below, right):
        if cell and not form.entries_in(cell) and (cell is right or cell.is_aligned_with(entry.cell)):
            return cell.text, cell, cell.left
    return None


def _letterhead(form: Form, receiver: Party) -> Party:
    """Return the first name near the top that has an address, or a contact, below it."""
    for cell in form.sheet.cells:
        if cell.top > _HEAD * form.sheet.bottom or cell in receiver.cells:
            break
        if form.entries_in(cell) or form.is_value(cell) or form.is_in_column(cell) or not _is_name(cell.text):
            continue
        party = _party(form, cell.text, cell, cell.left)
        if any(_is_of_address(form, line) for line in party.cells[1:]):
            return party
    return Party()


def _is_name(text: str) -> bool:
    return words_of(text) is not None and date_of(text, month_first=False) is None


def _is_of_address(form: Form, line: Cell) -> bool:
    """Return whether a line is a contact, or has a number such as that of a house."""
    if form.entries_in(line) or _is_contact(line.text):
        return True
    return any(map(str.isdigit, line.text)) and _is_name(line.text)


def _party(form: Form, first: str, cell: Cell, left: float) -> Party:
    lines = list(_lines_below(form, cell, left))
    address = [line.text for line in lines if not form.entries_in(line) and not _is_contact(line.text)]
    return Party(words_of(first) or "", address_of(address), (cell, *lines))


def _is_contact(text: str) -> bool:
    """Return whether a text without a label is a contact by its form."""
    return bool(email_of(text) or bare_phone_of(text) or text.lower().startswith(("www.", "http")))


def _lines_below(form: Form, cell: Cell, left: float) -> Iterator[Cell]:
    for _ in range(_MAX_LINES):
        line = _line_below(form, cell, left)
        if line is None or form.is_value(line):
            return
        if any(entry.label.field not in CONTACTS for entry in form.entries_in(line)):
            return
        yield line
        cell, left = line, line.left


def _line_below(form: Form, cell: Cell, left: float) -> Cell | None:
    near = (
        other
        for other in form.sheet.near(cell)
        if cell.is_above(other, _LINE_GAP)
        and (other.is_aligned_with(cell, left) or other.is_aligned_with(cell))
    )
    return min(near, key=lambda other: other.top, default=None)
