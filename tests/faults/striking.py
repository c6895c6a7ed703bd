"""Ways to let things go wrong as values: what strikes is chosen in a table, and happens later."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from airflow_provider_asposeocr.emulator.testing import CONNECTION_VARIABLE, Emulator
from airflow_provider_asposeocr.hooks import auth
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook

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


def option(name: str, value: Any) -> Prepare:
    """Set a switch of the emulator."""

    def prepare(emulator: Emulator) -> None:
        setattr(emulator.options, name, value)

    return prepare


def nothing(emulator: Emulator) -> None:
    """Leave the service as it is."""


def no_connection(emulator: Emulator) -> None:
    """Take the connection away."""
    del os.environ[CONNECTION_VARIABLE]


def wrong_secret(emulator: Emulator) -> None:
    """Give the connection a wrong secret."""
    connection = json.loads(emulator.connection_json()) | {"password": "a-wrong-secret"}
    os.environ[CONNECTION_VARIABLE] = json.dumps(connection)
    auth.forget_all()


def signed_out(emulator: Emulator) -> None:
    """Keep no token."""
    auth.forget_all()


def completed(emulator: Emulator) -> None:
    """Complete the OCR tasks that are there already."""
    for ocr_task in emulator.ocr_tasks.values():
        ocr_task.pending_reads = 0


def refused(emulator: Emulator) -> None:
    """Let nothing listen at the address."""
    emulator.stop()


def revoked(emulator: Emulator) -> None:
    """Make the token that is kept invalid."""
    AsposeOcrHook().get_status("11111111-2222-3333-4444-555555555555")
    emulator.expire_tokens()


def revoked_pair(emulator: Emulator) -> None:
    """Accept the pair once and never again; the token that is kept is invalid."""
    revoked(emulator)
    emulator.options.client_secret = "a-rotated-secret"
