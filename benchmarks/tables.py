"""Tables and targets: printed to a terminal and written as Markdown from the same figures."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest


@dataclass(frozen=True)
class Table:
    """One table.

    :param title: what stands above it.
    :param columns: the heads of the columns.
    :param rows: the cells; None is an empty line on a terminal.
    :param note: what stands below it.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str] | None]
    note: str = ""

    def text(self) -> str:
        """Return the table for a terminal."""
        cells = [self.columns, *(row for row in self.rows if row is not None)]
        widths = [max(map(len, column)) for column in zip_longest(*cells, fillvalue="")]
        lines = [self.title, self._padded(self.columns, widths)]
        lines += ["" if row is None else self._padded(row, widths) for row in self.rows]
        return "\n".join([*lines, self.note] if self.note else lines)

    def markdown(self) -> str:
        """Return the table as Markdown."""
        rule = "".join("---:|" if numeric else "---|" for numeric in self._numeric())
        lines = [f"**{self.title}**", "", _barred(self.columns), f"|{rule}"]
        lines += [_barred(row) for row in self.rows if row is not None]
        return "\n".join([*lines, "", self.note] if self.note else lines)

    def _numeric(self) -> list[bool]:
        """Of each column, whether it holds numbers."""
        columns = zip_longest(*(row for row in self.rows if row is not None), fillvalue="")
        return [all(cell[:1] in "-0123456789" for cell in column) for column in columns]

    def _padded(self, row: Sequence[str], widths: Sequence[int]) -> str:
        cells = zip(row, widths, self._numeric(), strict=True)
        padded = (cell.rjust(width) if numeric else cell.ljust(width) for cell, width, numeric in cells)
        return "  ".join(padded).rstrip()


@dataclass(frozen=True)
class Target:
    """A bound, and the figure that was to stay within it.

    :param what: the figure.
    :param target: its bound, such as ``at most 100``.
    :param measured: the figure itself.
    :param met: whether it is within the bound.
    """

    what: str
    target: str
    measured: str
    met: bool

    @classmethod
    def at_most(cls, what: str, bound: float, measured: float, form: str = "{:g}") -> Target:
        """Return a figure that is to be small.

        :param what: the figure.
        :param bound: the most that it may be.
        :param measured: what it is.
        :param form: how to write both.
        """
        return cls(what, "at most " + form.format(bound), form.format(measured), measured <= bound)

    @classmethod
    def at_least(cls, what: str, bound: float, measured: float, form: str = "{:g}") -> Target:
        """Return a figure that is to be large; as :meth:`at_most`."""
        return cls(what, "at least " + form.format(bound), form.format(measured), measured >= bound)


def targets_table(targets: Iterable[Target]) -> Table:
    """All targets with what became of them."""
    rows = [(one.what, one.target, one.measured, "OK" if one.met else "MISSED") for one in targets]
    return Table("Targets", ("figure", "target", "measured", "verdict"), rows)


def middle(values: Sequence[float], form: str = "{:.2f}") -> str:
    """Return the median of some figures and, of more than one, their range.

    :param values: the figures.
    :param form: how to write one.
    """
    median = form.format(statistics.median(values))
    if len(values) == 1:
        return median
    return f"{median} ({form.format(min(values))} to {form.format(max(values))})"


def _barred(row: Sequence[str]) -> str:
    return "| " + " | ".join(row) + " |"
