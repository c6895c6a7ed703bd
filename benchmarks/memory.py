"""Measure memory and time of sending a file and of fetching a result, beside other ways to do it.

Every measurement is a process of its own: it imports, connects, makes one small call, and from then on
counts. All talk to the emulator in its discarding mode; S3 is moto's server.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from airflow_provider_asposeocr.emulator.generated import generated_sha256
from benchmarks.about import REPOSITORY, SCRATCH, Stopwatch, circumstances, tell, write_json
from benchmarks.services import BUCKET, SDK, Services, check_space, running
from benchmarks.tables import Table

SUBMIT_CLIENTS = ("submit", "asubmit", "vendor SDK", "HttpHook")
FETCH_CLIENTS = ("fetch", "vendor SDK", "HttpHook")
PEERS = frozenset({"vendor SDK", "HttpHook"})
STORAGES = ("disk", "s3")
_SIZES = {"submit": [1, 10, 100, 500], "fetch": [1, 10, 100, 200]}
_QUICK_SIZES = {"submit": [1, 10], "fetch": [1, 10]}
_MODULES = {"vendor SDK": "sdk_client", "HttpHook": "http_client"}

MAX_MIB = {("submit", "disk"): 8, ("submit", "s3"): 16, ("fetch", "disk"): 16, ("fetch", "s3"): 24}
"""The targets: extra MiB of this provider, whatever the size."""

TIMED_FROM = 10
"""Megabytes from which a submission is to be no slower than the faster peer."""

_PACKAGES = (
    "airflow-provider-asposeocr",
    "apache-airflow",
    "apache-airflow-providers-amazon",
    "apache-airflow-providers-http",
    "aiohttp",
    "requests",
    "urllib3",
    "fsspec",
    "s3fs",
    "moto",
    "uvicorn",
)
_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Row:
    """Figures of one client for one size.

    :param action: ``submit`` or ``fetch``.
    :param storage: where the file comes from or goes to.
    :param megabytes: its size.
    :param client: who sends or fetches.
    :param idle_mib: resident memory before, the median.
    :param extra_mib: the peak above that, the highest of all processes.
    :param seconds: the median.
    :param noise: half of the range of the seconds, as a part of their median.
    :param ratio: the seconds by those of the fastest peer.
    :param missed: the targets that were missed.
    """

    action: str
    storage: str
    megabytes: int
    client: str
    idle_mib: float
    extra_mib: float
    seconds: float
    noise: float
    ratio: float
    missed: tuple[str, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print both tables, write them as JSON.

    :param arguments: the command line; None takes the process's own.
    :return: the exit status.
    """
    given = _parser().parse_args(arguments)
    if not Path("/proc/self/clear_refs").exists():
        raise SystemExit("the peak of memory is read from /proc, which only Linux has")
    sizes = _QUICK_SIZES if given.quick else _SIZES
    repeats = given.repeats or (1 if given.quick else 3)
    watch = Stopwatch()
    with tempfile.TemporaryDirectory(prefix="asposeocr-benchmark-") as name:
        check_space(Path(name), 3 * sum(sizes["submit"]) + 3 * max(sizes["fetch"]))
        with running(Path(name)) as services:
            services.make_sources(sizes["submit"])
            rows = [
                *_measure_all(services, "submit", SUBMIT_CLIENTS, sizes["submit"], repeats),
                *_measure_all(services, "fetch", FETCH_CLIENTS, sizes["fetch"], repeats),
            ]
    data = watch.about(repeats, _PACKAGES, SDK=SDK) | {"rows": [asdict(row) for row in rows]}
    _print_tables(data)
    write_json(given.json, data)
    return 1 if given.check and any(row.missed for row in rows) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, once: for work on this program")
    parser.add_argument("--repeats", type=int, help="processes for each cell (default: 3, with --quick 1)")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed")
    parser.add_argument("--json", type=Path, default=SCRATCH / "memory.json", metavar="PATH")
    return parser


def _measure_all(
    services: Services, action: str, clients: Sequence[str], sizes: Sequence[int], repeats: int
) -> list[Row]:
    rows: list[Row] = []
    for storage in STORAGES:
        for megabytes in sizes:
            reports: dict[str, list[dict[str, Any]]] = {client: [] for client in clients}
            # In turn, so that what else the machine does strikes all of them alike.
            for _ in range(repeats):
                for client in clients:
                    tell(f"{action} {storage} {megabytes} MB: {client}")
                    reports[client].append(_measure(services, action, client, storage, megabytes))
            rows += _rows(action, storage, megabytes, reports)
    tell("")
    return rows


