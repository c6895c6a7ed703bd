"""Run the tests on every release of Airflow, and on every Python that is installed: a table.

Each pair of release and Python has an environment of its own, which is kept in ``.venv`` and made anew when
its requirements change. The tests of the emulator and of ``api``, which import nothing of Airflow, take no
part: ``make test`` runs them. What a release cannot do is skipped by its tests, which say why.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shlex
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.system.examples_matrix import table
from tests.system.releases import RELEASES, requirements

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
EXTRAS = "emulator,s3,sftp,test"

PYTHONS = ("3.11", "3.12", "3.13")
NOT_ON = {("2.11.2", "3.13"), ("3.0.6", "3.13")}
"""Releases that say that they do not run on a Python."""

WITHOUT_AIRFLOW = ("tests/emulator", "tests/api", "tests/schema", "tests/tools")
"""Tests of what imports nothing of Airflow."""

_UNIT = " and ".join(
    f"not {mark}" for mark in ("system", "crash", "hostile", "sdk", "browser", "result_page", "neighbours")
)
_CORE = (
    *("operators", "sensors", "triggers", "decorators", "durable", "inline", "test_task_mixin.py"),
    *("test_task_mixin_rendered.py", "test_task_mixin_results.py", "test_deferral_begin.py"),
    *("test_deferral_end.py", "test_examples.py", "test_packaging.py", "test_metrics.py"),
)

PARTS: dict[str, tuple[str, ...]] = {
    "core": ("-m", _UNIT, *(f"tests/{name}" for name in _CORE)),
    "unit": ("-m", _UNIT, *(f"--ignore={folder}" for folder in WITHOUT_AIRFLOW)),
    "system": ("-m", "system and not crash and not hostile", "tests"),
}
"""Parts of the tests, by what pytest is told: ``core`` is those of what Airflow itself runs."""

WHOLE = ("unit", "system")
"""Parts that are all of the tests."""


@dataclass
class Outcome:
    """Sum up one part on one release.

    :param passed: tests that passed.
    :param failed: names of those that did not.
    :param skipped: reasons of those that were skipped, with their numbers.
    :param seconds: how long it took.
    """

    passed: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def __str__(self) -> str:
        """Return one cell of the table."""
        failed = f", {len(self.failed)} failed" if self.failed else ""
        skipped = f", {self.skipped.total()} skipped" if self.skipped else ""
        return f"{self.passed} passed{skipped}{failed} in {self.seconds:.0f} s"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it, print the table and the reasons, and return 1 if any test failed.

    :param arguments: the command line; that of the process when None.
    """
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--only", choices=RELEASES, action="append", help="this release, may be repeated")
    parser.add_argument("--python", choices=PYTHONS, action="append", help="this version, may be repeated")
    parser.add_argument("--part", choices=PARTS, action="append", help="this part of the tests alone")
    parser.add_argument("--tests", default="", help="arguments of pytest, such as a file, for some tests")
    given = parser.parse_args(arguments)
    wanted = given.python or PYTHONS
    pythons = {version: path for version in wanted if (path := interpreter_of(version))}
    rows: dict[str, dict[str, Outcome]] = {}
    for release in given.only or RELEASES:
        for version, interpreter in pythons.items():
            if (release, version) in NOT_ON:
                continue
            name = f"{release}, Python {version}"
            python = environment(release, version, interpreter)
            for part in given.part or WHOLE:
                print(f"Airflow {name}: {part}", flush=True)
                outcome = run_part(python, part, shlex.split(given.tests))
                rows.setdefault(name, {})[part] = outcome
                print(f"  {outcome}", *outcome.failed, sep="\n  ", flush=True)
    print(table({name: {part: str(cell) for part, cell in row.items()} for name, row in rows.items()}))
    print(reasons(rows))
    if missing := [version for version in wanted if version not in pythons]:
        print(f"Not installed here: Python {', '.join(missing)}")
    return int(any(outcome.failed for row in rows.values() for outcome in row.values()))


def interpreter_of(version: str) -> str | None:
    """Return a Python of a version that is installed here, or None."""
    command = [str(UV), "python", "find", "--no-project", "--system", version]
    # Where pyenv is, a command of a version that is not chosen stands in the way.
    env = {**os.environ, "PYENV_VERSION": version}
    found = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return found.stdout.strip() or None


def environment(release: str, version: str, interpreter: str) -> Path:
    """Return the Python of an environment with a release, this package and what its tests need.

    :param release: the release of Airflow.
    :param version: the version of Python.
    :param interpreter: a Python of that version.
    """
    folder = ROOT / ".venv" / f"tests-{release}-{version}"
    python, mark = folder / "bin" / "python", folder / ".requirements"
    wanted = hashlib.sha256(
        f"{(ROOT / 'pyproject.toml').read_text()}{RELEASES[release]}".encode()
    ).hexdigest()
    if not mark.exists() or mark.read_text() != wanted:
        subprocess.run([UV, "venv", "--quiet", "--clear", "--python", interpreter, folder], check=True)
        install = [str(UV), "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python)]
        subprocess.run([*install, "--editable", f".[{EXTRAS}]", *requirements(release)], cwd=ROOT, check=True)
        mark.write_text(wanted)
    return python


def run_part(python: Path, part: str, more: Iterable[str]) -> Outcome:
    """Run one part of the tests and return what came of it.

    :param python: that of the environment.
    :param part: one of :data:`PARTS`.
    :param more: further arguments of pytest.
    """
    report = python.parents[1] / f"{part}.xml"
    report.unlink(missing_ok=True)
    command = [str(python), "-m", "pytest", "-q", "--numprocesses=2", "--no-loadscope-reorder", *PARTS[part]]
    started = time.monotonic()
    log = python.parents[1] / f"{part}.log"
    with log.open("w") as written:
        # Its commands stand before those of other environments.
        env = {**os.environ, "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
        done = subprocess.run(
            [*command, f"--junit-xml={report}", *more], cwd=ROOT, env=env, stdout=written, stderr=written
        )
    outcome = read_report(report)
    outcome.seconds = time.monotonic() - started
    if done.returncode not in (0, 1, 5) or (done.returncode == 1) != bool(outcome.failed):
        outcome.failed.append(f"pytest ended with {done.returncode}: see {log.relative_to(ROOT)}")
    return outcome


def read_report(report: Path) -> Outcome:
    """Read what pytest has written of its tests.

    :param report: a file in the form of JUnit; one that is not there has no tests.
    """
    outcome = Outcome()
    for case in ElementTree.parse(report).iter("testcase") if report.exists() else ():
        kinds = {child.tag: child for child in case}
        if "failure" in kinds or "error" in kinds:
            outcome.failed.append(f"{case.get('classname')}::{case.get('name')}")
        elif "skipped" in kinds:
            outcome.skipped[kinds["skipped"].get("message") or ""] += 1
        else:
            outcome.passed += 1
    return outcome


def reasons(rows: dict[str, dict[str, Outcome]]) -> str:
    """Return the reasons of all tests that were skipped, with their numbers, by release and Python.

    :param rows: outcomes by part, by release and Python.
    """
    lines = []
    for name, row in rows.items():
        counts: Counter[str] = sum((outcome.skipped for outcome in row.values()), Counter())
        lines += [f"{name}: {count} skipped: {reason}" for reason, count in counts.most_common()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
