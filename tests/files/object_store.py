"""Storage that behaves as S3 and as SFTP do, behind Airflow's own paths."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from fsspec.implementations.local import LocalFileSystem
from fsspec.spec import AbstractBufferedFile, AbstractFileSystem


class ObjectStore(AbstractFileSystem):  # type: ignore[misc]
    """Objects that exist whole or not at all, as in S3: an upload counts when it is closed.

    :param discards: whether its files can be thrown away.
    """

    protocol = "s3"
    cachable = False

    def __init__(self, *, discards: bool = True) -> None:
        super().__init__()
        self.discards = discards
        self.objects: dict[str, bytes] = {}
        self.error: Exception | None = None
        self.good_parts = 0
        self.block_sizes: list[int] = []
        self.fetched = 0

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        """Describe an object."""
        if self.error is not None:
            raise self.error
        key = self._strip_protocol(path)
        if key not in self.objects:
            raise FileNotFoundError(path)
        return {"name": key, "size": len(self.objects[key]), "type": "file", "ETag": hash(self.objects[key])}

    def _open(
        self, path: str, mode: str = "rb", block_size: int | None = None, **kwargs: Any
    ) -> AbstractBufferedFile:
        self.block_sizes.append(block_size or 0)
        made = _Upload if self.discards else _StubbornUpload
        return made(self, path, mode, block_size or 2**20)


class _StubbornUpload(AbstractBufferedFile):  # type: ignore[misc]
    """A file of :class:`ObjectStore`; like that of ``adlfs`` it has no way of its own to be thrown away."""

    fs: ObjectStore

    def _initiate_upload(self) -> None:
        self.parts: list[bytes] = []

    def _upload_chunk(self, final: bool = False) -> bool:
        if self.fs.error is not None and len(self.parts) >= self.fs.good_parts:
            raise self.fs.error
        self.parts.append(self.buffer.getvalue())
        if final:
            self.fs.objects[self.path] = b"".join(self.parts)
        return True

    def _fetch_range(self, start: int, end: int) -> bytes:
        part = self.fs.objects[self.path][start:end]
        self.fs.fetched += len(part)
        return part


class _Upload(_StubbornUpload):
    """A file of :class:`ObjectStore`; like that of ``s3fs`` it can be thrown away."""

    def discard(self) -> None:
        """Forget what was sent."""
        self.buffer = None


class FileServer(LocalFileSystem):  # type: ignore[misc]
    """Files that change while they are written, as with SFTP."""

    protocol = "sftp"
    cachable = False

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root
        self.fails = False

    def _open(self, path: str, mode: str = "rb", **kwargs: Any) -> Any:
        real = self.root / path.lstrip("/")
        if "w" not in mode:
            return real.open(mode)
        return _Remote(real.open(mode), self)

    def _strip(self, path: str) -> str:
        return str(self.root / self._strip_protocol(path).lstrip("/"))

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        """Describe a file."""
        info: dict[str, Any] = super().info(self._strip(path))
        return info

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Make a directory."""
        super().makedirs(self._strip(path), exist_ok=exist_ok)

    def mv(self, path1: str, path2: str, **kwargs: Any) -> None:
        """Rename a file over another."""
        Path(self._strip(path1)).replace(self._strip(path2))

    mv_file = rename = move = mv

    def rm_file(self, path: str) -> None:
        """Remove a file."""
        Path(self._strip(path)).unlink()

    _rm = rm_file

    def rm(self, path: str, recursive: bool = False, maxdepth: int | None = None) -> None:
        """Remove a file."""
        self.rm_file(path)


class _Remote:
    """A file on :class:`FileServer`."""

    def __init__(self, stream: Any, server: FileServer) -> None:
        self._stream = stream
        self._server = server

    def write(self, data: bytes) -> int:
        """Write, or break off in the middle."""
        if self._server.fails:
            self._stream.write(data[: len(data) // 2])
            self._stream.flush()
            raise OSError("connection lost")
        written: int = self._stream.write(data)
        return written

    def close(self) -> None:
        """Close."""
        self._stream.close()

    def __enter__(self) -> _Remote:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def attach(monkeypatch: pytest.MonkeyPatch, scheme: str, storage: AbstractFileSystem) -> None:
    """Make Airflow's paths of a scheme use this storage, until the test ends."""
    make = importlib.import_module(ObjectStoragePath.__module__).attach
    cache = make.__globals__["_STORE_CACHE"]
    monkeypatch.delitem(cache, scheme, raising=False)
    store = make(scheme, fs=storage)
    del cache[scheme]
    monkeypatch.setitem(cache, scheme, store)
