"""Collections that forget what is oldest: whoever sends requests cannot fill the memory with them."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


# Not a dict: finding the first key of one from which many have been taken passes all their places.
class BoundedDict(OrderedDict[Key, Value]):
    """A mapping that keeps the keys that were added last.

    :param limit: the most keys.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def __setitem__(self, key: Key, value: Value) -> None:
        super().__setitem__(key, value)
        if len(self) > self._limit:
            self.popitem(last=False)


class History(Generic[Value]):
    """A list that keeps the entries that were added last.

    :param max_entries: tells the most entries at each moment.
    :param max_bytes: the most memory that the entries may take by their own account.
    """

    def __init__(self, max_entries: Callable[[], int], max_bytes: int) -> None:
        self._entries: deque[tuple[Value, int]] = deque()
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._bytes = 0
        self.total = 0
        """How many entries were added, those included that are forgotten."""

    def append(self, value: Value, size: int) -> None:
        """Add an entry.

        :param value: the entry.
        :param size: about how much memory it takes, in bytes.
        """
        self._entries.append((value, size))
        self._bytes += size
        self.total += 1
        while len(self._entries) > self._max_entries() or self._bytes > self._max_bytes:
            self._bytes -= self._entries.popleft()[1]

    def clear(self) -> None:
        """Forget all entries and count from zero again."""
        self._entries.clear()
        self._bytes = self.total = 0

    def to_list(self) -> list[Value]:
        """Return the entries, oldest first."""
        return [value for value, _ in self._entries.copy()]
