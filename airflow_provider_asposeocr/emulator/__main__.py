"""Console script ``asposeocr-emulator``."""

from __future__ import annotations

import argparse
import ipaddress
import json
import shlex
import signal
import sys
import threading
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_asposeocr.emulator.options import EmulatorOptions

if TYPE_CHECKING:
    from airflow_provider_asposeocr.emulator.testing import Emulator

_DEFAULT_PORT = 8787
_PROGRAM = "asposeocr-emulator"
_HIDDEN = "..."


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until the process is interrupted or terminated.

    :param arguments: the command line; None uses ``sys.argv``.
    :return: the exit status.
    """
    given = _parser().parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with _emulator(given) as emulator:
            if not _is_local(emulator):
                print(_exposed_line(emulator), file=sys.stderr)
            print(ready_line(emulator), flush=True)
            stop.wait()
    except (ImportError, OSError, ValueError) as error:
        print(f"{_PROGRAM}: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    defaults = EmulatorOptions()
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        description="Serve a local Aspose.OCR Cloud v5.0 with real recognition, for development and tests.",
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=_port, default=_DEFAULT_PORT, help="port, 0 for a free one (default: %(default)s)")
    add("--client-id", default=defaults.client_id, help="client id to accept (default: %(default)s)")
    add(
        "--client-secret",
        default=defaults.client_secret,
        help="client secret to accept (default: %(default)s)",
    )
    add(
        "--token-lifetime",
        type=int,
        default=defaults.token_lifetime,
        metavar="SECONDS",
        help="lifetime of tokens (default: %(default)s)",
    )
    add(
        "--retention",
        type=float,
        default=defaults.retention_seconds,
        metavar="SECONDS",
        help="how long OCR tasks and their results are kept (default: %(default)s)",
    )
    add(
        "--min-processing-seconds",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="minimum duration of an OCR task (default: %(default)s)",
    )
    scripted = parser.add_mutually_exclusive_group()
    scripted.add_argument("--no-ocr", action="store_true", help="return a fixed text immediately")
    scripted.add_argument(
        "--scripted", type=float, metavar="SECONDS", help="return a fixed text after this delay"
    )
    add("--state-dir", type=Path, metavar="DIR", help="keep OCR tasks here across restarts")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return int(text)


def _emulator(given: argparse.Namespace) -> Emulator:
    # Imported late: without the extra it raises, and the error must be reported in one line.
    from airflow_provider_asposeocr.emulator.testing import Emulator

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
    """Return the line that announces the emulator and shows how to connect Airflow to it."""
    from airflow_provider_asposeocr.emulator.testing import CONNECTION_VARIABLE

    connection = json.loads(emulator.connection_json())
    if not _is_well_known(emulator):
        # A secret that the user chose must not end up in logs.
        connection["password"] = _HIDDEN
    quoted = shlex.quote(json.dumps(connection))
    return f"{_PROGRAM} at {emulator.url}; export {CONNECTION_VARIABLE}={quoted}"


def _is_local(emulator: Emulator) -> bool:
    host = urllib.parse.urlsplit(emulator.url).hostname or ""
    return ipaddress.ip_address(host).is_loopback


def _is_well_known(emulator: Emulator) -> bool:
    return emulator.client_secret == EmulatorOptions().client_secret


def _exposed_line(emulator: Emulator) -> str:
    credentials = (
        "its credentials are well known"
        if _is_well_known(emulator)
        else "anyone who has its credentials can use it"
    )
    return (
        f"{_PROGRAM}: warning: other machines can reach {emulator.url}, and {credentials}; "
        "the control endpoints answer this machine only."
    )


if __name__ == "__main__":
    sys.exit(main())
