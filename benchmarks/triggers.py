"""Measure what thousands of triggers take: sign-ins, sockets, time of the event loop and processor, memory.

The same polls are made by a bare loop with one session of aiohttp, and by the two usual ways to do without
a shared session. Every measurement is a process of its own, and they take turns.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.about import Stopwatch, tell
from benchmarks.bare import sign_in
from benchmarks.processes import CONNECTION, Service, environment, report, start
from benchmarks.program import finish, options
from benchmarks.sockets import SocketWatch
from benchmarks.tables import Table, Target, middle, targets_table

OURS, BARE = "triggers", "bare"
PEERS = ("session each request", "session each trigger")
NAMES = {
    OURS: "triggers of this provider",
    BARE: "bare loop, one session of aiohttp",
    PEERS[0]: "a session for each request",
    PEERS[1]: "a session for each trigger",
}

MAX_TOKENS, MAX_SOCKETS, MAX_LAG_MS, MAX_CPU_RATIO = 1, 100, 100.0, 1.2
"""The targets: of the triggers; the processor time by that of the bare loop."""

_ROUNDS_OF_PEERS = _ROUNDS_AT_ONCE = 2
_FOREVER = 1e6
_SUBMITTING = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write the figures as JSON.

    :param arguments: the command line; None takes the process's own.
    :return: the exit status.
    """
    given = _parser().parse_args(arguments)
    rounds = given.rounds or (1 if given.quick else 9)
    waiters, interval, seconds = (400, 2.0, 5.0) if given.quick else (2000, 5.0, 10.0)
    size = {"waiters": waiters, "interval": interval}
    # Ours poll first after one interval, and are spread: after two and a bit all of them have polled.
    settled = 2.1 * interval
    windows = [(interval, 2 * interval), (settled, settled + seconds)]
    watch, found = Stopwatch(), []
    with tempfile.TemporaryDirectory(prefix="asposeocr-benchmark-") as name:
        # In turn, so that what else the machine does strikes all of them alike.
        for turn in range(rounds):
            peers = PEERS if turn < _ROUNDS_OF_PEERS else ()
            for variant in (OURS, BARE, *peers):
                tell(f"round {turn + 1} of {rounds}: {NAMES[variant]}")
                spec = {**size, "variant": variant, "at_once": False, "windows": windows}
                found.append(_measure(spec, turn, Path(name)))
        for turn in range(min(rounds, _ROUNDS_AT_ONCE)):
            for variant in (OURS, BARE):
                tell(f"all at once, round {turn + 1}: {NAMES[variant]}")
                spec = {**size, "variant": variant, "at_once": True, "windows": [(0.0, 10.0)]}
                spec["interval"] = None if variant == OURS else interval
                found.append(_measure(spec, turn, Path(name)))
    tell("")
    data = watch.about(rounds) | size | {"runs": found}
    return finish("triggers", given, data, tables, targets)


def _parser() -> argparse.ArgumentParser:
    parser = options("triggers", __doc__, "few triggers, once")
    parser.add_argument("--rounds", type=int, help="processes of each kind (default: 9, with --quick 1)")
    return parser


def _measure(spec: dict[str, Any], turn: int, folder: Path) -> dict[str, Any]:
    with Service(_FOREVER, transcript_limit=100_000) as service:
        ids = folder / "ids.json"
        ids.write_text(json.dumps(asyncio.run(_submit(service.connection, spec["waiters"] + 1))))
        before = service.seen()["calls"]
        variables = environment(folder, **{CONNECTION: json.dumps(service.connection)})
        with SocketWatch(service.port) as sockets:
            given = spec | {"connection": service.connection, "ids": str(ids)}
            client = report(start("triggers_client", given, variables))
        windows = client["windows"]
        seen = [service.seen(between=window["between"]) for window in windows]
    cpu = [1000 * w["cpu_seconds"] / s["polls_between"] for w, s in zip(windows, seen, strict=True)]
    window, (began, ended) = windows[-1], windows[-1]["between"]
    firsts = seen[-1]["first_polls"]
    return {
        "variant": spec["variant"],
        "at_once": spec["at_once"],
        "turn": turn,
        "tokens": seen[-1]["calls"]["token"] - before["token"],
        "sockets": sockets.most,
        "lag_p99_ms": 1000 * window["lag_p99"],
        "lag_max_ms": 1000 * window["lag_max"],
        "polls_per_second": seen[-1]["polls_between"] / (ended - began),
        "cpu_ms_per_first_poll": cpu[0],
        "cpu_ms_per_poll": cpu[-1],
        "kib_each": client["bytes_each"] / 1024,
        "polled": len(firsts),
        "all_polled_after": firsts[-1] - client["started"],
    }


