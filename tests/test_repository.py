"""What stands beside the code: hooks, workflows, pages for those who contribute, and the tests themselves."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.system.releases import RELEASES
from tests.test_packaging import MAX_LINES

ROOT = Path(__file__).parents[1]


def hooks() -> list[dict[str, Any]]:
    """Return the hooks of pre-commit, after a look at where they come from."""
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    return list(repository["hooks"])


def lint_commands() -> list[str]:
    """Return what ``make lint`` runs, without running it."""
    command = ["make", "--dry-run", "--always-make", "--no-print-directory", "lint"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return [line.rpartition("&& ")[2] for line in done.stdout.splitlines() if line.startswith("echo ")]


@pytest.mark.parametrize("hook", hooks(), ids=lambda hook: hook["id"])
def test_a_hook_runs_what_make_lint_runs_and_needs_no_network(hook: dict[str, Any]) -> None:
    assert hook["language"] == "system"
    entry = hook["entry"].removesuffix(" --force-exclude")
    assert [line for line in lint_commands() if line.startswith(entry)], lint_commands()


def workflow() -> dict[str, Any]:
    """Return the workflow of CI."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    return loaded


def test_ci_tests_all_releases_on_all_pythons_but_those_that_do_not_go_together() -> None:
    matrix = workflow()["jobs"]["releases"]["strategy"]["matrix"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [text.rpartition(" ")[2] for text in project["classifiers"] if "Python :: 3." in text]
    assert matrix["airflow"] == list(RELEASES)
    assert matrix["python"] == named == workflow()["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert {pair["airflow"] for pair in matrix["exclude"]} < set(RELEASES)


def test_ci_runs_targets_of_the_makefile_and_may_read_alone() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    ci = workflow()
    assert ci["permissions"] == {"contents": "read"}
    for job in ci["jobs"].values():
        assert "permissions" not in job
        used = [step["uses"] for step in job["steps"] if "uses" in step]
        assert [name for name in used if not re.fullmatch(r"actions/[\w-]+@v\d+", name)] == []
        (command,) = [step["run"] for step in job["steps"] if "run" in step]
        assert command.removeprefix("make ") in targets


def test_files_of_tests_and_benchmarks_are_short_enough_to_read() -> None:
    paths = [path for folder in ("tests", "benchmarks", "tools") for path in (ROOT / folder).rglob("*.py")]
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in paths}
    assert {name: count for name, count in lines.items() if count > MAX_LINES} == {}
