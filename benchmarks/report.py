"""Write the figures of all benchmarks into docs/benchmarks.md, and draw the plot, from their JSON files.

The page is written by hand; between a pair of comments such as ``<!-- polling -->`` and ``<!-- /polling -->``
stand the tables of a benchmark, which are made anew. What has no figures yet is left as it is.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.about import DOCS, circumstances
from benchmarks.polling_plot import plot
from benchmarks.tables import Table

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
    """Return the page with the tables of all benchmarks that have figures.

    :param page: the page as it is.
    """
    for path in sorted(DOCS.glob("*.json")):
        page = _between(page, path.stem, section(path.stem, json.loads(path.read_text("utf-8"))))
    return page


def section(name: str, data: Mapping[str, Any]) -> str:
    """Return the tables of a benchmark as Markdown.

    :param name: of the benchmark.
    :param data: its JSON file.
    """
    tables: Sequence[Table] = importlib.import_module(f"benchmarks.{name}").tables(data)
    parts = [circumstances(data), *(table.markdown() for table in tables)]
    return "\n\n".join(parts)


def _between(page: str, name: str, text: str) -> str:
    """Return the page with a new text between the two comments of that name."""
    marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not marks.search(page):
        print(f"{PAGE.name} has no place for {name}", file=sys.stderr)
    return marks.sub(lambda found: f"{found[1]}\n{text}\n\n{found[2]}", page)


if __name__ == "__main__":
    sys.exit(main())
