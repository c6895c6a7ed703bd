"""The command: its question, its exit status, what it prints, and what it does not."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys

import pytest

from airflow_provider_asposeocr.check.__main__ import main
from airflow_provider_asposeocr.emulator.testing import CONNECTION_VARIABLE, Emulator
from tests.check.configurations import DEFAULTS, OTHER_SIDE, TEXT
from tests.check.running import Checker
from tests.test_words import ROOT


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "yesterday\n"])
def test_nothing_is_called_without_consent(
    checker: Checker, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    with Emulator(**DEFAULTS) as emulator:
        checker.connect(emulator)
        status, out, err = checker.print("--wait", "0")
        assert (status, out, emulator.transcript) == (2, "", [])
        assert f"at most 12 billed calls to {emulator.url}/v5.0/ocr" in err
    assert err.endswith("asposeocr-check: no call was made\n")


def test_an_interruption_is_told(checker: Checker, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        def readline(self) -> str:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", Interrupted())
    with Emulator(**DEFAULTS) as emulator:
        checker.connect(emulator)
        status, out, err = checker.print()
    assert (status, out) == (2, "")
    assert "asposeocr-check: interrupted; " in err


def test_the_table_says_the_same_as_the_json(checker: Checker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with Emulator(**OTHER_SIDE) as emulator:
        checker.connect(emulator)
        status, out, _ = checker.print("--wait", "0")
        assert status == 1
        emulator.reset()
        findings = checker.run(emulator).findings
    head, *lines = out.splitlines()
    assert head.split() == ["unknown", "assumed", "observed"]
    for line, finding in zip(lines, findings.values(), strict=False):
        said = finding["observed"] or f"({finding['note']})"
        assert line.startswith(f"{finding['verdict']} ")
        assert f"  {finding['unknown']}  " in f"{line}  "
        assert f"  {finding['assumed']}  " in line
        assert line.endswith(f"  {said}")
    explained = " ".join(" ".join(lines[len(findings) :]).split())
    for finding in findings.values():
        told = f"{finding['unknown']}: {finding['question']} {finding['note']}." in explained
        assert told == (finding["verdict"] == "differs")
    assert lines[-1] == (
        "same: 2, differs: 18, not observable: 14. Billed calls: 11 (submit 2, fetch 7, status 1, delete 1)"
    )


def test_the_output_on_the_page_is_that_of_a_run(checker: Checker) -> None:
    page = (ROOT / "docs" / "service.md").read_text()
    (shown,) = re.findall(r"^```text\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    with Emulator(**DEFAULTS, unknown_id="404") as emulator:
        checker.connect(emulator)
        status, out, _ = checker.print("--yes", "--wait", "0")
    assert status == 1
    assert [line for line in shown.splitlines() if line not in out.splitlines()] == []


def test_neither_secrets_nor_ids_nor_text_are_printed(
    checker: Checker, caplog: pytest.LogCaptureFixture
) -> None:
    with Emulator(**OTHER_SIDE) as emulator:
        run = checker.run(emulator)
        hidden = [emulator.client_id, emulator.client_secret, *emulator.tokens, *emulator.ocr_tasks, TEXT]
        assert len(hidden) == 6
    assert [secret for secret in hidden if secret in run.printed + caplog.text] == []


def test_a_connection_that_cannot_be_used_is_told_before_the_question(
    checker: Checker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONNECTION_VARIABLE, '{"conn_type": "asposeocr"}')
    status, out, err = checker.print()
    assert (status, out) == (2, "")
    assert "the connection has no Client ID" in err
    status, out, err = checker.print("--conn-id", "another")
    assert (status, out) == (2, "")
    assert "there is no Airflow connection 'another'" in err


def test_a_service_that_is_not_there_is_told(checker: Checker) -> None:
    with Emulator(**DEFAULTS) as emulator:
        checker.connect(emulator, timeout=60)
    status, out, _ = checker.print("--yes", "--wait", "0")
    assert status == 2
    assert "The run came to an early end: sign in: " in out
    assert "Billed calls: 0\n" in out


@pytest.mark.parametrize("seconds", ["-1", "nan", "601", "soon"])
def test_a_wait_that_cannot_be_is_refused(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--wait", seconds])
    assert stopped.value.code == 2
    assert "invalid number of seconds, from 0 to 600" in capsys.readouterr().err


def test_the_command_runs_in_a_process_of_its_own() -> None:
    """Only the report goes to its standard output, whatever Airflow logs."""
    with Emulator(**DEFAULTS) as emulator:
        done = subprocess.run(
            [sys.executable, "-m", "airflow_provider_asposeocr.check", "--yes", "--json", "--wait", "0"],
            env={**os.environ, CONNECTION_VARIABLE: emulator.connection_json()},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["service"] == f"{emulator.url}/v5.0/ocr"


def test_help_needs_no_airflow() -> None:
    script = (
        "import sys; from airflow_provider_asposeocr.check.__main__ import main\n"
        "try: main(['--help'])\n"
        "finally: assert 'airflow' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--conn-id" in done.stdout