def _measure(services: Services, action: str, client: str, storage: str, megabytes: int) -> dict[str, Any]:
    """Run one process, and check that what it sent or stored is right."""
    spec: dict[str, Any] = services.account() | {"client": client, "action": action, "s3": services.s3}
    spec["times"] = 5 if megabytes <= TIMED_FROM else 1
    if action == "submit":
        spec |= {"warm_up": services.source(storage, 0), "target": services.source(storage, megabytes)}
        report = _run(services, spec)
        right = services.last_upload() == services.digests[megabytes]
    else:
        folder = f"s3://{BUCKET}" if storage == "s3" else str(services.folder)
        size = megabytes * _MEGABYTE
        spec |= {"ocr_task_id": services.submit_small(), "target": f"{folder}/result.pdf"}
        report = _run(services, spec | {"bytes": size, "warm_up_bytes": 10_000})
        right = services.digest_and_drop(spec["target"]) == generated_sha256("Pdf", size)
    if not right:
        raise RuntimeError(f"{client} sent or stored other bytes than it should")
    return report


def _run(services: Services, spec: dict[str, Any]) -> dict[str, Any]:
    python = services.sdk_python if spec["client"] == "vendor SDK" else sys.executable
    done = subprocess.run(
        [python, "-m", f"benchmarks.{_MODULES.get(spec['client'], 'our_client')}", json.dumps(spec)],
        cwd=REPOSITORY,
        env=services.environment(),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{spec['client']} failed:\n{done.stdout}{done.stderr}")
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def _rows(
    action: str, storage: str, megabytes: int, reports: dict[str, list[dict[str, Any]]]
) -> Iterable[Row]:
    seconds = {client: [s for report in own for s in report["seconds"]] for client, own in reports.items()}
    medians = {client: statistics.median(own) for client, own in seconds.items()}
    fastest = min(median for client, median in medians.items() if client in PEERS)
    for client, own in reports.items():
        extra, ratio = max(report["extra_mib"] for report in own), medians[client] / fastest
        yield Row(
            action,
            storage,
            megabytes,
            client,
            statistics.median(report["idle_mib"] for report in own),
            extra,
            medians[client],
            (max(seconds[client]) - min(seconds[client])) / 2 / medians[client],
            ratio,
            () if client in PEERS else _missed(action, storage, megabytes, extra, ratio),
        )


def _missed(action: str, storage: str, megabytes: int, extra: float, ratio: float) -> tuple[str, ...]:
    missed = []
    if extra > MAX_MIB[action, storage]:
        missed.append(f"memory > {MAX_MIB[action, storage]} MiB")
    if action == "submit" and megabytes >= TIMED_FROM and ratio > 1:
        missed.append("slower than a peer")
    return tuple(missed)


def tables(data: Mapping[str, Any]) -> list[Table]:
    """All figures as tables.

    :param data: the figures.
    """
    titles = {"submit": "Submit a file", "fetch": "Fetch a result and store it"}
    columns = ("storage", "MB", "client", "extra MiB", "s", "±", "ratio", "target")
    found = []
    for action, title in titles.items():
        of_action = [Row(**row) for row in data["rows"] if row["action"] == action]
        cells: list[Sequence[str] | None] = []
        for before, row in zip([None, *of_action], of_action, strict=False):
            if before and (before.storage, before.megabytes) != (row.storage, row.megabytes):
                cells.append(None)
            cells.append(_cells(row))
        found.append(Table(title, columns, cells))
    return found


def _cells(row: Row) -> Sequence[str]:
    verdict = "" if row.client in PEERS else ", ".join(row.missed) or "OK"
    return (
        *(row.storage, f"{row.megabytes}", row.client, f"{row.extra_mib:.1f}", f"{row.seconds:.3f}"),
        *(f"{row.noise:.0%}", f"{row.ratio:.2f}", verdict),
    )


def _print_tables(data: Mapping[str, Any]) -> None:
    print(f"{circumstances(data)}\n")
    print(
        f"Each cell: {data['repeats']} processes in turn, up to {TIMED_FROM} MB five operations in each. "
        "MiB: the highest peak over the idle process.\n"
        "s: the median, ± half of the range. Ratio: median by that of the fastest peer. "
        "S3 is moto, its objects kept in memory."
    )
    for table in tables(data):
        print(f"\n{table.text()}")
    missed = sum(bool(row["missed"]) for row in data["rows"])
    print(f"\n{missed or 'No'} row{'s' * (missed != 1)} with a missed target; {data['duration_seconds']} s")


if __name__ == "__main__":
    sys.exit(main())
