"""Try the emulator with requests made up from the description of the API: ``python -m tests.schema``.

The same seed makes the same requests. The exit status is that of Schemathesis: 1 when a check has failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.client import Client

ROOT = Path(__file__).parents[2]
DESCRIPTION = ROOT / "tests" / "contract" / "openapi.yaml"
OPTIONS = ("--seed", "1", "--max-examples", "10", "--no-shrink", "--warnings", "off")

LENIENT = "negative_data_rejection,positive_data_acceptance"
"""Checks that are left out. The emulator takes settings that it does not know, as the service does, and
nulls; what it may refuse of a request that is as described is checked by ``refuses_by_name``."""

_MANY = 1 << 30


def main(arguments: Sequence[str] | None = None) -> int:
    """Run Schemathesis on an emulator with scripted results; return its exit status.

    :param arguments: further options of ``st run``, which win over those of this program.
    """
    given = sys.argv[1:] if arguments is None else arguments
    # Each sign-in that is made up would count as a failed one.
    with Emulator(ocr=False, lockout_failures=_MANY) as emulator, Client(emulator) as client:
        token = client.session.headers["Authorization"]
        command = [sys.executable, "-m", "schemathesis.cli", "run", str(DESCRIPTION), "--url", emulator.url]
        command += [*OPTIONS, "--exclude-checks", LENIENT, "--header", f"Authorization: {token!s}", *given]
        # It writes files into its working directory.
        with tempfile.TemporaryDirectory() as folder:
            environment = {"SCHEMATHESIS_HOOKS": "tests.schema.checks", "PYTHONPATH": str(ROOT)}
            return subprocess.run(command, cwd=folder, env=os.environ | environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
