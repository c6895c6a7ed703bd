"""Collections that drop their oldest entries, so that no number of requests can fill the memory."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


# Not a dict: finding its first key means skipping the slots of all keys removed before.
class BoundedDict(OrderedDict[Key, Value]):
    """Mapping that keeps the most recently added keys.

    :param limit: the maximum number of keys.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def __setitem__(self, key: Key, value: Value) -> None:
        super().__setitem__(key, value)
        if len(self) > self._limit:
            self.popitem(last=False)


class History(Generic[Value]):
    """List that keeps the most recently added entries.

    :param max_entries: returns the maximum number of entries that currently applies.
    :param max_bytes: the maximum memory of all entries, by the sizes given to :meth:`append`.
    """

    def __init__(self, max_entries: Callable[[], int], max_bytes: int) -> None:
        self._entries: deque[tuple[Value, int]] = deque()
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._bytes = 0
        self.total = 0
        """Number of entries ever added, including those that were dropped."""

    def append(self, value: Value, size: int) -> None:
        """Add an entry.

        :param value: the entry.
        :param size: its approximate memory, in bytes.
        """
        self._entries.append((value, size))
        self._bytes += size
        self.total += 1
        while len(self._entries) > self._max_entries() or self._bytes > self._max_bytes:
            self._bytes -= self._entries.popleft()[1]

    def clear(self) -> None:
        """Drop all entries and count from zero again."""
        self._entries.clear()
        self._bytes = self.total = 0

    def to_list(self) -> list[Value]:
        """Return the entries, oldest first."""
        return [value for value, _ in self._entries.copy()]
