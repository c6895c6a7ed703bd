"""The plot of the polling benchmark: calls against delay, a panel for each distribution of service times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.plot import Panel, Plot, Series
from benchmarks.polling_runs import SENSOR, SHAPES


def plot(data: Mapping[str, Any]) -> str:
    """Draw the figures as SVG.

    :param data: the JSON file of the benchmark.
    """
    shapes = [key for key in SHAPES if any(run["shape"] == key for run in data["runs"])]
    return Plot(
        "calls per OCR task",
        "mean delay, s",
        [Panel(SHAPES[key].title, _series(data, key)) for key in shapes],
    ).svg()


def _series(data: Mapping[str, Any], key: str) -> list[Series]:
    def of(name: str) -> list[Mapping[str, Any]]:
        return [one for one in data[name] if one["shape"] == key]

    def points(found: list[Mapping[str, Any]]) -> list[tuple[float, float]]:
        return [(one["calls"], one["delay"]) for one in found]

    def every(found: list[Mapping[str, Any]]) -> list[str]:
        return [f"{one['poll_interval']:g} s" for one in found]

    learned = [run for run in of("runs") if run["poll_interval"] is None and run["heartbeat"] == 1]
    default = [run for run in learned if run["delay_cost"] is None]
    set_otherwise = [run for run in learned if run["delay_cost"] is not None and run["way"] == SENSOR]
    return [
        Series("HTTP provider's defaults", points(of("http")), "#b03030", "cross", labels=every(of("http"))),
        Series(
            "fixed intervals", points(of("fixed")), "#777777", "square", line=True, labels=every(of("fixed"))
        ),
        Series("best schedule, distribution known", points(of("optimum")), "#2a7a2a", line=True),
        Series("this provider, other delay_cost", points(set_otherwise), "#8fb4e8", "circle"),
        Series("this provider, as it comes", points(default), "#1f4fa0", "circle"),
    ]
