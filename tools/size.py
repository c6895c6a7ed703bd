"""Print how large the project is: files and lines of code by folder, and what one file's way touches.

``make size`` measures this tree. ``--rev REV`` measures a revision in its place, ``--against REV`` puts one
before it. Lines are those of code alone, and the way of one file is traced, not guessed.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools.lines import Size, measure

ROOT = Path(__file__).parents[1]
PACKAGE = "airflow_provider_asposeocr"
EMULATOR = f"{PACKAGE}/emulator"

FIGURES = ("files", "functions", "changes")

_NO_SOURCES = ("build", "dist", "demo-output")
_TRACE_SECONDS = 120.0

Sizes = Mapping[str, Size]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table.

    :param arguments: the command line; that of the process when None.
    """
    parser = argparse.ArgumentParser(prog="make size", description="Print how large the project is.")
    parser.add_argument("--rev", metavar="REV", help="measure this revision, not the files as they are")
    parser.add_argument("--against", metavar="REV", help="measure this one as well, and print it first")
    parser.add_argument("--no-trace", action="store_true", help="count lines only")
    given = parser.parse_args(arguments)
    revisions = [given.against, given.rev] if given.against else [given.rev]
    names = [revision or "now" for revision in revisions]
    sizes: list[Sizes] = []
    traces: list[dict[str, Any]] = []
    for revision in revisions:
        with tree(revision) as root:
            sizes.append(sizes_of(root))
            traces.append({} if given.no_trace else trace(root))
    print(table(names, sizes))
    if not given.no_trace:
        print(trace_table(names, traces))


@contextmanager
def tree(revision: str | None) -> Iterator[Path]:
    """Yield the folder of the project at a revision.

    :param revision: the revision as git understands it; None for the files as they are.
    """
    if revision is None:
        yield ROOT
        return
    archive = subprocess.run(["git", "archive", revision], cwd=ROOT, check=True, capture_output=True).stdout
    with tempfile.TemporaryDirectory(prefix="asposeocr-size-") as folder:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        yield Path(folder)


def sizes_of(root: Path) -> dict[str, Size]:
    """Return the size of every folder that holds Python files, without those below it.

    :param root: the folder of the project.
    """
    folders: dict[str, list[Path]] = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).parent.parts
        if parts and not any(part.startswith(".") for part in parts) and parts[0] not in _NO_SOURCES:
            folders.setdefault("/".join(parts), []).append(path)
    return {folder: measure(paths) for folder, paths in folders.items()}


def is_in(folder: str, parent: str) -> bool:
    """Tell whether a folder is another one or lies in it."""
    return f"{folder}/".startswith(f"{parent}/")


def totals(sizes: Sizes) -> dict[str, Size]:
    """Add up the sizes of the package, of the emulator, and of every other folder of the project.

    :param sizes: the folders' sizes.
    """
    added: dict[str, Size] = {}
    for folder, size in sizes.items():
        name = folder.partition("/")[0]
        if is_in(folder, EMULATOR):
            name = "the emulator"
        elif name == PACKAGE:
            name = "the package without the emulator"
        added[name] = added.get(name, Size()) + size
    return added


def table(names: Sequence[str], sizes: Sequence[Sizes]) -> str:
    """Return the table of sizes: the package by folder, then the totals.

    :param names: the names of the measured trees.
    :param sizes: their folders' sizes, in the same order.
    """
    added = [totals(one) for one in sizes]
    by_folder = sorted({folder for one in sizes for folder in one if is_in(folder, PACKAGE)})
    by_total = dict.fromkeys(name for one in added for name in one)
    lines = ["", head(names), " " * 44 + f"{'files':>8}{'lines':>8}" * len(names)]
    lines += [row(folder, sizes) for folder in by_folder]
    lines += ["", *(row(name, added) for name in by_total)]
    return "\n".join(lines)


def row(name: str, sizes: Sequence[Sizes]) -> str:
    """Return a line of the table.

    :param name: a folder or a total.
    :param sizes: those of each tree, by such names.
    """
    found = [one.get(name, Size()) for one in sizes]
    return f"{name:44}" + "".join(f"{size.files:8}{size.lines:8}" for size in found)


def head(names: Sequence[str]) -> str:
    """Return the line that names the measured trees, each over its two columns."""
    return " " * 44 + "".join(f"{name:>16}" for name in names)


def trace(root: Path) -> dict[str, Any]:
    """Trace one deferred file with a destination; return nothing where the revision does not allow it.

    :param root: the folder of the project.
    """
    path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("one_file.py"))],
        env={**os.environ, "PYTHONPATH": path},
        cwd=root,
        capture_output=True,
        text=True,
        timeout=_TRACE_SECONDS,
    )
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        return {}
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def trace_table(names: Sequence[str], traces: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of what the way of one file touches.

    :param names: the names of the measured trees.
    :param traces: their figures, in the same order.
    """
    lines = ["", "one deferred file with a destination", head(names)]
    for figure, words in zip(FIGURES, ("files touched", "functions", "changes of file"), strict=True):
        lines.append(f"{words:44}" + "".join(f"{one.get(figure, 'failed'):>16}" for one in traces))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
