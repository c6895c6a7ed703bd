"""Plots as SVG: points and lines over two logarithmic axes."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_WIDTH, _HEIGHT = 340, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 12, 34, 44
_LEGEND = 26
_MARGIN = 1.15
_STEPS = (1, 1.5, 2, 3, 4, 5, 7)


@dataclass(frozen=True)
class Series:
    """Points that belong together.

    :param name: what the legend says.
    :param points: x and y of each.
    :param colour: of line and marks.
    :param mark: ``circle``, ``square`` or ``cross``; empty for none.
    :param line: whether to join the points.
    :param labels: what stands beside each point.
    """

    name: str
    points: Sequence[tuple[float, float]]
    colour: str
    mark: str = ""
    line: bool = False
    labels: Sequence[str] = ()


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    :param title: what stands above it.
    :param series: what is drawn, later ones over earlier ones.
    """

    title: str
    series: Sequence[Series]


@dataclass(frozen=True)
class Plot:
    """Panels beside each other, under one legend.

    :param across: what the axis to the right says.
    :param up: what the axis upwards says.
    :param panels: the panels; all have the series of the first one.
    """

    across: str
    up: str
    panels: Sequence[Panel] = field(default_factory=tuple)

    def svg(self) -> str:
        """Return the plot as SVG."""
        width, height = _WIDTH * len(self.panels), _HEIGHT + _LEGEND
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">',
            f'<rect width="{width}" height="{height}" fill="white"/>',
        ]
        for place, panel in enumerate(self.panels):
            parts.append(f'<g transform="translate({place * _WIDTH},0)">')
            parts += _Axes(panel).drawn(self.across, self.up)
            parts.append("</g>")
        parts.append(f'<g transform="translate({_LEFT},{_HEIGHT + 10})">')
        at = 0.0
        for series in self.panels[0].series:
            if series.line:
                parts.append(_line([(at, 0), (at + 18, 0)], series.colour))
            parts += [_mark(series, at + 9, 0), _text(at + 24, 4, series.name)]
            at += 46 + 5.8 * len(series.name)
        return "\n".join([*parts, "</g>", "</svg>", ""])


class _Axes:
    """The two axes of a panel, wide enough for all of its points."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        points = [point for series in panel.series for point in series.points]
        self._x = _range([x for x, _ in points])
        self._y = _range([y for _, y in points])

    def drawn(self, across: str, up: str) -> Iterator[str]:
        """Return the parts of the panel."""
        right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
        yield _text(_LEFT, _TOP - 14, self._panel.title, weight="bold")
        for tick in _ticks(*self._x):
            x = self._across(tick)
            yield _line([(x, _TOP), (x, bottom)], "#e4e4e4", 1)
            yield _text(x, bottom + 15, f"{tick:g}", anchor="middle")
        for tick in _ticks(*self._y):
            y = self._up(tick)
            yield _line([(_LEFT, y), (right, y)], "#e4e4e4", 1)
            yield _text(_LEFT - 6, y + 4, f"{tick:g}", anchor="end")
        size = f'width="{right - _LEFT}" height="{bottom - _TOP}"'
        yield f'<rect x="{_LEFT}" y="{_TOP}" {size} fill="none" stroke="#888"/>'
        yield _text((_LEFT + right) / 2, bottom + 32, across, anchor="middle")
        middle = (_TOP + bottom) / 2
        yield f'<g transform="rotate(-90 12 {middle})">{_text(12, middle, up, anchor="middle")}</g>'
        for series in self._panel.series:
            places = [(self._across(x), self._up(y)) for x, y in series.points]
            if series.line:
                yield _line(places, series.colour)
            for x, y in places:
                yield _mark(series, x, y)
            for (x, y), label in zip(places, series.labels, strict=False):
                if x + 40 < right:
                    yield _text(x + 7, y - 5, label, series.colour)
                else:
                    yield _text(x - 7, y - 5, label, series.colour, "end")

    def _across(self, value: float) -> float:
        return _LEFT + (_WIDTH - _RIGHT - _LEFT) * _part(value, *self._x)

    def _up(self, value: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * _part(value, *self._y)


def _range(values: Sequence[float]) -> tuple[float, float]:
    return min(values) / _MARGIN, max(values) * _MARGIN


def _part(value: float, low: float, high: float) -> float:
    return math.log(value / low) / math.log(high / low)


def _ticks(low: float, high: float) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [step * 10.0**decade for decade in decades for step in _STEPS]
    inside = [round(tick, 6) for tick in found if low <= tick <= high]
    while len(inside) > 8:
        inside = inside[::2]
    return inside


def _line(points: Sequence[tuple[float, float]], colour: str, width: float = 1.6) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def _mark(series: Series, x: float, y: float) -> str:
    if series.mark == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{series.colour}"/>'
    if series.mark == "square":
        return f'<rect x="{x - 3:.1f}" y="{y - 3:.1f}" width="6" height="6" fill="{series.colour}"/>'
    if series.mark == "cross":
        ends = f"M{x - 4:.1f},{y - 4:.1f}l8,8m0,-8l-8,8"
        return f'<path d="{ends}" stroke="{series.colour}" stroke-width="2"/>'
    return ""


def _text(
    x: float, y: float, text: str, colour: str = "#222", anchor: str = "start", weight: str = "normal"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}" font-weight="{weight}">'
        f"{html.escape(text)}</text>"
    )
