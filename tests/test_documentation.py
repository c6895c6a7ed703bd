"""The documentation says what the code does, where a test can tell."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_asposeocr.api.polling import DEFAULT_DELAY_COST
from airflow_provider_asposeocr.get_provider_info import get_provider_info
from airflow_provider_asposeocr.operators import asposeocr, base, batch, fetch
from airflow_provider_asposeocr.sensors import asposeocr as sensors

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
README = (ROOT / "README.md").read_text()


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text())
    assert links
    for link in links:
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_default_of_delay_cost_is_told_alike_everywhere() -> None:
    (connection,) = get_provider_info()["connection-types"]
    assert f"; {DEFAULT_DELAY_COST:g} if empty" in connection["conn-fields"]["delay_cost"]["description"]
    (row,) = [line for line in README.splitlines() if line.startswith("| extra `delay_cost` |")]
    assert f"{DEFAULT_DELAY_COST:g} by default" in row
    benchmarks = (ROOT / "docs" / "benchmarks.md").read_text()
    assert re.search(rf"calls \+ {DEFAULT_DELAY_COST:g} . seconds of delay", benchmarks)
    assert f"| {DEFAULT_DELAY_COST:g}, the default |" in benchmarks


def test_every_make_target_of_the_readme_exists_and_every_test_target_is_told() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    told = set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE))
    assert told <= targets
    assert {name for name in targets if name.startswith("test")} <= told


def test_every_field_of_the_connection_and_every_extra_is_in_the_readme() -> None:
    named = set(re.findall(r"\[([a-z0-9]+)\]", README))
    assert {"emulator", "s3", "gcs", "azure", "sftp"} <= named
    (connection,) = get_provider_info()["connection-types"]
    for name in connection["conn-fields"]:
        assert f"extra `{name}`" in README


@pytest.mark.parametrize("block", re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE))
def test_every_piece_of_python_in_the_readme_runs(block: str, tmp_path: Path) -> None:
    """Their classes take the arguments that they are given there."""
    names: dict[str, object] = {"__file__": str(tmp_path / "dag.py")}
    for module in (asposeocr, base, batch, fetch, sensors):
        names |= vars(module)
    with DAG("pieces", schedule=None):
        exec(compile(block, "README.md", "exec"), names)
