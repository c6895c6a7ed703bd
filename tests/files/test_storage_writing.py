"""Files in storages: each is written whole or not at all."""

from __future__ import annotations

import base64
import errno
import gc
import hashlib
import io
import os
import resource
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from airflow_provider_asposeocr.api.exceptions import AsposeOcrDestinationError, AsposeOcrStorageError
from airflow_provider_asposeocr.api.spool import Span
from airflow_provider_asposeocr.api.task import OcrResult, SpooledResult
from airflow_provider_asposeocr.files.destination import store
from airflow_provider_asposeocr.files.storage import WRITE_BLOCK

from .destinations import TEXT, files, names, stored_at
from .object_store import FileServer, ObjectStore, attach


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class TestLocalFile:
    """A local file is replaced as a whole; anything else is left alone."""

    @pytest.fixture(params=["fifo", "socket", "device", "link to a device"])
    def no_file(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        path = tmp_path / "there.txt"
        if request.param == "fifo":
            os.mkfifo(path)
        elif request.param == "socket":
            with socket.socket(socket.AF_UNIX) as server:
                os.chdir(tmp_path)
                server.bind("there.txt")
        elif request.param == "device":
            try:
                os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 7))
            except PermissionError:
                pytest.skip("only root makes devices")
        else:
            path.symlink_to("/dev/full")
        return path

    def test_what_is_no_regular_file_stays_as_it_is(self, no_file: Path, tmp_path: Path) -> None:
        before = no_file.lstat()
        with pytest.raises(AsposeOcrDestinationError, match="no regular file"):
            stored_at(no_file)
        assert (no_file.lstat().st_ino, no_file.lstat().st_mode) == (before.st_ino, before.st_mode)
        assert [path.name for path in tmp_path.iterdir()] == ["there.txt"]

    def test_a_new_file_has_the_permissions_of_any_new_file(self, tmp_path: Path) -> None:
        (tmp_path / "other").touch()
        stored_at(tmp_path / "page.txt")
        assert (tmp_path / "page.txt").stat().st_mode == (tmp_path / "other").stat().st_mode

    def test_a_file_that_is_replaced_keeps_its_permissions(self, tmp_path: Path) -> None:
        (tmp_path / "page.txt").write_text("old")
        (tmp_path / "page.txt").chmod(0o640)
        stored_at(tmp_path / "page.txt")
        assert stat.S_IMODE((tmp_path / "page.txt").stat().st_mode) == 0o640
        assert (tmp_path / "page.txt").read_bytes() == TEXT.data

    def test_what_is_not_whole_yet_is_read_by_nobody_else(self, tmp_path: Path) -> None:
        modes: list[int] = []

        class Watched(SpooledResult):
            def chunks(self) -> Iterator[bytes]:
                modes.extend(stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir())
                yield b"text"

        stored_at(tmp_path / "page.txt", Watched("Text", Span(io.BytesIO(), 0, 4), 4, False))  # type: ignore[arg-type]
        assert modes == [0o600]

    def test_what_a_crash_has_left_is_removed_after_a_day(self, tmp_path: Path) -> None:
        old, young, others = (
            [".page.txt.01234567.asposeocr-part", "..89abcdef.89abcdef.asposeocr-part"],
            [".new.txt.01234567.asposeocr-part"],
            [".page.txt.0123456.asposeocr-part", ".page.txt.01234567.part", "page.01234567.asposeocr-part"],
        )
        for name in (*old, *young, *others):
            (tmp_path / name).write_text("left")
        for name in (*old, *others):
            os.utime(tmp_path / name, (0, time.time() - 25 * 3600))
        link, target = tmp_path / ".l.01234567.asposeocr-part", tmp_path / "target"
        target.write_text("of a link")
        link.symlink_to(target)
        stored_at(tmp_path / "page.txt")
        assert {path.name for path in tmp_path.iterdir()} == {
            *young,
            *others,
            "page.txt",
            link.name,
            "target",
        }


class TestLocalFailure:
    """A write that fails leaves everything as it was."""

    LARGE = OcrResult("Text", b"x" * 300_000)

    def test_on_a_full_disk_the_old_file_stays(self, tmp_path: Path) -> None:
        (tmp_path / "page.txt").write_bytes(b"old")
        with (
            full_disk(100_000),
            pytest.raises(AsposeOcrStorageError, match=r"page\.txt cannot be written"),
        ):
            stored_at(tmp_path / "page.txt", self.LARGE)
        assert files(tmp_path) == {"page.txt": b"old"}

    def test_on_a_full_disk_nothing_new_appears(self, tmp_path: Path) -> None:
        with full_disk(100_000), pytest.raises(AsposeOcrStorageError) as caught:
            stored_at(tmp_path / "out" / "page.txt", self.LARGE)
        assert files(tmp_path) == {}
        assert caught.value.retryable
        assert os.strerror(errno.EFBIG) in str(caught.value)

    def test_a_directory_in_the_way(self, tmp_path: Path) -> None:
        (tmp_path / "{x}" / "page.txt").mkdir(parents=True)
        stored_at(f"{tmp_path}/{{x}}/page.txt")
        (name,) = files(tmp_path)
        assert name.startswith("{x}/page.txt/scan-")

    def test_a_file_where_a_directory_should_be(self, tmp_path: Path) -> None:
        (tmp_path / "out").write_bytes(b"a file")
        with pytest.raises(AsposeOcrDestinationError) as caught:
            stored_at(tmp_path / "out" / "page.txt")
        assert "cannot be written" in str(caught.value)
        assert "overwrite" not in str(caught.value)
        assert files(tmp_path) == {"out": b"a file"}

    def test_the_message_holds_nothing_of_the_document(self, tmp_path: Path) -> None:
        (tmp_path / "out").write_bytes(b"")
        with pytest.raises(AsposeOcrDestinationError) as caught:
            stored_at(tmp_path / "out" / "page.txt")
        assert "recognized" not in str(caught.value)


