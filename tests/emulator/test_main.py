"""Console script: its output, arguments and exit status."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess

import pytest
import requests

from airflow_provider_asposeocr.emulator.__main__ import main, ready_line
from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.process import COMMAND, start_emulator


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_console_script_ends_cleanly(number: signal.Signals) -> None:
    process, url = start_emulator()
    assert requests.get(url + "/_emulator/health", timeout=5).json()["mode"] == "scripted"
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.parametrize(
    ("secret", "shown"),
    [("emulator-client-secret", True), ("my own secret", False), ('my "own" \u00fc secret', False)],
)
def test_the_ready_line_gives_the_connection(secret: str, shown: bool) -> None:
    with Emulator(ocr=False, client_secret=secret) as emulator:
        line = ready_line(emulator)
        assignment = shlex.split(line.partition("; export ")[2])[0]
        name, _, connection = assignment.partition("=")
        assert line.startswith(f"asposeocr-emulator at {emulator.url}; ")
    assert name == "AIRFLOW_CONN_ASPOSEOCR_DEFAULT"
    assert json.loads(connection)["login"] == "emulator-client-id"
    assert (secret in line) == shown
    assert shown or "own" not in line


@pytest.mark.parametrize(("host", "warns"), [("127.0.0.1", False), ("localhost", False), ("0.0.0.0", True)])
@pytest.mark.parametrize("secret", ["emulator-client-secret", "my own"])
def test_an_address_that_others_can_reach_is_warned_of(host: str, warns: bool, secret: str) -> None:
    process, url = start_emulator("--no-ocr", "--host", host, "--client-secret", secret)
    process.terminate()
    _, err = process.communicate(timeout=10)
    if not warns:
        assert err == ""
        return
    assert err.startswith(f"asposeocr-emulator: warning: other machines can reach {url}, ")
    assert err.endswith("the control endpoints answer this machine only.\n")
    assert err.count("\n") == 1
    assert ("credentials are well known" in err) == (secret != "my own")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--retention", "nan"), "retention_seconds must be a number"),
        (("--token-lifetime", "-1"), "token_lifetime must be a whole number"),
        (("--scripted", "-1"), "service_seconds must be a number"),
        (("--host", "nowhere.invalid"), "bind"),
        (("--state-dir", "/dev/null"), "/dev/null"),
    ],
)
def test_wrong_arguments_end_it_in_one_line(arguments: tuple[str, str], message: str) -> None:
    given = arguments if arguments[0] == "--scripted" else ("--no-ocr", *arguments)
    done = subprocess.run([*COMMAND, *given], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("asposeocr-emulator: ")
    assert message in done.stderr


@pytest.mark.parametrize("port", ["-1", "65536", "x"])
def test_a_port_that_is_none_is_explained(port: str) -> None:
    done = subprocess.run([*COMMAND, f"--port={port}"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert "argument --port: " in done.stderr


def test_a_port_in_use_ends_the_console_script(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        assert main(["--port", emulator.url.rpartition(":")[2], "--no-ocr"]) == 1
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert "in use" in capsys.readouterr().err
