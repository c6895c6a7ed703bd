"""A part of the table of misbehaviours; ``make test-hostile`` plays all of it."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.hostile.client import WAYS
from tests.hostile.table import ROWS

EVERY = 30


def test_a_part_of_the_misbehaviours_ends_as_it_should() -> None:
    # In a process of its own, whose memory nobody else fills.
    command = [sys.executable, "-m", "tests.hostile.matrix", "--every", str(EVERY)]
    played = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)

    assert played.returncode == 0, "\n".join(
        line for line in played.stdout.splitlines() if "WRONG" in line
    ) or (played.stdout[-3000:] + played.stderr[-3000:])
    for way in WAYS:
        assert len(re.findall(rf" {way} ", played.stdout)) >= len(ROWS) // EVERY // 3


def test_the_table_has_every_kind_of_call() -> None:
    calls = {row.call for row in ROWS.values()}
    assert calls == {"token", "token again", "submit", "poll", "status", "fetch", "cancel"}
    assert len(ROWS) >= 150
