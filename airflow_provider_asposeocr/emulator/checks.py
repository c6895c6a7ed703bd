"""Checks of single values that come from outside: an option, a member of a fault, a field of a record."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

MAX_SECONDS = 1e9
"""Maximum of any duration: thirty years, which the clock of the event loop can still add."""

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FRAMING = frozenset({"content-length", "transfer-encoding"})
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")


def flag(name: str, value: Any) -> None:
    """Refuse anything but True and False."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false, not {shown(value)}")


def whole(name: str, value: Any, low: int, high: int, unit: str = "") -> None:
    """Refuse anything but a whole number from ``low`` to ``high``, both included."""
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{name} must be a whole number{unit} from {low} to {high}, not {shown(value)}")


def number(name: str, value: Any, low: float, high: float) -> None:
    """Refuse anything but a number from ``low`` to ``high``, both included."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}, not {shown(value)}")


def seconds(name: str, value: Any) -> None:
    """Refuse anything but a duration in seconds."""
    number(name, value, 0, MAX_SECONDS)


def text(name: str, value: Any) -> None:
    """Refuse anything but text."""
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text, not a value of type {type(value).__name__}")


def texts(name: str, value: Any) -> None:
    """Refuse anything but a list of texts."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError(f"{name} must be a list of texts, not a value of type {type(value).__name__}")
    for item in value:
        text(f"an item of {name}", item)


def header_value(name: str, value: Any) -> None:
    """Refuse anything but text that an HTTP header can hold."""
    text(name, value)
    if not _HEADER_VALUE.fullmatch(value):
        raise ValueError(f"{name} cannot be the value of a header: {shown(value)}")


def headers(name: str, value: Any) -> None:
    """Refuse anything but names and values of HTTP headers."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} must be an object of names and values, not {shown(value)}")
    for key, own in value.items():
        if not isinstance(key, str) or not _HEADER_NAME.fullmatch(key):
            raise ValueError(f"{name} holds {shown(key)}, which cannot be the name of a header")
        if key.lower() in _FRAMING:
            raise ValueError(f"{name} holds {key}, which the server sets by itself")
        header_value(f"{name}.{key}", own)


def timestamp(name: str, value: Any) -> None:
    """Refuse anything but a time in seconds since the epoch."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} must be a time in seconds, not {shown(value)}")


def shown(value: Any) -> str:
    """Return a short representation of any value for a message."""
    if isinstance(value, str | int | float | None):
        whole_form = repr(value)
        return whole_form if len(whole_form) <= 60 else f"{whole_form[:60]}..."
    return f"a value of type {type(value).__name__}"
