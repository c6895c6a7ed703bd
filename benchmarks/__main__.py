"""All benchmarks but that of memory, one after the other, and the page that shows their figures."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks import report
from benchmarks.about import REPOSITORY

NAMES = ("polling", "learning", "triggers", "slots", "batch", "imports")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run them, and write the page.

    :param arguments: the command line; None takes the process's own.
    :return: the exit status: 1 if one of them failed, or, with ``--check``, missed a target.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, into build/: for work on them")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, help="some of them")
    given = parser.parse_args(arguments)
    passed_on = [flag for flag in ("--quick", "--check") if getattr(given, flag.removeprefix("--"))]
    status = 0
    for name in given.only:
        module = f"benchmarks.{name}"
        print(f"== {name}, load average {os.getloadavg()[0]:.2f}\n", flush=True)
        began = time.monotonic()
        status |= subprocess.run([sys.executable, "-m", module, *passed_on], cwd=REPOSITORY).returncode
        print(f"\n{name}: {(time.monotonic() - began) / 60:.1f} minutes\n", flush=True)
    if not given.quick:
        status |= report.main()
    return status


if __name__ == "__main__":
    sys.exit(main())
