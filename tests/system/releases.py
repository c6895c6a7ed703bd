"""The releases of Airflow that are tested, each with what it needs.

``python -m tests.system.releases 3.0.6`` prints the requirements of a release, for an installer.
"""

from __future__ import annotations

import sys

RELEASES: dict[str, tuple[str, ...]] = {
    "2.11.2": (),
    "3.0.6": ("fastapi==0.117.1", "cadwyn==5.4.6", "universal-pathlib==0.2.6"),
    "3.1.8": (),
    "3.2.2": ("fastapi==0.136.3", "cadwyn==7.0.0"),
    "3.3.2": (),
}
"""Releases of Airflow, with the versions that each needs of what has become too new for it."""


def requirements(release: str) -> list[str]:
    """Return what an installer has to be asked for.

    :param release: one of :data:`RELEASES`.
    """
    return [f"apache-airflow=={release}", *RELEASES[release]]


if __name__ == "__main__":
    given = sys.argv[1]
    if given not in RELEASES:
        sys.exit(f"AIRFLOW has to be one of {', '.join(RELEASES)}, not {given!r}")
    print(*requirements(given))
