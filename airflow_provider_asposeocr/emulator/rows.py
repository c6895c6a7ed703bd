"""Upright boxes of text, and the rule that tells which of them stand in one row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

_OVERLAP = 0.5
"""Texts whose middles differ by less than this share of the smaller height are in one row."""


@dataclass(frozen=True)
class Upright:
    """Text with its upright box on the straightened page."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def height(self) -> float:
        """Height of the box."""
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        """Height at which the middle of the box is."""
        return (self.top + self.bottom) / 2


class _Standing(Protocol):
    @property
    def height(self) -> float: ...

    @property
    def middle(self) -> float: ...


def stand_in_one_row(one: _Standing, other: _Standing) -> bool:
    """Return whether two texts are at about the same height."""
    return abs(one.middle - other.middle) < _OVERLAP * min(one.height, other.height)
