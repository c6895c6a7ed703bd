"""The console script ``asposeocr-emulator``."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from airflow_provider_asposeocr.emulator.options import EmulatorOptions
from airflow_provider_asposeocr.emulator.testing import CONNECTION_VARIABLE, Emulator

_DEFAULT_PORT = 8787


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until the process is interrupted or terminated.

    :param arguments: the command line; None takes the process's own.
    :return: the exit status.
    """
    given = _parser().parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with _emulator(given) as emulator:
            print(ready_line(emulator), flush=True)
            stop.wait()
    except OSError as error:
        print(f"asposeocr-emulator: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    defaults = EmulatorOptions()
    parser = argparse.ArgumentParser(
        prog="asposeocr-emulator",
        description="Serve a local Aspose.OCR Cloud v5.0 with real recognition, for development and tests.",
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=_DEFAULT_PORT, help="port, 0 for a free one (default: %(default)s)")
    add("--client-id", default=defaults.client_id, help="accepted client id (default: %(default)s)")
    add(
        "--client-secret",
        default=defaults.client_secret,
        help="accepted client secret (default: %(default)s)",
    )
    add("--token-lifetime", type=int, default=defaults.token_lifetime, metavar="SECONDS")
    add("--retention", type=float, default=defaults.retention_seconds, metavar="SECONDS")
    add("--min-processing-seconds", type=float, default=0.0, metavar="SECONDS", help="least time of a task")
    scripted = parser.add_mutually_exclusive_group()
    scripted.add_argument("--no-ocr", action="store_true", help="answer a fixed text at once")
    scripted.add_argument(
        "--scripted", type=float, metavar="SECONDS", help="answer a fixed text after so long"
    )
    add("--state-dir", type=Path, metavar="DIR", help="keep tasks here across restarts")
    return parser


def _emulator(given: argparse.Namespace) -> Emulator:
    return Emulator(
        port=given.port,
        host=given.host,
        client_id=given.client_id,
        client_secret=given.client_secret,
        token_lifetime=given.token_lifetime,
        retention_seconds=given.retention,
        min_processing_seconds=given.min_processing_seconds,
        service_seconds=given.scripted or 0.0,
        ocr=not given.no_ocr and given.scripted is None,
        warm_up=True,
        state_dir=given.state_dir,
    )


def ready_line(emulator: Emulator) -> str:
    """Return the line that tells that the emulator is ready, and how Airflow gets to know it."""
    connection = emulator.connection_json()
    if emulator.client_secret != EmulatorOptions().client_secret:
        # A secret of the user's own does not belong into the logs of whoever started the emulator.
        connection = connection.replace(emulator.client_secret, "...")
    return f"asposeocr-emulator at {emulator.url}; export {CONNECTION_VARIABLE}={shlex.quote(connection)}"


if __name__ == "__main__":
    sys.exit(main())
