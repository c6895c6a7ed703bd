"""The site builds, without a warning."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_it_builds_without_a_warning(tmp_path: Path) -> None:
    """Every reference resolves, every included piece exists, and every docstring can be read."""
    pytest.importorskip("sphinx", reason="Sphinx is installed for development alone")
    options = ("-q", "-W", "--keep-going", "-E", "-d", str(tmp_path / "trees"), "-b", "html")
    command = [sys.executable, "-m", "sphinx", *options, str(ROOT / "docs"), str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for page in (ROOT / "docs").rglob("*.md"):
        built = tmp_path / "site" / page.relative_to(ROOT / "docs").with_suffix(".html")
        assert "<h1>" in built.read_text(), page.name
    assert "fonts.googleapis" not in (tmp_path / "site" / "index.html").read_text()


def test_an_output_that_is_shown_is_one_that_the_tool_writes() -> None:
    from tools.outputs import OUTPUTS, SHOWN

    written = {
        f"{dag_id.removeprefix('asposeocr_')}.{task_id}.json"
        for dag_id, (task_ids, _) in SHOWN.items()
        for task_id in task_ids
    }
    assert {path.name for path in OUTPUTS.iterdir()} == written
    pages = "".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    assert [name for name in written if f"outputs/{name}" not in pages] == []
