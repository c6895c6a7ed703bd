"""Write the figures of all benchmarks into docs/benchmarks.md, and draw the plot, from their JSON files.

The page is written by hand; between a pair of comments such as ``<!-- polling -->`` and ``<!-- /polling -->``
stand the tables of a benchmark, which are made anew. What has no figures yet is left as it is.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from tests.benchmarks.about import DOCS, circumstances
from tests.benchmarks.polling_plot import plot
from tests.benchmarks.tables import Table

PAGE = DOCS.parent / "benchmarks.md"
FIGURES = DOCS / "polling.json"
PLOT = FIGURES.with_suffix(".svg")


def main() -> int:
    """Write the page, and draw the plot.

    :return: the exit status.
    """
    PAGE.write_text(rendered(PAGE.read_text("utf-8")), "utf-8")
    if FIGURES.exists():
        PLOT.write_text(plot(json.loads(FIGURES.read_text("utf-8"))), "utf-8")
    print(f"Written: {PAGE}")
    return 0


def rendered(page: str) -> str:
    """The page with the tables of all benchmarks that have figures.

    :param page: the page as it is.
    """
    for path in sorted(DOCS.glob("*.json")):
        page = _between(page, path.stem, section(path.stem, json.loads(path.read_text("utf-8"))))
    return page


def section(name: str, data: Mapping[str, Any]) -> str:
    """The tables of a benchmark as Markdown.

    :param name: of the benchmark.
    :param data: its JSON file.
    """
    parts = [circumstances(data), *(table.markdown() for table in tables_of(name, data))]
    return "\n\n".join(parts)


def tables_of(name: str, data: Mapping[str, Any]) -> Sequence[Table]:
    """The tables of a benchmark: its own, or else its rows as they are.

    :param name: of the benchmark.
    :param data: its JSON file.
    """
    module = f"tests.benchmarks.{name}"
    if importlib.util.find_spec(module) is not None:
        own = getattr(importlib.import_module(module), "tables", None)
        if own is not None:
            made: Sequence[Table] = own(data)
            return made
    return [
        Table(title, list(rows[0]), [[_cell(row.get(column)) for column in rows[0]] for row in rows])
        for title, rows in data.items()
        if isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows)
    ]


def _cell(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _between(page: str, name: str, text: str) -> str:
    """The page with a new text between the two comments of that name."""
    marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not marks.search(page):
        print(f"{PAGE.name} has no place for {name}", file=sys.stderr)
    return marks.sub(lambda found: f"{found[1]}\n{text}\n\n{found[2]}", page)


if __name__ == "__main__":
    sys.exit(main())