async def _submit(account: Mapping[str, str], count: int) -> list[str]:
    """Submit so many sources and return the ids of their OCR tasks."""
    turns = asyncio.Semaphore(_SUBMITTING)
    url = f"{account['host']}/v5.0/ocr/RecognizeImage"
    async with aiohttp.ClientSession() as session:
        headers = await sign_in(session, account)

        async def one() -> str:
            body = {"image": "aW1hZ2U=", "settings": {}}
            async with turns, session.post(url, json=body, headers=headers) as answer:
                answer.raise_for_status()
                return (await answer.text()).strip().strip('"')

        return list(await asyncio.gather(*(one() for _ in range(count))))


def _of(data: Mapping[str, Any], variant: str, *, at_once: bool = False) -> list[Mapping[str, Any]]:
    return [run for run in data["runs"] if run["variant"] == variant and run["at_once"] == at_once]


def _ratios(data: Mapping[str, Any], variant: str, what: str = "cpu_ms_per_poll") -> list[float]:
    """Return the processor time for each poll by that of the bare loop in the same round."""
    bare = {run["turn"]: run[what] for run in _of(data, BARE)}
    return [run[what] / bare[run["turn"]] for run in _of(data, variant)]


def targets(data: Mapping[str, Any]) -> list[Target]:
    """Return the targets and what was measured.

    :param data: the figures.
    """
    ours, burst = _of(data, OURS), _of(data, OURS, at_once=True)
    waiters, ratio = data["waiters"], statistics.median(_ratios(data, OURS))
    tokens, sockets = (max(run[name] for run in [*ours, *burst]) for name in ("tokens", "sockets"))
    lag, late = (statistics.median(run["lag_p99_ms"] for run in runs) for runs in (ours, burst))
    return [
        Target.at_most(f"token calls of {waiters:,} waiting triggers", MAX_TOKENS, tokens),
        Target.at_most("sockets open at a time", MAX_SOCKETS, sockets),
        Target.at_most("event loop late, 99th percentile, ms", MAX_LAG_MS, lag, "{:.0f}"),
        Target.at_most("the same in the 10 s after all start at once, ms", MAX_LAG_MS, late, "{:.0f}"),
        Target.at_most("processor time per poll by that of the bare loop", MAX_CPU_RATIO, ratio, "{:.2f}"),
    ]


def tables(data: Mapping[str, Any]) -> list[Table]:
    """All figures as tables.

    :param data: the figures.
    """
    return [targets_table(targets(data)), _waiting(data), _at_once(data)]


def _waiting(data: Mapping[str, Any]) -> Table:
    rows = []
    for variant in NAMES:
        runs = _of(data, variant)
        rows.append(
            (
                NAMES[variant],
                f"{max(run['tokens'] for run in runs):,}",
                f"{max(run['sockets'] for run in runs):,}",
                middle([run["polls_per_second"] for run in runs], "{:.0f}"),
                middle([run["lag_p99_ms"] for run in runs], "{:.1f}"),
                middle([run["cpu_ms_per_poll"] for run in runs]),
                middle(_ratios(data, variant)),
                middle(_ratios(data, variant, "cpu_ms_per_first_poll")),
                middle([run["kib_each"] for run in runs], "{:.1f}"),
            )
        )
    return Table(
        f"{data['waiters']:,} waiting, a poll every {data['interval']:g} s each",
        (
            "who",
            "token calls",
            "sockets",
            "polls/s",
            "lag p99, ms",
            "CPU ms/poll",
            "by bare",
            "first polls, by bare",
            "KiB each",
        ),
        rows,
        "Measured when each has polled. Replies for a running OCR task repeat: the triggers do not parse "
        "again what has not changed, the bare loop does. First polls: those of the triggers, beside what the "
        "others do in the same seconds, which is to poll again.",
    )


def _at_once(data: Mapping[str, Any]) -> Table:
    rows = []
    for variant in (OURS, BARE):
        runs = _of(data, variant, at_once=True)
        rows.append(
            (
                NAMES[variant],
                f"{max(run['tokens'] for run in runs):,}",
                f"{max(run['sockets'] for run in runs):,}",
                middle([run["all_polled_after"] for run in runs], "{:.1f}"),
                middle([run["lag_p99_ms"] for run in runs], "{:.0f}"),
                middle([run["lag_max_ms"] for run in runs], "{:.0f}"),
            )
        )
    return Table(
        f"{data['waiters']:,} that start at the same moment and are due, the first 10 s",
        ("who", "token calls", "sockets", "all polled after, s", "lag p99, ms", "lag at most, ms"),
        rows,
    )


if __name__ == "__main__":
    sys.exit(main())
