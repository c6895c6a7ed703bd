"""Fault injection: network and service failures on demand, and repeatable."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_asposeocr.emulator import checks

MAX_FAULTS = 1_000
"""Maximum number of rules that are not used up, because each call checks all of them."""

_MAX_CALLS = 1 << 53
_STATUSES = (200, 599)

CALL_KINDS = ("token", "submit", "poll", "status", "cancel", "file")

_REPLACING = frozenset({"status", "html_200", "unauthorized", "redirect", "drop_before"})
"""Faults that replace the regular response: the request is not served and no OCR task is created."""

_SPOILING = frozenset({"truncated_json", "drop_after_accept", "reset_mid_body"})
"""Faults that spoil the response; the request itself is served."""

_ON_OCR_TASKS = frozenset({"forget_ocr_tasks", "never_finish", "finish_with_error"})
"""Faults that change OCR tasks; the request itself is served."""

FAULT_KINDS = _REPLACING | _SPOILING | _ON_OCR_TASKS | {"slow"}


@dataclass
class Fault:
    """Rule that makes calls fail.

    Kinds that replace the response: ``status`` (``status``, ``body``, ``headers``), ``html_200`` (a web page
    in a 200), ``unauthorized`` (401), ``redirect`` (to ``location``), ``drop_before`` (the connection is
    reset before anything is read).

    Kinds that serve the request and spoil its response: ``drop_after_accept`` (the connection is reset
    instead), ``truncated_json`` (half of it, complete by its Content-Length), ``reset_mid_body`` (half of it,
    then the connection is closed).

    Other kinds: ``slow`` (wait ``seconds``, then continue), ``forget_ocr_tasks`` (all of them),
    ``never_finish`` and ``finish_with_error`` (the OCR task that the request names or creates, with
    ``messages``).

    :param kind: one of the kinds above.
    :param on: the kinds of calls it applies to: ``token``, ``submit``, ``poll``, ``status``, ``cancel``,
        ``file``, ``any``.
    :param times: how often it applies; None means always.
    :param after: how many matching calls pass unharmed first.
    :param probability: the chance that a matching call fails, from 0 to 1; None means always.
    :param status: the HTTP status of ``status`` (500 by default) and ``redirect`` (302 by default).
    :param body: the body of ``status`` and ``html_200``.
    :param headers: additional headers of ``status``.
    :param early: respond before the request body is read, and close the connection (``status`` only).
    :param seconds: the delay of ``slow``, in seconds.
    :param location: the target of ``redirect``.
    :param messages: the error messages of ``finish_with_error``.
    """

    kind: str
    on: str | Sequence[str] = "any"
    times: int | None = 1
    after: int = 0
    probability: float | None = None
    status: int | None = None
    body: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    early: bool = False
    seconds: float = 1.0
    location: str = "http://127.0.0.1:9/elsewhere"
    messages: Sequence[str] = ("The image could not be recognized.",)

    def __post_init__(self) -> None:
        """Refuse invalid values: a misspelt fault would let a test pass without testing anything."""
        if self.kind not in FAULT_KINDS:
            raise ValueError(
                f"unknown fault {checks.shown(self.kind)}; known: {', '.join(sorted(FAULT_KINDS))}"
            )
        self.on = (self.on,) if isinstance(self.on, str) else tuple(self.on)
        unknown = set(self.on) - {*CALL_KINDS, "any"}
        if unknown:
            first = checks.shown(next(iter(unknown)))
            raise ValueError(f"unknown kind of call {first}; known: {', '.join(CALL_KINDS)}, any")
        self._check_values()

    def _check_values(self) -> None:
        checks.whole("after", self.after, 0, _MAX_CALLS)
        if self.times is not None:
            checks.whole("times", self.times, 0, _MAX_CALLS)
        if self.probability is not None:
            checks.number("probability", self.probability, 0, 1)
        if self.status is not None:
            checks.whole("status", self.status, *_STATUSES)
        if self.body is not None:
            checks.text("body", self.body)
            self.body.encode()
        checks.headers("headers", self.headers)
        checks.flag("early", self.early)
        checks.seconds("seconds", self.seconds)
        checks.header_value("location", self.location)
        checks.texts("messages", self.messages)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Fault:
        """Create a rule from the JSON object of the control endpoint."""
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError(f"not a fault: {error}") from error

    @property
    def replaces_answer(self) -> bool:
        """True if the fault replaces the response, so that the request is not served."""
        return self.kind in _REPLACING

    def applies_to(self, call_kind: str) -> bool:
        """Return whether the rule applies to calls of this kind."""
        return "any" in self.on or call_kind in self.on


class InjectedFaults:
    """Injected rules, and how much of each is used up.

    :param faults: the initial rules.
    """

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(0)
        self._rules: list[_Rule] = [_Rule(fault) for fault in faults]

    def add(self, *faults: Fault) -> None:
        """Append rules, all or none; rules that are used up are removed."""
        with self._lock:
            self._rules = [rule for rule in self._rules if not rule.is_used_up]
            if len(self._rules) + len(faults) > MAX_FAULTS:
                raise ValueError(f"at most {MAX_FAULTS} faults can be waiting")
            self._rules += map(_Rule, faults)

    def clear(self) -> None:
        """Remove all rules and restart the sequence of random numbers."""
        with self._lock:
            self._rules.clear()
            self._random = random.Random(0)

    def strike(self, call_kind: str) -> list[Fault]:
        """Return the faults that hit this call, up to one that replaces the response; count them as used."""
        struck: list[Fault] = []
        with self._lock:
            for rule in self._rules:
                if rule.strikes(call_kind, self._random):
                    struck.append(rule.fault)
                    if rule.fault.replaces_answer:
                        break
        return struck


@dataclass
class _Rule:
    fault: Fault
    seen: int = 0
    struck: int = 0

    def strikes(self, call_kind: str, chance: random.Random) -> bool:
        if not self.fault.applies_to(call_kind) or self.is_used_up:
            return False
        self.seen += 1
        if self.seen <= self.fault.after:
            return False
        if self.fault.probability is not None and chance.random() >= self.fault.probability:
            return False
        self.struck += 1
        return True

    @property
    def is_used_up(self) -> bool:
        return self.fault.times is not None and self.struck >= self.fault.times
