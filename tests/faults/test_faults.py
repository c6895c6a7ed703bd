"""Everyday faults, in real time: each ends in a clear error or is recovered from, and none hangs.

The report prints one line for each fault and way of running; ``make test-faults`` plays all faults.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.conftest import PLAYED
from tests.faults.playing import line_of, play, short_outages
from tests.faults.table import EVERYDAY, FAULTS

MAX_OUTAGE = 0.5


@pytest.mark.parametrize(("name", "way"), [(name, way) for name in EVERYDAY for way in FAULTS[name].ways])
def test_a_fault_ends_in_a_clear_error_or_is_recovered_from(name: str, way: str, scan: Path) -> None:
    with short_outages(MAX_OUTAGE):
        cell = play(FAULTS[name], way, scan)
    PLAYED.append(f"{line_of(name, way, cell)}  {' '.join(cell.message.split())[:80]}")

    assert cell.complaint(FAULTS[name], way) == ""
