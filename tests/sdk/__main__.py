"""Print what the vendor's SDK did with the emulator: ``python -m tests.sdk``, or ``make test-sdk``.

The exit status is 1 when an operation failed, a call of the SDK was not made, or the SDK can do more or less
than is known of it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.sdk import Seen, drive


def main(arguments: Sequence[str] | None = None) -> int:
    """Let the SDK make all its calls; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.sdk", description=__doc__.partition("\n")[0])
    parser.add_argument("--no-ocr", action="store_true", help="scripted results instead of recognition")
    given = parser.parse_args(arguments)
    with Emulator(ocr=not given.no_ocr) as emulator:
        seen = drive(emulator)
    print("\n".join(table(seen)))
    return 1 if seen.complaints else 0


def table(seen: Seen) -> list[str]:
    """Return a line for each operation, for each thing that the SDK cannot do, and for each complaint."""
    width = max(len(row["operation"]) for row in seen.rows)
    lines = [
        f"{row['operation']:{width}}  {'FAILED' if row['error'] else 'OK'}  {', '.join(row['called'])}"
        for row in seen.rows
    ]
    lines += [f"{name:{width}}  the SDK cannot: {reason}" for name, reason in seen.cannot.items()]
    return [*lines, *seen.complaints]


if __name__ == "__main__":
    sys.exit(main())
