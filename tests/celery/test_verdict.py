"""The judgement of ``make test-celery``: each thing that must not be is found."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from tests.celery.verdict import Batch, Killed

KILLED = Killed(
    states={0: ("success", 1), 1: ("success", 2), 2: ("success", 2)},
    submissions=Counter({0: 1, 1: 1, 2: 2}),
    named={2},
    files=3,
    batch_state="success",
    batch_tries=2,
    batch_submissions=Counter("abbc"),
    batch_named=2,
    max_in_flight=2,
    results=3,
)
BATCH = Batch(
    state="success",
    submissions=Counter("abc"),
    results=3,
    told=Counter("abc"),
    succeeded=3,
    workers=frozenset({"worker-1", "worker-2"}),
    seconds=1.0,
)


def test_what_may_be() -> None:
    assert KILLED.violations(3) == []
    assert (KILLED.again, KILLED.twice, KILLED.batch_twice) == ([1, 2], [2], 1)
    assert BATCH.violations(3, 2) == []


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"states": {0: ("success", 1), 1: ("success", 2)}}, "2 of 3 mapped tasks"),
        ({"states": {**KILLED.states, 0: ("failed", 4)}}, r"without success: \[0\]"),
        ({"submissions": Counter({1: 1, 2: 1})}, "never submitted: 1"),
        ({"submissions": Counter({0: 1, 1: 1, 2: 3})}, "submitted more than twice"),
        ({"submissions": Counter({0: 2, 1: 1, 2: 1})}, r"not named in a log after a kill: \[0\]"),
        ({"named": {0, 2}, "submissions": Counter({0: 2, 1: 1, 2: 1})}, r"after a kill: \[0\]"),
        ({"named": ()}, r"not named in a log after a kill: \[2\]"),
        ({"states": dict.fromkeys(range(3), ("success", 1))}, "no task was killed"),
        ({"batch_state": "failed"}, "the batch ended as failed"),
        ({"batch_submissions": Counter("ab")}, "files of the batch without a submission"),
        ({"batch_submissions": Counter("abbbc")}, "file of the batch was submitted more than twice"),
        ({"batch_named": 0}, "1 files of the batch were submitted twice, 0 named"),
        ({"batch_named": 3}, "more than could be in flight"),
        ({"batch_tries": 1}, "the batch was not killed"),
        ({"results": 2}, "2 of 3 results"),
    ],
)
def test_what_must_not_be_after_a_kill(wrong: dict[str, Any], says: str) -> None:
    found = replace(KILLED, **wrong).violations(3)
    assert [line for line in found if re.search(says, line)], found


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"state": "failed"}, "the run ended as failed"),
        ({"submissions": Counter("ab")}, "2 of 3 files submitted"),
        ({"submissions": Counter("abbc")}, "files were submitted twice"),
        ({"results": 2}, "2 of 3 results"),
        ({"told": Counter("ab")}, "2 of 3 files in the report"),
        ({"told": Counter("aabc")}, "in the report twice"),
        ({"succeeded": 2}, "2 of 3 succeeded"),
        ({"workers": frozenset({"worker-1"})}, "1 workers instead of 2"),
    ],
)
def test_what_must_not_be_of_a_batch(wrong: dict[str, Any], says: str) -> None:
    assert [line for line in replace(BATCH, **wrong).violations(3, 2) if says in line]
