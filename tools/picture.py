"""Draw the rooms of the package and their imports as ``docs/architecture.svg``.

The same imports always give the same picture, to the byte. ``make docs-picture`` writes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from tools.rooms import ROOT, Graph, levels, read_rooms, reduced

PICTURE = ROOT / "docs" / "architecture.svg"

_WIDTH, _ROW, _BOX_HEIGHT, _MARGIN, _MAX_GAP = 800, 84, 34, 16, 60
_LETTER, _PADDING = 7.8, 14
_SWEEPS = 12

_STYLE = """\
<style>
text { font: 13px ui-monospace, Menlo, Consolas, monospace; fill: #1f2328; text-anchor: middle }
rect { fill: #eef3f9; stroke: #57606a }
path { fill: none; stroke: #7d8590; stroke-width: 1.4 }
marker path { fill: #7d8590; stroke: none }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  rect { fill: #1c2530; stroke: #8b949e }
}
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">\
<path d="M0,0 8,4 0,8z"/></marker></defs>"""


@dataclass(frozen=True)
class Stop:
    """Mark a place on a level: a room, or the gap that an arrow to a lower level goes through.

    :param level: counted from below.
    :param room: the room's name; empty for a gap.
    :param arrow: the two rooms whose arrow passes the gap.
    """

    level: int
    room: str = ""
    arrow: tuple[str, str] = ("", "")

    @property
    def width(self) -> float:
        """Return how much of its level it takes, in pixels."""
        return len(self.room) * _LETTER + 2 * _PADDING if self.room else 8.0


Way = tuple[Stop, ...]


def draw(graph: Graph) -> str:
    """Return the picture of some rooms as SVG.

    :param graph: the rooms with their imports.
    """
    arrows = reduced(graph)
    stops = {room: Stop(level, room) for level, row in enumerate(levels(arrows)) for room in row}
    ways = [way(stops[room], stops[other]) for room in arrows for other in sorted(arrows[room])]
    centre = spread(arrange(list(stops.values()), ways))
    height = 2 * _MARGIN + _BOX_HEIGHT + _ROW * max(stop.level for stop in stops.values())
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="Rooms and their imports">',
        _STYLE,
        *(curve(one, centre, height) for one in ways),
        *(box(stop, centre[stop], height) for stop in stops.values()),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def way(upper: Stop, lower: Stop) -> Way:
    """Return the way of an arrow down to a room, with a gap on each level between.

    :param upper: the room that imports.
    :param lower: the room that is imported.
    """
    between = range(upper.level - 1, lower.level, -1)
    return (upper, *(Stop(level, arrow=(upper.room, lower.room)) for level in between), lower)


def arrange(rooms: Sequence[Stop], ways: Sequence[Way]) -> list[list[Stop]]:
    """Order the stops of each level so that few arrows cross: each near those that it is joined to.

    :param rooms: the rooms.
    :param ways: the ways of the arrows.
    """
    stops = dict.fromkeys((*rooms, *(stop for one in ways for stop in one)))
    joined: dict[Stop, list[Stop]] = {stop: [] for stop in stops}
    for upper, lower in (pair for one in ways for pair in pairwise(one)):
        joined[upper].append(lower)
        joined[lower].append(upper)
    rows = [[stop for stop in stops if stop.level == level] for level in range(len(stops))]
    rows = [row for row in rows if row]
    for sweep in range(_SWEEPS):
        for row in rows[:: 1 if sweep % 2 else -1]:
            at = {stop: (place + 0.5) / len(one) for one in rows for place, stop in enumerate(one)}
            wanted = {stop: fmean(at[near] for near in joined[stop] or [stop]) for stop in row}
            row.sort(key=wanted.__getitem__)
    return rows


def spread(rows: Sequence[Sequence[Stop]]) -> dict[Stop, float]:
    """Return the middle of each stop, with the same gaps on all of a level, in the middle of the picture.

    :param rows: the stops of each level, in their order.
    """
    centre: dict[Stop, float] = {}
    for row in rows:
        gap = min(_MAX_GAP, (_WIDTH - 2 * _MARGIN - sum(stop.width for stop in row)) / max(1, len(row) - 1))
        left = (_WIDTH - sum(stop.width for stop in row) - gap * (len(row) - 1)) / 2
        for stop in row:
            centre[stop] = left + stop.width / 2
            left += stop.width + gap
    return centre


def top(stop: Stop, height: float) -> float:
    """Return the upper edge of a stop.

    :param stop: the stop.
    :param height: the height of the picture.
    """
    return height - _MARGIN - _BOX_HEIGHT - stop.level * _ROW


def box(stop: Stop, centre: float, height: float) -> str:
    """Draw a room.

    :param stop: the room.
    :param centre: its middle.
    :param height: the height of the picture.
    """
    y = top(stop, height)
    return (
        f'<rect x="{centre - stop.width / 2:.1f}" y="{y:g}" width="{stop.width:.1f}" height="{_BOX_HEIGHT}" '
        f'rx="6"/><text x="{centre:.1f}" y="{y + _BOX_HEIGHT / 2 + 4.5:g}">{stop.room}</text>'
    )


def curve(stops: Way, centre: Mapping[Stop, float], height: float) -> str:
    """Draw an arrow.

    :param stops: its way.
    :param centre: the middles of all stops.
    :param height: the height of the picture.
    """
    x, y = centre[stops[0]], top(stops[0], height) + _BOX_HEIGHT
    drawn = [f"M{x:.1f},{y:g}"]
    for stop in stops[1:]:
        down, bend = top(stop, height), (_ROW - _BOX_HEIGHT) / 2
        drawn.append(f"C{x:.1f},{y + bend:g} {centre[stop]:.1f},{down - bend:g} {centre[stop]:.1f},{down:g}")
        x, y = centre[stop], down + _BOX_HEIGHT
        if not stop.room:
            drawn.append(f"V{y:g}")
    return f'<path d="{" ".join(drawn)}" marker-end="url(#tip)"/>'


def main() -> None:
    """Write the picture."""
    PICTURE.write_text(draw(read_rooms()))


if __name__ == "__main__":
    main()
