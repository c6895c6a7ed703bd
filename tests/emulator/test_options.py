"""Options: unknown names and invalid values are refused, and all others can be acted on."""

from __future__ import annotations

import contextlib
import statistics
from typing import Any

import pytest

from airflow_provider_asposeocr.emulator.options import EmulatorOptions, LogNormal
from airflow_provider_asposeocr.emulator.submission import Submission
from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.client import Client


def test_unknown_options_and_values_are_refused() -> None:
    with pytest.raises(TypeError):
        Emulator(gzipp=True)
    with pytest.raises(AttributeError):
        EmulatorOptions().gzipp = True
    with pytest.raises(ValueError, match="id_style must be one of"):
        EmulatorOptions(id_style="uuid")


def submission(index: int = 0) -> Submission:
    return Submission(index, "an id", "RecognizeImage", {}, "00", 5, 0.0)


def test_service_times() -> None:
    options = EmulatorOptions(service_seconds=[1, 2])
    assert [options.service_time(submission(index)) for index in range(4)] == [1, 2, 2, 2]
    options.service_seconds = lambda submitted: submitted.size / 10
    assert options.service_time(submission()) == 0.5
    options.service_seconds = LogNormal(median=3.0, sigma=0.4, seed=5)
    times = [options.service_time(submission(index)) for index in range(2000)]
    assert times[:5] == [LogNormal(3.0, 0.4, 5)(submission(index)) for index in range(5)]
    assert 2.8 < statistics.median(times) < 3.2


@pytest.mark.parametrize("name", sorted({*EmulatorOptions.__dataclass_fields__} - {"state_dir", "ocr"}))
@pytest.mark.parametrize("value", [object(), [object()], float("nan"), -1, 10**400, "\n", {"a": 1}, True])
def test_an_option_holds_what_can_be_acted_upon(
    emulator: Emulator, client: Client, name: str, value: Any
) -> None:
    """Check that any value is either refused or leaves an emulator that answers."""
    with contextlib.suppress(ValueError):
        setattr(emulator.options, name, value)
    answer = client.post()
    assert answer.status_code in (200, 413), answer.text
    if answer.status_code == 200:
        assert client.get(answer.json() if answer.text.startswith('"') else answer.text).status_code == 200
    assert client.token().status_code in (200, 400)


@pytest.mark.parametrize(
    "arguments", [(0,), (-1,), (float("nan"),), (1, -1), (1, float("inf")), (1, 0.5, "x"), ("1",)]
)
def test_distributions_that_cannot_be_drawn_from(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match=r"median|sigma|seed"):
        LogNormal(*arguments)


def test_the_secret_is_not_shown_when_it_is_refused() -> None:
    with pytest.raises(ValueError, match="client_secret") as refused:
        EmulatorOptions(client_secret=b"my own")  # type: ignore[arg-type]
    assert "my own" not in str(refused.value)
