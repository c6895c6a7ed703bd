"""Crashes in a real Airflow: the parts that the test of them is made of."""

from __future__ import annotations

from collections.abc import Callable

Wait = tuple[str, Callable[[], bool]]
"""What a scenario waits for, in words and as a condition."""
