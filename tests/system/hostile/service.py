"""The service: each task that it is given, or asked about, meets a misbehaviour of its own."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any
from urllib.parse import parse_qs

from tests.hostile.server import Service, call_of, regular_answer
from tests.hostile.table import CHARACTERS, ROWS
from tests.hostile.wire import Sent, regular

WORKING_SECONDS = 4.0
"""Seconds that a task takes: a trigger that fires sooner resumes a task that its worker has not left yet."""

_AT_ONCE = ("in messages", "in warnings", "a message that is no list", "the code", "nobody knows")
"""Places that one more row has the odd characters in all at the same time."""

CASES = [
    (name, row)
    for name, row in ROWS.items()
    if any(f": {characters} in " in name for characters in CHARACTERS) and not name.endswith(_AT_ONCE)
]
"""Every kind of character at every place of every reply."""


class ManyTasks(Service):
    """Chooses the misbehaviour by the number that a task has in its settings, in its id or as Client ID."""

    def __init__(self) -> None:
        super().__init__()
        self.submissions: Counter[int] = Counter()
        self._begun: dict[str, float] = {}

    def answer(self, method: str, target: str, body: bytes) -> Sent:
        """Answer a request, or misbehave."""
        kind, ident = call_of(method, target)
        number = _number(kind, ident, body)
        with self.lock:
            self.calls[kind] += 1
            if kind == "submit" and number is not None:
                self.submissions[number] += 1
                ident = f"submitted-{number}-{self.submissions[number]}"
            is_done = time.monotonic() >= self._begun.setdefault(ident, time.monotonic()) + WORKING_SECONDS
        answer = regular_answer(kind, ident, "token", done=is_done)
        if number is None or (kind in ("poll", "status") and not is_done):
            return regular(answer)
        row = CASES[number][1]
        struck = "poll" if row.call == "fetch" else row.call
        return row.behaviour(answer) if kind == struck else regular(answer)


def _number(kind: str, ident: str, body: bytes) -> int | None:
    if kind == "token":
        said = parse_qs(body.decode())["client_id"][0].removeprefix("row-")
        return int(said) if said.isdecimal() else None
    if kind == "submit":
        settings: dict[str, Any] = next(
            value for name, value in json.loads(body).items() if name.lower() == "settings"
        )
        return int(settings["row"])
    return int(ident.split("-")[1])