class TestObjectStore:
    """A destination in an object store."""

    def test_is_written(self, bucket: ObjectStore) -> None:
        (entry,) = stored_at("s3://results/out/page.txt")
        assert bucket.objects == {"results/out/page.txt": b"recognized"}
        assert entry == {
            "type": "Text",
            "uri": "s3://results/out/page.txt",
            "bucket": "results",
            "key": "out/page.txt",
            "bytes": 10,
            "sha256": hashlib.sha256(b"recognized").hexdigest(),
        }
        assert bucket.block_sizes == [WRITE_BLOCK]

    def test_may_be_a_directory(self, bucket: ObjectStore) -> None:
        stored_at("s3://results/out/")
        (key,) = bucket.objects
        assert key.startswith("results/out/scan-")

    @pytest.mark.parametrize("size", [0, 1, WRITE_BLOCK - 1, WRITE_BLOCK, WRITE_BLOCK + 1])
    def test_takes_results_of_any_size(self, size: int, bucket: ObjectStore) -> None:
        stored_at("s3://results/page.txt", OcrResult("Text", b"x" * size))
        assert len(bucket.objects["results/page.txt"]) == size

    def test_is_replaced(self, bucket: ObjectStore) -> None:
        bucket.objects["results/page.txt"] = b"old"
        stored_at("s3://results/page.txt")
        assert bucket.objects == {"results/page.txt": b"recognized"}

    def test_is_not_replaced_without_leave(self, bucket: ObjectStore) -> None:
        bucket.objects["results/page.txt"] = b"old"
        with pytest.raises(AsposeOcrDestinationError, match="overwrite is False"):
            stored_at("s3://results/page.txt", overwrite=False)
        assert bucket.objects == {"results/page.txt": b"old"}

    @pytest.mark.parametrize("discards", [True, False])
    @pytest.mark.parametrize("size", [10, WRITE_BLOCK + 1], ids=["one part", "several parts"])
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    def test_a_write_that_fails_commits_nothing_then_or_later(
        self, size: int, discards: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        storage = ObjectStore(discards=discards)
        attach(monkeypatch, "s3", storage)
        storage.objects["results/page.txt"] = b"old"
        storage.error = OSError("503 Slow Down")
        with pytest.raises(AsposeOcrStorageError, match="cannot be written"):
            stored_at("s3://results/page.txt", OcrResult("Text", b"x" * size))
        storage.error = None
        # A file of fsspec that is not closed closes itself when it is collected, and that commits it.
        gc.collect()
        assert storage.objects == {"results/page.txt": b"old"}

    @pytest.mark.parametrize("discards", [True, False])
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    def test_a_write_that_fails_in_the_middle_never_leaves_a_part_as_if_it_were_the_whole(
        self, discards: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        storage = ObjectStore(discards=discards)
        attach(monkeypatch, "s3", storage)
        storage.objects["results/page.pdf"] = b"old"
        storage.error, storage.good_parts = OSError("503 Slow Down"), 1
        data = base64.b64encode(b"x" * (4 * WRITE_BLOCK))
        result = SpooledResult.of("Pdf", Span(io.BytesIO(data), 0, len(data)))
        with pytest.raises(AsposeOcrStorageError, match="cannot be written"):
            store([result], "s3://results/page.pdf", names())
        storage.error = None
        gc.collect()
        assert storage.objects == {"results/page.pdf": b"old"}

    def test_a_result_that_lies_in_a_file_is_written_whole(self, bucket: ObjectStore) -> None:
        data = base64.b64encode(b"x" * (2 * WRITE_BLOCK + 1))
        result = SpooledResult.of("Pdf", Span(io.BytesIO(data), 0, len(data)))
        (entry,) = store([result], "s3://results/page.pdf", names())
        assert bucket.objects["results/page.pdf"] == b"x" * (2 * WRITE_BLOCK + 1)
        assert entry["bytes"] == 2 * WRITE_BLOCK + 1
        assert entry["sha256"] == hashlib.sha256(b"x" * (2 * WRITE_BLOCK + 1)).hexdigest()

    @pytest.mark.parametrize("error", [RuntimeError("Failed to upload block"), OSError("reset")])
    @pytest.mark.parametrize("size", [10, WRITE_BLOCK + 1], ids=["one part", "several parts"])
    def test_whatever_a_storage_raises_is_an_error_of_the_storage(
        self, size: int, error: Exception, bucket: ObjectStore
    ) -> None:
        # Clients of object stores raise errors of their own, which are no OSError.
        bucket.error = error
        with pytest.raises(AsposeOcrStorageError, match=r"s3://results/page\.txt cannot be written"):
            stored_at("s3://results/page.txt", OcrResult("Text", b"x" * size))


def test_a_write_that_fails_on_a_file_server_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = FileServer(tmp_path)
    attach(monkeypatch, "sftp", server)
    (tmp_path / "out").mkdir()
    stored_at("sftp://host/out/page.txt")
    assert files(tmp_path) == {"out/page.txt": b"recognized"}
    server.fails = True
    with pytest.raises(AsposeOcrStorageError):
        stored_at("sftp://host/out/page.txt", OcrResult("Text", b"something new"))
    assert files(tmp_path) == {"out/page.txt": b"recognized"}
