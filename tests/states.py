"""A task state store as Airflow 3.3 hands it to a task, in memory."""

from __future__ import annotations

import json
from typing import Any


class StateStore:
    """Keeps values as JSON; they survive a retry and a clear. While ``broken`` is set, nothing can be had."""

    def __init__(self) -> None:
        self.rows: dict[str, str] = {}
        self.broken = False

    def get(self, key: str) -> Any:
        """Read a value."""
        self._check()
        return json.loads(self.rows[key]) if key in self.rows else None

    def set(self, key: str, value: Any) -> None:
        """Keep a value."""
        self._check()
        if value is None:
            raise ValueError("None")
        self.rows[key] = json.dumps(value)

    def _check(self) -> None:
        if self.broken:
            raise ConnectionError("the API server is gone")
