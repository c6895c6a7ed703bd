"""Tables and calculated costs of benchmarks, and a page that says what the figures do."""

from __future__ import annotations

import json

import pytest

from benchmarks import report
from benchmarks.polling_model import Kind, fixed, optimum
from benchmarks.polling_plot import plot
from benchmarks.tables import Table, Target, middle


def test_the_page_shows_the_figures() -> None:
    page = report.PAGE.read_text("utf-8")
    assert report.rendered(page) == page, "the figures have changed: make bench-docs"


@pytest.mark.skipif(not report.FIGURES.exists(), reason="polling has not been measured yet")
def test_the_plot_shows_the_figures() -> None:
    assert plot(json.loads(report.FIGURES.read_text("utf-8"))) == report.PLOT.read_text("utf-8")


def test_columns_of_numbers_stand_to_the_right() -> None:
    table = Table("Title", ("who", "ms"), [("a", "5"), None, ("other", "12.5 (1 to 20)")])
    assert table.text().splitlines()[1:] == [
        "who                ms",
        "a                   5",
        "",
        "other  12.5 (1 to 20)",
    ]
    assert table.markdown().splitlines()[2:4] == ["| who | ms |", "|---|---:|"]


def test_a_target_is_met_at_its_bound() -> None:
    assert Target.at_most("calls", 2.75, 2.75).met
    assert not Target.at_most("calls", 2.75, 2.7501, "{:.2f}").met
    assert not Target.at_least("ratio", 0.9, 0.899, "{:.1f}").met


def test_a_median_comes_with_its_range() -> None:
    assert middle([3.0, 1.0, 2.0], "{:.1f}") == "2.0 (1.0 to 3.0)"
    assert middle([1.0]) == "1.00"


def test_fixed_intervals_cost_what_they_do() -> None:
    # Polls at 2 and at 2, 4: three calls with the submission in the second case.
    cost = fixed([1.5, 3.0], 2.0)
    assert (cost.calls, cost.delay) == (2.5, 0.75)
    # Polls at 0 and 60.
    cost = fixed([1.5], 60.0, at_once=True)
    assert (cost.calls, cost.delay) == (3.0, 58.5)


def test_the_best_schedule_is_better_than_any_fixed_interval() -> None:
    kind = Kind(3.0, 0.4, 1000)
    best = optimum([kind], 1.5)
    others = [fixed(kind.draws(), interval / 4) for interval in range(2, 25)]
    assert best.calls + 1.5 * best.delay < min(one.calls + 1.5 * one.delay for one in others)
