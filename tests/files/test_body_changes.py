"""Sources that are written while they are read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrSourceChangedError,
    AsposeOcrSourceError,
    AsposeOcrStorageError,
)
from airflow_provider_asposeocr.files.body import CHUNK, read_exactly
from airflow_provider_asposeocr.files.source import open_source

from .object_store import ObjectStore


def _append(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b"more")


def _write_anew(path: Path) -> None:
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, (1_000, 1_000))


class TestChange:
    """A source that is still being written is worth a later try."""

    CHANGES: ClassVar[dict[str, Callable[[Path], None]]] = {
        "grew": _append,
        "ended": lambda path: os.truncate(path, 20),
        "changed": _write_anew,
    }

    @pytest.mark.parametrize("during", [False, True])
    @pytest.mark.parametrize("word", CHANGES)
    def test_of_a_file(self, word: str, during: bool, tmp_path: Path, png: bytes) -> None:
        path = tmp_path / "scan.png"
        path.write_bytes(png + bytes(3 * CHUNK))
        source = open_source(path)
        chunks = read_exactly(source)
        if during:
            next(chunks)
        self.CHANGES[word](path)
        with pytest.raises(AsposeOcrSourceChangedError, match=f"scan.png {word} .*later try") as caught:
            list(chunks)
        assert caught.value.retryable
        assert b"".join(read_exactly(open_source(path))) == path.read_bytes()

    def test_behind_a_link(self, scan: Path, png: bytes) -> None:
        link = scan.with_name("latest.png")
        link.symlink_to(scan)
        source = open_source(link)
        _write_anew(scan)
        with pytest.raises(AsposeOcrSourceChangedError):
            list(read_exactly(source))

    def test_of_an_object(self, bucket: ObjectStore, png: bytes) -> None:
        bucket.objects["scans/a.png"] = png
        source = open_source("s3://scans/a.png")
        assert b"".join(read_exactly(source)) == png
        bucket.objects["scans/a.png"] = png[:-1] + b"!"
        with pytest.raises(AsposeOcrSourceChangedError, match="changed while it was read"):
            list(read_exactly(source))

    def test_a_file_that_is_gone_at_the_end(self, scan: Path) -> None:
        chunks = read_exactly(open_source(scan))
        next(chunks)
        scan.unlink()
        with pytest.raises(AsposeOcrStorageError):
            list(chunks)

    def test_a_name_that_became_none(self, scan: Path) -> None:
        source = open_source(scan)
        scan.unlink()
        scan.symlink_to(scan)
        with pytest.raises(AsposeOcrSourceError, match="cannot be read") as caught:
            list(read_exactly(source))
        assert not caught.value.retryable
