"""The documentation says what the code does, where a test can tell."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import DAG, BaseOperator

from airflow_provider_asposeocr.api.polling import DEFAULT_DELAY_COST
from airflow_provider_asposeocr.api.settings import SETTINGS
from airflow_provider_asposeocr.get_provider_info import get_provider_info
from airflow_provider_asposeocr.operators import asposeocr, base, batch, fetch, submit
from airflow_provider_asposeocr.sensors import asposeocr as sensors

NAME = "airflow_provider_asposeocr"
ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
README = (ROOT / "README.md").read_text()


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text())
    assert links or page.name == "CHANGELOG.md"
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
    contributing = (ROOT / "CONTRIBUTING.md").read_text()
    for_contributors = set(re.findall(r"(?:^|`)make ([a-z-]+)", contributing, re.MULTILINE))
    assert for_contributors <= targets
    assert {name for name in targets if name.startswith("test")} <= for_contributors


def test_every_field_of_the_connection_and_every_extra_is_in_the_readme() -> None:
    named = set(re.findall(r"\[([a-z0-9]+)\]", README))
    assert {"emulator", "s3", "gcs", "azure", "sftp"} <= named
    (connection,) = get_provider_info()["connection-types"]
    for name in connection["conn-fields"]:
        assert f"extra `{name}`" in README


def test_every_class_for_a_dag_is_in_the_readme() -> None:
    named = [*get_provider_info()["operators"], *get_provider_info()["sensors"]]
    for name in [module for entry in named for module in entry["python-modules"]]:
        for kind in vars(importlib.import_module(name)).values():
            if isinstance(kind, type) and issubclass(kind, BaseOperator) and kind.__module__ == name:
                if kind.__name__.startswith("_"):
                    continue
                assert f"{kind.__name__}`" in README or f"{kind.__name__}(" in README


@pytest.mark.parametrize("name", [setting.name for setting in SETTINGS])
def test_every_setting_is_a_templated_argument_and_is_in_the_readme(name: str) -> None:
    assert name in inspect.signature(submit.SubmitMixin.__init__).parameters
    assert name in submit.SubmitMixin.template_fields
    assert f":param {name}:" in (submit.SubmitMixin.__doc__ or "")
    (row,) = [line for line in README.splitlines() if line.startswith("| `language`")]
    assert f"`{name}`" in row


@pytest.mark.parametrize("block", re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE))
def test_every_piece_of_python_in_the_readme_runs(block: str, tmp_path: Path) -> None:
    """Their classes take the arguments that they are given there."""
    names: dict[str, object] = {"__file__": str(tmp_path / "dag.py")}
    for module in (asposeocr, base, batch, fetch, sensors):
        names |= vars(module)
    with DAG("pieces", schedule=None):
        exec(compile(block, "README.md", "exec"), names)
