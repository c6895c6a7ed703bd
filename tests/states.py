"""A task state store as Airflow 3.3 hands it to a task, in memory."""

from __future__ import annotations

import json
from typing import Any


class Store:
    """Keeps values as JSON, as Airflow does."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def get(self, key: str) -> Any:
        """Read a value."""
        return json.loads(self._values[key]) if key in self._values else None

    def set(self, key: str, value: Any) -> None:
        """Keep a value."""
        self._values[key] = json.dumps(value)
