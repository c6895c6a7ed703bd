"""Faults of the emulator as values: what strikes is chosen in a table, and happens later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_provider_asposeocr.emulator.testing import Emulator

Prepare = Callable[[Emulator], None]


def fault(kind: str, on: Any, **arguments: Any) -> Prepare:
    """Inject a fault.

    :param kind: of the fault.
    :param on: the kind or kinds of call that it strikes.
    :param arguments: the others of :meth:`.Emulator.inject`.
    """
    return lambda emulator: emulator.inject(kind, on=on, **arguments)


def both(*parts: Prepare) -> Prepare:
    """Let several happen, in their order."""

    def prepare(emulator: Emulator) -> None:
        for part in parts:
            part(emulator)

    return prepare
