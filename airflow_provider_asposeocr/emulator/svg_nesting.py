"""Nesting of an SVG as the renderer sees it: an element that refers to another one holds it, too.

The renderer descends by recursion, so that a drawing that is nested too deep would end its process.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

from airflow_provider_asposeocr.emulator.limits import UnreadableImageError

MAX_DEPTH = 100
_REFERENCE = re.compile(r"(?:^|url\()\s*['\"]?#([^\s'\")]+)", re.IGNORECASE)
_WHOLE = ""


class Nesting:
    """Follow the elements of an SVG, in the order of the file."""

    def __init__(self) -> None:
        self._open = [_WHOLE]
        self._heights: dict[str, int] = defaultdict(int)
        self._references: dict[str, set[str]] = defaultdict(set)

    def enter(self, attributes: Mapping[str, str]) -> None:
        """Begin an element.

        :raises UnreadableImageError: if it lies too deep.
        """
        self._open.append(attributes.get("id", _WHOLE))
        _check(len(self._open) - 1)
        targets = {target for value in attributes.values() for target in _REFERENCE.findall(value)}
        for place, name in enumerate(self._open):
            if name or place == 0:
                self._heights[name] = max(self._heights[name], len(self._open) - 1 - place)
                self._references[name] |= targets

    def leave(self) -> None:
        """End the last element that is open."""
        self._open.pop()

    def check(self) -> None:
        """Refuse a drawing whose elements refer to each other in too long a chain, or in a circle.

        The depth of a chain counts as the sum of the whole heights of its links.

        :raises UnreadableImageError: if it does.
        """
        _check(self._height(_WHOLE, 0, {}))

    def _height(self, name: str, above: int, known: dict[str, int]) -> int:
        if name not in known:
            _check(above)
            known[name] = MAX_DEPTH + 1  # in case that it is met again further down
            own, targets = self._heights.get(name, 0), self._references.get(name, ())
            known[name] = own + max((1 + self._height(each, above + 1, known) for each in targets), default=0)
        return known[name]


def _check(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise UnreadableImageError(f"The SVG nests elements more than {MAX_DEPTH} deep.")
