"""The figures of ``make size`` are exact."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from tools import size
from tools.lines import Size, count_lines

MODULE = '''\
"""A module.

Of several lines.
"""

# A comment.
import os  # and one behind code

LIMIT = 3
"""The docstring of a constant."""

TEXT = """
counts, with the blank line:

"""


class Thing:
    """A class."""

    def go(
        self,
    ) -> str:
        """Go."""

        return f"{os.sep}"
'''


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", 0),
        ('"""Only this."""\n', 0),
        ("x = (\n    1,\n    # why\n\n    2,\n)\n", 4),
        ('def f():\n    """Say."""\n    return """a\n\nb"""\n', 4),
        ("x = 'ä'; y = 2\n", 1),
        (MODULE, 11),
    ],
)
def test_neither_docstrings_nor_comments_nor_blank_lines_count(text: str, lines: int) -> None:
    assert count_lines(text) == lines


def test_a_folder_counts_without_those_below_it(tmp_path: Path) -> None:
    files = {
        "airflow_provider_asposeocr/a.py": "a = 1\n",
        "airflow_provider_asposeocr/api/b.py": "b = 1\nc = 2\n",
        "airflow_provider_asposeocr/emulator/c.py": "c = 1\n",
        "tests/unit/d.py": "d = 1\n",
        ".venv/e.py": "e = 1\n",
        "build/f.py": "f = 1\n",
        "setup.py": "g = 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    sizes = size.sizes_of(tmp_path)
    assert sizes == {
        "airflow_provider_asposeocr": Size(1, 1),
        "airflow_provider_asposeocr/api": Size(1, 2),
        "airflow_provider_asposeocr/emulator": Size(1, 1),
        "tests/unit": Size(1, 1),
    }
    assert size.totals(sizes) == {
        "the package without the emulator": Size(2, 3),
        "the emulator": Size(1, 1),
        "tests": Size(1, 1),
    }


def test_two_revisions_stand_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    if not (size.ROOT / ".git").exists():
        pytest.skip("this is no checkout")
    size.main(["--no-trace", "--against", "HEAD", "--rev", "HEAD"])
    printed = capsys.readouterr().out
    (api,) = [line.split() for line in printed.splitlines() if line.startswith(f"{size.PACKAGE}/api ")]
    assert api[1:3] == api[3:5]
    assert int(api[2]) > 1000


def test_the_way_of_one_file_is_traced() -> None:
    """The operator, the trigger and the hook take part, whatever lies between them."""
    traced = size.trace(size.ROOT)
    assert {"operators/base.py", "triggers/asposeocr.py", "hooks/asposeocr.py"} <= set(traced["paths"])
    assert not [path for path in traced["paths"] if path.startswith("emulator/")]
    assert len(traced["paths"]) == traced["files"] < traced["functions"]
    assert traced["files"] - 1 <= traced["changes"]


def test_the_table_says_so_where_a_revision_cannot_be_traced() -> None:
    figures = {"files": 30, "functions": 213, "changes": 220}
    table = size.trace_table(["before", "now"], [{}, figures])
    assert (
        textwrap.dedent(
            """
        files touched                                         failed              30
        """
        )
        in f"{table}\n"
    )
