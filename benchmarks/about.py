"""On what machine and with which versions something was measured; the JSON file of a benchmark."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[1]
DOCS = REPOSITORY / "docs" / "benchmarks"
SCRATCH = REPOSITORY / "build" / "benchmarks"

MAX_QUIET_LOAD, MAX_QUIET_CORES = 0.7, 0.3
"""Up to which a machine counts as quiet: the cores that others use meanwhile, or, where not noted, the
load average before."""

PACKAGES = (
    "airflow-provider-asposeocr",
    "apache-airflow",
    "apache-airflow-providers-http",
    "aiohttp",
    "requests",
    "uvicorn",
)


class Stopwatch:
    """Notes load and time when a benchmark begins."""

    def __init__(self) -> None:
        self._began = time.time()
        self._load = os.getloadavg()[0]
        self._others = _busy() - _own()
        self._code = _digest_of_package()

    def about(self, repeats: int, packages: Iterable[str] = PACKAGES, **versions: str) -> dict[str, Any]:
        """Describe machine, versions and circumstances, at the end.

        :param repeats: how often each thing was measured.
        :param packages: distributions whose versions matter.
        :param versions: further versions.
        """
        found = {name: importlib.metadata.version(name) for name in packages}
        others = (_busy() - _own() - self._others) / (time.time() - self._began)
        return {
            "date": time.strftime("%Y-%m-%d", time.gmtime(self._began)),
            "machine": machine(),
            "load_before": round(self._load, 2),
            "cores_used_by_others": round(max(0.0, others), 2),
            "code_changed_meanwhile": self._code != _digest_of_package(),
            "repeats": repeats,
            "duration_seconds": round(time.time() - self._began),
            "versions": {"python": platform.python_version(), **found, **versions},
        }


def machine() -> str:
    """Processor, cores, memory and system."""
    cpu = next(
        (line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    memory = next(line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemTotal"))
    return f"{cpu}, {os.cpu_count()} cores, {int(memory) // 1024} MiB, {platform.system()}"


def circumstances(data: Mapping[str, Any]) -> str:
    """One sentence on what :meth:`Stopwatch.about` has noted.

    :param data: the JSON file of a benchmark.
    """
    load, others = data["load_before"], data.get("cores_used_by_others")
    quiet = load <= MAX_QUIET_LOAD if others is None else others <= MAX_QUIET_CORES
    busy = "" if others is None else f", other processes used {others:.2f} cores meanwhile"
    busy += "" if quiet else ", **not a quiet machine**"
    busy += ", **the code was changed meanwhile**" if data.get("code_changed_meanwhile") else ""
    versions = ", ".join(f"{name} {version}" for name, version in data["versions"].items())
    day = f"{data['date']}; " if "date" in data else ""
    return (
        f"{day}{data['machine']}; load average before: {load:.2f}{busy}; "
        f"{data['duration_seconds']} s in all. {versions}."
    )


def json_path(name: str, quick: bool) -> Path:
    """Return the file for the figures of a benchmark: those of quick runs are not for the documentation.

    :param name: of the benchmark.
    :param quick: whether sizes are small.
    """
    return (SCRATCH if quick else DOCS) / f"{name}.json"


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write figures to a file, and say so.

    :param path: the file.
    :param data: the figures.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=1) + "\n")
    print(f"As JSON: {path}")


def tell(progress: str) -> None:
    """Show on a terminal what is going on, in place of what was shown before."""
    if sys.stderr.isatty():
        print(f"\r\033[K{progress}", end="", file=sys.stderr, flush=True)


def _busy() -> float:
    """Seconds of processor time that the machine has spent, on all cores."""
    user, nice, system, _idle, _waiting, *interrupts = map(int, _lines("/proc/stat")[0].split()[1:8])
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def _own() -> float:
    """Seconds of processor time of this process and of those that it started and that have ended."""
    return sum(os.times()[:4])


def _digest_of_package() -> str:
    """Return what tells one state of the measured code from another."""
    digest = hashlib.sha256()
    for path in sorted((REPOSITORY / "airflow_provider_asposeocr").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
