"""A large result that the status endpoint does not know costs a wait neither memory nor a second reading."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.weighing import BYTES, MAX_EXTRA_MIB, TRIGGER, WAYS, weigh

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="the peak of memory is read from /proc"
)


@pytest.mark.parametrize("way", WAYS)
def test_no_more_is_held_than_a_part(tmp_path: Path, scan: Path, way: str) -> None:
    extra, outcome, polls = weigh(way, tmp_path, scan)

    assert extra <= MAX_EXTRA_MIB
    assert outcome.startswith("Completed")
    # One look that reads the head of the reply, and one that stores the whole of it.
    assert polls == (1 if way == TRIGGER else 2)
    assert way == TRIGGER or outcome.endswith(f" {BYTES} bytes")
