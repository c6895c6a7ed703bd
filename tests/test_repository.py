"""What stands beside the code: hooks, workflows, and the pages for those who contribute."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

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
