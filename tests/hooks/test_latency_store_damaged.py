"""Files of completion times that are damaged, or not this user's: they count as none."""

from __future__ import annotations

import json
import math
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_asposeocr.api.latency import GRID
from airflow_provider_asposeocr.hooks.latency_store import MAX_BYTES, KeptLatencyModels

from .learning import FRESH, HOUR, file, found, learn
from .support import OPERATION


def content(**changes: Any) -> bytes:
    """Return a file as it is, but for some members."""
    return json.dumps({**json.loads(file().read_bytes()), **changes}).encode()


def of_one_kind(*hours: Any, operation: Any = OPERATION, size_class: Any = 5) -> Callable[[Path], None]:
    """Spoil what is told of a kind."""
    return lambda path: void(path.write_bytes(content(kinds=[[operation, size_class, list(hours)]])))


def void(_: object) -> None:
    """Drop a value."""


def now() -> int:
    """Return the hour."""
    return int(time.time() // HOUR)


def as_a_link(path: Path) -> None:
    """Put the file elsewhere, and a link in its place."""
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def as_a_pipe(path: Path) -> None:
    """Put something there that is never read to its end."""
    path.unlink()
    os.mkfifo(path)


def of_somebody_else(path: Path) -> None:
    """Give the file to another user."""
    if os.getuid():
        pytest.skip("only root can give files away")
    os.chown(path, 12345, 12345)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "empty": lambda path: void(path.write_bytes(b"")),
    "cut off": lambda path: void(path.write_bytes(path.read_bytes()[:-7])),
    "noise": lambda path: void(path.write_bytes(random.Random(0).randbytes(2000))),
    "not UTF-8": lambda path: void(path.write_bytes(b'{"version": "\xff"}')),
    "nested": lambda path: void(path.write_bytes(b"[" * 50_000)),
    "a long number": lambda path: void(path.write_bytes(b"1" * 10_000)),
    "too long": lambda path: void(path.write_bytes(content() + b" " * MAX_BYTES)),
    "a list": lambda path: void(path.write_bytes(b"[]")),
    "null": lambda path: void(path.write_bytes(b"null")),
    "another version": lambda path: void(path.write_bytes(content(version=2))),
    "another grid": lambda path: void(path.write_bytes(content(grid=[0.5, 1.0, 100]))),
    "no kinds": lambda path: void(path.write_bytes(content(kinds=None))),
    "kinds of text": lambda path: void(path.write_bytes(content(kinds=["abc"]))),
    "kinds too short": lambda path: void(path.write_bytes(content(kinds=[[OPERATION]]))),
    "operation is a number": of_one_kind([now(), 70, 75], operation=5),
    "operation is a book": of_one_kind([now(), 70, 75], operation="x" * 500),
    "size class is text": of_one_kind([now(), 70, 75], size_class="5"),
    "size class is huge": of_one_kind([now(), 70, 75], size_class=10**30),
    "hours are numbers": of_one_kind(5),
    "hour is true": of_one_kind([True, 70, 75]),
    "hour is infinite": of_one_kind([math.inf, 70, 75]),
    "bins without their end": of_one_kind([now(), 70]),
    "bins beyond the grid": of_one_kind([now(), 70, len(GRID)]),
    "bins below zero": of_one_kind([now(), -1, 75]),
    "bins in the wrong order": of_one_kind([now(), 75, 70]),
    "bins with fractions": of_one_kind([now(), 70.5, 75]),
    "a link": as_a_link,
    "a pipe": as_a_pipe,
    "of somebody else": of_somebody_else,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_counts_as_none_and_is_replaced(
    damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    learned = learn(KeptLatencyModels())
    damage(file())
    assert found() == FRESH
    assert learn(KeptLatencyModels()) == learned
    assert found() == learned
    assert file().lstat().st_uid == os.getuid()
    assert not file().is_symlink()
    assert not caplog.records, "no more than a line for those who debug"


def test_a_folder_in_its_place_is_left_alone() -> None:
    learn(KeptLatencyModels())
    path = file()
    path.unlink()
    path.mkdir()
    assert found() == FRESH
    learn(KeptLatencyModels())
    assert path.is_dir()
