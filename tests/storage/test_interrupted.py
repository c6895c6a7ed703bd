"""A write that does not come to its end leaves what was there, and a retry completes it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_asposeocr.api.exceptions import AsposeOcrStorageError
from airflow_provider_asposeocr.api.task import OcrResult
from airflow_provider_asposeocr.files.destination import Names, store
from airflow_provider_asposeocr.files.storage import WRITE_BLOCK
from tests.storage.stores import S3, Store

NAMES = Names("file:///in/scan.png", "RecognizeImage", "5abe66e1-d823-48c1-bcb7-5c05c1719976")
ROOT = Path(__file__).parents[2]


class Broken:
    """A result that ends in an error when it has been written in part.

    :param parts: its chunks before the error; more than a block of them has left for the storage.
    :param error: what is raised then.
    """

    type = "Pdf"
    size = 100_000_000

    def __init__(self, parts: int, error: BaseException) -> None:
        self.parts = parts
        self.error = error

    def chunks(self) -> Iterator[bytes]:
        for _ in range(self.parts):
            yield b"new" * (WRITE_BLOCK // 2)
        raise self.error


class Stuck(Broken):
    """A result that never ends; it says when part of it has been written."""

    def chunks(self) -> Iterator[bytes]:
        for _ in range(self.parts):
            yield b"new" * (WRITE_BLOCK // 2)
        print("written in part", flush=True)
        sys.stdin.read()


def write(result: Any, place: Store) -> None:
    store([result], f"{place.url}/page.pdf", NAMES, conn_id=place.conn_id)


def visible(place: Store) -> dict[str, bytes]:
    """Return all files but hidden ones."""
    return {name: content for name, content in place.files().items() if not name.startswith(".")}


@pytest.mark.parametrize("parts", [0, 1, 3])
@pytest.mark.parametrize(
    ("error", "raised"),
    [(OSError("the disk is full"), AsposeOcrStorageError), (KeyboardInterrupt(), KeyboardInterrupt)],
    ids=["error", "kill"],
)
class TestByAnError:
    """By an exception in the middle of it."""

    def test_leaves_the_old_file(
        self, store: Store, parts: int, error: BaseException, raised: type[BaseException]
    ) -> None:
        store.put("page.pdf", b"old")
        with pytest.raises(raised):
            write(Broken(parts, error), store)
        assert store.files() == {"page.pdf": b"old"}
        write(OcrResult("Pdf", b"retried"), store)
        assert store.files() == {"page.pdf": b"retried"}

    def test_leaves_nothing_where_nothing_was(
        self, store: Store, parts: int, error: BaseException, raised: type[BaseException]
    ) -> None:
        with pytest.raises(raised):
            write(Broken(parts, error), store)
        assert store.files() == {}

    def test_leaves_no_unfinished_upload(
        self, s3_store: S3, parts: int, error: BaseException, raised: type[BaseException]
    ) -> None:
        with pytest.raises(raised):
            write(Broken(parts, error), s3_store)
        assert s3_store.unfinished() == 0


def test_by_kill_9_leaves_the_old_file(store: Store) -> None:
    store.put("page.pdf", b"old")
    kill_while_writing(store, parts=3)
    assert visible(store) == {"page.pdf": b"old"}
    write(OcrResult("Pdf", b"retried"), store)
    assert visible(store) == {"page.pdf": b"retried"}


def test_by_kill_9_leaves_nothing_where_nothing_was(store: Store) -> None:
    kill_while_writing(store, parts=1)
    assert visible(store) == {}
    write(OcrResult("Pdf", b"retried"), store)
    assert visible(store) == {"page.pdf": b"retried"}


def kill_while_writing(place: Store, parts: int) -> None:
    """Kill a process in the middle of a write, by the signal that it cannot notice."""
    script = (
        "from airflow_provider_asposeocr.files.destination import store\n"
        "from tests.storage.test_interrupted import NAMES, Stuck\n"
        f"result = Stuck({parts}, AssertionError())\n"
        f"store([result], {place.url + '/page.pdf'!r}, NAMES, conn_id={place.conn_id!r})\n"
    )
    # With its own connections, from the environment that the fixtures have prepared.
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=os.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            assert any("written in part" in line for line in process.stdout)
        finally:
            process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
