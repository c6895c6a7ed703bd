"""The documentation says what the code does, where a test can tell."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
from airflow.cli.cli_parser import get_parser
from airflow.providers.common.compat.sdk import DAG, BaseOperator, task

from airflow_provider_asposeocr.api.polling import DEFAULT_DELAY_COST
from airflow_provider_asposeocr.api.settings import SETTINGS
from airflow_provider_asposeocr.check.__main__ import parser
from airflow_provider_asposeocr.emulator.testing import CONNECTION_VARIABLE
from airflow_provider_asposeocr.get_provider_info import get_provider_info
from airflow_provider_asposeocr.operators import asposeocr, base, batch, fetch, submit
from airflow_provider_asposeocr.sensors import asposeocr as sensors

NAME = "airflow_provider_asposeocr"
ROOT = Path(__file__).parents[1]


def pieces(page: Path, language: str) -> list[str]:
    """Return the pieces of code of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md")]
SITE = {path.stem: path.read_text() for path in (ROOT / "docs").glob("*.md")}
BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in PAGES
    if page.stem != "CONTRIBUTING"  # whose pieces are of a class that does not exist
    for number, block in enumerate(pieces(page, "python"))
]
"""Python on the pages; what they take from a file of the project is tested with that."""

COMMANDS = sorted(
    {
        line
        for page in PAGES
        for block in pieces(page, "bash")
        for line in block.replace("\\\n", " ").splitlines()
        if line
    }
)
"""Commands on the pages."""


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    # The site shows some pages of the project by way of a page that includes them.
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text()):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_of_the_site_is_reached_from_its_start() -> None:
    trees = re.findall(r"```{toctree}\n(.*?)```", SITE["index"], re.DOTALL)
    listed = {line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")}
    pages = {
        path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")
    }
    assert listed == pages - {"index"}


def test_the_default_of_delay_cost_is_told_alike_everywhere() -> None:
    (connection,) = get_provider_info()["connection-types"]
    assert f"Empty: {DEFAULT_DELAY_COST:g}." in connection["conn-fields"]["delay_cost"]["description"]
    (row,) = [line for line in SITE["connection"].splitlines() if line.startswith("| `delay_cost` |")]
    assert f"default {DEFAULT_DELAY_COST:g}," in row
    assert f"The default is {DEFAULT_DELAY_COST:g};" in SITE["cost"]
    assert re.search(rf"calls \+ {DEFAULT_DELAY_COST:g} . seconds of delay", SITE["benchmarks"])
    assert f"| {DEFAULT_DELAY_COST:g}, the default |" in SITE["benchmarks"]


def test_every_make_target_that_is_told_exists_and_every_test_target_is_told() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    told = {
        page.name: set(re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), re.MULTILINE)) for page in PAGES
    }
    assert {name: names - targets for name, names in told.items() if names - targets} == {}
    assert {name for name in targets if name.startswith("test")} <= told["CONTRIBUTING.md"]


def test_every_field_of_the_connection_and_every_extra_has_a_line() -> None:
    assert {"emulator", "s3", "gcs", "azure", "sftp"} <= set(
        re.findall(r"\[([a-z0-9]+)\]", SITE["quickstart"])
    )
    (connection,) = get_provider_info()["connection-types"]
    for name in connection["conn-fields"]:
        assert f"\n| `{name}` |" in SITE["connection"]


def test_every_class_for_a_dag_is_on_a_page() -> None:
    pages = "".join(SITE.values())
    named = [*get_provider_info()["operators"], *get_provider_info()["sensors"]]
    for name in [module for entry in named for module in entry["python-modules"]]:
        for kind in vars(importlib.import_module(name)).values():
            if isinstance(kind, type) and issubclass(kind, BaseOperator) and kind.__module__ == name:
                if kind.__name__.startswith("_"):
                    continue
                assert f"{kind.__name__}`" in pages or f"{kind.__name__}(" in pages


@pytest.mark.parametrize("name", [setting.name for setting in SETTINGS])
def test_every_setting_is_a_templated_argument_and_is_on_the_page_of_operators(name: str) -> None:
    assert name in inspect.signature(submit.SubmitMixin.__init__).parameters
    assert name in submit.SubmitMixin.template_fields
    assert f":param {name}:" in (submit.SubmitMixin.__doc__ or "")
    _, _, table = SITE["operators"].partition("## Settings")
    assert re.search(rf"^\| .*`{name}`.* \|", table, re.MULTILINE)


def test_every_argument_of_the_operators_is_on_a_page() -> None:
    pages = "".join(SITE.values())
    kinds = (base.AsposeOcrOperator, batch.AsposeOcrBatchOperator, sensors.AsposeOcrTaskSensor)
    for kind in kinds:
        for owner in kind.__mro__:
            if owner.__module__.startswith(NAME):
                for name in inspect.signature(owner).parameters.keys() - {"kwargs"}:
                    assert f"`{name}" in pages, name


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(tests/[\w/]+\.py)`", "".join(SITE.values())))))
def test_tests_that_a_page_names_exist(name: str) -> None:
    assert (ROOT / name).is_file()


@pytest.mark.parametrize("block", BLOCKS)
def test_every_piece_of_python_on_a_page_runs(block: str, tmp_path: Path) -> None:
    """Their classes take the arguments that they are given there."""
    names: dict[str, object] = {"__file__": str(tmp_path / "dag.py")}
    for module in (asposeocr, base, batch, fetch, sensors):
        names |= vars(module)
    names["task"] = task
    with DAG("pieces", schedule=None):
        exec(compile(block, "page", "exec"), names)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_on_a_page_is_one(command: str) -> None:
    """Targets, extras, files and options in it exist; commands of Airflow are read by its own parser."""
    program, *rest = shlex.split(command, comments=True)
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    match program:
        case "make":
            assert rest[0] in targets
        case "pip":
            assert rest[0] in ("install", "wheel")
            assert set(re.findall(r"\[(\w+)\]", command)) <= extras
        case "airflow":
            get_parser().parse_args(rest)
        case "asposeocr-check":
            parser().parse_args(rest)
        case "asposeocr-emulator":
            assert rest == []
        case "export":
            name, _, value = rest[0].partition("=")
            assert name == CONNECTION_VARIABLE
            assert value == "..." or json.loads(value)["conn_type"] == "asposeocr"
        case "mkdir":
            copied = rest[rest.index("cp") + 1]
            assert (ROOT / copied).is_file()
        case _:
            assert (program, *rest) == (".venv/bin/pre-commit", "install")
