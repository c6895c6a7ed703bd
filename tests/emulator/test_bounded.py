"""Bounded collections: memory and work do not grow with the number of earlier entries."""

from __future__ import annotations

from airflow_provider_asposeocr.emulator.bounded import BoundedDict, History


def test_taking_the_oldest_is_as_quick_after_many_were_taken() -> None:
    # A plain dict passes all the places of removed keys to find its first one.
    entries: BoundedDict[int, int] = BoundedDict(1_000)
    for number in range(100_000):
        entries[number] = number
    assert list(entries) == list(range(99_000, 100_000))
    entries[99_000] = 5
    assert len(entries) == 1_000


def test_a_history_forgets_by_size() -> None:
    history: History[int] = History(lambda: 100, max_bytes=50)
    for number in range(10):
        history.append(number, 20)
    assert (history.to_list(), history.total) == ([8, 9], 10)
    history.append(10, 60)
    assert history.to_list() == []
