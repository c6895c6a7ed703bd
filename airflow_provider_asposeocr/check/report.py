"""Compare what a run has seen with what the provider assumes, and print it as a table or as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

from airflow_provider_asposeocr import __version__
from airflow_provider_asposeocr.check.observers import OBSERVERS
from airflow_provider_asposeocr.check.probe import Seen
from airflow_provider_asposeocr.check.unknowns import UNKNOWNS, Unknown
from airflow_provider_asposeocr.hooks.connection import ConnectionConfig


class Verdict(StrEnum):
    """Say how the service compares with an assumption."""

    SAME = "same"
    DIFFERS = "differs"
    NOT_OBSERVABLE = "not observable"


@dataclass(frozen=True, slots=True)
class Finding:
    """Hold what a run says of one unknown.

    :param unknown: its name.
    :param question: what was not known.
    :param assumed: what the provider assumes.
    :param observed: what was seen, in the same words; None if nothing was.
    :param verdict: how the two compare.
    :param note: of a difference what it means and what to change; why nothing was seen.
    """

    unknown: str
    question: str
    assumed: str
    observed: str | None
    verdict: Verdict
    note: str

    @classmethod
    def of(cls, unknown: Unknown, seen: Seen) -> Finding:
        """Compare an assumption with what was seen."""
        observe = OBSERVERS.get(unknown.name)
        observed = observe(seen) if observe else None
        if observed is None:
            verdict, note = Verdict.NOT_OBSERVABLE, (seen.stopped if observe else "") or unknown.unseen
        elif observed == unknown.assumed:
            verdict, note = Verdict.SAME, ""
        else:
            verdict, note = Verdict.DIFFERS, unknown.otherwise
        return cls(unknown.name, unknown.question, unknown.assumed, observed, verdict, note)


@dataclass(frozen=True, slots=True)
class Report:
    """Hold the findings of a run.

    :param provider: its version.
    :param service: the address below which the operations were called.
    :param billed_calls: by their kind.
    :param stopped: why the run came to an early end; empty if it did not.
    :param findings: one for each unknown.
    """

    provider: str
    service: str
    billed_calls: Mapping[str, int]
    stopped: str
    findings: list[Finding]

    @classmethod
    def of(cls, config: ConnectionConfig, seen: Seen) -> Report:
        """Compare what was seen of the service of a connection with all assumptions."""
        service = f"{config.base_url}{config.prefix}"
        findings = [Finding.of(unknown, seen) for unknown in UNKNOWNS]
        return cls(__version__, service, dict(seen.calls), seen.stopped, findings)

    @property
    def exit_status(self) -> int:
        """0 if nothing differs, 1 if something does, 2 if the run came to an early end."""
        return 2 if self.stopped else int(bool(self._with(Verdict.DIFFERS)))

    def to_json(self) -> str:
        """Return the report as JSON text."""
        return json.dumps(asdict(self), indent=2)

    def lines(self) -> Iterator[str]:
        """Yield the table, what each difference means, and a summary."""
        rows = [("", "unknown", "assumed", "observed")]
        rows += [
            (one.verdict, one.unknown, one.assumed, one.observed or f"({one.note})") for one in self.findings
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for finding in self._with(Verdict.DIFFERS):
            yield f"\n{finding.unknown}: {finding.question}"
            yield textwrap.fill(f"{finding.note}.", 100, initial_indent="  ", subsequent_indent="  ")
        counts = ", ".join(f"{verdict}: {len(self._with(verdict))}" for verdict in Verdict)
        kinds = ", ".join(f"{kind} {count}" for kind, count in self.billed_calls.items())
        yield f"\n{counts}. Billed calls: {sum(self.billed_calls.values())}{f' ({kinds})' if kinds else ''}"
        if self.stopped:
            yield f"The run came to an early end: {self.stopped}"

    def _with(self, verdict: Verdict) -> list[Finding]:
        return [finding for finding in self.findings if finding.verdict is verdict]
