"""Form of an invoice: its labels, and the values beside or below them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from airflow_provider_asposeocr.emulator.page import Page
from airflow_provider_asposeocr.emulator.work.invoice_cells import Cell, Sheet
from airflow_provider_asposeocr.emulator.work.invoice_labels import (
    TITLE,
    Label,
    is_heading_of_items,
    labels_of,
)
from airflow_provider_asposeocr.emulator.work.invoice_values import currency_of, percent_of

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """Label on the sheet.

    :param label: the label.
    :param cell: the cell that it stands in.
    :param rest: the text after it in its cell, up to the next label.
    """

    label: Label
    cell: Cell
    rest: str

    @property
    def rest_left(self) -> float:
        """Left edge of the rest."""
        return self.cell.left_of(self.label.end)


class Form:
    """Labels and values of an invoice.

    :param page: the recognized page.
    """

    def __init__(self, page: Page) -> None:
        self.sheet = Sheet(page)
        self._entries = {cell: list(_entries(cell)) for cell in self.sheet.cells}

    def entries_in(self, cell: Cell) -> list[Entry]:
        """Return the labels in a cell."""
        return self._entries[cell]

    def entries_of(self, field: str) -> list[Entry]:
        """Return the labels of a field, from top to bottom."""
        return [
            entry for entries in self._entries.values() for entry in entries if entry.label.field == field
        ]

    def is_value(self, cell: Cell) -> bool:
        """Return whether a cell stands right of a label that has nothing after it in its own cell."""
        return self._is_bare(self.sheet.left_of(cell))

    def is_in_column(self, cell: Cell) -> bool:
        """Return whether a cell stands below such a label."""
        return self._is_bare(self.sheet.above(cell))

    def _is_bare(self, cell: Cell | None) -> bool:
        entries = self.entries_in(cell) if cell else []
        return bool(entries) and not entries[-1].rest and entries[-1].label.field != TITLE

    def find(self, field: str, parse: Callable[[str], T | None], *, last: bool = False) -> T | None:
        """Return the value of the label whose wording fits a field best.

        :param field: the field.
        :param parse: turns a text into a value; None for a text that is none.
        :param last: prefer the last of equal labels, and the last of the values beside a label, as for a sum.
        """
        entries = self.entries_of(field)
        ordered = sorted(entries[::-1] if last else entries, key=lambda entry: entry.label.rank)
        values = (self.value_of(entry, parse, last=last) for entry in ordered)
        return next((value for value in values if value is not None), None)

    def value_of(self, entry: Entry, parse: Callable[[str], T | None], *, last: bool = False) -> T | None:
        """Return the value of a label: after it, else right of it, else below."""
        values = (parse(text) for text in self._texts_of(entry, last=last))
        return next((value for value in values if value is not None), None)

    def _texts_of(self, entry: Entry, *, last: bool) -> Iterator[str]:
        if entry.rest:
            yield entry.rest
            if not _belongs_to_label(entry.rest):
                return
        beside = itertools.takewhile(lambda cell: not self.entries_in(cell), self.sheet.right_of(entry.cell))
        texts = [cell.text for cell in beside]
        yield from texts[::-1] if last else texts
        if any(is_heading_of_items(cell.text) for cell in self.sheet.row_of(entry.cell)):
            return
        below = self.sheet.below(entry.cell)
        if below and not self.entries_in(below):
            yield below.text


def _entries(cell: Cell) -> Iterator[Entry]:
    text = cell.text
    labels = list(labels_of(text))
    for place, label in enumerate(labels, 1):
        end = labels[place].start if place < len(labels) else len(text)
        yield Entry(label, cell, text[label.end : end].strip())


def _belongs_to_label(rest: str) -> bool:
    """Return whether a text after a label is still part of it, such as a currency or the rate of a tax."""
    plain = rest.strip("() :")
    is_currency = currency_of(plain) is not None and not any(map(str.isdigit, plain))
    return is_currency or percent_of(plain) is not None
