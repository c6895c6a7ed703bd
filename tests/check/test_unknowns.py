"""The table of unknowns, the page, the observers and the switches of the emulator belong together."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from dataclasses import fields

from airflow_provider_asposeocr.check.observers import OBSERVERS
from airflow_provider_asposeocr.check.unknowns import UNKNOWNS, Unknown
from airflow_provider_asposeocr.emulator.options import EmulatorOptions
from tests.test_words import ROOT

PAGE = (ROOT / "docs" / "service.md").read_text()


def row(unknown: Unknown) -> str:
    """Return the row that the page has for an unknown."""
    seen = "yes" if unknown.name in OBSERVERS else f"no: {unknown.unseen}"
    options = "<br>".join((seen, *(f"`{name}`" for name in unknown.switches)))
    return f"| `{unknown.name}`<br>{unknown.question} | {unknown.assumed} | {unknown.otherwise} | {options} |"


def test_the_page_has_the_rows_of_the_table_in_their_order() -> None:
    assert [line for line in PAGE.splitlines() if line.startswith("| `")] == [row(one) for one in UNKNOWNS]


def test_every_switch_of_the_emulator_is_that_of_one_unknown() -> None:
    """The second half of its options are those for what the documentation leaves open."""
    named = Counter(name for unknown in UNKNOWNS for name in unknown.switches)
    assert set(named.values()) == {1}
    assert named.keys() <= {field.name for field in fields(EmulatorOptions)}
    _, _, second_half = inspect.getsource(EmulatorOptions).partition("\n\n    id_style: ")
    switches = re.findall(r"^    (\w+): ", f"    id_style: {second_half.partition('def ')[0]}", re.MULTILINE)
    assert len(switches) > 20
    assert set(switches) <= named.keys()


def test_every_observer_is_that_of_an_unknown() -> None:
    assert OBSERVERS.keys() <= {unknown.name for unknown in UNKNOWNS}


def test_a_row_fits_into_a_table() -> None:
    for unknown in UNKNOWNS:
        assert len(unknown.assumed) <= 45, unknown.name
        assert unknown.question.endswith("?"), unknown.name
        assert not unknown.otherwise.endswith("."), unknown.name
