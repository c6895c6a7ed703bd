"""Console script ``asposeocr-check``: compare a service with what the provider assumes of it."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_asposeocr.check.report import Report
    from airflow_provider_asposeocr.hooks.connection import ConnectionConfig

_PROGRAM = "asposeocr-check"
_MAX_WAIT = 600.0
_NOT_RUN = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the service of a connection, once the user has agreed to the billed calls.

    :param arguments: the command line; None uses ``sys.argv``.
    :return: the exit status: 0 if nothing differs, 1 if something does, 2 if it could not be checked.
    """
    given = parser().parse_args(arguments)
    # Airflow logs to the standard output, which is the report's.
    with contextlib.redirect_stdout(sys.stderr):
        report = _report(given)
    if report is None:
        return _NOT_RUN
    print(report.to_json() if given.json else "\n".join(report.lines()))
    return report.exit_status


def parser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    made = argparse.ArgumentParser(
        prog=_PROGRAM,
        description="Compare Aspose.OCR Cloud with what the provider assumes of it, in a few billed calls.",
        epilog="Exit status: 0 if nothing differs, 1 if something does, 2 if it could not be checked.",
    )
    add = made.add_argument
    add("--conn-id", default="asposeocr_default", help="Airflow connection (default: %(default)s)")
    add("--yes", action="store_true", help="do not ask before the billed calls are made")
    add("--json", action="store_true", help="print JSON")
    add(
        "--wait",
        type=_seconds,
        default=5.0,
        metavar="SECONDS",
        help="before the OCR task is asked for again, doubled once (default: %(default)s)",
    )
    return made


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _MAX_WAIT:
        raise argparse.ArgumentTypeError(f"invalid number of seconds, from 0 to {_MAX_WAIT:.0f}: {text}")
    return seconds


def _report(given: argparse.Namespace) -> Report | None:
    # Late, as all that loads Airflow, which --help does not need.
    from airflow_provider_asposeocr.api.exceptions import AsposeOcrError
    from airflow_provider_asposeocr.check.probe import Probe
    from airflow_provider_asposeocr.check.report import Report

    try:
        config = _config(given.conn_id)
        if given.yes or _agreed(config):
            return Report.of(config, Probe(config, given.wait).run())
        reason = "no call was made"
    except AsposeOcrError as error:
        reason = str(error)
    except KeyboardInterrupt:
        reason = "interrupted; what was submitted stays at the service for 24 hours"
    print(f"{_PROGRAM}: {reason}", file=sys.stderr)
    return None


def _config(conn_id: str) -> ConnectionConfig:
    # The one of the SDK asks the supervisor of a task, which a command has none of: only this one finds a
    # connection of the metadata database.
    from airflow.models.connection import Connection

    from airflow_provider_asposeocr.hooks.connection import ConnectionConfig, existing

    with existing(conn_id):
        connection = Connection.get_connection_from_secrets(conn_id)
    config = ConnectionConfig.of(connection, connection.extra_dejson)
    # Found out before anybody is asked.
    config.credentials()
    config.ssl_context()
    return config


def _agreed(config: ConnectionConfig) -> bool:
    from airflow_provider_asposeocr.check.caller import MAX_CALLS

    print(
        f"{_PROGRAM} makes at most {MAX_CALLS} billed calls to {config.base_url}{config.prefix}: it submits "
        "a small image of its own, and deletes the result. It signs in twice, which is not billed: with the "
        "connection, and with made-up credentials.\nGo on? [y/N] ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    return sys.stdin.readline().strip().casefold() in ("y", "yes")


if __name__ == "__main__":
    sys.exit(main())
