"""Sign-ins of one pair on one host: how many at a time, and what becomes of those that never end."""

from __future__ import annotations

import logging
import os
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from airflow_provider_asposeocr.api.exceptions import AsposeOcrAuthError, AsposeOcrConnectionError
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.hooks import auth, host
from airflow_provider_asposeocr.hooks.auth import guarded
from airflow_provider_asposeocr.hooks.host import folder as folder_of_user

from .conftest import Connect
from .support import Client, both_ways


@pytest.mark.parametrize("places", [1, 2])
def test_who_finds_no_place_waits_for_a_time_and_fails_for_a_retry(places: int) -> None:
    # Two once the pair has been accepted.
    if places == 2:
        with guarded("pair"):
            pass
    with ExitStack() as others:
        for _ in range(places):
            begun = time.monotonic()
            others.enter_context(guarded("pair", 5))
            assert time.monotonic() - begun < 2
        begun = time.monotonic()
        if places == 1:
            # It may hang: the next one waits for it, but is not kept out for good.
            others.enter_context(guarded("pair", 0.2))
            assert time.monotonic() - begun >= 0.2
        with pytest.raises(AsposeOcrConnectionError, match="did not come to an end within") as raised:
            others.enter_context(guarded("pair", 0.2))
        assert raised.value.retryable
        assert time.monotonic() - begun < 3
    with guarded("pair", 0):
        pass


def test_a_holder_that_dies_gives_its_place_back() -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        with guarded("pair"):
            os.write(writer, b"x")
            signal.pause()
    assert os.read(reader, 1)
    with ExitStack() as stack:
        with pytest.raises(AsposeOcrConnectionError), guarded("pair", 0):
            # The second place is free.
            stack.enter_context(guarded("pair", 0))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        stack.enter_context(guarded("pair", 0))
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, AsposeOcrConnectionError])
def test_a_sign_in_that_fails_otherwise_says_nothing_of_the_pair(error: type[BaseException]) -> None:
    for _ in range(3):
        with pytest.raises(error), guarded("pair", 0):
            raise error("x")


def as_a_file(folder: Path) -> None:
    folder.write_text("")


def open_to_others(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o755)


def as_a_link(folder: Path) -> None:
    folder.symlink_to(folder.parent)


@both_ways
@pytest.mark.parametrize("spoil", [as_a_file, open_to_others, as_a_link])
def test_where_the_host_remembers_nothing_the_process_does(
    way: str,
    spoil: Callable[[Path], None],
    emulator: Emulator,
    connect: Connect,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(host, "folder", folder_of_user)
    monkeypatch.setattr(auth, "_in_process", {})
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    spoil(tmp_path / f"asposeocr-{os.getuid()}")
    auth._warn_once.cache_clear()

    for message in ("HTTP 400", "a short while ago", "a short while ago"):
        auth.forget_all()
        with (
            Client(connect(emulator.url, password="wrong"), way) as client,
            pytest.raises(AsposeOcrAuthError, match=message),
        ):
            client.submit()
    with Client(connect(emulator.url), way) as client:
        assert client.submit()

    assert emulator.calls.token == 2
    warnings = [record for record in caplog.records if "not remembered on this host" in record.getMessage()]
    assert [record.levelno for record in warnings] == [logging.WARNING]


def test_a_disk_that_takes_nothing_does_not_fail_a_sign_in(caplog: pytest.LogCaptureFixture) -> None:
    auth._warn_once.cache_clear()
    with Path("/dev/full").open("wb", 0) as file, caplog.at_level(logging.WARNING):
        auth._write("pair", file, 1.0)
        auth._write("pair", file, 1.0)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("Rejected credentials are not remembered on this host")
